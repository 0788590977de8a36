"""The JSON of a concept and of a mapping, as exports and answers carry it: made once, when it is edited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.terminology.addresses import Address

Json = dict[str, Any]
OWNER_TYPES = {"orgs": "Organization", "users": "User"}
NOW = "0000-00-00T00:00:00.000000Z"
"""Stands in a document that is made before its instant is known; of the length of every instant."""
_NAME_SAYS = ("name", "external_id", "locale", "locale_preferred", "name_type")
_DESCRIPTION_SAYS = ("description", "external_id", "locale", "locale_preferred", "description_type")
_WORDS_OF_A_NUMBER = 1000


def instant_text(instant: datetime) -> str:
    """ISO 8601 with microseconds and ``Z``."""
    return f"{instant:%Y-%m-%dT%H:%M:%S.%f}Z"


@dataclass(frozen=True, slots=True)
class Facts:
    """What every concept and mapping has besides what it says: who wrote it when, which version it is."""

    number: int
    version: int
    created_on: str
    created_by: str
    updated_on: str
    updated_by: str
    update_comment: str | None = None
    retire_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ConceptSays:
    """What a concept says. Names and descriptions are whole, as :func:`words` makes them; relatives are codes."""

    code: str
    concept_class: str
    datatype: str
    names: tuple[Json, ...]
    descriptions: tuple[Json, ...] = ()
    extras: Json = field(default_factory=dict)
    external_id: str | None = None
    retired: bool = False
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()

    def standard(self) -> str:
        """The checksum of all that it says."""
        return checksum(
            [
                self.concept_class, self.datatype, self.retired, self.external_id, self.extras, self.parents,
                self.children, [one["checksum"] for one in self.names], [one["checksum"] for one in self.descriptions],
            ]
        )  # fmt: skip

    def smart(self) -> str:
        """The checksum of what its meaning hangs on."""
        full = [[one["name"], one["locale"]] for one in self.names if one["name_type"] == "FULLY_SPECIFIED"]
        return checksum([self.concept_class, self.datatype, self.retired, full])


@dataclass(frozen=True, slots=True)
class Place:
    """The other end, or the beginning, of a mapping: a concept here, or a code of some terminology elsewhere."""

    code: str
    name: str | None = None
    url: str | None = None
    source_url: str | None = None
    source_name: str | None = None
    owner: str | None = None
    owner_kind: str | None = None
    resolved: str | None = None


@dataclass(frozen=True, slots=True)
class MappingSays:
    """What a mapping says."""

    code: str
    map_type: str
    start: Place
    target: Place
    extras: Json = field(default_factory=dict)
    external_id: str | None = None
    sort_weight: float | None = None
    retired: bool = False

    def standard(self) -> str:
        """The checksum of all that it says, whoever owns either end."""
        return checksum(
            [
                self.map_type, self.retired, self.external_id, self.extras, self.sort_weight, self.start.code,
                self.target.code, self.target.name, *self._elsewhere(),
            ]
        )  # fmt: skip

    def smart(self) -> str:
        return checksum([self.map_type, self.retired, self.start.code, self.target.code, *self._elsewhere()])

    def _elsewhere(self) -> tuple[bool, str | None]:
        """Whether it leads out of this deployment, and into which terminology then."""
        outside = self.target.url is None
        return outside, self.target.source_name if outside else None


def checksum(value: Any) -> str:
    """A short name for a value, by which equal ones are known; no secret hangs on it."""
    return hashlib.md5(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), usedforsecurity=False).hexdigest()


def words(given: Iterable[Mapping[str, Any]], number: int, what: str) -> tuple[Json, ...]:
    """Names (``what`` is ``name``) or descriptions as documents carry them; those without a ``uuid`` get one.

    :param number: of the concept that they are of
    """
    say, kind = (_NAME_SAYS, "ConceptName") if what == "name" else (_DESCRIPTION_SAYS, "ConceptDescription")
    taken = {str(one["uuid"]) for one in given if one.get("uuid")}
    # Names and descriptions of one concept must not share an id: descriptions count from the middle.
    free = number * _WORDS_OF_A_NUMBER + (0 if what == "name" else _WORDS_OF_A_NUMBER // 2)
    made = []
    for one in given:
        uuid = one.get("uuid")
        while not uuid:
            free += 1
            uuid = None if str(free) in taken else str(free)
        made.append(_word(one, str(uuid), what, kind, say))
    return tuple(made)


def _word(one: Mapping[str, Any], uuid: str, what: str, kind: str, say: tuple[str, ...]) -> Json:
    word = {
        "uuid": uuid,
        what: one[what],
        "external_id": one.get("external_id"),
        "type": kind,
        "locale": one.get("locale") or "en",
        "locale_preferred": bool(one.get("locale_preferred")),
        f"{what}_type": one.get(f"{what}_type"),
        "checksum": "",
        "retired": bool(one.get("retired")),
        "retire_reason": one.get("retire_reason"),
    }
    word["checksum"] = checksum([word[key] for key in say])
    return word


def display_of(names: Sequence[Json], default: str, supported: Sequence[str]) -> tuple[str, str]:
    """The name by which a concept is shown, and its locale: of the default locale (preferred first), then of the
    supported ones, then any preferred one, then the newest."""
    for locale in (default, *supported):
        own = [one for one in names if one["locale"] == locale and not one["retired"]]
        if own:
            best = next((one for one in own if one["locale_preferred"]), own[0])
            return best["name"], best["locale"]
    best = next((one for one in names if one["locale_preferred"]), names[-1])
    return best["name"], best["locale"]


@dataclass(frozen=True, slots=True)
class Home:
    """What documents say of the source that they are of."""

    address: Address
    default_locale: str
    supported_locales: tuple[str, ...]
    public: bool = True

    @property
    def owner_type(self) -> str:
        return OWNER_TYPES[self.address.owner_kind]


def concept_document(home: Home, says: ConceptSays, facts: Facts) -> str:
    """A concept's JSON."""
    url = home.address.of_concept(says.code)
    shown, locale = display_of(says.names, home.default_locale, home.supported_locales)
    concepts = f"{home.address.path}concepts/"
    return _text(
        {
            "type": "Concept",
            "uuid": str(facts.number),
            "id": says.code,
            "external_id": says.external_id,
            "concept_class": says.concept_class,
            "datatype": says.datatype,
            "display_name": shown,
            "display_locale": locale,
            "names": says.names,
            "descriptions": says.descriptions,
            "extras": says.extras,
            "retired": says.retired,
            "source": home.address.short_code,
            "source_url": home.address.path,
            "owner": home.address.owner,
            "owner_name": home.address.owner,
            "owner_url": home.address.owner_path,
            "version": str(facts.version),
            "created_on": facts.created_on,
            "updated_on": facts.updated_on,
            "version_created_on": facts.updated_on,
            "version_created_by": facts.updated_by,
            "update_comment": facts.update_comment,
            "is_latest_version": True,
            "locale": locale,
            "url": url,
            "owner_type": home.owner_type,
            **_versions(url, facts.version),
            "parent_concept_urls": [f"{concepts}{code}/" for code in says.parents],
            "child_concept_urls": [f"{concepts}{code}/" for code in says.children],
            "version_updated_on": facts.updated_on,
            "version_updated_by": facts.updated_by,
            "checksums": {"standard": says.standard(), "smart": says.smart()},
            "retire_reason": facts.retire_reason,
            "created_by": facts.created_by,
            "updated_by": facts.updated_by,
            "mappings_url": f"{url}mappings/",
            "extras_url": f"{url}extras/",
            "versions": facts.version,
        }
    )


def mapping_document(home: Home, says: MappingSays, facts: Facts) -> str:
    """A mapping's JSON. ``to_concept_url`` is null for a target outside this deployment."""
    url, start, target = home.address.of_mapping(says.code), says.start, says.target
    return _text(
        {
            "type": "Mapping",
            "uuid": str(facts.number),
            "id": says.code,
            "external_id": says.external_id,
            "retired": says.retired,
            "map_type": says.map_type,
            "source": home.address.short_code,
            "owner": home.address.owner,
            "owner_type": home.owner_type,
            "owner_url": home.address.owner_path,
            **_end("from", start),
            **_end("to", target),
            **_source_of("from", start),
            **_source_of("to", target),
            "from_source_version": None,
            "to_source_version": None,
            "url": url,
            "version": str(facts.version),
            "versioned_object_id": facts.number,
            "versioned_object_url": url,
            "is_latest_version": True,
            "update_comment": facts.update_comment,
            "version_url": f"{url}{facts.version}/",
            "created_on": facts.created_on,
            "updated_on": facts.updated_on,
            "created_by": facts.created_by,
            "updated_by": facts.updated_by,
            "version_created_on": facts.updated_on,
            "version_updated_on": facts.updated_on,
            "version_updated_by": facts.updated_by,
            "from_concept_name_resolved": start.resolved,
            "to_concept_name_resolved": target.resolved,
            "sort_weight": says.sort_weight,
            "retire_reason": facts.retire_reason,
            "extras": says.extras,
            "public_can_view": home.public,
            "checksums": {"standard": says.standard(), "smart": says.smart()},
        }
    )


def _versions(url: str, version: int) -> Json:
    previous = f"{url}{version - 1}/" if version > 1 else None
    return {"version_url": f"{url}{version}/", "previous_version_url": previous}


def _end(side: str, place: Place) -> Json:
    return {
        f"{side}_concept_code": place.code,
        f"{side}_concept_name": place.name,
        f"{side}_concept_url": place.url,
    }


def _source_of(side: str, place: Place) -> Json:
    return {
        f"{side}_source_owner": place.owner,
        f"{side}_source_owner_type": OWNER_TYPES.get(place.owner_kind or ""),
        f"{side}_source_url": place.source_url,
        f"{side}_source_name": place.source_name,
    }


def place_here(address: Address, code: str, shown: str) -> Place:
    """A concept of this deployment as one end of a mapping."""
    return Place(
        code=code,
        name=None,
        url=address.of_concept(code),
        source_url=address.path,
        source_name=address.short_code,
        owner=address.owner,
        owner_kind=address.owner_kind,
        resolved=shown,
    )


def _text(document: Json) -> str:
    return orjson.dumps(document).decode()
