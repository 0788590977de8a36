"""ICD-10-CM, the clinical modification used in the United States, from the files of the package ``simple-icd-10-cm``.

Its table names some codes only by their seventh characters ("initial encounter"), so the package's list of all codes
is read too (there without points). Read here rather than by the package's own code, which takes 190 MB for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from app.terminology.repositories import RepositoryFacts
from app.terminology.sources.coded import Classification, Code, package_file

FACTS = RepositoryFacts(
    name="ICD-10-CM",
    full_name="International Classification of Diseases, 10th revision, Clinical Modification",
    description="ICD-10-CM, April 2026, as the package simple-icd-10-cm (MIT) carries it.",
    repository_type="Dictionary",
    details={"canonical_url": "http://hl7.org/fhir/sid/icd-10-cm", "hierarchy_meaning": "is-a"},
)
_KINDS = {"chapter": "Chapter", "section": "Block", "diag": "Diagnosis"}


class ICD10CM(Classification):
    """98,505 codes. A block of the same name as its only category is called ``B99-B99``."""

    def __init__(self) -> None:
        super().__init__(FACTS, _Codes(_read_table()))


class _Codes:
    """Made of the table each time they are read: a list of them would take three times as much as the table does."""

    def __init__(self, table: _Table) -> None:
        self._table = table

    def __iter__(self) -> Iterator[Code]:
        return _codes(self._table)


@dataclass(slots=True)
class _Entry:
    """A code of the table; ``sevenths`` are the seventh characters that it, or what it stands below, gives."""

    code: str
    title: str
    parent: str
    kind: str
    terms: tuple[str, ...]
    sevenths: dict[str, str]


@dataclass(slots=True)
class _Table:
    blocks: dict[str, _Entry] = field(default_factory=dict)
    codes: dict[str, _Entry] = field(default_factory=dict)

    def add(self, entry: _Entry) -> None:
        (self.blocks if entry.kind == "Block" else self.codes)[entry.code] = entry


def _codes(table: _Table) -> Iterator[Code]:
    told: set[str] = set()
    for line in _listed():
        name = line.strip()
        if not name:
            continue
        if len(name) > 3 and name not in table.blocks:
            name = f"{name[:3]}.{name[3:]}"
        block = table.blocks.get(name)
        if block is not None and name not in told:
            told.add(name)
            yield _told(table, block)
        elif (entry := table.codes.get(name)) is not None:
            yield _told(table, entry)
        else:
            yield _extended(table, name)


def _listed() -> Iterator[str]:
    with package_file("simple_icd_10_cm", "code-list-*.txt").open(encoding="utf-8") as lines:
        yield from lines


def _told(table: _Table, entry: _Entry) -> Code:
    code = _block_code(table, entry.code) if entry.kind == "Block" else entry.code
    return Code(code, entry.title, entry.parent, entry.kind, entry.terms)


def _extended(table: _Table, name: str) -> Code:
    """A code made of another and a seventh character, with ``X`` wherever there are too few before it."""
    base = name[:-1]
    while base not in table.codes:
        base = base[:-1]
    entry = table.codes[base]
    meaning = entry.sevenths.get(name[-1])
    return Code(name, f"{entry.title}, {meaning}" if meaning else entry.title, entry.code, entry.kind)


def _block_code(table: _Table, name: str) -> str:
    return f"{name}-{name}" if name in table.codes else name


def _read_table() -> _Table:
    """Block by block, each forgotten when it was read: a whole chapter takes more than all that is kept of it."""
    table = _Table()
    path = package_file("simple_icd_10_cm", "icd10c-tabular-*.xml")
    chapter: Any = None
    for event, element in ElementTree.iterparse(path, ("start", "end")):  # noqa: S314  # of an installed, pinned package
        if event == "start":
            chapter = element if element.tag == "chapter" else chapter
        elif element.tag == "section":
            _read(table, element, _code_of(chapter), _sevenths(chapter))
            element.clear()
        elif element.tag == "chapter":
            table.add(_entry(element, "", _sevenths(element)))
            element.clear()
    for entry in table.codes.values():
        if entry.parent in table.blocks and len(entry.code) == 3:
            entry.parent = _block_code(table, entry.parent)
    return table


def _read(table: _Table, block: Any, chapter: str, sevenths: dict[str, str]) -> None:
    waiting: list[tuple[Any, str, dict[str, str]]] = [(block, chapter, sevenths)]
    while waiting:
        element, parent, above = waiting.pop()
        entry = _entry(element, parent, _sevenths(element) or above)
        table.add(entry)
        waiting += [(child, entry.code, entry.sevenths) for child in element if child.tag in ("section", "diag")]


def _entry(element: Any, parent: str, sevenths: dict[str, str]) -> _Entry:
    terms = element.findall("inclusionTerm/note") if element.tag == "diag" else []
    return _Entry(
        _code_of(element),
        _tidy(element.findtext("desc", "")),
        parent,
        _KINDS[element.tag],
        tuple(dict.fromkeys(_tidy(term.text or "") for term in terms if (term.text or "").strip())),
        sevenths,
    )


def _code_of(element: Any) -> str:
    code: str = element.get("id") or element.findtext("name", "").strip()
    return code


def _sevenths(element: Any) -> dict[str, str]:
    return {one.get("char"): _tidy(one.text or "") for one in element.findall("sevenChrDef/extension")}


def _tidy(text: str) -> str:
    return " ".join(text.split())
