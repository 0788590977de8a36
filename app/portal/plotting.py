"""The server's own drawing of a chart: panels as shapes in boxes of a fixed height, as wide as the page makes them.

A panel's plot is 1000 units wide and is stretched to the room that there is; lines keep their width when it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.measurements import Band, Curve, Look
from app.models import Metric
from app.models.types import from_milliseconds
from app.portal import measured
from app.portal.ticks import TimeTick, number_ticks, time_ticks

WIDTH = 1000
TALL, LOW = 300, 150
"""How high a panel is by itself, and as one of several."""
GAP = 3
"""Where the next point comes later than so many usual intervals, the line is broken."""
FEW_DOTS = 150
_AIR = 6.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A line's parts as paths: the band from least to greatest, the line, and points that stand alone."""

    tone: int
    band: str
    line: str
    dots: str


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of values: its unit, and its marks as (place from the top, words)."""

    unit: str
    marks: tuple[tuple[float, str], ...]
    tone: int | None


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot with its axes. ``normals``: (tone, top, height) of each normal range."""

    title: str
    label: str
    height: int
    left: Axis
    right: Axis | None
    normals: tuple[tuple[int, float, float], ...]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class TimeMark:
    """A mark of the axis of time: where, in percent; which of ``start``, ``middle`` and ``end`` stands there."""

    percent: float
    anchor: str
    label: str
    context: str | None
    is_second: bool


@dataclass(frozen=True, slots=True)
class Plotted:
    """A chart that is drawn: its panels over one axis of time, and the tone of each curve."""

    panels: tuple[Panel, ...]
    marks: tuple[TimeMark, ...]
    tones: tuple[int, ...]


def plotted(look: Look, *, stacked: bool) -> Plotted:
    """Draw what somebody looks at.

    :param stacked: each metric in a panel of its own; else those of one unit share one, and two units too
    """
    tones = _tones(look.curves, stacked=stacked)
    groups = _groups(look.curves, stacked=stacked)
    height = TALL if len(groups) == 1 else LOW
    panels = tuple(_panel(look, group, tones, height) for group in groups)
    return Plotted(panels, tuple(_marks(look)), tones)


def _tones(curves: Sequence[Curve], *, stacked: bool) -> tuple[int, ...]:
    subjects = list(dict.fromkeys(curve.subject for curve in curves))
    if stacked and len(subjects) > 1:
        return tuple(subjects.index(curve.subject) + 1 for curve in curves)
    return tuple(range(1, len(curves) + 1))


def _groups(curves: Sequence[Curve], *, stacked: bool) -> list[list[int]]:
    """Which curves share a panel."""
    keys: dict[object, list[int]] = {}
    for place, curve in enumerate(curves):
        keys.setdefault(curve.metric.id if stacked else scale_of(curve.metric), []).append(place)
    groups = list(keys.values())
    # Two units have two sides to stand at.
    return [sorted(groups[0] + groups[1])] if len(groups) == 2 and not stacked else groups


def scale_of(metric: Metric) -> str:
    """What metrics that share an axis have in common; yes and no share none with numbers."""
    return "yes or no" if metric.kind == "boolean" else metric.unit or ""


def _panel(look: Look, places: Sequence[int], tones: Sequence[int], height: int) -> Panel:
    curves = [look.curves[place] for place in places]
    sides = list(dict.fromkeys(scale_of(curve.metric) for curve in curves))
    scales = {side: _Scale([one for one in curves if scale_of(one.metric) == side], height) for side in sides}
    axes = [
        _axis(scales[side], [p for p in places if scale_of(look.curves[p].metric) == side], tones) for side in sides
    ]
    shapes = tuple(_shape(look, look.curves[p], tones[p], scales[scale_of(look.curves[p].metric)]) for p in places)
    metrics = list({curve.metric.id: curve.metric for curve in curves}.values())
    return Panel(
        title=measured.title_of(metrics, names_of(curves)),
        label="; ".join(words_of(curve) for curve in curves),
        height=height,
        left=axes[0],
        right=axes[1] if len(axes) > 1 else None,
        normals=tuple(_normals(metrics, curves, [tones[p] for p in places], scales)),
        shapes=shapes,
    )


def names_of(curves: Sequence[Curve]) -> dict[int, str]:
    """What each metric of these lines is called."""
    return {curve.metric.id: curve.name for curve in curves}


def words_of(curve: Curve) -> str:
    """What a line shows, for who does not see it: ``CD4: between 324.5 and 600 cells/µL, mean 448.8, last 324.5``."""
    band, metric = curve.band, curve.metric
    if not len(band):
        return f"{curve.label}: no values"
    unit = f" {metric.unit}" if metric.unit else ""
    low, high = float(band.lows.min()), float(band.highs.max())
    mean = float((band.means * band.counts).sum() / band.counts.sum())
    return (
        f"{curve.label}: between {measured.value_words(metric, low)} and {measured.value_words(metric, high)}{unit}, "
        f"mean {measured.number(mean, 4)}, last {measured.number(float(band.means[-1]), 4)}"
    )


class _Scale:
    """From values to places from the top of a panel."""

    def __init__(self, curves: Sequence[Curve], height: int) -> None:
        self.metric, self.height = curves[0].metric, height
        filled = [curve.band for curve in curves if len(curve.band)]
        low = min((float(band.lows.min()) for band in filled), default=0.0)
        high = max((float(band.highs.max()) for band in filled), default=1.0)
        if self.metric.kind == "boolean":
            self.ticks = [0.0, 1.0]
        else:
            self.ticks = number_ticks(*_with_normals(low, high, curves), 5 if height == TALL else 3)

    def at(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return round(_AIR + (self.height - 2 * _AIR) * (high - value) / (high - low), 1)


def _with_normals(low: float, high: float, curves: Sequence[Curve]) -> tuple[float, float]:
    """With the ends of the normal ranges, where they do not press the values flat."""
    rise = (high - low) or abs(high) * 0.1 or 1.0
    near = [
        bound
        for curve in curves
        for bound in (curve.metric.normal_low, curve.metric.normal_high)
        if bound is not None and low - rise <= bound <= high + rise
    ]
    return min([low, *near]), max([high, *near])


def _axis(scale: _Scale, places: Sequence[int], tones: Sequence[int]) -> Axis:
    boolean = scale.metric.kind == "boolean"
    return Axis(
        "" if boolean else scale.metric.unit or "",
        tuple((scale.at(value), measured.value_words(scale.metric, value)) for value in scale.ticks),
        tones[places[0]] if len(places) == 1 else None,
    )


def _normals(
    metrics: Sequence[Metric], curves: Sequence[Curve], tones: Sequence[int], scales: dict[str, _Scale]
) -> Iterator[tuple[int, float, float]]:
    tone_of = {curve.metric.id: tone for curve, tone in zip(reversed(curves), reversed(tones), strict=True)}
    for metric in metrics:
        if metric.normal_low is None and metric.normal_high is None:
            continue
        scale = scales[scale_of(metric)]
        top = 0.0 if metric.normal_high is None else min(max(scale.at(metric.normal_high), 0.0), scale.height)
        bottom = scale.height if metric.normal_low is None else min(max(scale.at(metric.normal_low), 0.0), scale.height)
        if bottom > top:
            yield tone_of[metric.id], top, round(bottom - top, 1)


def _shape(look: Look, curve: Curve, tone: int, scale: _Scale) -> Shape:
    band, width = curve.band, look.width_ms or 0
    # A mean stands in the middle of its stretch.
    xs = np.round((band.times + width / 2 - look.start_ms) * (WIDTH / (look.end_ms - look.start_ms)), 1).tolist()
    low, mean, high = ([scale.at(one) for one in part.tolist()] for part in (band.lows, band.means, band.highs))
    half = max(1.0, WIDTH * width / (look.end_ms - look.start_ms) / 2)
    is_stepped = curve.metric.kind == "boolean" and look.width_ms is None
    bands, lines, dots = [], [], []
    for begin, end in runs_of(band, width):
        if end - begin == 1:
            dots.append(f"M{xs[begin]:g},{mean[begin]:g}h0")
            if high[begin] != low[begin]:
                left, right = xs[begin] - half, xs[begin] + half
                bands.append(f"M{left:g},{high[begin]:g}H{right:g}V{low[begin]:g}H{left:g}Z")
            continue
        lines.append(_steps(xs, mean, begin, end) if is_stepped else "M" + _path(xs[begin:end], mean[begin:end]))
        if low[begin:end] != high[begin:end]:
            upper = _path(xs[begin:end], high[begin:end])
            bands.append(f"M{upper}L{_path(xs[begin:end][::-1], low[begin:end][::-1])}Z")
    if len(band) <= FEW_DOTS and is_sparse(band, width):
        dots = [f"M{x:g},{y:g}h0" for x, y in zip(xs, mean, strict=True)]
    return Shape(tone, "".join(bands), "".join(lines), "".join(dots))


def is_sparse(band: Band, width_ms: int) -> bool:
    """Whether a line between the points is more guessed than measured, so that each point is marked."""
    return not width_ms or (len(band) > 1 and float(np.median(np.diff(band.times))) > 1.5 * width_ms)


def runs_of(band: Band, width_ms: int) -> Iterator[tuple[int, int]]:
    """The stretches of a line without a gap, as ``[begin, end)``."""
    if not len(band):
        return
    between = np.diff(band.times)
    usual = max(float(np.median(between)) if len(between) else 0.0, float(width_ms))
    breaks = (np.flatnonzero(between > GAP * usual) + 1).tolist()
    yield from zip([0, *breaks], [*breaks, len(band)], strict=True)


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in zip(xs, ys, strict=True))


def _steps(xs: Sequence[float], ys: Sequence[float], begin: int, end: int) -> str:
    return f"M{xs[begin]:g},{ys[begin]:g}" + "".join(f"H{xs[n]:g}V{ys[n]:g}" for n in range(begin + 1, end))


def _marks(look: Look) -> Iterator[TimeMark]:
    span = look.end_ms - look.start_ms
    ticks: list[TimeTick] = time_ticks(look.start_ms, look.end_ms)
    for place, tick in enumerate(ticks):
        percent = round(100 * (tick.at_ms - look.start_ms) / span, 2)
        anchor = "start" if percent < 5 else "end" if percent > 95 else "middle"
        context = tick.context
        if place and ticks[place - 1].context and context and len(ticks) > 4 and place % 2:
            # Two days beside each other would run into one another.
            context = None
        yield TimeMark(percent, anchor, tick.label, context, place % 2 == 1)


def moment_of(milliseconds: int) -> str:
    return measured.moment_words(from_milliseconds(milliseconds))
