"""Releases of repositories and their exports: ordered in one transaction, one for everybody, kept like the release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select

from app import clock, jobqueue, record
from app.access.repositories import may_manage
from app.access.visibility import visible_exports
from app.actor import Actor
from app.errors import AlreadyRunning, Duplicate, Forbidden, Invalid, NotFound
from app.exports.claims import milliseconds
from app.exports.pace import current_pace
from app.exports.requests import add_export
from app.exports.settling import forget_export
from app.extensions import db
from app.models import Export, Release, writing
from app.models.export import PENDING_STATES
from app.models.types import database_now
from app.storage import storage
from app.terminology import (
    HEAD,
    Address,
    ReleaseFacts,
    Version,
    add_release,
    change_release,
    get_repository,
    get_version,
    remove_release,
    version_of,
)
from app.terminology.loading import ChangedMeanwhile, Terminology, prepare, write
from app.terminology.preparing import Loaded, Prepared
from app.terminology.releasing import check_version

KIND = "repository"
OF_HEAD = "HEAD is never exported: release it first."
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ReleaseExport:
    """The export of a release after somebody asked for it: made new (or again), or there already."""

    export: Export
    made: bool


def release_version(actor: Actor, address: Address, facts: ReleaseFacts) -> Version:
    """Release a repository as it is now, and order the release's export, at once.

    :raises NotFound: there is no such repository
    :raises Forbidden: only the owner's people release
    :raises Invalid: with a sentence for each field that is wrong
    :raises Duplicate: there is a version of that id
    """
    check_version(facts)
    with writing():
        _order(actor, add_release(actor, address, facts))
        db.session.commit()
    jobqueue.ring()
    return get_version(actor, address, facts.version)


def edit_release(
    actor: Actor, address: Address, version: str, *, released: bool | None = None, description: str | None = None
) -> Version:
    """Say anew what a release is. Its export, which says so too, is made again when there is one.

    :raises NotFound: there is no such version
    :raises Forbidden: the actor is not of the owner
    :raises Invalid: a value cannot be kept
    """
    with writing():
        release = change_release(actor, address, version, released=released, description=description)
        export = _export_of(release)
        key = None
        if export is not None:
            key = _forget(export)
            _order(actor, release)
        db.session.commit()
    if export is not None:
        jobqueue.ring()
    if key:
        storage.delete(key)
    return get_version(actor, address, version)


def delete_release(actor: Actor, address: Address, version: str) -> None:
    """Delete a release and its export; what it held stays in the repository's history.

    :raises NotFound: there is no such version
    :raises Forbidden: the actor is not of the owner
    :raises Invalid: it is HEAD, or a collection draws on it
    """
    with writing():
        release = remove_release(actor, address, version)
        export = _export_of(release)
        key = None if export is None else _forget(export)
        db.session.commit()
    if key:
        storage.delete(key)


def release_export(actor: Actor, address: Address, version: str) -> Export | None:
    """The export of a release, whatever its state; ``None`` when there is none, or it ended without an archive.

    :raises NotFound: there is no such repository or version
    :raises Forbidden: it is private
    :raises Invalid: the version is HEAD
    """
    release = _release(actor, address, version)
    export = _export_of(release)
    return export if export is not None and _stands(export) else None


def exports_of_releases(actor: Actor, versions: Iterable[Version]) -> dict[UUID, Export]:
    """The exports of some releases of one repository at hand, whatever their states, by the release's id."""
    released = {one.release.export_id: one.release.id for one in versions if one.release and one.release.export_id}
    found = db.session.scalars(visible_exports(actor).where(Export.id.in_(released))) if released else ()
    return {released[one.id]: one for one in found}


def release_of(actor: Actor, export: Export) -> Version:
    """The release whose export it is.

    :raises NotFound: it is no release's
    :raises Forbidden: the repository is private
    """
    release = db.session.scalars(select(Release).where(Release.export_id == export.id)).unique().one_or_none()
    if release is None:
        raise NotFound("This export belongs to no release any more.")
    return get_version(actor, Address.of(release.repository), release.version)


def failed_export(actor: Actor, address: Address, version: str) -> Export | None:
    """The export of a release that failed, with its reason, for those who may see to it."""
    export = _export_of(_release(actor, address, version))
    return export if export is not None and export.state == "failed" else None


def request_release_export(actor: Actor, address: Address, version: str, *, force: bool = False) -> ReleaseExport:
    """Have the export of a release made, if there is none; whoever may view the repository may ask.

    :param force: one that is ready is made again
    :raises NotFound: there is no such repository or version
    :raises Forbidden: it is private
    :raises Invalid: the version is HEAD
    :raises AlreadyRunning: it is being made
    """
    with writing():
        release = _release(actor, address, version)
        export = _export_of(release)
        if export is not None and export.is_pending:
            raise AlreadyRunning("The export of this version is being made already.")
        if export is not None and export.state == "ready" and not force:
            db.session.rollback()
            return ReleaseExport(_kept(actor, address, version), made=False)
        key = None if export is None else _forget(export)
        _order(actor, release)
        db.session.commit()
    jobqueue.ring()
    if key:
        storage.delete(key)
    return ReleaseExport(_kept(actor, address, version), made=True)


def delete_release_export(actor: Actor, address: Address, version: str) -> None:
    """Delete the export of a release; the release stays.

    :raises NotFound: there is no such version, or no export of it
    :raises Forbidden: only the owner, or the owning organization's administrators do that
    :raises Invalid: the version is HEAD
    :raises AlreadyRunning: it is being made
    """
    with writing():
        release = _release(actor, address, version)
        if not may_manage(actor, release.repository):
            raise Forbidden("Only the owner, or the owning organization's administrators, delete exports.")
        export = _export_of(release)
        if export is None or not _stands(export):
            raise NotFound("This version has no export.")
        if export.is_pending:
            raise AlreadyRunning("The export of this version is being made.")
        key = _forget(export)
        release.export_id = None
        record.note(actor, "export.delete", "export", export.id)
        db.session.commit()
    if key:
        storage.delete(key)


def import_terminology(
    actor: Actor,
    address: Address,
    terminology: Terminology,
    release: ReleaseFacts | None = None,
    *,
    missing: str = "retire",
) -> Loaded:
    """Load a whole terminology into a source, which is made if need be, and release it: all of it or nothing.

    The same again changes nothing; a release of that id that is there already is left as it is.

    :param missing: what becomes of what the source has and the terminology has not: ``retire``, ``delete``, ``keep``
    :raises NotFound: there is no such owner
    :raises Forbidden: the actor may not change the source, or may not release
    :raises Invalid: something in the terminology cannot be kept
    :raises AlreadyRunning: somebody else changes the source all the while
    :raises Duplicate: the release is there, and the terminology differs from what the source holds now
    """
    if missing not in ("retire", "delete", "keep"):
        raise Invalid("What is missing is retired, deleted or kept.")
    if release is not None:
        check_version(release)
    for _ in range(_TRIES):
        with prepare(actor, address, terminology, missing) as prepared:
            try:
                with writing():
                    loaded = _import(actor, address, prepared, release)
                    db.session.commit()
            except ChangedMeanwhile:
                continue
        if loaded.versions:
            jobqueue.ring()
        return loaded
    raise AlreadyRunning("Somebody else changes this source just now. Try again.")


def _import(actor: Actor, address: Address, prepared: Prepared, release: ReleaseFacts | None) -> Loaded:
    repository, loaded = write(actor, address, prepared)
    if release is None:
        return loaded
    if not _is_there(repository.id, release.version):
        _order(actor, add_release(actor, address, release))
        loaded.versions.append(release.version)
    elif not loaded.is_nothing:
        raise Duplicate(fields={"version": f"There is a version {release.version} already. Name a new one."})
    return loaded


def _release(actor: Actor, address: Address, version: str) -> Release:
    repository = get_repository(actor, address)
    if version == HEAD:
        raise Invalid(OF_HEAD)
    found = get_version(actor, Address.of(repository), version).release
    if found is None:
        raise NotFound
    return found


def _kept(actor: Actor, address: Address, version: str) -> Export:
    export = _export_of(_release(actor, address, version))
    if export is None:
        raise NotFound("This version has no export.")
    return export


def _export_of(release: Release) -> Export | None:
    if release.export_id is None:
        return None
    wanted = select(Export).where(Export.id == release.export_id, Export.deleted_at.is_(None))
    return db.session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def _stands(export: Export) -> bool:
    return export.state == "ready" or export.state in PENDING_STATES


def _is_there(repository_id: int, version: str) -> bool:
    wanted = select(Release.id).where(Release.repository_id == repository_id, Release.version == version)
    return db.session.scalar(wanted) is not None


def _order(actor: Actor, release: Release) -> None:
    """The release's export, within the caller's transaction."""
    export_id = uuid4()
    version = version_of(release)
    name = f"{release.repository.short_code}_{release.version}.{version.content_changed_at:%Y%m%d%H%M%S}.zip"
    export = Export(
        id=export_id,
        tenant_id=release.repository.tenant_id,
        owner_id=actor.user_id,
        kind=KIND,
        subject=str(release.id),
        request_key=str(export_id),
        name=name,
        params=orjson.dumps({"release_id": str(release.id)}).decode(),
        requested_at=clock.now(),
        deadline=database_now(milliseconds(current_pace().deadline)),
    )
    add_export(actor, export)
    release.export_id = export_id


def _forget(export: Export) -> str | None:
    return forget_export(export, "Its release was deleted, or described anew.")
