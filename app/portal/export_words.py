"""An export in words: what was asked for, how far it is, and when the page should ask again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import url_for

from app import catalog, clock, exports
from app.actor import Actor
from app.attachments import size_in_words
from app.errors import NotFound
from app.exports import Progress, ReportParams
from app.models import Export
from app.portal.export_form import FORMATS, ORDERS
from app.portal.presenting import entity_url, plural

FIRST_DELAYS = (0.3, 0.7, 1.0)
"""Most exports are small: the first polls come quickly."""
LATER_DELAYS = ((20, 2.0), (60, 5.0))
LAST_DELAY = 10.0
FRESH_FOR = 10.0
"""Seconds after which the numbers on the page are sent again even if nothing happened: they grow old."""
SLOW_TO_CLAIM = 15.0
LISTED = 20
"""So many of the chosen records and files are named one by one."""

SAID = {
    "queued": "The export is waiting for a worker.",
    "building": "The export is being made.",
    "ready": "The export is ready to be downloaded.",
    "failed": "The export failed.",
    "cancelled": "The export was cancelled.",
    "expired": "The export has expired.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary: words, or links, or an instant in a sentence."""

    label: str
    words: str = ""
    links: tuple[tuple[str, str | None], ...] = ()
    start: datetime | None = None
    end: datetime | None = None


def poll_when(answers: int) -> str:
    """When the page asks again after so many answers that it got, as htmx writes it.

    A quick first poll goes on steadily when it is not answered: the server may just be starting again.
    """
    if answers < len(FIRST_DELAYS):
        return f"load delay:{round(FIRST_DELAYS[answers] * 1000)}ms, every {LATER_DELAYS[0][1]:g}s"
    return f"every {next((delay for most, delay in LATER_DELAYS if answers < most), LAST_DELAY):g}s"


def summary_of(actor: Actor, export: Export) -> list[Line]:
    """What was asked for, line by line. Records that the reader may not see are not named."""
    params = ReportParams.from_json(export.params)
    lines = [
        Line("Records of", ", ".join(plural(one) for one in params.data_types)),
        _period(params),
        Line("Order", ORDERS[params.order]),
        Line("Format", _format(params)),
    ]
    if params.entity_ids:
        lines.insert(1, Line("Only", links=_records(actor, params.entity_ids)))
    if params.template_ids:
        lines.insert(1, Line("Templates", _templates(actor, params.template_ids)))
    if params.max_file_bytes is not None:
        lines.append(Line("Split", f"Files of at most {size_in_words(params.max_file_bytes)}"))
    if params.with_files:
        lines.append(Line("Attached files", "Included"))
    if params.without_phi:
        lines.append(Line("Identifying attributes", "Left out"))
    return lines


def detail_of(progress: Progress) -> str:
    """Numbers under the bar: records, parts, time left."""
    words = []
    if progress.promised is not None:
        words.append(f"{progress.done:,} of {progress.promised:,} records")
    if progress.parts:
        words.append(f"{progress.parts_done:,} of {progress.parts:,} parts")
    if progress.eta_seconds is not None:
        words.append(time_left(progress.eta_seconds))
    return " · ".join(words) or "It begins with counting what belongs to it"


def time_left(seconds: float) -> str:
    """``about 1 minute left``: as exact as an estimate can be."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 50:
        return f"about {round(seconds / 10) * 10} seconds left"
    return f"about {_long(seconds)} left"


def silence_of(export: Export, progress: Progress) -> str | None:
    """What to say when no worker is heard of for longer than it should be."""
    if export.state == "queued":
        waited = (clock.now() - export.requested_at).total_seconds()
        if waited < SLOW_TO_CLAIM:
            return None
        return f"No worker has answered for {_span(waited)}. It begins as soon as one is free; nothing is lost."
    age = progress.beat_age_seconds
    if age is None or age <= exports.current_pace().lease:
        return None
    return f"No worker has answered for {_span(age)}. Another one will go on with it; nothing is lost."


def as_json(export: Export, progress: Progress) -> dict[str, Any]:
    """The status for scripts."""
    ready = export.state == "ready"
    return {
        "id": str(export.id),
        "name": export.name,
        "state": export.state,
        "phase": progress.phase,
        "reason": export.reason,
        "version": export.version,
        "records": {"done": progress.done, "promised": progress.promised},
        "parts": {"done": progress.parts_done, "of": progress.parts},
        "bytes_done": progress.bytes_done,
        "percent": progress.percent,
        "eta_seconds": _rounded(progress.eta_seconds),
        "beat_age_seconds": _rounded(progress.beat_age_seconds),
        "requested_at": _iso(export.requested_at),
        "expires_at": _iso(export.expires_at),
        "archive": {
            "url": url_for("portal.exports.download", export_id=export.id),
            "bytes": export.archive_bytes,
            "sha256": export.archive_sha256,
        }
        if ready
        else None,
    }


def _period(params: ReportParams) -> Line:
    if params.start is None and params.end is None:
        return Line("Period", "Whenever they were created or changed")
    label = "Created" if params.period == "creation" else "Last changed"
    return Line(label, start=params.start, end=params.end)


def _format(params: ReportParams) -> str:
    name = FORMATS[params.format][0]
    return f"{name}, made safe for spreadsheets" if params.for_spreadsheets and params.format == "csv" else name


def _templates(actor: Actor, template_ids: tuple[UUID, ...]) -> str:
    labels = {known.id: known.label for known in catalog.list_templates(actor)}
    return ", ".join(labels.get(one, "a template that is no longer there") for one in template_ids)


def _records(actor: Actor, entity_ids: tuple[UUID, ...]) -> tuple[tuple[str, str | None], ...]:
    links = [record_link(actor, one) for one in entity_ids[:LISTED]]
    if len(entity_ids) > LISTED:
        links.append((f"and {len(entity_ids) - LISTED:,} more", None))
    return tuple(links)


def record_link(actor: Actor, entity_id: UUID) -> tuple[str, str | None]:
    """A record's caption and address, or words alone when the actor may not see it (any more)."""
    try:
        entity = catalog.get_entity(actor, entity_id)
    except NotFound:
        return "a record that is not there for you to see", None
    return entity.caption, entity_url(entity.data_type, entity.id)


def _span(seconds: float) -> str:
    return f"{int(seconds)} seconds" if seconds < 100 else _long(seconds)


def _long(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = round(seconds / length)
        if count >= (1 if unit == "minute" else 2):
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "1 minute"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
