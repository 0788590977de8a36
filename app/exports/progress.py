"""Progress a person can trust: what is done of what was promised, and when it should end."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from app import clock
from app.extensions import db
from app.models import Export, ExportPart
from app.models.types import database_now, to_milliseconds


@dataclass(frozen=True, slots=True)
class Progress:
    """``eta_seconds`` is unknown until some work is done; ``beat_age_seconds`` while nobody builds."""

    phase: str
    done: int
    promised: int | None
    percent: int | None
    parts_done: int
    parts: int
    bytes_done: int
    eta_seconds: float | None
    beat_age_seconds: float | None


def progress_of(export: Export) -> Progress:
    """How far a pending or settled export is."""
    return Progress(
        phase=export.phase,
        done=export.done_rows,
        promised=export.promised_rows,
        percent=_percent(export),
        parts_done=export.done_parts,
        parts=export.part_count,
        bytes_done=export.done_bytes,
        eta_seconds=_eta(export),
        beat_age_seconds=_beat_age(export) if export.is_pending else None,
    )


def _percent(export: Export) -> int | None:
    if export.state == "ready":
        return 100
    if not export.part_count:
        return None
    # A few parts may hold most of the records, so both are looked at; the last percent is the publication's.
    parts = export.done_parts / export.part_count
    rows = export.done_rows / export.promised_rows if export.promised_rows else parts
    return min(99, int(100 * min(parts, rows) if export.promised_rows else 100 * parts))


def _eta(export: Export) -> float | None:
    percent = _percent(export)
    if not export.is_pending or export.started_at is None or not percent:
        return None
    elapsed = (clock.now() - export.started_at).total_seconds()
    return max(0.0, elapsed * (100 - percent) / percent)


def _beat_age(export: Export) -> float | None:
    row = db.session.execute(
        select(func.max(ExportPart.beat_at), database_now()).where(
            ExportPart.export_id == export.id, ExportPart.state == "building"
        )
    ).one()
    latest, now = row
    if latest is None:
        return None
    return max(0.0, (to_milliseconds(now) - to_milliseconds(latest)) / 1000)
