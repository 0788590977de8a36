"""What an erasure would take with it, before anybody confirms it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from app.access.patience import patiently
from app.actor import Actor
from app.erasure.traces import find_traces
from app.exports.holding import holders
from app.extensions import db
from app.models import EntityHistory, MeasurementRollup


@dataclass(frozen=True, slots=True)
class Weight:
    """What there is of a patient.

    :param caption: what the patient is called, and what confirms the erasure when it is typed
    :param belonging: how many records belong to the patient, by data type
    :param referring: how many other records lose their reference
    :param archives: how many archives are withdrawn; ``pending``: how many exports are cancelled
    """

    patient_id: UUID
    caption: str
    versions: int
    belonging: dict[str, int]
    referring: int
    files: int
    file_bytes: int
    values: int
    archives: int
    pending: int


def weigh_erasure(actor: Actor, patient_id: UUID) -> Weight:
    """Look at what would go. Nothing is written.

    :raises NotFound: there is no such patient, and never was, or the actor may not know
    :raises Forbidden: the actor does not administer the patient's organization
    :raises Invalid: it takes too long to look
    """
    with patiently():
        traces = find_traces(actor, patient_id)
        past = select(func.count()).select_from(EntityHistory).where(EntityHistory.id == patient_id)
        rollup = MeasurementRollup
        held = select(func.sum(rollup.count)).where(rollup.series_id.in_(traces.series), rollup.grain == "day")
        states = Counter(one.state for one in holders(traces.tenant_id, patient_id, traces.organizations, traces.since))
        return Weight(
            patient_id=patient_id,
            caption=traces.caption,
            versions=(db.session.scalar(past) or 0) + 1,
            belonging=dict(Counter(kind for one, kind in traces.data_types.items() if one != patient_id)),
            referring=len(traces.referring),
            files=len(traces.files),
            file_bytes=sum(file.byte_count or 0 for file in traces.files),
            values=int(db.session.scalar(held) or 0) if traces.series else 0,
            archives=states.pop("ready", 0),
            pending=sum(states.values()),
        )
