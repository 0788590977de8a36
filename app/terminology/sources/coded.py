"""A classification of codes as a terminology: each has a title, other terms for it, and one parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from app.errors import NotFound
from app.terminology.addresses import Address
from app.terminology.concepts import ConceptWish
from app.terminology.documents import Json, MappingSays
from app.terminology.preparing import LoadedConcept
from app.terminology.repositories import RepositoryFacts


class Code(NamedTuple):
    """One code; ``parent`` is empty at the top. Small: a classification may be kept as a list of them."""

    code: str
    title: str
    parent: str
    kind: str
    terms: tuple[str, ...] = ()


class Classification:
    """See :class:`app.terminology.loading.Terminology`. ``codes`` may be read more than once."""

    def __init__(self, facts: RepositoryFacts, codes: Iterable[Code]) -> None:
        self.facts = facts
        self.codes = codes

    def hierarchy(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        # Children of one parent share the tuple that names it.
        alone = {one.parent: (one.parent,) for one in self.codes if one.parent}
        return ((one.code, alone.get(one.parent, ())) for one in self.codes)

    def concepts(self) -> Iterator[LoadedConcept]:
        for one in self.codes:
            names = [_name(one.title, "FULLY_SPECIFIED", True), *(_name(term, None, False) for term in one.terms)]
            yield LoadedConcept(ConceptWish(one.code, names, concept_class=one.kind))

    def mappings(self, address: Address) -> Iterator[tuple[MappingSays, Any]]:
        return iter(())


def package_file(package: str, name: str) -> Path:
    """A file in the folder ``data`` of an installed package, which is found but not executed.

    :raises NotFound: it is not installed
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder, "data").glob(name)):
            return path
    raise NotFound(f"{package} is not installed; install the packages of requirements-demo.txt.")


def _name(text: str, kind: str | None, preferred: bool) -> Json:
    return {"name": text, "locale": "en", "locale_preferred": preferred, "name_type": kind}
