"""The record for administrators: searched, read, taken away, and the questions that they are asked answered from it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from app import catalog, clock, exports, record
from app.actor import Actor
from app.disposition import content_disposition
from app.errors import NotFound
from app.models import AuditEvent
from app.models.template import DATA_TYPES
from app.portal import record_words as words
from app.portal.presenting import entity_url, kind_word
from app.portal.record_form import RecordForm
from app.portal.signed_in import current_actor
from app.record import Deed, RecordLine, Taken

bp = Blueprint("record", __name__, url_prefix="/admin/record")


@bp.get("/")
def index() -> ResponseReturnValue:
    """A page of the record, filtered as its address says."""
    actor, form = current_actor(), RecordForm.parse(request.args)
    query = form.query(actor)
    cursor = request.args.get("cursor")
    page = record.list_events(actor, query, cursor=cursor)
    first_url = form.url() if cursor else None
    shown = _index_page(form, page.lines, first_url, form.url(cursor=page.next) if page.next else None)
    record.note_reading(actor, "events", form.said, len(page.lines))
    return shown, 400 if form.errors else 200


@bp.get("/events/<int:event_id>")
def event(event_id: int) -> ResponseReturnValue:
    """All that is kept of one event."""
    actor = current_actor()
    line = record.get_event(actor, event_id)
    known = line.event
    shown = render_template(
        "record/event.html",
        line=line,
        event=known,
        words=words,
        token=record.token_name(actor, known.via_id) if known.via == "token" and known.via_id else None,
        object_url=_object_url(known),
        subject=_subject(actor, known),
    )
    record.note_reading(actor, "event", event_id, 1)
    return shown


@bp.post("/export")
def leave() -> ResponseReturnValue:
    """What the page's filters find, as a file that is sent while it is read."""
    actor, form = current_actor(), RecordForm.parse(request.form)
    query = form.query(actor)
    if form.errors:
        # Nothing is taken away on filters that cannot be read: the page says what is wrong with them.
        return _index_page(form), 400
    format_name = request.form.get("format", "csv")
    pieces = record.leave_record(actor, query, format_name)
    response = Response(stream_with_context(pieces), content_type=record.FORMATS[format_name])
    name = f"record-{clock.now():%Y-%m-%d-%H%M%S}.{format_name}"
    response.headers["Content-Disposition"] = content_disposition(name, "attachment")
    return response


@bp.get("/seen/<uuid:entity_id>")
def seen(entity_id: UUID) -> ResponseReturnValue:
    """Who has seen this patient."""
    actor = current_actor()
    entity = catalog.get_entity(actor, entity_id)
    deeds = record.who_has_seen(actor, entity_id)
    shown = render_template(
        "record/seen.html",
        entity=entity,
        kind=kind_word(entity),
        entity_url=entity_url(entity.data_type, entity_id),
        people=_by_person(deeds),
        archives=exports.archives_that_may_hold(actor, entity_id),
        events_url=url_for(".index", about=str(entity_id)),
    )
    data_type = entity.data_type
    record.note_reading(actor, "seen", str(entity_id), len(deeds), object_type=data_type, object_id=entity_id)
    return shown


@bp.get("/taken/<uuid:user_id>")
def taken(user_id: UUID) -> ResponseReturnValue:
    """What this person has taken."""
    actor = current_actor()
    found = record.taken_by(actor, user_id)
    shown = render_template(
        "record/taken.html",
        title=f"What {record.named_people(actor, [user_id])[user_id]} has taken",
        trail=[("Record", url_for(".index"))],
        nothing="Nothing was downloaded by this person, or by a program in their name.",
        by_others=False,
        events_url=url_for(".index", person=str(user_id)),
        **_taken(found),
    )
    record.note_reading(actor, "taken", str(user_id), found.count, object_type="user", object_id=user_id)
    return shown


@bp.get("/downloads/<uuid:export_id>")
def downloads(export_id: UUID) -> ResponseReturnValue:
    """Who downloaded this export."""
    actor = current_actor()
    export = exports.get_export(actor, export_id)
    found = record.who_has_downloaded(actor, export_id)
    shown = render_template(
        "record/taken.html",
        title=f"Who has downloaded {export.name}",
        trail=[
            ("Exports", url_for("portal.exports.index")),
            (export.name, url_for("portal.exports.show", export_id=export_id)),
        ],
        nothing="Nobody has downloaded this export, or a file of it.",
        by_others=True,
        events_url=url_for(".index", about=str(export_id)) if record.may_read(actor) else None,
        **_taken(found),
    )
    record.note_reading(actor, "downloads", str(export_id), found.count, object_type="export", object_id=export_id)
    return shown


def _index_page(
    form: RecordForm, lines: tuple[RecordLine, ...] = (), first_url: str | None = None, next_url: str | None = None
) -> str:
    return render_template(
        "record/index.html",
        form=form,
        lines=_lines(lines),
        first_url=first_url,
        next_url=next_url,
        groups=[(name, label) for name, (label, _) in words.GROUPS.items()],
        words=words,
        links=True,
    )


def _lines(lines: tuple[RecordLine, ...]) -> list[dict[str, Any]]:
    return [
        {
            "event": line.event,
            "who": words.who(line.event, line.person),
            "person_url": url_for(".taken", user_id=line.event.user_id) if line.event.user_id else None,
            "what": words.action_words(line.event.action),
            "more": words.more_of(line.event),
            "object_url": _object_url(line.event),
            "object": words.object_words(line.event.object_type),
        }
        for line in lines
    ]


def _taken(found: Taken) -> dict[str, Any]:
    return {
        "found": found,
        "lines": [
            line | {"name": found.export_names.get(line["event"].object_id or "")} for line in _lines(found.lines)
        ],
        "words": words,
        "links": record.may_read(current_actor()),
    }


def _object_url(event: AuditEvent) -> str | None:
    """Where the object can be looked at; whether it is still there is for that page to say."""
    try:
        known = UUID(event.object_id or "")
    except ValueError:
        return None
    if event.object_type == "export":
        return url_for("portal.exports.show", export_id=known)
    if event.object_type in DATA_TYPES and event.action not in ("entity.delete", "entity.erase"):
        return entity_url(event.object_type, known)
    return None


def _subject(actor: Actor, event: AuditEvent) -> tuple[str, str] | None:
    """The record that it was about, and its page, when the administrator may see it."""
    if event.subject_id is None:
        return None
    try:
        entity = catalog.get_entity(actor, event.subject_id)
    except NotFound:
        return None
    return entity.caption, entity_url(entity.data_type, entity.id)


def _by_person(deeds: list[Deed]) -> list[dict[str, Any]]:
    """A line for each person and way in: what they did and how often, and when first and last."""
    people: dict[tuple[UUID | None, str], dict[str, Any]] = {}
    for deed in deeds:
        line = people.setdefault(
            (deed.user_id, deed.via),
            {
                "who": deed.person or words.SYSTEM.get(deed.via, "Chartroom"),
                "via": words.VIAS.get(deed.via, deed.via),
                "person_url": url_for(".taken", user_id=deed.user_id) if deed.user_id else None,
                "first_at": deed.first_at,
                "last_at": deed.last_at,
                "deeds": [],
            },
        )
        line["first_at"], line["last_at"] = min(line["first_at"], deed.first_at), max(line["last_at"], deed.last_at)
        line["deeds"].append((words.action_words(deed.action), deed.count))
    return sorted(people.values(), key=lambda line: line["last_at"], reverse=True)
