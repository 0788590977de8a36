"""Asking for imports: send a file, say what its columns are, have it looked at, load it, cancel it, find it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, exists, literal, or_, select, true, tuple_

from app import attachments, clock, jobqueue, record
from app.access import Permission, require
from app.access.visibility import organizations_with
from app.actor import Actor
from app.attachments.holding import too_large
from app.attachments.intake import Readable
from app.attachments.names import clean_name
from app.errors import AlreadyRunning, Forbidden, Gone, Invalid, NotFound, Refusal, TooLarge
from app.extensions import db
from app.imports.mapping import Columns, Reading, Writing
from app.imports.opening import GONE, device_for, open_bytes
from app.imports.previews import require_readable
from app.imports.sniffing import SAMPLE, look_at
from app.models import MeasurementImport, StoredFile, begin_writing
from app.models.types import Id, Instant
from app.models.user import Membership
from app.storage import storage

MOST_OPEN = 20
"""Imports of one person that are not at their end."""
_ENDING = ".import"
"""Behind a file's name while it is here: nobody but us looks into it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a pass over a file came to. ``refusals``: ``[line, column, text, code]`` of the first; ``metrics``: labels
    with the number of values; ``first`` and ``last``: milliseconds since 1970."""

    rows: int
    values: int
    repeats: int
    empty: int
    devices: int
    metrics: list[tuple[str, int]]
    refused: int
    reasons: dict[str, int]
    refusals: list[list[Any]]
    first: int | None
    last: int | None


def may_import(actor: Actor, device_id: UUID | None) -> None:
    """Refuse whoever may not bring measurements there, before a form is shown.

    :param device_id: whose all values are; None: a column will name the devices
    :raises NotFound: no such device, or not the actor's to see
    :raises Forbidden: the actor may not write measurements
    """
    if device_id is None:
        require(actor, Permission.EDIT)
    else:
        device_for(actor, device_id)
    require(actor, Permission.ATTACH)


def begin_sending(actor: Actor, device_id: UUID | None, name: str, size: int) -> tuple[UUID, int]:
    """Expect a file in pieces; answers its id and how many pieces it has.

    :raises TooLarge: more bytes than are accepted
    :raises Refusal: as :func:`may_import`, or too many imports are open
    """
    _refuse_too_many(actor, device_id)
    if size > attachments.most_bytes():
        raise TooLarge(too_large(attachments.most_bytes()))
    pieces = max(1, -(-size // attachments.PIECE_BYTES))
    return attachments.expect_file(actor, _kept_name(name), "text/csv", parts=pieces).id, pieces


def finish_sending(actor: Actor, device_id: UUID | None, file_id: UUID) -> MeasurementImport:
    """Join the pieces and begin the import. Asked again because the answer was lost, it answers the same.

    :raises Invalid: it is no text, or no table of measurements; nothing of it stays
    :raises Refusal: as :func:`may_import`; no such upload
    """
    may_import(actor, device_id)
    known = db.session.scalar(_own(actor).where(MeasurementImport.file_id == file_id))
    if known is not None:
        return known
    try:
        attachments.join_pieces(actor, file_id)
    except attachments.AlreadyStored:
        db.session.rollback()
    return _begin(actor, device_id, file_id)


def receive_file(
    actor: Actor, device_id: UUID | None, name: str, stream: Readable, declared: int | None
) -> MeasurementImport:
    """Take a file in one and begin its import.

    :param declared: its announced length, when there is one
    :raises Refusal: as :func:`begin_sending` and :func:`finish_sending`
    """
    _refuse_too_many(actor, device_id)
    file_id = attachments.expect_file(actor, _kept_name(name), "text/csv").id
    try:
        attachments.receive_announced(actor, file_id, stream, declared)
    except Refusal:
        attachments.forget_upload(actor, file_id)
        raise
    return _begin(actor, device_id, file_id)


def _kept_name(name: str) -> str:
    return f"{clean_name(name).name[: 128 - len(_ENDING)]}{_ENDING}"


def _begin(actor: Actor, device_id: UUID | None, file_id: UUID) -> MeasurementImport:
    try:
        with open_bytes(file_id) as stream:
            head = stream.read(SAMPLE)
        file = db.session.get_one(StoredFile, file_id)
        size = file.byte_count or 0
        look_at(head, size)
    except Invalid:
        attachments.forget_upload(actor, file_id)
        raise
    begin_writing()
    file = db.session.get_one(StoredFile, file_id, populate_existing=True, with_for_update=True)
    # Of two that finish the same upload at once the second one finds what the first one began.
    known = db.session.scalar(_own(actor).where(MeasurementImport.file_id == file_id))
    if known is not None:
        db.session.rollback()
        return get_import(actor, known.id)
    made = MeasurementImport(
        tenant_id=actor.tenant_id,
        owner_id=actor.user_id,
        device_id=device_id,
        several=device_id is None,
        file_id=file.id,
        file_name=file.name.removesuffix(_ENDING),
        byte_count=file.byte_count or 0,
        sha256=file.sha256 or "",
        created_at=clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    details = {"device": str(device_id) if device_id else "several"}
    record.note(actor, "measurements.import.begin", "import", made.id, details=details, byte_count=made.byte_count)
    db.session.commit()
    return made


def _refuse_too_many(actor: Actor, device_id: UUID | None) -> None:
    may_import(actor, device_id)
    open_ = _own(actor).where(
        MeasurementImport.state.in_(("draft", "checking", "checked", "loading")),
        MeasurementImport.file_id.is_not(None),
    )
    if len(list(db.session.scalars(open_.with_only_columns(MeasurementImport.id).limit(MOST_OPEN)))) >= MOST_OPEN:
        raise Invalid(f"{MOST_OPEN} imports of yours are open already. Load or cancel some of them first.")


def visible_imports(actor: Actor) -> Select[MeasurementImport]:
    """The actor's own imports; for those who manage, also those of people who belong to no organization but theirs.

    An import shows what stands in a file, which may speak of every organization of whoever sent it.
    """
    conditions: list[ColumnElement[bool]] = [MeasurementImport.owner_id == actor.user_id]
    managed = organizations_with(actor, Permission.MANAGE)
    if managed is None:
        conditions.append(true())
    elif managed:
        inside, outside = (
            select(Membership.user_id).where(condition)
            for condition in (Membership.organization_id.in_(managed), Membership.organization_id.not_in(managed))
        )
        conditions.append(MeasurementImport.owner_id.in_(inside) & MeasurementImport.owner_id.not_in(outside))
    return select(MeasurementImport).where(MeasurementImport.tenant_id == actor.tenant_id, or_(*conditions))


def _own(actor: Actor) -> Select[MeasurementImport]:
    return select(MeasurementImport).where(
        MeasurementImport.tenant_id == actor.tenant_id, MeasurementImport.owner_id == actor.user_id
    )


def get_import(actor: Actor, import_id: UUID) -> MeasurementImport:
    """An import that the actor may see.

    :raises NotFound: there is none, or it is somebody else's
    """
    found = db.session.scalar(visible_imports(actor).where(MeasurementImport.id == import_id))
    if found is None:
        raise NotFound("There is no such import.")
    return found


def get_own_import(actor: Actor, import_id: UUID) -> MeasurementImport:
    """An import that the actor may go on with.

    :raises NotFound: as :func:`get_import`
    :raises Forbidden: somebody else began it, or the actor's right to write there ended
    """
    found = get_import(actor, import_id)
    if found.owner_id != actor.user_id:
        raise Forbidden("Only who began an import can go on with it.")
    may_import(actor, None if found.several else found.device_id)
    return found


def list_imports(
    actor: Actor, *, before: tuple[datetime, UUID] | None = None, limit: int = 25
) -> Sequence[MeasurementImport]:
    """The imports that the actor may see, newest first.

    :param before: ``(created_at, id)`` of the last one already shown
    """
    order = (MeasurementImport.created_at.desc(), MeasurementImport.id.desc())
    statement = visible_imports(actor).order_by(*order).limit(limit)
    if before is not None:
        last = tuple_(literal(before[0], Instant), literal(before[1], Id))
        statement = statement.where(tuple_(MeasurementImport.created_at, MeasurementImport.id) < last)
    return db.session.scalars(statement).all()


def loaded_before(actor: Actor, imported: MeasurementImport) -> MeasurementImport | None:
    """The last time that the same bytes were loaded, where the actor may see it."""
    same = visible_imports(actor).where(
        MeasurementImport.sha256 == imported.sha256,
        MeasurementImport.state == "done",
        MeasurementImport.id != imported.id,
    )
    return db.session.scalar(same.order_by(MeasurementImport.finished_at.desc()).limit(1))


def request_check(actor: Actor, import_id: UUID, writing: Writing, columns: Columns) -> MeasurementImport:
    """Have the whole file looked at in the background: nothing is stored yet.

    :raises Invalid: ``fields`` says what is wrong with the choice
    :raises AlreadyRunning: a worker is at it
    :raises Refusal: as :func:`get_own_import`; the file is gone
    """
    imported = get_own_import(actor, import_id)
    if imported.state not in ("draft", "checked", "failed"):
        raise AlreadyRunning("This import has gone on already.")
    found = require_readable(imported, writing, columns)
    mapping = Reading(found.writing, found.names, columns).to_json()
    return _start(actor, import_id, ("draft", "checked", "failed"), "checking", mapping=mapping)


def request_load(actor: Actor, import_id: UUID) -> MeasurementImport:
    """Have what was found good taken in, in the background. Asked twice, it is done once.

    :raises Invalid: nothing of the file can be taken in
    :raises Refusal: as :func:`get_own_import`; the file is gone
    """
    imported = get_own_import(actor, import_id)
    if imported.state in ("loading", "done"):
        return imported
    if imported.state != "checked" or not (result := result_of(imported)) or not result.values:
        raise Invalid("There is nothing to load.")
    return _start(actor, import_id, ("checked",), "loading")


def _start(actor: Actor, import_id: UUID, from_: tuple[str, ...], state: str, **changes: Any) -> MeasurementImport:
    begin_writing()
    imported = db.session.scalar(
        _own(actor).where(MeasurementImport.id == import_id, MeasurementImport.state.in_(from_)).with_for_update()
    )
    if imported is None or not _is_here(imported):
        there = imported is None
        db.session.rollback()
        raise AlreadyRunning("This import has gone on already.") if there else Gone(GONE)
    for name, value in changes.items():
        setattr(imported, name, value)
    imported.state, imported.reason, imported.attempts, imported.done_bytes = state, None, 0, 0
    # What a load that failed had stored is found there already by the next one.
    imported.steps_done = imported.added = imported.corrected = imported.unchanged = 0
    imported.started_at, imported.finished_at = clock.now(), None
    imported.lease_until = imported.not_before = None
    imported.version += 1
    # Whoever held it before has lost it.
    imported.fence += 1
    record.note(actor, f"measurements.import.{'check' if state == 'checking' else 'load'}", "import", imported.id)
    db.session.commit()
    jobqueue.ring(jobqueue.IMPORTS)
    return imported


def _is_here(imported: MeasurementImport) -> bool:
    return imported.file_id is not None and bool(
        db.session.scalar(select(exists().where(StoredFile.id == imported.file_id, StoredFile.state == "stored")))
    )


def cancel_import(actor: Actor, import_id: UUID) -> MeasurementImport:
    """End an import: what was stored of it stays, no more comes, and the file goes. One at its end stays as it is.

    :raises NotFound: as :func:`get_import`
    """
    get_import(actor, import_id)
    begin_writing()
    imported = db.session.scalar(
        visible_imports(actor).where(MeasurementImport.id == import_id).with_for_update(of=MeasurementImport)
    )
    if imported is None or not imported.is_open:
        db.session.rollback()
        return get_import(actor, import_id)
    imported.state, imported.finished_at, imported.lease_until = "cancelled", clock.now(), None
    imported.version += 1
    imported.fence += 1
    file_id, is_own = imported.file_id, imported.owner_id == actor.user_id
    record.note(actor, "measurements.import.cancel", "import", imported.id)
    db.session.commit()
    if file_id and is_own:
        attachments.forget_upload(actor, file_id, outcome="done")
    return get_import(actor, import_id)


def result_of(imported: MeasurementImport) -> Result | None:
    """What the last pass over the file came to."""
    return Result(**orjson.loads(imported.result)) if imported.result else None


def open_refused(actor: Actor, import_id: UUID) -> tuple[MeasurementImport, BinaryIO]:
    """The list of everything that was refused, as CSV; the caller closes it.

    :raises NotFound: as :func:`get_import`
    :raises Gone: nothing was refused, or the list was kept as long as lists are
    """
    imported = get_import(actor, import_id)
    key = imported.refused_key
    if key is None:
        raise Gone("There is no list: nothing was refused, or it was kept as long as the rules say.")
    begin_writing()
    record.note(actor, "measurements.import.refused", "import", import_id, byte_count=imported.refused_bytes)
    db.session.commit()
    imported = get_import(actor, import_id)
    try:
        return imported, storage.open(key)
    except NotFound:
        raise Gone("The list is not here any more.") from None
