"""A failed export tried again: the same request made anew, for whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from app import exports, record
from app.accounts import actor_for_user
from app.actor import Actor
from app.administration.rights import require_whole_tenant
from app.errors import Forbidden, NotFound, NotReady, Refusal
from app.exports import DataExportParams, ReportParams
from app.extensions import db
from app.models import Export, User, begin_writing

READ: dict[str, Callable[[str], ReportParams | DataExportParams]] = {
    "report": ReportParams.from_json,
    "data_export": DataExportParams.from_json,
}
"""Kinds of exports that a person asks for; that of a release is asked for by its release."""

NOT_THEIRS = "not_theirs"
"""Why it is refused when it is not the administrator who may not, but whoever asked before."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What is made instead of the failed one; ``is_new`` is False when it was tried again before."""

    export: Export
    is_new: bool


def again_key(export_id: UUID) -> str:
    """The request key of the second try: a button pressed twice asks once."""
    return f"again {export_id}"


def try_again(actor: Actor, export_id: UUID) -> Retried:
    """Ask for a failed export anew.

    It is asked for in the name of whoever asked before, with their rights of now: an administrator takes nothing by
    it that is not theirs to see. The export of a release is the release's, and is asked for by the administrator.

    :raises NotFound: there is none, or it is not the actor's to see
    :raises Forbidden: the actor does not administer the whole tenant; or, with :data:`NOT_THEIRS` as its reason,
        whoever asked may export it no more
    :raises NotReady: it did not fail
    :raises Invalid: it cannot be asked for as it was
    :raises AlreadyRunning: one of the same subject is being made
    :raises Throttled: too many are waiting
    """
    failed = exports.get_export(actor, export_id)
    require_whole_tenant(actor)
    if failed.state != "failed":
        raise NotReady("Only an export that failed can be tried again.")
    known = _tried(failed)
    if known is not None:
        return Retried(exports.get_export(actor, known), is_new=False)
    try:
        made = _again(actor, failed)
    except Refusal:
        db.session.rollback()
        _note(actor, export_id, "refused")
        raise
    made_id = made.id
    _note(actor, export_id, "done", made_id)
    return Retried(exports.get_export(actor, made_id), is_new=True)


def _again(actor: Actor, failed: Export) -> Export:
    if failed.kind not in READ:
        version = exports.release_of(actor, failed)
        return exports.request_release_export(actor, version.address, version.id).export
    owner = _owner(actor, failed)
    params = READ[failed.kind](failed.params)
    key, label, callback_url = again_key(failed.id), failed.label, failed.callback_url
    try:
        return exports.request_export(
            owner, failed.kind, params, request_key=key, label=label, callback_url=callback_url
        )
    except Forbidden as refusal:
        words = f"It was not asked for again: {owner.name} may no longer have it. They would be told: {refusal.message}"
        raise Forbidden(words, reason=NOT_THEIRS) from None


def _owner(actor: Actor, failed: Export) -> Actor:
    """Whoever asked, with their rights of now, in the administrator's request."""
    owner_id = failed.owner_id
    try:
        return replace(actor_for_user(owner_id), address=actor.address, request_id=actor.request_id)
    except NotFound:
        name = db.session.scalar(select(User.name).where(User.id == owner_id))
        words = f"It was not asked for again: {name}, who asked for it, can sign in no more."
        raise Forbidden(words, reason=NOT_THEIRS) from None


def _tried(failed: Export) -> UUID | None:
    return db.session.scalar(
        select(Export.id).where(
            Export.owner_id == failed.owner_id,
            Export.request_key == again_key(failed.id),
            Export.deleted_at.is_(None),
        )
    )


def _note(actor: Actor, export_id: UUID, outcome: str, made_id: UUID | None = None) -> None:
    begin_writing()
    details = None if made_id is None else {"made": str(made_id)}
    record.note(actor, "export.again", "export", export_id, details=details, outcome=outcome)
    db.session.commit()
