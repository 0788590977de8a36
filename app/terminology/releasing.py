"""Releases as rows. Making their export in the same transaction is :mod:`app.exports.releases`'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import exists, select, update

from app import clock, record
from app.actor import Actor
from app.errors import Duplicate, Invalid
from app.extensions import db
from app.models import CollectionReference, Release, Repository
from app.models.terminology import VERSION_LENGTH
from app.models.types import MILLISECOND
from app.terminology.addresses import RESERVED, Address, check_code
from app.terminology.details import repository_detail
from app.terminology.drawing import is_drawn_on, lock_sources
from app.terminology.repositories import get_repository_to_edit, handle_of
from app.terminology.versions import find_release, head_of


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a release is made with: its id, and what is said of it."""

    version: str
    description: str = ""
    released: bool = True
    extras: Mapping[str, Any] = field(default_factory=dict)


def add_release(actor: Actor, address: Address, facts: ReleaseFacts) -> Release:
    """Add the row of a release, within the caller's writing transaction: HEAD as it is now, frozen by its number.

    A collection's release freezes the revision of each repository that it draws on.

    :raises NotFound: there is no such repository
    :raises Forbidden: only the owner's people release
    :raises Invalid: with a sentence for each field that is wrong
    :raises Duplicate: there is a version of that id
    """
    check_version(facts)
    repository = get_repository_to_edit(actor, address, member=True)
    _lock(repository)
    return _add(repository, facts, handle_of(actor), actor)


def add_loaded_release(repository: Repository, facts: ReleaseFacts, handle: str) -> Release:
    """As :func:`add_release`, for a load from the shell."""
    check_version(facts)
    _lock(repository)
    return _add(repository, facts, handle, None)


def _add(repository: Repository, facts: ReleaseFacts, handle: str, actor: Actor | None) -> Release:
    of_repository = Release.repository_id == repository.id
    if db.session.scalar(select(exists().where(of_repository, Release.version == facts.version))):
        words = f"{repository.kind.title()} version '{facts.version}' already exist."
        raise Duplicate(fields={"version": words})
    newest = db.session.execute(
        select(Release.version, Release.created_at).where(of_repository).order_by(Release.created_at.desc()).limit(1)
    ).first()
    head = head_of(repository)
    # Lists go by the instant: it rises, whatever the clock does.
    now = clock.now() if newest is None else max(clock.now(), newest.created_at + MILLISECOND)
    snapshot = repository_detail(repository, head)
    snapshot["versions"] += 1
    release = Release(
        repository_id=repository.id,
        version=facts.version,
        description=facts.description,
        released=facts.released,
        revision=repository.revision,
        draws=None if repository.kind == "source" else orjson.dumps([draw.plain() for draw in head.draws]).decode(),
        snapshot=orjson.dumps(snapshot).decode(),
        previous_version=None if newest is None else newest.version,
        concepts=head.counts.concepts,
        active_concepts=head.counts.active_concepts,
        mappings=head.counts.mappings,
        active_mappings=head.counts.active_mappings,
        content_changed_at=head.content_changed_at,
        created_at=now,
        updated_at=now,
        created_by=handle,
        updated_by=handle,
        extras=orjson.dumps(dict(facts.extras)).decode(),
    )
    release.repository = repository
    db.session.add(release)
    db.session.flush()
    details = {"version": release.version}
    record.note(
        actor, "repository.release", "repository", str(repository.id), tenant_id=repository.tenant_id, details=details
    )
    return release


def change_release(
    actor: Actor, address: Address, version: str, *, released: bool | None = None, description: str | None = None
) -> Release:
    """Say anew what a release is, within the caller's writing transaction; its content stays.

    :raises NotFound: there is no such version
    :raises Forbidden: the actor is not of the owner
    :raises Invalid: a value cannot be kept
    """
    repository = get_repository_to_edit(actor, address, member=True)
    release = find_release(repository, version)
    if description is not None:
        _check_text(description, "description")
        release.description = description
    if released is not None:
        release.released = released
    release.updated_at = max(clock.now(), release.updated_at + MILLISECOND)
    release.updated_by = handle_of(actor)
    record.note(actor, "repository.edit_release", "repository", str(repository.id), details={"version": version})
    return release


def remove_release(actor: Actor, address: Address, version: str) -> Release:
    """Remove the row of a release, within the caller's writing transaction; answers what it was.

    :raises NotFound: there is no such version
    :raises Forbidden: the actor is not of the owner
    :raises Invalid: it is HEAD, or a collection draws on it
    """
    repository = get_repository_to_edit(actor, address, member=True)
    if version == "HEAD":
        raise Invalid("HEAD is the repository itself: it cannot be deleted as a version.")
    release = find_release(repository, version)
    if is_drawn_on(release):
        raise Invalid("A collection draws on this version, so it must stay.")
    _forget_references(release)
    db.session.delete(release)
    record.note(actor, "repository.delete_release", "repository", str(repository.id), details={"version": version})
    return release


def check_version(facts: ReleaseFacts) -> None:
    """
    :raises Invalid: the version's id cannot be one, or a text cannot be kept
    """
    check_code(facts.version, "version", VERSION_LENGTH)
    if facts.version in RESERVED or facts.version.strip(".") == "":
        raise Invalid(fields={"version": "This id means something else in a path. Take another one."})
    _check_text(facts.description, "description")


def _check_text(text: str, field_name: str) -> None:
    if "\0" in text:
        raise Invalid(fields={field_name: "The text holds a sign that cannot be kept."})


def _lock(repository: Repository) -> None:
    """Nobody changes what is frozen while it is."""
    db.session.execute(select(Repository.id).where(Repository.id == repository.id).with_for_update())
    if repository.kind == "collection":
        lock_sources(repository)
    db.session.refresh(repository)


def _forget_references(release: Release) -> None:
    """References that were removed since need the release no more than its number."""
    db.session.execute(
        update(CollectionReference)
        .where(CollectionReference.release_id == release.id)
        .values(release_id=None)
        .execution_options(synchronize_session=False)
    )
