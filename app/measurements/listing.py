"""The values themselves, as a table: newest or oldest first, in pages that begin where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.measurements.drawing import check_range, chosen
from app.measurements.subjects import Holding, holdings_of, sources_of, subject_of
from app.measurements.times import epoch_ms
from app.models import Entity, Measurement, Metric
from app.models.types import from_milliseconds

Order = Literal["asc", "desc"]
_Key = tuple[int, int, int]
"""Time in milliseconds, metric, series: what orders a table of values."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value; ``device`` names what measured it, when that is not the entity itself."""

    time: datetime
    metric: Metric
    value: float
    device: str | None


@dataclass(frozen=True, slots=True)
class ValuesPage:
    """A page of values. ``previous`` and ``next`` are the cursors of the pages around it, or None at an end.

    ``metrics`` are all that the entity has values of, ``total`` counts every value of the chosen metric in
    any period.
    """

    entity: Entity
    metrics: tuple[Metric, ...]
    rows: tuple[Reading, ...]
    previous: str | None
    next: str | None
    total: int


def values_table(
    actor: Actor,
    entity_id: UUID,
    metric_ids: Sequence[int] | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    *,
    order: Order = "desc",
    cursor: str | None = None,
    limit: int = 200,
    data_type: str | None = None,
    device_ids: Sequence[UUID] = (),
) -> ValuesPage:
    """A page of the values that the chart of the same arguments draws: ``start <= time <= end``.

    :param order: by time, ``asc`` or ``desc``
    :param cursor: ``next`` or ``previous`` of another page with the same arguments
    :param device_ids: only what these measured; all when none is named
    :raises NotFound, Invalid: as :func:`~app.measurements.drawing.chart_of`; an unreadable cursor
        (``cursor``)
    """
    check_range(start_ms, end_ms)
    backwards, edge = _read_cursor(cursor)
    entity = subject_of(actor, entity_id, data_type)
    every = holdings_of(sources_of(actor, entity))
    holdings = [one for one in chosen(every, metric_ids) if not device_ids or one.source.device_id in device_ids]
    found = _first(holdings, (start_ms, end_ms), edge, (order == "asc") != backwards, limit + 1)
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found.reverse()
    metrics = {held.metric.id: held.metric for held in every}
    devices = {held.source.series_id: held.source.device for held in holdings}
    has_previous, has_next = (more, True) if backwards else (edge is not None, more)
    return ValuesPage(
        entity=entity,
        metrics=tuple(metrics.values()),
        rows=tuple(
            Reading(from_milliseconds(time), metrics[metric], value, devices[series])
            for (time, metric, series), value in found
        ),
        previous=_cursor("before", found[0][0]) if has_previous and found else None,
        next=_cursor("after", found[-1][0]) if has_next and found else None,
        total=sum(held.count for held in holdings),
    )


def _first(
    holdings: Sequence[Holding],
    period: tuple[int | None, int | None],
    edge: _Key | None,
    upwards: bool,
    limit: int,
) -> list[tuple[_Key, float]]:
    """The first values of all series beyond the edge, in the order of the table's key."""
    by_series: dict[int, list[int]] = {}
    for held in holdings:
        by_series.setdefault(held.source.series_id, []).append(held.metric.id)
    rows = [_rows(series_id, metrics, period, edge, upwards, limit) for series_id, metrics in by_series.items()]
    return list(islice(merge(*rows, reverse=not upwards), limit))


def _rows(
    series_id: int,
    metric_ids: list[int],
    period: tuple[int | None, int | None],
    edge: _Key | None,
    upwards: bool,
    limit: int,
) -> list[tuple[_Key, float]]:
    """A series' first values beyond the edge, in the order of the table's key."""
    held = Measurement
    wanted = select(epoch_ms(held.time), held.metric_id, held.value).where(
        held.series_id == series_id, held.metric_id.in_(metric_ids)
    )
    start_ms, end_ms = period
    if edge is not None:
        wanted = wanted.where(_beyond(series_id, edge, upwards))
        # One bound on each side: of two, the database may search by the wider one.
        if upwards:
            start_ms = max(edge[0], edge[0] if start_ms is None else start_ms)
        else:
            end_ms = min(edge[0], edge[0] if end_ms is None else end_ms)
    if start_ms is not None:
        wanted = wanted.where(held.time >= from_milliseconds(start_ms))
    if end_ms is not None:
        wanted = wanted.where(held.time <= from_milliseconds(end_ms))
    by = (held.time, held.metric_id) if upwards else (held.time.desc(), held.metric_id.desc())
    rows = db.session.execute(wanted.order_by(*by).limit(limit))
    return [((time, metric, series_id), value) for time, metric, value in rows]


def _beyond(series_id: int, edge: _Key, upwards: bool) -> ColumnElement[bool]:
    time, metric, edge_series = edge
    at, held = from_milliseconds(time), Measurement
    # Of two series with the same time and metric the one with the higher number comes later in the key.
    if upwards:
        further = held.metric_id >= metric if series_id > edge_series else held.metric_id > metric
        return or_(held.time > at, further)
    further = held.metric_id <= metric if series_id < edge_series else held.metric_id < metric
    return or_(held.time < at, further)


def _cursor(side: str, key: _Key) -> str:
    return f"{side}.{key[0]}.{key[1]}.{key[2]}"


def _read_cursor(cursor: str | None) -> tuple[bool, _Key | None]:
    if not cursor:
        return False, None
    side, _, rest = cursor.partition(".")
    try:
        time, metric, series = (int(part) for part in rest.split("."))
        from_milliseconds(time)
    except (ValueError, OverflowError):
        side = ""
    if side not in ("before", "after") or max(abs(metric), abs(series)) >= 2**63:
        raise Invalid(fields={"cursor": "This page of the table cannot be found. Begin again."})
    return side == "before", (time, metric, series)
