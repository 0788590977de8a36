"""The contract's own ``export.json`` as a terminology: what was exported, to be loaded into another repository."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from app.errors import Invalid
from app.terminology.addresses import Address, last_code
from app.terminology.concepts import ConceptWish
from app.terminology.documents import Json, MappingSays, Place
from app.terminology.preparing import Given, LoadedConcept
from app.terminology.releasing import ReleaseFacts
from app.terminology.repositories import DETAILS, RepositoryFacts
from app.terminology.saying import concept_of, mapping_of

LARGEST = 4 << 30


class OCLExport:
    """See :class:`app.terminology.loading.Terminology`. Addresses within the exported repository become the new one's.

    :raises Invalid: the file is no export of a source
    """

    def __init__(self, path: Path) -> None:
        export = _read(path)
        if not str(export.get("type", "")).startswith("Source"):
            raise Invalid("Only the export of a source can be loaded: a collection's content belongs to its sources.")
        self.version = str(export.get("version") or "HEAD")
        self._home = str(export.get("url") or "")
        self._concepts: list[Any] = _rows(export, "concepts")
        self._mappings: list[Any] = _rows(export, "mappings")
        self.facts = _facts(export)
        self._release = _release(export)

    def release_as(self, version: str) -> ReleaseFacts:
        """What a release of it is made with, to say what the exported one said."""
        return replace(self._release, version=version)

    def hierarchy(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        known = {one["id"] for one in self._concepts}
        for one in self._concepts:
            above = map(last_code, _texts(one, "parent_concept_urls"))
            yield one["id"], tuple(dict.fromkeys(code for code in above if code in known))

    def concepts(self) -> Iterator[LoadedConcept]:
        for one in self._concepts:
            try:
                yield _concept(one)
            except (KeyError, TypeError, ValueError) as fault:
                raise Invalid(f"The concept {one.get('id')} is not as exports are: {fault}.") from None

    def mappings(self, address: Address) -> Iterator[tuple[MappingSays, Any]]:
        for one in self._mappings:
            try:
                says, facts = mapping_of(_filled_mapping(one))
            except (KeyError, TypeError, ValueError) as fault:
                raise Invalid(f"The mapping {one.get('id')} is not as exports are: {fault}.") from None
            moved = replace(says, start=self._moved(says.start, address), target=self._moved(says.target, address))
            yield moved, _given(one, facts.number)

    def _moved(self, place: Place, address: Address) -> Place:
        """A place in the exported source is one in the new source; any other stays what it is."""
        if not self._home or place.source_url != self._home:
            return place
        url = None if place.url is None else address.of_concept(place.code)
        return replace(
            place, url=url, source_url=address.path, source_name=address.short_code, owner=address.owner,
            owner_kind=address.owner_kind,
        )  # fmt: skip


def _read(path: Path) -> Any:
    """
    :raises Invalid: it is no export
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo("export.json").file_size > LARGEST:
                    raise Invalid("The export is too large.")
                text = archive.read("export.json")
        else:
            text = path.read_bytes()
        export = orjson.loads(text)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise Invalid("The file is no export: neither JSON nor a zip that holds export.json, or cut off.") from None
    if not isinstance(export, dict):
        raise Invalid("The file is no export: it holds no JSON object.")
    return export


def _rows(export: Any, key: str) -> list[Any]:
    rows = export.get(key)
    if not isinstance(rows, list) or not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in rows):
        raise Invalid(f"The file is no export: its {key} are missing.")
    # In the order of numbers, so that what is loaded comes in the order in which it was made.
    return sorted(rows, key=lambda one: int(one["uuid"]) if str(one.get("uuid", "")).isdigit() else 0)


def _texts(one: Any, key: str) -> list[str]:
    """
    :raises Invalid: there is something else than a list of texts
    """
    given = one.get(key) or []
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise Invalid(f"The concept {one['id']} is not as exports are: its {key} are no list of texts.")
    return given


def _source(export: Any) -> Json:
    """What the repository said of itself when it was released, if the export has it."""
    snapshot = export.get("source")
    return {key: value for key, value in snapshot.items() if value is not None} if isinstance(snapshot, dict) else {}


def _facts(export: Any) -> RepositoryFacts:
    told = {**export, **_source(export)}
    return RepositoryFacts(
        name=str(told.get("name") or told.get("short_code") or ""),
        full_name=str(told.get("full_name") or ""),
        description=str(told.get("description") or ""),
        repository_type=str(told.get("source_type") or "Dictionary"),
        public_access=str(told.get("public_access") or "View"),
        default_locale=str(told.get("default_locale") or "en"),
        supported_locales=_locales(told.get("supported_locales")),
        details={key: told[key] for key in DETAILS if told.get(key) is not None},
    )


def _release(export: Any) -> ReleaseFacts:
    """What the version says of itself beside what its repository does."""
    source = _source(export)
    description, extras = export.get("description"), export.get("extras")
    own = extras if isinstance(extras, dict) and source else {}
    shared = source.get("extras")
    return ReleaseFacts(
        "",
        description if isinstance(description, str) and source and description != source.get("description") else "",
        export.get("released") is not False,
        {key: value for key, value in own.items() if not isinstance(shared, dict) or shared.get(key) != value},
    )


def _locales(given: Any) -> tuple[str, ...]:
    """As a list, or as the text with commas that earlier servers wrote."""
    listed = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    return tuple(text for one in listed if (text := str(one).strip())) or ("en",)


def _concept(one: Any) -> LoadedConcept:
    _texts(one, "child_concept_urls")
    says, facts = concept_of(
        {"descriptions": [], "extras": {}, "parent_concept_urls": [], "child_concept_urls": [], **_filled(one)}
    )
    said = (says.concept_class, str), (says.datatype, str), (says.extras, dict)
    words = (*says.names, *says.descriptions)
    if not all(isinstance(value, kind) for value, kind in (*said, *((word, dict) for word in words))):
        raise ValueError("a name, a description, its class, its datatype or its extras are of another kind")
    wish = ConceptWish(
        says.code, says.names, says.concept_class, says.datatype, says.descriptions, says.extras,
        says.external_id,
    )  # fmt: skip
    return LoadedConcept(wish, says.retired, says.children, _given(one, facts.number))


def _filled(one: Any) -> Any:
    """With the keys that exports of other servers leave out, or leave empty."""
    never = {"external_id": None, "update_comment": None, "retire_reason": None, "created_by": None, "updated_by": None}
    told = {key: value for key, value in one.items() if value is not None}
    version = str(one.get("version") or "")
    return {
        **never,
        "created_on": "",
        "updated_on": "",
        **told,
        # The page of 2015 shows it as a text.
        "retired": str(one["retired"]).lower() == "true",
        "uuid": one["uuid"] if str(one.get("uuid", "")).isdigit() else 0,
        "version": version if version.isdigit() else 1,
    }


def _filled_mapping(one: Any) -> Any:
    ends = ("concept_code", "concept_name", "concept_url", "source_url", "source_name", "source_owner",
            "source_owner_type", "concept_name_resolved")  # fmt: skip
    empty = {f"{side}_{end}": None for side in ("from", "to") for end in ends}
    return {"sort_weight": None, "extras": {}, **empty, **_filled(one)}


def _given(one: Any, number: int) -> Given:
    version = str(one.get("version") or "")
    return Given(
        number=number or None,
        version=int(version) if version.isdigit() and 0 < int(version) < 10**6 else 1,
        created_by=one.get("created_by"),
        updated_by=one.get("updated_by"),
        update_comment=one.get("update_comment"),
        retire_reason=one.get("retire_reason"),
    )
