"""Terminology in the words and links of pages: languages, outcomes, addresses, and what a document says of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.models import Repository
from app.terminology import HEAD, OUTCOMES, Address, Term, TermAddress, Version

LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "ht": "Haitian Creole", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "km": "Khmer",
    "ko": "Korean", "la": "Latin", "my": "Burmese", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "rw": "Kinyarwanda", "sv": "Swedish", "sw": "Swahili",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
KINDS = {"sources": "Source", "collections": "Collection"}
ACCESS = {
    "View": "Everybody here may look at it",
    "Edit": "Everybody here may look at it, and whoever may edit may change what it holds",
    "None": "Only its owner’s people",
}
OUTCOME_WORDS = {
    "added": ("Added", "success"),
    "changed": ("Changed", "info"),
    "retired": ("Retired", "warning"),
    "restored": ("Restored", "info"),
    "deleted": ("Deleted", "danger"),
}
NAME_TYPES = {"FULLY_SPECIFIED": "full name", "SHORT": "short", "INDEX_TERM": "index term", "None": ""}
HEAD_WORDS = "Now (HEAD)"


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a description for a page. ``lang`` is set where a browser can know the language."""

    text: str
    kind: str
    preferred: bool
    retired: bool
    lang: str | None


@dataclass(frozen=True, slots=True)
class MappingLine:
    """A mapping as the page of one of its ends shows it; ``code`` and ``name`` are of the other end."""

    map_type: str
    code: str
    name: str
    url: str | None
    place: str
    place_url: str | None
    retired: bool
    own_code: str
    home: Address


def place(address: Address) -> dict[str, Any]:
    """What every address of a repository's pages takes."""
    return {
        "owner_kind": address.owner_kind,
        "owner": address.owner,
        "kind": address.kind,
        "short_code": address.short_code,
    }


def address_of(repository: Repository) -> Address:
    return Address.of(repository)


def repository_url(address: Address, **more: Any) -> str:
    return url_for("portal.repositories.show", **place(address), **more)


def concept_url(address: Address, code: str, release: str | None = None) -> str:
    """A concept's page, as it is now, or as a release has it."""
    return url_for("portal.concepts.show", **place(address), code=code, release=None if release == HEAD else release)


def trail_to(repository: Repository) -> list[tuple[str, str]]:
    """The way to what stands below a repository."""
    address = Address.of(repository)
    return [*trail_of(repository), (repository.name, repository_url(address))]


def trail_of(repository: Repository) -> list[tuple[str, str]]:
    """The way to a repository."""
    address = Address.of(repository)
    of_owner = url_for("portal.terminology.index", owner=f"{address.owner_kind}/{address.owner}")
    return [("Terminology", url_for("portal.terminology.index")), (owner_words(repository), of_owner)]


def owner_words(repository: Repository) -> str:
    """What the owner is called."""
    if repository.organization is not None:
        return repository.organization.name
    return "" if repository.user is None else repository.user.name


def counted(count: int, noun: str) -> str:
    """``1 concept``, ``12,542 concepts``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def held_words(version: Version) -> str:
    """``12,542 concepts (3 retired), 5 mappings``."""
    of, words = version.counts, []
    for whole, active, noun in (
        (of.concepts, of.active_concepts, "concept"),
        (of.mappings, of.active_mappings, "mapping"),
    ):
        if whole or noun == "concept":
            retired = whole - active
            words.append(counted(whole, noun) + (f" ({retired:,} retired)" if retired else ""))
    return ", ".join(words)


def outcome_rows(counts: Counter[tuple[str, str]]) -> list[tuple[str, str, int, int]]:
    """``(outcome, words, concepts, mappings)`` of each outcome, whatever its counts."""
    return [
        (outcome, OUTCOME_WORDS[outcome][0], counts["concept", outcome], counts["mapping", outcome])
        for outcome in OUTCOMES
    ]


def language(locale: str) -> str:
    """``French``; ``Portuguese (pt-BR)``; the code itself where its language has no name here."""
    base = locale.partition("-")[0].partition("_")[0].lower()
    if base not in LANGUAGES:
        return locale
    return LANGUAGES[base] if base == locale else f"{LANGUAGES[base]} ({locale})"


def words_by_language(document: dict[str, Any], what: str, first: str) -> list[tuple[str, list[Word]]]:
    """Names (``what`` is ``name``) or descriptions by language: that of the source first, preferred ones first."""
    groups: dict[str, list[Word]] = {}
    for one in document[f"{what}s"]:
        groups.setdefault(one["locale"], []).append(_word(one, what))
    order = sorted(groups, key=lambda locale: (locale != first, language(locale)))
    return [(language(locale), sorted(groups[locale], key=lambda one: not one.preferred)) for locale in order]


def mapping_line(term: Term, *, leads_from: bool) -> MappingLine:
    """A mapping as seen from its beginning (``leads_from``), or from its end."""
    document, end = term.json, "to" if leads_from else "from"
    path = document[f"{end}_concept_url"]
    found = TermAddress.find(path) if path else None
    own = TermAddress.find(document["url"])
    source = document[f"{end}_source_name"] or document[f"{end}_source_url"] or ""
    if own is None:
        raise ValueError("a mapping has an address")
    return MappingLine(
        document["map_type"],
        document[f"{end}_concept_code"] or "",
        document[f"{end}_concept_name_resolved"] or document[f"{end}_concept_name"] or "",
        concept_url(found.repository, found.code) if found else None,
        source,
        repository_url(found.repository) if found else None,
        term.retired,
        term.code,
        own.repository,
    )


def _word(one: dict[str, Any], what: str) -> Word:
    locale, kind = one["locale"], one[f"{what}_type"] or ""
    base = locale.partition("-")[0]
    words = NAME_TYPES.get(kind, kind.replace("_", " ").lower())
    return Word(one[what], words, one["locale_preferred"], one["retired"], base if base in LANGUAGES else None)
