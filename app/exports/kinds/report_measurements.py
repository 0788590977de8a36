"""The data type ``measurements`` of a report: what every series in scope holds in the period, series by series.

The period is that of the measurements' own time (contracts/BIOT.md §4.3), ``[start, end)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.orm import aliased

from app.exports.kinds.base import Order, PlannedFile, PlannedFragment
from app.exports.kinds.data_export_counts import cells_of, held_by_series
from app.exports.kinds.data_export_plan import Cut, cut_into_pieces, small_cells
from app.exports.kinds.report_layout import layout_of
from app.exports.params import FORMATS, MEASUREMENTS, Asked, ReportParams
from app.extensions import db
from app.measurements import metric_words
from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.models import Entity, Metric, Series
from app.models.types import to_milliseconds

SERIES_AT_ONCE = 1_000
SERIES_OF_A_SLICE = 200
"""So many small series are read by one statement."""
FRAGMENTS_OF_A_FILE = 20
"""A Parquet file is made in one piece, so it holds at most so many fragments' values."""
AROUND_A_VALUE = len(b'","data":{}}\n') + 24 + 26 + 4
"""Bytes besides names: the instant, a number as long as numbers get, commas and brackets."""


@dataclass(slots=True)
class _Run:
    """A fragment to be: what is read for it, whose it is, and how many values that are."""

    slices: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, dict[str, str | None]] = field(default_factory=dict)
    values: int = 0

    def add(self, series: int, source: dict[str, str | None], period: tuple[int, int], values: int) -> None:
        last = self.slices[-1] if self.slices else None
        if last and (last["from"], last["to"]) == period and len(last["series"]) < SERIES_OF_A_SLICE:
            last["series"].append(series)
        else:
            self.slices.append({"series": [series], "from": period[0], "to": period[1]})
        self.sources[str(series)] = source
        self.values += values

    def task(self) -> dict[str, Any]:
        return {"slices": self.slices, "sources": self.sources}


def frozen_metrics(tenant_id: UUID) -> dict[str, str]:
    """What each metric of the tenant is called in a report: its name, behind its part if it has one."""
    found = db.session.scalars(select(Metric).where(Metric.tenant_id == tenant_id).order_by(Metric.id))
    return {str(metric.id): metric.called for metric in found}


def frozen_words(tenant_id: UUID) -> list[dict[str, Any]]:
    """What there is to say of each metric of the tenant, beside what it is called."""
    found = db.session.execute(
        select(
            Metric.id, Metric.label, Metric.unit, Metric.kind, Metric.template_id, Metric.name, Metric.part,
            Metric.description,
        )
        .where(Metric.tenant_id == tenant_id)
        .order_by(Metric.id)
    )  # fmt: skip
    return [
        {
            "metric": str(one), "label": label, "unit": unit or "", "kind": kind, "template": str(template),
            "words": metric_words(name, part, kind == "boolean", description),
        }
        for one, label, unit, kind, template, name, part, description in found
    ]  # fmt: skip


def planned(order: Order, snapshot: Connection, asked: Asked) -> Iterator[PlannedFile]:
    """The file of all measurements in scope, or several."""
    params = asked.params
    most = order.fragment_rows * 50
    limit = None if params.max_file_bytes is None else _values_within(order, snapshot, params)
    runs = list(_runs(order, snapshot, params, most if limit is None else min(most, limit)))
    groups = list(_files(runs, params, most, limit))
    for number, group in enumerate(groups, start=1):
        suffix = f"-{number}" if len(groups) > 1 else ""
        parquet = params.format == "parquet"
        merged = [_merged(group)] if parquet else group
        yield PlannedFile(
            name=f"{asked.stem}{suffix}.{params.format}",
            subject=MEASUREMENTS,
            media_type=FORMATS[params.format],
            layout=layout_of(asked),
            fragments=[PlannedFragment(run.values, run.task()) for run in merged],
            stored=parquet,
            counts_values=True,
        )


def recipe(order: Order, params: ReportParams, task: Mapping[str, Any], *, first: bool, last: bool) -> dict[str, Any]:
    """How a fragment is made; see :func:`app.builder.long.make_long`."""
    return {
        "make": "long",
        "slices": task["slices"],
        "sources": task["sources"],
        "metrics": order.frozen["metrics"],
        "revision": order.revision,
        "descending": params.order == "desc",
        "format": params.format,
        "for_spreadsheets": params.for_spreadsheets,
        "first": first,
        "last": last,
    }


def count_now(snapshot: Connection, order: Order, params: ReportParams) -> int:
    """How many values the scope holds in the period."""
    metrics = [int(one) for one in order.frozen["metrics"]]
    return sum(
        held.count
        for some in _series(order, snapshot, params)
        for held in held_by_series(snapshot, list(some), metrics, period_of(params)).values()
    )


def some_series(order: Order, snapshot: Connection, params: ReportParams, how_many: int) -> dict[str, Any]:
    """A task of the whole period of a few series, each in a slice of its own: for judging how long values are."""
    metrics, period, run = [int(one) for one in order.frozen["metrics"]], period_of(params), _Run()
    for some in _series(order, snapshot, params):
        held = held_by_series(snapshot, list(some), metrics, period)
        for series in list(held)[: how_many - len(run.slices)]:
            run.slices.append({"series": [series], "from": period[0], "to": period[1]})
            run.sources[str(series)] = some[series]
        if len(run.slices) >= how_many:
            break
    return run.task()


def period_of(params: ReportParams) -> tuple[int, int]:
    """``[start, end)`` in ms; an open end is the end of what can be taken in."""
    start = EARLIEST_MS if params.start is None else to_milliseconds(params.start)
    end = LATEST_MS if params.end is None else to_milliseconds(params.end)
    return start, end


def _runs(order: Order, snapshot: Connection, params: ReportParams, most: int) -> Iterator[_Run]:
    metrics, period = [int(one) for one in order.frozen["metrics"]], period_of(params)
    run = _Run()
    for some in _series(order, snapshot, params):
        held = held_by_series(snapshot, list(some), metrics, period)
        for series, source in some.items():
            count = held[series].count if series in held else 0
            if not count:
                continue
            if run.values and run.values + count > most:
                yield run
                run = _Run()
            if count <= most:
                run.add(series, source, period, count)
                continue
            for start, end, values in _cut(snapshot, series, metrics, params, most):
                run.add(series, source, (start, end), values)
                yield run
                run = _Run()
    if run.values:
        yield run


def _cut(
    snapshot: Connection, series: int, metrics: list[int], params: ReportParams, most: int
) -> list[tuple[int, int, int]]:
    """A long series in pieces, in the order in which they are written."""
    period = period_of(params)
    whole = Cut(most, most, most)
    cells = small_cells(snapshot, [series], metrics, cells_of(snapshot, [series], metrics, period), whole)
    pieces = [(one.start, one.end, one.values) for one in cut_into_pieces(cells, period, most) if one.values]
    return pieces[::-1] if params.order == "desc" else pieces


def _files(runs: list[_Run], params: ReportParams, most: int, limit: int | None) -> Iterator[list[_Run]]:
    """The fragments of each file."""
    if limit is None:
        limit = most * FRAGMENTS_OF_A_FILE if params.format == "parquet" else sum(run.values for run in runs)
    group: list[_Run] = []
    for run in runs:
        if group and sum(one.values for one in group) + run.values > limit:
            yield group
            group = []
        group.append(run)
    yield group or [_Run()]


def _merged(group: list[_Run]) -> _Run:
    whole = _Run()
    for run in group:
        whole.slices += run.slices
        whole.sources |= run.sources
        whole.values += run.values
    return whole


def _values_within(order: Order, snapshot: Connection, params: ReportParams) -> int:
    """How many values fit into the largest file that is allowed, however long each of them is."""
    names: Mapping[str, str] = order.frozen["metrics"]
    longest_metric = max((len(orjson.dumps(name)) for name in names.values()), default=2) + 1
    longest_source = max(
        (len(orjson.dumps(source)) for some in _series(order, snapshot, params) for source in some.values()), default=0
    )
    a_value = AROUND_A_VALUE + longest_metric + longest_source + len(b',"timestamp":"')
    return max(1, ((params.max_file_bytes or 0) - 200) // a_value)


def _series(order: Order, snapshot: Connection, params: ReportParams) -> Iterator[dict[int, dict[str, str | None]]]:
    """The series in scope in the order of their numbers, page by page, each with whose it is.

    A patient's series needs the patient's organization; one without a patient its session's, or else its device's. A
    device that is outside the scope (lent to a patient) is not named, nor is such a session.
    """
    device, patient, session = (aliased(Entity, name=name) for name in ("device", "patient", "session"))
    scope = order.frozen["organization_ids"]
    last = 0
    while True:
        wanted = (
            select(
                Series.id, device.key, device.organization_id, Series.patient_id, Series.session_id,
                session.organization_id,
            )
            .outerjoin(device, device.id == Series.device_id)
            .outerjoin(patient, patient.id == Series.patient_id)
            .outerjoin(session, session.id == Series.session_id)
            .where(Series.tenant_id == order.tenant_id, Series.id > last, *_of_entities(params))
            .where(*([] if scope is None else [_within(device, patient, session, [UUID(one) for one in scope])]))
            .order_by(Series.id)
            .limit(SERIES_AT_ONCE)
        )  # fmt: skip
        rows = snapshot.execute(wanted).all()
        if rows:
            yield {row[0]: _source(row, scope) for row in rows}
            last = rows[-1][0]
        if len(rows) < SERIES_AT_ONCE:
            return


def _source(row: Any, scope: list[str] | None) -> dict[str, str | None]:
    _, key, devices_clinic, patient_id, session_id, sessions_clinic = row
    named = scope is None or str(devices_clinic) in scope
    told = session_id and (scope is None or str(sessions_clinic) in scope)
    return {
        "sourceEntityId": key if named else None,
        "patientId": str(patient_id) if patient_id else None,
        "sessionId": str(session_id) if told else None,
    }


def _of_entities(params: ReportParams) -> Iterator[Any]:
    if params.entity_ids:
        some = params.entity_ids
        yield or_(Series.device_id.in_(some), Series.patient_id.in_(some), Series.session_id.in_(some))


def _within(device: Any, patient: Any, session: Any, scope: list[UUID]) -> Any:
    no_patient, no_session = Series.patient_id.is_(None), Series.session_id.is_(None)
    return or_(
        patient.organization_id.in_(scope),
        and_(no_patient, session.organization_id.in_(scope)),
        and_(no_patient, no_session, device.organization_id.in_(scope)),
    )
