"""Take measurements in: new values, corrected ones with their history, and the roll-ups they touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import BigInteger, Column, Float, MetaData, Table, and_, func, insert, literal, select, update
from sqlalchemy.engine import Connection

from app.errors import Invalid, NotFound
from app.extensions import db
from app.measurements.batch import Batch, checked
from app.measurements.rollups import roll_up
from app.measurements.unsealing import unseal
from app.models import (
    Entity,
    Measurement,
    MeasurementHistory,
    Metric,
    Revision,
    Series,
    begin_writing,
    take_revision,
)
from app.models.types import Instant, from_milliseconds
from app.rows.bulk import NumberColumn, insert_numbers

_ASK_AT_ONCE = 500

_staged = Table(
    "measurement_staged",
    MetaData(),
    Column("series_id", BigInteger),
    Column("time", Instant),
    Column("metric_id", BigInteger),
    Column("value", Float(53)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a delivery came to: values that are new, differ from what was held, or say the same again."""

    added: int = 0
    corrected: int = 0
    unchanged: int = 0

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.added + other.added, self.corrected + other.corrected, self.unchanged + other.unchanged)


def series_for(
    tenant_id: UUID,
    *,
    device_id: UUID | None = None,
    patient_id: UUID | None = None,
    session_id: UUID | None = None,
) -> Series:
    """The series of a device, a patient, a session, or some of them together; made when it is new.

    No commit: making one needs the caller's :func:`~app.models.begin_writing`.

    :raises Invalid: none of the three is named
    :raises NotFound: one of them is no entity of the tenant
    """
    subjects = {subject for subject in (device_id, patient_id, session_id) if subject}
    if not subjects:
        raise Invalid("A series belongs to a device, a patient or a session.")
    key = Series.key_for(device_id, patient_id, session_id)
    known = db.session.scalar(select(Series).where(Series.tenant_id == tenant_id, Series.subject_key == key))
    if known is not None:
        return known
    _require_all(select(Entity.id).where(Entity.tenant_id == tenant_id), Entity.id, subjects)
    made = Series(
        tenant_id=tenant_id,
        device_id=device_id,
        patient_id=patient_id,
        session_id=session_id,
        subject_key=key,
    )
    db.session.add(made)
    db.session.flush()
    return made


def take_in(
    tenant_id: UUID,
    series_id: int | ArrayLike,
    metric_ids: int | ArrayLike,
    times_ms: ArrayLike,
    values: ArrayLike,
    revision: Revision,
) -> Taken:
    """Take values in, with their roll-ups, inside the caller's writing transaction. No commit.

    Sealed blocks in whose range anything is added or corrected are taken away.

    A value that differs from the one held for its (series, time, metric) corrects it: the old one moves to
    the history with ``superseded_by`` the revision's number. A value already held is left as it is. What the
    same revision brought before is replaced without history, since nobody could have seen it.

    :param series_id: one series for all values, or one for each
    :param metric_ids: one metric for all values, or one for each
    :param times_ms: milliseconds since 1970, UTC
    :param revision: taken in this transaction by :func:`~app.models.take_revision`
    :raises Invalid: as :func:`~app.measurements.batch.checked`; a metric that the tenant does not have; a
        boolean metric with a value other than 0 and 1
    :raises NotFound: a series is not the tenant's
    """
    db.session.flush()
    batch = checked(series_id, metric_ids, times_ms, values)
    if not len(batch):
        return Taken()
    _require_all(
        select(Series.id).where(Series.tenant_id == tenant_id),
        Series.id,
        set(np.unique(batch.series).tolist()),
    )
    _check_metrics(tenant_id, batch)
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        # At once in the mode that the INSERT needs, and unlike other statements without a snapshot while it waits: the
        # exchange of partitions puts itself off when it sees an old one.
        connection.exec_driver_sql("LOCK TABLE ONLY measurement IN ROW EXCLUSIVE MODE")
    if _meets_held_values(connection, batch):
        taken = _merge(connection, batch, revision.number)
    else:
        _insert(connection, batch, revision.number)
        taken = Taken(added=len(batch))
    if taken.added or taken.corrected:
        roll_up(connection, batch)
        unseal(connection, batch, revision.number)
    return taken


def load_measurements(
    tenant_id: UUID,
    series_id: int | ArrayLike,
    metric_ids: int | ArrayLike,
    times_ms: ArrayLike,
    values: ArrayLike,
) -> Taken:
    """:func:`take_in` as a use case of its own, for loads from the shell: begins writing, numbers it,
    commits.

    :raises Invalid, NotFound: as :func:`take_in`; nothing is kept then
    """
    begin_writing()
    try:
        taken = take_in(tenant_id, series_id, metric_ids, times_ms, values, take_revision(tenant_id))
    except (Invalid, NotFound):
        db.session.rollback()
        raise
    db.session.commit()
    return taken


def _require_all(known: Any, column: Any, wanted: set[Any]) -> None:
    found = 0
    for some in _by(list(wanted), _ASK_AT_ONCE):
        found += len(db.session.scalars(known.where(column.in_(some))).all())
    if found != len(wanted):
        raise NotFound("There is no such series, device, patient or session.")


def _by(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _check_metrics(tenant_id: UUID, batch: Batch) -> None:
    of_tenant = select(Metric.id, Metric.kind).where(Metric.tenant_id == tenant_id)
    kinds = dict(db.session.execute(of_tenant).all())
    unknown = sorted(set(np.unique(batch.metrics).tolist()) - set(kinds))
    if unknown:
        raise Invalid(f"{len(unknown)} of the metrics are unknown; the first is {unknown[0]}.")
    booleans = [metric_id for metric_id, kind in kinds.items() if kind == "boolean"]
    wrong = np.isin(batch.metrics, booleans) & (batch.values != 0) & (batch.values != 1)
    if wrong.any():
        raise Invalid(f"{np.count_nonzero(wrong)} values of a yes-or-no metric are neither 0 nor 1.")


def _meets_held_values(connection: Connection, batch: Batch) -> bool:
    """Whether anything is held in the batch's time for its series; a first load meets nothing."""
    low, high = _span(batch)
    for some in _by(np.unique(batch.series).tolist(), _ASK_AT_ONCE):
        held = select(Measurement.batch).where(Measurement.series_id.in_(some), Measurement.time.between(low, high))
        if connection.execute(held.limit(1)).first() is not None:
            return True
    return False


def _span(batch: Batch) -> tuple[datetime, datetime]:
    return from_milliseconds(int(batch.times.min())), from_milliseconds(int(batch.times.max()))


def _insert(connection: Connection, batch: Batch, number: int) -> None:
    columns = [
        *_columns(batch),
        NumberColumn("batch", "integer", np.full(len(batch), number, dtype=np.int64)),
    ]
    insert_numbers(connection, Measurement.__tablename__, columns)


def _columns(batch: Batch) -> list[NumberColumn]:
    return [
        NumberColumn("series_id", "integer", batch.series),
        NumberColumn("time", "instant", batch.times),
        NumberColumn("metric_id", "integer", batch.metrics),
        NumberColumn("value", "double", batch.values),
    ]


def _merge(connection: Connection, batch: Batch, number: int) -> Taken:
    _staged.create(connection, checkfirst=False)
    insert_numbers(connection, _staged.name, _columns(batch))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {_staged.name}")
    new, held = _staged.c, Measurement
    same_key = and_(held.series_id == new.series_id, held.time == new.time, held.metric_id == new.metric_id)
    if connection.dialect.name == "postgresql":
        # This says nothing new, and lets PostgreSQL leave out whole partitions, and not even lock them.
        same_key = and_(same_key, held.time.between(*_span(batch)))
    differs = and_(same_key, held.value != new.value)
    met = connection.execute(select(func.count()).select_from(_staged, held).where(same_key)).scalar_one()
    corrected = connection.execute(select(func.count()).select_from(_staged, held).where(differs)).scalar_one()
    if corrected:
        _keep_history(connection, and_(differs, held.batch != number), number)
        connection.execute(update(Measurement).where(differs).values(value=new.value, batch=number))
    if met < len(batch):
        absent = ~select(held.batch).where(same_key).correlate(_staged).exists()
        rows = select(new.series_id, new.time, new.metric_id, new.value, literal(number, BigInteger)).where(absent)
        names = ["series_id", "time", "metric_id", "value", "batch"]
        connection.execute(insert(Measurement).from_select(names, rows))
    _staged.drop(connection, checkfirst=False)
    return Taken(added=len(batch) - met, corrected=corrected, unchanged=met - corrected)


def _keep_history(connection: Connection, which: Any, number: int) -> None:
    held = Measurement
    rows = select(held.series_id, held.time, held.metric_id, held.batch, held.value, literal(number, BigInteger)).where(
        which
    )
    names = ["series_id", "time", "metric_id", "batch", "value", "superseded_by"]
    connection.execute(insert(MeasurementHistory).from_select(names, rows))
