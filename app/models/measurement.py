"""Measurements: numbers in time, by series and metric, with their history and roll-ups."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.extensions import Base
from app.models.types import BigId, Id, Instant, one_of

GRAINS = ("hour", "day")


class Series(Base):
    """Who and what a run of measurements belongs to: a device, a patient, a session, or some of them together.

    ``subject_key`` is ``device|patient|session`` as text, so that the three together are unique on both databases.
    """

    __tablename__ = "series"
    __table_args__ = (Index("uq_series_subject", "tenant_id", "subject_key", unique=True),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    device_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("entity.id"), index=True)
    patient_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("entity.id"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("entity.id"), index=True)
    subject_key: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    @staticmethod
    def key_for(device_id: UUID | None, patient_id: UUID | None, session_id: UUID | None) -> str:
        return "|".join(str(known) if known else "" for known in (device_id, patient_id, session_id))


class Measurement(Base):
    """A value of a metric at an instant. ``batch`` is the revision that brought it.

    The migration makes the table: clustered by its key and STRICT on SQLite; on PostgreSQL partitioned by time, with a
    unique index that includes value and batch.
    """

    __tablename__ = "measurement"

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    time: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    metric_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    batch: Mapped[int] = mapped_column(BigInteger)


class MeasurementHistory(Base):
    """A value that was corrected: it held from revision ``batch`` until just before ``superseded_by``."""

    __tablename__ = "measurement_history"

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    time: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    metric_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    value: Mapped[float] = mapped_column(Float(53))
    superseded_by: Mapped[int] = mapped_column(BigInteger)


class MeasurementRollup(Base):
    """Count, least, greatest and sum of a metric's values in one hour or one day, kept while values are taken in."""

    __tablename__ = "measurement_rollup"
    __table_args__ = (one_of("grain", GRAINS, "grain"),)

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    metric_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    grain: Mapped[str] = mapped_column(String(8), primary_key=True)
    start: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    low: Mapped[float] = mapped_column(Float(53))
    high: Mapped[float] = mapped_column(Float(53))
    total: Mapped[float] = mapped_column(Float(53))


class MeasurementBlock(Base):
    """The values of a series in ``[start, stop)`` as ready columns (:mod:`app.rows.blocks`): quick to read.

    Derived from the table ``measurement``, which stays the truth. A block exists only while nothing in its range
    changed since it was sealed: whoever takes values in takes it away in the same transaction. ``revision`` is the one
    that last changed anything there, so the block is the state at that revision and at every later one.
    """

    __tablename__ = "measurement_block"

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    start: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    stop: Mapped[datetime] = mapped_column(Instant)
    revision: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class MeasurementUnsealed(Base):
    """A UTC month of a series that took values in since it was last sealed; ``start`` is its first instant."""

    __tablename__ = "measurement_unsealed"
    __table_args__ = (Index("ix_measurement_unsealed_start", "start"),)

    series_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    start: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    touched_at: Mapped[datetime] = mapped_column(Instant)
