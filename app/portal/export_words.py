"""An export in words: what was asked for, how far it is, and when the page should ask again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from flask import url_for

from app import catalog, clock, exports
from app.actor import Actor
from app.attachments import size_in_words
from app.exports import DataExportParams, Progress, ReportParams
from app.models import Export, ExportFile
from app.portal.data_export_words import data_export_lines, holds_measurements
from app.portal.export_form import FORMATS, MEASUREMENTS, ORDERS
from app.portal.export_lines import Line, record_links
from app.portal.presenting import SINGULAR, plural

FRESH_FOR = 10.0
"""Seconds after which the numbers on the page are sent again even if nothing happened: they grow old."""
SLOW_TO_CLAIM = 15.0

SAID = {
    "queued": "The export is waiting for a worker.",
    "building": "The export is being made.",
    "ready": "The export is ready to be downloaded.",
    "failed": "The export failed.",
    "cancelled": "The export was cancelled.",
    "expired": "The export has expired.",
}


SAID_HOLLOW = "The export is ready, but it holds nothing."
REPOSITORY = "repository"
"""The kind of export that belongs to a release of a repository, whose page shows it."""
ATTACHED = "files/"
"""What the names of attached files begin with."""


RIGHT_WORDS = {
    "full": "Everything",
    "without-identifiers": "Without what identifies people",
    "none": "Nothing",
}
"""What a role may export, for people."""


def summary_of(actor: Actor, export: Export) -> list[Line]:
    """What was asked for, line by line. Records that the reader may not see are not named."""
    if export.kind == REPOSITORY:
        return [Line("Release", holds_of(export))]
    if export.kind == "data_export":
        return data_export_lines(actor, DataExportParams.from_json(export.params))
    params = ReportParams.from_json(export.params)
    lines = [
        Line(
            "Data type" if params.data_types == (MEASUREMENTS,) else "Records of",
            ", ".join(plural(one) for one in params.data_types),
        ),
        *(_of_queries(actor, params) if params.queries else (_period(params), Line("Order", ORDERS[params.order]))),
        Line("Format", _format(params)),
    ]
    if export.label:
        lines.insert(0, Line("Called", export.label))
    if export.callback_url:
        lines.append(Line("Tells of its end", export.callback_url))
    if params.entity_ids:
        lines.insert(1, Line("Only", links=record_links(actor, params.entity_ids)))
    if params.template_ids:
        lines.insert(1, Line("Templates", _templates(actor, params.template_ids)))
    if params.max_file_bytes is not None:
        lines.append(Line("Split", f"Files of at most {size_in_words(params.max_file_bytes)}"))
    if params.with_files:
        lines.append(Line("Attached files", _attached(export)))
    return lines + _of_identifiers(export, params)


def _of_identifiers(export: Export, params: ReportParams) -> list[Line]:
    found = [Line("Identifying attributes", "Left out")] if params.without_phi else []
    return found + ([Line("Right to export", RIGHT_WORDS[export.made_under])] if export.made_under else [])


def title_of(export: Export) -> str:
    """What a person knows an export by: the name that it was given, else what it holds."""
    return export.label or holds_of(export)


def holds_of(export: Export) -> str:
    """What an export holds, in one line for a list."""
    if export.kind == REPOSITORY:
        # Its name is the repository's, the release's and an instant.
        return f"Release {export.name.rsplit('.', 2)[0]}, export.json"
    if export.kind == "data_export":
        return holds_measurements(DataExportParams.from_json(export.params))
    params = ReportParams.from_json(export.params)
    files = ", with attached files" if params.with_files else ""
    return f"{_which(params)}, {FORMATS[params.format][0]}{files}"


def _which(params: ReportParams) -> str:
    """``Patients, Devices``; of chosen records how many: ``1 chosen patient and its measurements``."""
    chosen = len(params.entity_ids)
    kinds = [one for one in params.data_types if one != MEASUREMENTS]
    if not chosen:
        return ", ".join(plural(one) for one in params.data_types)
    if len(kinds) > 1:
        return f"{', '.join(plural(one) for one in params.data_types)} of {_so_many(chosen, 'chosen record')}"
    if not kinds:
        return f"Measurements of {_so_many(chosen, 'chosen record')}"
    word = (SINGULAR.get(kinds[0], kinds[0]) if chosen == 1 else plural(kinds[0])).lower()
    whose = "its" if chosen == 1 else "their"
    return f"{chosen:,} chosen {word}{f' and {whose} measurements' if params.measured else ''}"


def unit_of(export: Export) -> str:
    """What an export counts, one of them: a value, a record, or ``record or value`` where it holds both."""
    if export.kind == REPOSITORY:
        return "concept or mapping"
    if export.kind == "data_export":
        return "value"
    params = ReportParams.from_json(export.params)
    if params.data_types == (MEASUREMENTS,):
        return "value"
    return "record or value" if params.measured else "record"


def counted(export: Export, count: int) -> str:
    """So many records, values, or both: ``1,234 values``, ``297 records and values``."""
    return _so_many(count, unit_of(export))


def held_in(export: Export) -> str:
    """What a ready export holds, its records and its values apart: ``12 records and 285 values``."""
    if unit_of(export) != "record or value":
        return counted(export, export.done_rows)
    values = sum(file.rows or 0 for file in export.files if file.subject == MEASUREMENTS)
    return f"{_so_many(export.done_rows - values, 'record')} and {_so_many(values, 'value')}"


def held_by(export: Export, file: ExportFile) -> str:
    """What one of its files holds: ``285 values``."""
    if file.name.startswith(ATTACHED):
        return "–"
    measured = export.kind == "data_export" or file.subject == MEASUREMENTS
    return _so_many(file.rows or 0, "value" if measured else "record")


def caption_of(export: Export, file: ExportFile) -> str:
    """What the device of a file is called, where its name does not say it."""
    if export.kind != "data_export":
        return ""
    title = str(orjson.loads(file.layout).get("title", ""))
    return "" if title == file.name.rpartition(".")[0] else title


def is_hollow(export: Export) -> bool:
    """Whether a ready export holds nothing at all."""
    return export.done_rows == 0 and not any(file.name.startswith(ATTACHED) for file in export.files)


def said_of(export: Export) -> str:
    """What has become of it, in a sentence to be spoken."""
    return SAID_HOLLOW if export.state == "ready" and is_hollow(export) else SAID[export.state]


def _attached(export: Export) -> str:
    if export.state != "ready":
        return "Those that there are"
    count = sum(file.name.startswith(ATTACHED) for file in export.files)
    return f"Included: {_so_many(count, 'file')}" if count else "Asked for; these records have none"


def _so_many(count: int, unit: str) -> str:
    several = {"record or value": "records and values", "concept or mapping": "concepts and mappings"}
    many = several.get(unit, f"{unit}s")
    return f"{count:,} {unit if count == 1 else many}"


def again_url(export: Export) -> str:
    """The form that asks for the same again; of a release its page."""
    if export.kind == REPOSITORY:
        return url_for("portal.exports.show", export_id=export.id)
    kind = "data_exports" if export.kind == "data_export" else "exports"
    return url_for(f"portal.{kind}.new", again=export.id)


def detail_of(export: Export, progress: Progress) -> str:
    """Numbers under the bar: records or values, parts, time left."""
    words = []
    if progress.promised is not None:
        words.append(f"{progress.done:,} of {counted(export, progress.promised)}")
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
        return f"No worker has answered for {span(waited)}. It begins as soon as one is free; nothing is lost."
    age = progress.beat_age_seconds
    if age is None or age <= exports.current_pace().lease:
        return None
    return f"No worker has answered for {span(age)}. Another one will go on with it; nothing is lost."


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
        "values" if unit_of(export) == "value" else "records": {"done": progress.done, "promised": progress.promised},
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


def _of_queries(actor: Actor, params: ReportParams) -> list[Line]:
    """What each of several different queries asks for, one below the other."""
    lines = []
    for asked in params.asked():
        period, title = _period(asked.params), f"Query {(asked.number or 0) + 1}"
        lines += [
            Line(title, f"{plural(asked.data_type)}, {ORDERS[asked.params.order].lower()}"),
            Line(f"{title}: {period.label.lower()}", period.words, start=period.start, end=period.end),
        ]
        if asked.params.template_ids:
            lines.append(Line(f"{title}: templates", _templates(actor, asked.params.template_ids)))
    return lines


def _period(params: ReportParams) -> Line:
    if params.start is None and params.end is None:
        return Line("Period", "Whenever they were created or changed")
    label = "Created" if params.period == "creation" else "Last changed"
    if params.data_types == (MEASUREMENTS,):
        label = "Measured"
    elif MEASUREMENTS in params.data_types:
        label += " or measured"
    return Line(label, start=params.start, end=params.end)


def _format(params: ReportParams) -> str:
    name = FORMATS[params.format][0]
    return f"{name}, made safe for spreadsheets" if params.for_spreadsheets and params.format == "csv" else name


def _templates(actor: Actor, template_ids: tuple[UUID, ...]) -> str:
    labels = {known.id: known.label for known in catalog.list_templates(actor)}
    return ", ".join(labels.get(one, "a template that is no longer there") for one in template_ids)


def span(seconds: float) -> str:
    """``40 seconds``, ``3 hours``."""
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
