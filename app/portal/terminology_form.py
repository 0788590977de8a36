"""The forms of terminology, read into what the domain takes and written back with what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from app.errors import Invalid
from app.terminology import ConceptWish, RepositoryFacts, Term

LONGEST_LINE = 2_000
LONGEST_TEXT = 20_000
WHOLE = 1 << 22
"""Longer than a form may be: what was loaded and is longer than one would type is not cut off by an edit. What is too
much to be kept, the domain refuses."""
SPARE_ROWS = 1
MOST_ROWS = 400
_BETWEEN = re.compile(r"[\s,;]+")


def line(args: MultiDict[str, str], name: str, longest: int = LONGEST_LINE) -> str:
    """A field of a form, without what stands around it; browsers send each line's end as two signs."""
    return args.get(name, "").replace("\r\n", "\n").strip()[:longest]


def faults_beside(refusal: Invalid, **places: str) -> dict[str, str]:
    """What the domain refused, by the fields of the form: ``places`` are those that the form calls otherwise."""
    faults = refusal.fields or {"": refusal.message}
    return {places.get(name, name): words for name, words in faults.items()}


@dataclass
class RepositoryForm:
    """What a repository says of itself. ``owner`` is ``orgs/<code>`` or ``users/<handle>``."""

    owner: str = ""
    kind: str = "sources"
    short_code: str = ""
    name: str = ""
    full_name: str = ""
    description: str = ""
    repository_type: str = "Dictionary"
    public_access: str = "View"
    default_locale: str = "en"
    supported_locales: str = ""
    seen: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, args: MultiDict[str, str]) -> RepositoryForm:
        given: dict[str, Any] = {name: line(args, name, WHOLE) for name in cls.__dataclass_fields__ if name != "errors"}
        return cls(**given)

    @classmethod
    def of(cls, facts: RepositoryFacts, seen: datetime) -> RepositoryForm:
        """Filled in with what a repository says now.

        :param seen: when that came to be
        """
        further = [one for one in facts.supported_locales if one != facts.default_locale]
        return cls(
            name=facts.name, full_name=facts.full_name, description=facts.description,
            repository_type=facts.repository_type, public_access=facts.public_access,
            default_locale=facts.default_locale, supported_locales=", ".join(further), seen=seen.isoformat(),
        )  # fmt: skip

    def seen_at(self) -> datetime:
        """When what the person had before their eyes came to be; never, if the form does not say."""
        try:
            return datetime.fromisoformat(self.seen).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.min.replace(tzinfo=UTC)

    def facts(self, before: RepositoryFacts | None = None) -> RepositoryFacts:
        """What the domain takes; what the form does not show stays as it was."""
        further = [one for one in _BETWEEN.split(self.supported_locales) if one]
        locales = tuple(dict.fromkeys([self.default_locale, *further]))
        return RepositoryFacts(
            self.name, self.full_name, self.description, self.repository_type, self.public_access,
            self.default_locale, locales, before.details if before else {},
        )  # fmt: skip

    def take_faults(self, refusal: Invalid) -> None:
        """Put what the domain refused beside its field."""
        self.errors |= faults_beside(
            refusal, id="short_code", type="repository_type", locales="default_locale", details=""
        )


@dataclass
class ConceptForm:
    """What a concept says. Each of ``names`` and ``descriptions`` is a row of the form; an empty one is none."""

    code: str = ""
    concept_class: str = "Misc"
    datatype: str = "N/A"
    external_id: str = ""
    parents: str = ""
    comment: str = ""
    seen: int = 0
    names: list[dict[str, Any]] = field(default_factory=list)
    descriptions: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, locale: str, parent: str = "") -> ConceptForm:
        """Of a new concept."""
        first = {"text": "", "locale": locale, "type": "FULLY_SPECIFIED", "preferred": True, "uuid": ""}
        return cls(parents=parent, names=[first], descriptions=[_row(locale)])

    @classmethod
    def of(cls, term: Term, parents: list[str], locale: str) -> ConceptForm:
        """Filled in with what a concept says now, with a spare row for another name."""
        document = term.json
        rows = {what: [_filled(one, what) for one in document[f"{what}s"]] for what in ("name", "description")}
        return cls(
            term.code, document["concept_class"], document["datatype"], document["external_id"] or "",
            ", ".join(parents), "", term.version, [*rows["name"], *(_row(locale) for _ in range(SPARE_ROWS))],
            rows["description"] or [_row(locale)],
        )  # fmt: skip

    @classmethod
    def parse(cls, args: MultiDict[str, str]) -> ConceptForm:
        seen = args.get("seen", 0, type=int)
        return cls(
            line(args, "code"), line(args, "concept_class"), line(args, "datatype"), line(args, "external_id", WHOLE),
            line(args, "parents", WHOLE), line(args, "comment"), seen, _rows(args, "name"), _rows(args, "description"),
        )  # fmt: skip

    def add_row(self, what: str, locale: str) -> None:
        """Room for one more, without a script."""
        (self.names if what == "name" else self.descriptions).append(_row(locale))

    def wish(self, before: ConceptWish | None = None) -> ConceptWish:
        """What the domain takes; what the form does not show stays as it was."""
        return ConceptWish(
            self.code,
            _said(self.names, "name", before.names if before else ()),
            self.concept_class or "Misc",
            self.datatype or "N/A",
            _said(self.descriptions, "description", before.descriptions if before else ()),
            before.extras if before else {},
            self.external_id or None,
            [one for one in _BETWEEN.split(self.parents) if one],
        )

    def take_faults(self, refusal: Invalid) -> None:
        """Put what the domain refused beside its field; of names and descriptions beside the first."""
        self.errors |= faults_beside(refusal, id="code", names="name-0", descriptions="description-0")


def _row(locale: str) -> dict[str, Any]:
    return {"text": "", "locale": locale, "type": "", "preferred": False, "uuid": ""}


def _filled(one: dict[str, Any], what: str) -> dict[str, Any]:
    return {
        "text": one[what], "locale": one["locale"], "type": one[f"{what}_type"] or "",
        "preferred": one["locale_preferred"], "uuid": one["uuid"],
    }  # fmt: skip


def _rows(args: MultiDict[str, str], what: str) -> list[dict[str, Any]]:
    count = min(args.get(f"{what}s", 0, type=int), MOST_ROWS)
    return [
        {
            "text": line(args, f"{what}-{n}", WHOLE),
            "locale": line(args, f"{what}-{n}-locale", WHOLE),
            "type": line(args, f"{what}-{n}-type", WHOLE),
            "preferred": f"{what}-{n}-preferred" in args,
            "uuid": line(args, f"{what}-{n}-uuid", WHOLE),
        }
        for n in range(count)
    ]


def _said(rows: list[dict[str, Any]], what: str, before: Any) -> list[dict[str, Any]]:
    """Rows that say something, each with what the form does not show of the one that it was."""
    known = {str(one["uuid"]): one for one in before if one.get("uuid")}
    said = []
    for row in rows:
        if not row["text"]:
            continue
        was = known.get(row["uuid"], {})
        kept = {key: was[key] for key in ("uuid", "external_id", "retired", "retire_reason") if key in was}
        said.append(
            kept
            | {what: row["text"], "locale": row["locale"] or "en", "locale_preferred": row["preferred"]}
            | {f"{what}_type": row["type"] or None}
        )
    return said
