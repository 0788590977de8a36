"""Measurements that people bring in files: what was sent, what its columns are, and how far it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.types import Id, Instant, one_of
from app.models.user import User

IMPORT_STATES = ("draft", "checking", "checked", "loading", "done", "failed", "cancelled")
AT_WORK = ("checking", "loading")


class MeasurementImport(Base):
    """A file of measurements on its way into the series of a device, or of several that a column names.

    ``mapping`` says what its columns are and ``result`` what the last pass over it came to, both JSON text.
    ``steps_done`` counts the deliveries that were committed, so that a worker goes on behind them; ``added``,
    ``corrected`` and ``unchanged`` count their values. ``fence`` rises with each claim: what a worker writes is written
    ``WHERE fence =`` its own. ``lease_until`` and ``not_before`` are by the database's clock; no lease while at work
    means that it waits for a worker.
    """

    __tablename__ = "measurement_import"
    __table_args__ = (
        one_of("state", IMPORT_STATES, "state"),
        CheckConstraint("state <> 'failed' OR reason IS NOT NULL", name="failed_has_reason"),
        Index("ix_measurement_import_tenant", "tenant_id", "created_at", "id"),
        Index("ix_measurement_import_state", "state", "created_at"),
        Index("ix_measurement_import_sha256", "tenant_id", "sha256"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    owner_id: Mapped[UUID] = mapped_column(Id, ForeignKey("user_account.id"))
    device_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("entity.id", ondelete="SET NULL"))
    several: Mapped[bool] = mapped_column(default=False)
    """A column names the devices; else all values are those of ``device_id``."""
    file_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("stored_file.id", ondelete="SET NULL"))
    """Swept a day after it came, with every file that is attached to nothing."""
    file_name: Mapped[str] = mapped_column(String(128))
    byte_count: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="draft")
    reason: Mapped[str | None] = mapped_column(String(500))
    mapping: Mapped[str | None] = mapped_column(Text)
    result: Mapped[str | None] = mapped_column(Text)
    refused_key: Mapped[str | None] = mapped_column(String(200))
    refused_bytes: Mapped[int | None] = mapped_column(BigInteger)
    done_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    steps_done: Mapped[int] = mapped_column(Integer, default=0)
    added: Mapped[int] = mapped_column(BigInteger, default=0)
    corrected: Mapped[int] = mapped_column(BigInteger, default=0)
    unchanged: Mapped[int] = mapped_column(BigInteger, default=0)
    version: Mapped[int] = mapped_column(Integer, default=1)
    fence: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)

    owner: Mapped[User] = relationship(lazy="select")

    @property
    def is_at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def is_open(self) -> bool:
        """It may still be cancelled."""
        return self.state in ("draft", "checking", "checked", "loading")
