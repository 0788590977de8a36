"""An export of measurements in words: how much a metric holds, and what was asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from app import exports
from app.actor import Actor
from app.errors import Refusal
from app.exports import DataExportParams
from app.portal.data_export_form import FORMATS, TIMESTAMPS
from app.portal.export_lines import Line, record_links

METRICS_NAMED = 30


def rough_count(count: int) -> str:
    """``12,340``, ``560 thousand``, ``1.2 million``: as exact as helps to choose."""
    if count < 100_000:
        return f"{count:,}"
    for size, word in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        # What would round up to the next word's one is said with that word.
        if count >= size * 0.9995:
            scaled = count / size
            digits = 0 if scaled >= 100 or word == "thousand" else 1
            return f"{scaled:.{digits}f}".removesuffix(".0") + f" {word}"
    raise AssertionError("every count from a hundred thousand on has its word")


def held_words(count: int, first: datetime | None, last: datetime | None, now: datetime) -> str:
    """How much there is of a metric, from when to when: ``1.2 million values, Mar 2024 – today``."""
    if not count or first is None or last is None:
        return "no values yet"
    return f"{rough_count(count)} value{'' if count == 1 else 's'}, {_span(first, last, now)}"


def _span(first: datetime, last: datetime, now: datetime) -> str:
    if last.date() >= now.date() - timedelta(days=1):
        until = "today" if last.date() >= now.date() else "yesterday"
        if first.date() == last.date():
            return until
        return f"{_month(first)} – {until}"
    if first.date() == last.date():
        return f"{first.day} {_month(first)}"
    return _month(first) if _month(first) == _month(last) else f"{_month(first)} – {_month(last)}"


def _month(moment: datetime) -> str:
    return f"{moment:%b %Y}"


def data_export_lines(actor: Actor, params: DataExportParams) -> list[Line]:
    """What was asked for, line by line. What the reader may not see is not named."""
    lines = [_devices(actor, params), Line("Metrics", _metrics(actor, params))]
    lines += _places(actor, params)
    lines += [
        Line("Measured", start=params.start, end=params.end),
        Line("Format", how_written(params)),
        Line("File names", f"{params.file_name}, as its MD5 sum" if params.hash_file_name else params.file_name),
    ]
    if params.without_empty_devices:
        lines.append(Line("Devices without values", "Left out"))
    return lines


def _devices(actor: Actor, params: DataExportParams) -> Line:
    if params.device_ids:
        return Line("Measurements of", links=record_links(actor, params.device_ids))
    scoped = params.organization_id or params.location_id
    return Line("Measurements of", "Every device there" if scoped else "Every device that could be seen")


def _places(actor: Actor, params: DataExportParams) -> list[Line]:
    if params.organization_id is None and params.location_id is None:
        return []
    try:
        scopes = exports.offered_scopes(actor)
    except Refusal:
        # Whoever may look at an export may not be allowed to make one (any more).
        return [Line("Place", "One that was chosen")]
    known = dict(scopes.organizations) | {one[0]: one[1] for one in scopes.locations}
    asked = (("Organization", params.organization_id), ("Location", params.location_id))
    return [Line(label, known.get(one, "one that is not there for you to see")) for label, one in asked if one]


def _metrics(actor: Actor, params: DataExportParams) -> str:
    if not params.metric_ids:
        return "All"
    try:
        labels = exports.metric_labels(actor, params.metric_ids[:METRICS_NAMED])
    except Refusal:
        return f"{len(params.metric_ids):,} chosen"
    of_several = len({one.template_label for one in labels.values()}) > 1
    known = {
        metric_id: f"{one.label} ({one.template_label})" if of_several else one.label
        for metric_id, one in labels.items()
    }
    named = [known.get(one, "one that is not there for you to see") for one in params.metric_ids[:METRICS_NAMED]]
    if len(params.metric_ids) > METRICS_NAMED:
        named.append(f"and {len(params.metric_ids) - METRICS_NAMED:,} more")
    return ", ".join(named)


def how_written(params: DataExportParams) -> str:
    """Format, time stamps and header in one line."""
    words = [FORMATS[params.format][0]]
    if params.for_spreadsheets and params.format == "csv":
        words.append("made safe for spreadsheets")
    words.append(f"times as {TIMESTAMPS[params.timestamp_format][0].replace('Epoch', 'epoch')}")
    if params.include_unit:
        words.append("units in the header")
    return ", ".join(words)


def holds_measurements(params: DataExportParams) -> str:
    """One line for a list: of what, from when to when, and how; no names, so nothing needs to be looked up."""
    if params.device_ids:
        whose = f"{len(params.device_ids):,} device{'' if len(params.device_ids) == 1 else 's'}"
    elif params.location_id:
        whose = "the devices of a location"
    elif params.organization_id:
        whose = "the devices of an organization"
    else:
        whose = "every device"
    metrics = f", {len(params.metric_ids):,} metric{'' if len(params.metric_ids) == 1 else 's'}"
    period = f"{_day(params.start)} to {_day(params.end)}"
    which = metrics if params.metric_ids else ""
    return f"Measurements of {whose}{which}, {period}, {FORMATS[params.format][0]}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
