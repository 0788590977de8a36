"""Asking for exports: preview, request, find, list, cancel, delete."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.exc import IntegrityError

from app import callbacks, clock, jobqueue, logs, record
from app.access import visible_exports
from app.actor import Actor
from app.errors import AlreadyRunning, Forbidden, Invalid, NotFound, Throttled
from app.exports.claims import milliseconds
from app.exports.estimate import Preview, estimate
from app.exports.kinds import KINDS
from app.exports.limits import limited_time
from app.exports.pace import current_pace
from app.exports.params import ReportParams
from app.exports.rights import check_rights, check_token, held_to_right, right_of
from app.exports.settling import cancel_pending, forget_export
from app.extensions import db
from app.models import Export, ExportPart, begin_writing
from app.models.export import PENDING_STATES
from app.models.types import Id, Instant, database_now
from app.storage import storage

log = logging.getLogger(__name__)


class Params(Protocol):
    """What a kind is asked for, as it is kept beside the export."""

    def to_json(self) -> str: ...


CANCELLED = "It was cancelled before it was finished."
ASKED_AGAIN = 3
"""How often a request that found its subject taken is made anew because what took it had ended by then."""

MOST_OF_A_PERSON = 20
MOST_OF_A_TENANT = 200


def may_export(actor: Actor) -> None:
    """Refuse whoever could not export anything, before a form is shown.

    :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
    """
    check_rights(actor)


@limited_time()
def preview_report(actor: Actor, params: ReportParams) -> Preview:
    """How many records a report would hold now, and about how many bytes before compression. Nothing is written.

    :raises Forbidden: see :func:`may_export`
    :raises Invalid: with a sentence for each field that is wrong
    :raises Unavailable: it is too much to look at
    """
    params = held_to_right(actor, params)
    KINDS["report"].check(actor, params)
    return estimate(actor, params)


def request_export(
    actor: Actor,
    kind: str,
    params: Params,
    *,
    request_key: str,
    label: str | None = None,
    callback_url: str | None = None,
) -> Export:
    """Record a request for data and ring for a worker.

    The row is committed before the bell is rung, so a worker always finds it; if the bell is lost, the reconciler
    rings again. The same ``request_key`` from the same person is the same export: a form sent twice asks once.
    Where the actor's right is without identifiers, a report is made so, whatever ``params`` say.

    :param kind: a key of :data:`~app.exports.kinds.KINDS`
    :param params: what that kind is asked for
    :param request_key: 8 to 64 characters that the face made once for the form
    :param label: what the requester calls it, as long as its kind allows; several may be called the same
    :param callback_url: is told of its end by a signed POST, whatever that end is; see :mod:`app.callbacks`
    :raises Forbidden: see :func:`may_export`
    :raises Invalid: with a sentence for each field that is wrong
    :raises ProofNeeded: it holds what identifies people, and the actor's session was not proved of late
    :raises AlreadyRunning: an export of the same subject is pending
    :raises Throttled: too many exports are pending
    """
    params = held_to_right(actor, params)
    KINDS[kind].check(actor, params)
    _check_facts(actor, kind, request_key, label, callback_url)
    KINDS[kind].confirm(actor, params)
    new = partial(_new_export, actor, kind, params, request_key, label, callback_url)
    return _ask(actor, new, request_key, ASKED_AGAIN - 1)


def _ask(actor: Actor, new: Callable[[], Export], request_key: str, left: int) -> Export:
    """The request's export, a new one mostly.

    :param left: how often it may be asked again because what took its subject has ended since
    """
    begin_writing()
    known = _of_request(actor, request_key)
    if known is not None:
        db.session.rollback()
        return get_export(actor, known)
    _refuse_too_many(actor)
    export = new()
    kind, subject = export.kind, export.subject
    try:
        add_export(actor, export)
        db.session.commit()
    except IntegrityError as fault:
        if (made := _made_meanwhile(actor, kind, subject, request_key)) is not None:
            return made
        if not left or not _of_subject(fault):
            raise
        return _ask(actor, new, request_key, left - 1)
    jobqueue.ring()
    return export


def add_export(actor: Actor, export: Export) -> None:
    """A new export's row and its first step, within the caller's writing transaction."""
    db.session.add(export)
    db.session.flush()
    db.session.add(ExportPart(export_id=export.id, ordinal=0, step="plan"))
    details = {"right": export.made_under} if export.made_under else None
    record.note(actor, "export.request", "export", export.id, details=details)
    with logs.about(export_id=export.id, request_id=actor.request_id):
        log.info("an export is asked for: %s", export.kind)


def _made_meanwhile(actor: Actor, kind: str, subject: str, request_key: str) -> Export | None:
    """What stood in the way of a new row: the same request; ``None`` when nothing stands there any more.

    :raises AlreadyRunning: one of the same subject
    """
    db.session.rollback()
    known = _of_request(actor, request_key)
    if known is not None:
        return get_export(actor, known)
    running = pending_of(kind, subject)
    if running is not None:
        raise AlreadyRunning("Such an export is being made already.", running) from None
    return None


def _of_subject(fault: IntegrityError) -> bool:
    """Whether it is the wall between two exports of one subject that was met."""
    words = str(fault.orig)
    return "uq_export_pending_subject" in words or "export.kind, export.subject" in words


def _check_facts(actor: Actor, kind: str, request_key: str, label: str | None, callback_url: str | None) -> None:
    """What is asked for beside the kind's own parameters."""
    longest = KINDS[kind].longest_label
    if not 8 <= len(request_key) <= 64:
        raise Invalid(fields={"request_key": "The form was incomplete. Load it again."})
    if label is not None and not 1 <= len(label) <= longest:
        raise Invalid(fields={"label": f"Give it a name of 1 to {longest} characters."})
    if callback_url is not None:
        only = callbacks.hosts_of(actor.tenant_id)
        # A name is looked up, and no transaction waits for that.
        db.session.rollback()
        callbacks.check_callback(callback_url, only)


def get_export(actor: Actor, export_id: UUID) -> Export:
    """An export that the actor may see.

    :raises NotFound: there is none, or it is somebody else's
    """
    found = db.session.scalars(visible_exports(actor).where(Export.id == export_id)).one_or_none()
    if found is None:
        raise NotFound("There is no such export.")
    return found


def list_exports(
    actor: Actor,
    *,
    mine: bool = True,
    state: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 25,
) -> Sequence[Export]:
    """Exports, newest first.

    :param mine: only the actor's own; otherwise all that the actor may see
    :param state: only those in this state
    :param before: ``(requested_at, id)`` of the last one already shown
    """
    statement = visible_exports(actor).order_by(Export.requested_at.desc(), Export.id.desc()).limit(limit)
    if mine:
        statement = statement.where(Export.owner_id == actor.user_id)
    if state is not None:
        statement = statement.where(Export.state == state)
    if before is not None:
        last = tuple_(literal(before[0], Instant), literal(before[1], Id))
        statement = statement.where(tuple_(Export.requested_at, Export.id) < last)
    return db.session.scalars(statement).all()


def count_pending(actor: Actor) -> int:
    """How many of the actor's own exports are queued or building."""
    statement = select(func.count()).select_from(Export)
    return int(
        db.session.execute(
            statement.where(Export.owner_id == actor.user_id, Export.state.in_(PENDING_STATES))
        ).scalar_one()
    )


def cancel_export(actor: Actor, export_id: UUID) -> Export:
    """Cancel a pending export; a settled one stays as it is.

    :raises NotFound: there is none, or it is somebody else's
    """
    _refuse_shared(get_export(actor, export_id))
    check_token(actor)
    begin_writing()
    if cancel_pending(export_id, CANCELLED):
        record.note(actor, "export.cancel", "export", export_id)
    db.session.commit()
    return get_export(actor, export_id)


def delete_export(actor: Actor, export_id: UUID) -> None:
    """Delete an export: nobody sees it any more, its archive goes, and what is not made yet is not made.

    :raises NotFound: there is none, or it is somebody else's
    :raises Forbidden: the actor's token is not for exports
    """
    _refuse_shared(get_export(actor, export_id))
    check_token(actor)
    begin_writing()
    # Of two who delete it at once the second finds nothing any more.
    db.session.execute(select(Export.id).where(Export.id == export_id).with_for_update())
    export = get_export(actor, export_id)
    key = forget_export(export)
    record.note(actor, "export.delete", "export", export_id)
    db.session.commit()
    if key:
        storage.delete(key)


def _refuse_shared(export: Export) -> None:
    """
    :raises Forbidden: the export is nobody's own
    """
    if KINDS[export.kind].shared:
        raise Forbidden("This export belongs to a release of a repository: it is deleted there.", reason="shared")


def _refuse_too_many(actor: Actor) -> None:
    """Each pending export may come to hold a copy of the tenant's files, so their number is bounded.

    :raises Throttled: the person, or the tenant, has too many waiting
    """
    pending = select(func.count()).select_from(Export).where(Export.state.in_(PENDING_STATES))
    of_person = db.session.scalar(pending.where(Export.owner_id == actor.user_id)) or 0
    of_tenant = db.session.scalar(pending.where(Export.tenant_id == actor.tenant_id)) or 0
    if of_person >= MOST_OF_A_PERSON or of_tenant >= MOST_OF_A_TENANT:
        db.session.rollback()
        raise Throttled("Too many exports are waiting already. Wait until one is ready, or cancel one.", 30)


def _of_request(actor: Actor, request_key: str) -> UUID | None:
    statement = select(Export.id).where(Export.owner_id == actor.user_id, Export.request_key == request_key)
    return db.session.scalars(statement).one_or_none()


def _new_export(
    actor: Actor, kind: str, params: Params, request_key: str, label: str | None, callback_url: str | None
) -> Export:
    export_id = uuid4()
    now = clock.now()
    text = params.to_json()
    return Export(
        id=export_id,
        tenant_id=actor.tenant_id,
        owner_id=actor.user_id,
        kind=kind,
        subject=KINDS[kind].subject(export_id, actor.tenant_id, text),
        request_key=request_key,
        label=label,
        callback_url=callback_url,
        made_under=right_of(actor).value,
        name=f"{KINDS[kind].called}-{now:%Y-%m-%d-%H%M%S}-{export_id.hex[:4]}.zip",
        params=text,
        requested_at=now,
        deadline=database_now(milliseconds(current_pace().deadline)),
    )


def pending_of(kind: str, subject: str) -> UUID | None:
    """The export of the subject that is queued or building."""
    pending = select(Export.id).where(Export.kind == kind, Export.subject == subject, Export.state.in_(PENDING_STATES))
    return db.session.scalar(pending)
