"""Repositories and versions as the contract's JSON: key by key, in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import func, select

from app.extensions import db
from app.models import Release, Repository
from app.terminology.addresses import HEAD, Address
from app.terminology.documents import OWNER_TYPES, Json, checksum, instant_text
from app.terminology.repositories import details_of
from app.terminology.versions import Version, head_of, heads_of

_OF_SOURCES = ("content_type", "case_sensitive", "collection_reference", "hierarchy_meaning", "compositional",
               "version_needed", "hierarchy_root_url")  # fmt: skip
_SHARED = ("canonical_url", "identifier", "publisher", "contact", "jurisdiction", "purpose", "copyright",
           "content_type",
           "revision_date", "text", "meta", "experimental")  # fmt: skip


def repository_detail(repository: Repository, version: Version | None = None) -> Json:
    """A repository as it is now: type ``Source`` or ``Collection``, version ``HEAD``.

    :param version: its HEAD, when it is at hand already
    """
    return _detail(version or head_of(repository), _counts_of_releases([repository.id]))


def repository_details(repositories: Sequence[Repository]) -> list[Json]:
    """As :func:`repository_detail`, of a whole list."""
    releases = _counts_of_releases([one.id for one in repositories])
    return [_detail(head, releases) for head in heads_of(repositories)]


def _detail(head: Version, releases: Mapping[int, int]) -> Json:
    repository = head.repository
    address, own = Address.of(repository), _described(repository)
    return {
        "type": repository.kind.title(),
        "uuid": str(repository.id),
        "id": repository.short_code,
        "short_code": repository.short_code,
        **own,
        **_owned(address),
        "versions": releases.get(repository.id, 0) + 1,
        "versions_url": f"{address.path}versions/",
        "version": HEAD,
        **_made(repository),
        **_contents(address.path, repository),
        "active_concepts": head.counts.active_concepts,
        "active_mappings": head.counts.active_mappings,
        "logo_url": details_of(repository).get("logo_url"),
        "checksums": _checksums(own),
        "properties": [],
        "filters": [],
    }


def repository_row(repository: Repository) -> Json:
    """A repository as lists show it; rows say ``created_at`` where details say ``created_on``."""
    address, own = Address.of(repository), _described(repository)
    return {
        "short_code": repository.short_code,
        "name": repository.name,
        **_owned(address),
        "version": HEAD,
        "id": repository.short_code,
        f"{repository.kind}_type": repository.repository_type,
        "canonical_url": details_of(repository).get("canonical_url"),
        "public_access": repository.public_access,
        "default_locale": repository.default_locale,
        "checksums": _checksums(own),
        "type": repository.kind.title(),
        "created_at": instant_text(repository.created_at),
        "updated_at": instant_text(repository.details_changed_at),
    }


def version_detail(version: Version) -> Json:
    """A version, with the keys of an export in their order, as far as its content.

    What it says of the repository is what the repository was when it was released.
    """
    address, release = version.address, version.release
    snapshot: Json = (
        repository_detail(version.repository, version) if release is None else orjson.loads(release.snapshot)
    )
    kind = version.repository.kind
    url = address.of_version(version.id)
    own = {key: snapshot[key] for key in _described_keys(kind)}
    if release is not None and release.description:
        own["description"] = release.description
    return {
        "type": f"{kind.title()} Version",
        "uuid": str(version.repository.id if release is None else release.id),
        "id": version.id,
        "short_code": version.repository.short_code,
        **own,
        **_owned(address),
        "version_url": url,
        "previous_version_url": _previous(version),
        "created_on": instant_text(version.created_at),
        "updated_on": instant_text(version.updated_at),
        "created_by": version.repository.created_by if release is None else release.created_by,
        "updated_by": version.repository.updated_by if release is None else release.updated_by,
        "extras": snapshot["extras"] if release is None else snapshot["extras"] | orjson.loads(release.extras),
        "external_id": snapshot["external_id"],
        "version": version.id,
        "versions": snapshot["versions"],
        "versions_url": snapshot["versions_url"],
        "concepts_url": f"{url}concepts/",
        "mappings_url": f"{url}mappings/",
        "is_processing": False,
        "released": version.is_released,
        **{key: snapshot[key] for key in _SHARED},
        **_of_kind(kind, snapshot, version),
        "checksums": snapshot["checksums"],
        "properties": [],
        "filters": [],
        "match_algorithms": [],
        "external_exports": [],
        "active_concepts": version.counts.active_concepts,
        "active_mappings": version.counts.active_mappings,
        kind: snapshot,
    }


def expansion_detail(version: Version) -> Json:
    """What the references of a collection's version came to: what the version's ``expansion_url`` names."""
    path = version.address.of_version(version.id)
    release, repository = version.release, version.repository
    return {
        "type": "Expansion",
        "id": version.id,
        "mnemonic": version.id,
        "url": expansion_url(version),
        "version_url": path,
        "concepts_url": f"{path}concepts/",
        "mappings_url": f"{path}mappings/",
        "parameters": {},
        "is_processing": False,
        "created_on": instant_text(version.created_at),
        "created_by": repository.created_by if release is None else release.created_by,
        "active_concepts": version.counts.active_concepts,
        "active_mappings": version.counts.active_mappings,
    }


def expansion_url(version: Version) -> str:
    """Of HEAD, too, below the version's id."""
    return f"{version.address.path}{version.id}/expansions/{version.id}/"


def version_row(version: Version) -> Json:
    """A version as lists show it; rows say ``created_at`` where details say ``created_on``."""
    address, repository = version.address, version.repository
    return {
        "type": f"{repository.kind.title()} Version",
        "short_code": repository.short_code,
        "name": repository.name,
        "url": address.path,
        "canonical_url": details_of(repository).get("canonical_url"),
        "owner": address.owner,
        "owner_type": OWNER_TYPES[address.owner_kind],
        "owner_url": address.owner_path,
        "version": version.id,
        "created_at": instant_text(version.created_at),
        "id": version.id,
        f"{repository.kind}_type": repository.repository_type,
        "updated_at": instant_text(version.updated_at),
        "released": version.is_released,
        "retired": False,
        "version_url": address.of_version(version.id),
        "previous_version_url": _previous(version),
        "checksums": _checksums(_described(repository)),
        "match_algorithms": [],
    }


def _described(repository: Repository) -> Json:
    """What it says of itself, without owner, addresses and times."""
    details = details_of(repository)
    return {
        "name": repository.name,
        "full_name": repository.full_name or repository.name,
        "description": repository.description,
        f"{repository.kind}_type": repository.repository_type,
        "custom_validation_schema": details.get("custom_validation_schema"),
        "public_access": repository.public_access,
        "default_locale": repository.default_locale,
        "supported_locales": repository.supported_locales.split(","),
        "website": details.get("website"),
    }


def _described_keys(kind: str) -> tuple[str, ...]:
    return ("name", "full_name", "description", f"{kind}_type", "custom_validation_schema", "public_access",
            "default_locale", "supported_locales", "website")  # fmt: skip


def _owned(address: Address) -> Json:
    return {
        "url": address.path,
        "owner": address.owner,
        "owner_type": OWNER_TYPES[address.owner_kind],
        "owner_url": address.owner_path,
        "retired": False,
    }


def _made(repository: Repository) -> Json:
    return {
        "created_on": instant_text(repository.created_at),
        "updated_on": instant_text(repository.details_changed_at),
        "created_by": repository.created_by,
        "updated_by": repository.updated_by,
    }


def _contents(url: str, repository: Repository) -> Json:
    details = details_of(repository)
    kinds = _OF_SOURCES if repository.kind == "source" else ("immutable", "locked_date")
    return {
        "extras": details.get("extras") or {},
        "external_id": details.get("external_id"),
        "concepts_url": f"{url}concepts/",
        "mappings_url": f"{url}mappings/",
        **{key: details.get(key) for key in dict.fromkeys((*_SHARED, *kinds))},
    }


def _of_kind(kind: str, snapshot: Json, version: Version) -> Json:
    if kind == "source":
        return {key: snapshot[key] for key in _OF_SOURCES if key != "content_type"}
    return {
        "immutable": snapshot["immutable"],
        "locked_date": snapshot["locked_date"],
        "autoexpand": True,
        "expansions_url": f"{version.address.path}{version.id}/expansions/",
        "expansion_url": expansion_url(version),
    }


def _previous(version: Version) -> str | None:
    if version.release is None or version.release.previous_version is None:
        return None
    return version.address.of_version(version.release.previous_version)


def _checksums(own: Json) -> Json:
    return {"standard": checksum(own), "smart": checksum([own["name"], own["default_locale"]])}


def _counts_of_releases(ids: Sequence[int]) -> dict[int, int]:
    of = Release.repository_id
    return dict(db.session.execute(select(of, func.count()).where(of.in_(ids)).group_by(of)).all())
