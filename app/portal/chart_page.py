"""What the page around a chart says: periods to go to, the legend, the table of what is drawn, and its export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import orjson

from app.actor import Actor
from app.measurements import EARLIEST_MS, LATEST_MS, Curve, Look
from app.models import Entity
from app.models.types import EPOCH, MILLISECOND
from app.portal import measured
from app.portal.chart_address import LAYOUTS, PERIODS, Wanted
from app.portal.measurement_export import seen_export
from app.portal.plotting import Plotted, moment_of, names_of, plotted, scale_of

ROWS = 24
"""Rows of the table of what is drawn, a page."""
MOST_OFFERED = 100
"""So many devices can be ticked; more are found by their location, or on their own pages."""
SHORT = timedelta(days=3)
"""A period up to this is told with its times of day."""
_NARROWEST_MS = 10
_LENGTHS = (
    (364 * 86_400_000, "year"), (86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A way to another view; without ``url`` there is nothing further."""

    label: str
    url: str | None
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Legend:
    """One line of the chart in words."""

    tone: int
    label: str
    unit: str
    sum_up: str
    normal: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be ticked."""

    id: str
    label: str
    more: str
    is_chosen: bool


def shown(actor: Actor, look: Look, wanted: Wanted) -> dict[str, Any]:
    """All that ``charts/_looking.html`` expects of a chart."""
    is_stacked = stacked(look, wanted)
    drawing = plotted(look, stacked=is_stacked)
    rows, pages = _rows(look, wanted.page)
    return {
        "look": look,
        "drawing": drawing,
        "title": measured.title_of(look.drawn, names_of(look.curves)) if look.drawn else "",
        "period_words": _period_words(look),
        "elsewhere_words": _elsewhere_words(look),
        "point_words": _point_words(look),
        "together_words": _together_words(look),
        "presets": _presets(look, wanted),
        "moves": _moves(look, wanted),
        "layouts": _layouts(look, wanted, is_stacked=is_stacked),
        "legend": [_legend(look, wanted, *one) for one in zip(look.curves, drawing.tones, strict=True)],
        "metric_choices": _metric_choices(look),
        "device_choices": _device_choices(look, wanted),
        "devices_hidden": _hidden_devices(look),
        "points": points_of(look, drawing),
        "zoom_url": replace(wanted.within(0, 0), start_ms=None, end_ms=None).url(look.entity),
        "newest_url": _newest(look, wanted),
        "everything_url": wanted.lately("").url(look.entity),
        "drawn_rows": rows,
        "drawn_pages": pages,
        "drawn_previous": _page_url(look, wanted, -1) if wanted.page > 1 else None,
        "drawn_next": _page_url(look, wanted, 1) if wanted.page < pages else None,
        "export_what_i_see": seen_export(actor, look, wanted),
    }


def stacked(look: Look, wanted: Wanted) -> bool:
    """Whether each metric has a panel of its own: when asked for, or when more than two units would need it."""
    if wanted.layout:
        return wanted.layout == "stacked"
    return len({scale_of(metric) for metric in look.drawn}) > 1


def points_of(look: Look, drawing: Plotted) -> str:
    """What the script needs to say the values under the cursor, as JSON: a few bytes a point."""
    unit = look.width_ms or 1
    curves = [_points(look, curve, unit) for curve in look.curves]
    tones = list(drawing.tones)
    plain = {"start": look.start_ms, "end": look.end_ms, "unit": unit, "tones": tones, "curves": curves}
    plain["width"] = look.width_ms or 0
    return orjson.dumps(plain).decode()


def _points(look: Look, curve: Curve, unit: int) -> dict[str, Any]:
    band, places = curve.band, (curve.band.times // unit).tolist()
    steps = [after - before for before, after in pairwise(places)]
    told: dict[str, Any] = {
        "shift": int(band.times[0]) % unit if len(band) else 0,
        "t": places[:1] + steps,
        "m": _short(band.means.tolist()),
    }
    if curve.metric.kind == "boolean" and look.width_ms is None:
        told["yes"] = True
    if (band.lows != band.highs).any():
        told |= {"l": _short(band.lows.tolist()), "h": _short(band.highs.tolist())}
    return told


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]


def length_words(milliseconds: int) -> str:
    """``6 hours``, ``1 day``, ``500 ms``."""
    for length, word in _LENGTHS:
        if milliseconds >= length and milliseconds % length == 0:
            number = milliseconds // length
            return f"{number} {word}{'' if number == 1 else 's'}"
    return f"{milliseconds} ms"


def _period_words(look: Look) -> str:
    start, end = EPOCH + look.start_ms * MILLISECOND, EPOCH + look.end_ms * MILLISECOND
    if end - start > SHORT:
        return measured.period_words(start, end)
    return f"{moment_of(look.start_ms).removesuffix(' UTC')} to {moment_of(look.end_ms)}"


def _elsewhere_words(look: Look) -> str:
    """When there are values, said where the period has none."""
    if look.first_ms is None or look.last_ms is None:
        return ""
    first, last = EPOCH + look.first_ms * MILLISECOND, EPOCH + look.last_ms * MILLISECOND
    return f"There are values from {measured.period_words(first, last).replace(' to ', ' until ')}."


def _point_words(look: Look) -> str:
    if look.width_ms is None:
        return "Every value is drawn."
    length = length_words(look.width_ms).removeprefix("1 ")
    each = f"Each point is the mean of {'an' if length == 'hour' else 'a' if length.isalpha() else ''} {length}"
    return " ".join(f"{each}; the band reaches from the least to the greatest value. Zoom in for more.".split())


def _together_words(look: Look) -> str:
    if look.is_together:
        return "All that was measured here is one line for each metric; choose devices to tell them apart."
    if look.left_out:
        lines = f"{look.left_out} more line{'' if look.left_out == 1 else 's'}"
        return f"{lines} would not fit: choose fewer metrics{' or devices' if look.subject_count > 1 else ''}."
    return ""


def _presets(look: Look, wanted: Wanted) -> list[Step]:
    steps = [
        Step(label, wanted.lately(name).url(look.entity), wanted.period == name) for name, (label, _) in PERIODS.items()
    ]
    is_all = wanted.start_ms is None and wanted.end_ms is None
    return [*steps, Step("Everything", wanted.lately("").url(look.entity), is_all)]


def _moves(look: Look, wanted: Wanted) -> list[Step]:
    """Where the arrows of a browser without script lead; with script, keys and the mouse do the same."""
    if look.first_ms is None or look.last_ms is None:
        return []
    start, end, first, last = look.start_ms, look.end_ms, look.first_ms, look.last_ms
    half, quarter = max((end - start) // 2, 1), (end - start) // 4

    def to(begin: int, stop: int, *, possible: bool) -> str | None:
        return wanted.within(max(begin, EARLIEST_MS), min(stop, LATEST_MS - 1)).url(look.entity) if possible else None

    wider = (max(start - half, min(first, start)), min(end + half, max(last, end)))
    return [
        Step("Earlier", to(start - half, end - half, possible=first < start)),
        Step("Later", to(start + half, end + half, possible=last > end)),
        Step("Closer", to(start + quarter, end - quarter, possible=end - start >= 4 * _NARROWEST_MS)),
        Step("Wider", to(*wider, possible=first < start or last > end)),
    ]


def _layouts(look: Look, wanted: Wanted, *, is_stacked: bool) -> list[Step]:
    if len(look.drawn) < 2:
        return []
    return [
        Step(label, replace(wanted, layout=name).url(look.entity), (name == "stacked") == is_stacked)
        for name, label in LAYOUTS.items()
    ]


def _legend(look: Look, wanted: Wanted, curve: Curve, tone: int) -> Legend:
    metric, band = curve.metric, curve.band
    sum_up = "no values in this period"
    if len(band):
        low, high = (measured.value_words(metric, float(one)) for one in (band.lows.min(), band.highs.max()))
        count = int(band.counts.sum())
        mean = measured.number(float((band.means * band.counts).sum()) / count, 4)
        values = "1 value" if count == 1 else f"{count:,} values"
        sum_up = f"{low} to {high}, mean {mean}, {values}" if metric.kind != "boolean" else f"{values}"
    alone = replace(wanted, metric_ids=(metric.id,), cursor=None, page=1).url(look.entity)
    url = alone if len(look.drawn) > 1 else None
    normal = measured.normal_words(metric.normal_low, metric.normal_high)
    return Legend(tone, curve.label, metric.unit or "", sum_up, normal, url)


def _metric_choices(look: Look) -> list[tuple[str, list[Choice]]]:
    """By template where there are several."""
    drawn = {metric.id for metric in look.drawn}
    groups: dict[str, list[Choice]] = {}
    for one in look.offered:
        more = " ".join(part for part in (one.metric.unit, f"({one.metric.part})" if one.metric.part else "") if part)
        groups.setdefault(one.template, []).append(
            Choice(str(one.metric.id), one.metric.label, more, one.metric.id in drawn)
        )
    return list(groups.items())


def _device_choices(look: Look, wanted: Wanted) -> list[Choice]:
    devices = [one for one in look.scope.subjects if one.is_device and one.id]
    if look.entity.data_type == "device" or (len(devices) < 2 and not wanted.device_ids):
        return []
    chosen = [one for one in devices if one.id in wanted.device_ids]
    listed = devices if len(devices) <= MOST_OFFERED else chosen
    return [Choice(str(one.id), one.caption, "", one.id in wanted.device_ids) for one in listed]


def _hidden_devices(look: Look) -> int:
    devices = sum(one.is_device for one in look.scope.subjects)
    return devices if devices > MOST_OFFERED else 0


def _newest(look: Look, wanted: Wanted) -> str | None:
    """The same length of time where the newest values are; None when there are none at all."""
    if look.last_ms is None:
        return None
    length = max(look.end_ms - look.start_ms, _NARROWEST_MS)
    return wanted.within(look.last_ms - length, look.last_ms).url(look.entity)


def _rows(look: Look, page: int) -> tuple[list[tuple[str, list[str]]], int]:
    """The drawn points as a table, newest first: a page of it, and how many pages there are."""
    if look.width_ms is None and not look.scope.is_place:
        # Each value has its row in the table of values.
        return [], 0
    places = [dict(zip(curve.band.times.tolist(), range(len(curve.band)), strict=True)) for curve in look.curves]
    times = sorted(set().union(*places), reverse=True) if places else []
    pages = -(-len(times) // ROWS)
    some = times[(page - 1) * ROWS : page * ROWS]
    return [(moment_of(time), list(_cells(look, places, time))) for time in some], pages


def _cells(look: Look, places: Sequence[dict[int, int]], time: int) -> Iterator[str]:
    for curve, known in zip(look.curves, places, strict=True):
        at = known.get(time)
        if at is None:
            yield "–"
            continue
        low, mean, high = (float(part[at]) for part in (curve.band.lows, curve.band.means, curve.band.highs))
        words = measured.value_words(curve.metric, mean) if look.width_ms is None else measured.number(mean, 5)
        yield words if low == high else f"{words} ({measured.number(low, 5)} to {measured.number(high, 5)})"


def _page_url(look: Look, wanted: Wanted, step: int) -> str:
    return replace(wanted, page=wanted.page + step).url(look.entity) + "#drawn"


def can_be_looked_at(entity: Entity) -> bool:
    """Whether there is a chart of such a record at all."""
    return entity.data_type in ("patient", "device", "usage-session", "organization")
