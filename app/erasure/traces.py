"""Where a patient has left traces: which rows, files and exports are theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import or_, select

from app.access import Permission, allows, require, visible_entities
from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.models import Entity, EntityHistory, FilePiece, Reference, Series, StoredFile

OF_THEIR_OWN = frozenset({"patient", "device", "caregiver", "organization", "organization-user", "registration-code"})
"""What refers to a patient and is one of these goes on without; everything else belongs to the patient."""
_AT_ONCE = 500

Key = TypeVar("Key", UUID, int)


@dataclass(slots=True)
class Traces:
    """All that is a patient's.

    :param ids: the patient's, and those of the records that belong to it: sessions, alerts, entries
    :param referring: records that go on, and refer to one of those
    :param organizations: all in which any of it ever was
    """

    patient_id: UUID
    tenant_id: UUID
    caption: str
    since: datetime
    ids: set[UUID] = field(default_factory=set)
    data_types: dict[UUID, str] = field(default_factory=dict)
    referring: set[UUID] = field(default_factory=set)
    organizations: set[UUID] = field(default_factory=set)
    series: set[int] = field(default_factory=set)
    files: list[StoredFile] = field(default_factory=list)

    def keys_of_files(self) -> list[str]:
        """The keys of all their bytes: those of files, previews and pieces."""
        keys = [key for file in self.files for key in (file.storage_key, file.preview_key) if key]
        of_files = FilePiece.file_id.in_([file.id for file in self.files])
        held = db.session.scalars(select(FilePiece.storage_key).where(of_files)) if self.files else ()
        arrivals = [f"arrivals/{file.id}" for file in self.files if file.state == "expected"]
        return keys + [key for key in held if key] + arrivals

    def words(self) -> set[str]:
        """What identifies the patient and may have been typed elsewhere: ids, values, names of files."""
        found = {str(one) for one in self.ids} | {file.name for file in self.files}
        for version in versions(self.ids):
            found |= {text for text in _texts(orjson.loads(version.phi_attributes)) if len(text) > 2}
        return found


def find_traces(actor: Actor, patient_id: UUID) -> Traces:
    """Find what is to be erased; a patient who was removed has traces, too: the versions of before.

    :raises NotFound: there is no such patient, and never was, or the actor may not know
    :raises Forbidden: the actor does not administer the organization
    """
    patient = _patient(actor, patient_id)
    require(actor, Permission.MANAGE, patient.organization_id)
    traces = Traces(patient_id, actor.tenant_id, patient.caption, patient.created_at)
    _gather(traces, {patient_id})
    for version in versions(traces.ids):
        traces.organizations.add(version.organization_id)
        traces.data_types[version.id] = version.data_type
    _gather_measured(traces)
    traces.files = list(db.session.scalars(select(StoredFile).where(StoredFile.entity_id.in_(traces.ids))))
    traces.organizations |= {file.organization_id for file in traces.files}
    return traces


def versions(ids: Iterable[UUID]) -> Iterator[Entity | EntityHistory]:
    """Every version that there is of some entities."""
    for some in batches(ids):
        yield from db.session.scalars(select(Entity).where(Entity.id.in_(some)))
        yield from db.session.scalars(select(EntityHistory).where(EntityHistory.id.in_(some)))


def batches(ids: Iterable[Key]) -> Iterator[list[Key]]:
    """The ids by the few hundred, as many as one statement names."""
    known = list(ids)
    for place in range(0, len(known), _AT_ONCE):
        yield known[place : place + _AT_ONCE]


def mentioning(tenant_id: UUID, ids: Iterable[UUID]) -> Iterator[EntityHistory]:
    """Earlier versions of the tenant's records whose values name one of the ids. Reads them all: nothing indexes it."""
    kept = EntityHistory
    for one in ids:
        named = (kept.attributes.contains(str(one)), kept.phi_attributes.contains(str(one)))
        yield from db.session.scalars(select(kept).where(kept.tenant_id == tenant_id, or_(*named)))


def _patient(actor: Actor, patient_id: UUID) -> Entity | EntityHistory:
    found: Entity | EntityHistory | None = db.session.scalar(
        visible_entities(actor).where(Entity.id == patient_id, Entity.data_type == "patient")
    )
    if found is None and db.session.get(Entity, patient_id) is None:
        removed = (
            select(EntityHistory)
            .where(
                EntityHistory.id == patient_id,
                EntityHistory.tenant_id == actor.tenant_id,
                EntityHistory.data_type == "patient",
            )
            .order_by(EntityHistory.revision.desc())
        )
        found = db.session.scalar(removed.limit(1))
    if found is None or not allows(actor, Permission.VIEW, found.organization_id):
        raise NotFound("There is no such patient, or you may not see it.")
    return found


def _gather(traces: Traces, fresh: set[UUID]) -> None:
    """Follow references back to what belongs to the patient, and to what belongs to that, and so on."""
    while fresh:
        traces.ids |= fresh
        found: set[UUID] = set()
        for entity_id, data_type in _pointing(fresh):
            (traces.referring if data_type in OF_THEIR_OWN else found).add(entity_id)
        for past in mentioning(traces.tenant_id, fresh):
            # A version of before may have pointed elsewhere; of a record that is gone, it is all there is.
            if past.data_type not in OF_THEIR_OWN and db.session.get(Entity, past.id) is None:
                found.add(past.id)
        fresh = found - traces.ids
    traces.referring -= traces.ids


def _pointing(ids: set[UUID]) -> list[tuple[UUID, str]]:
    pointing = select(Entity.id, Entity.data_type).join(Reference, Reference.entity_id == Entity.id)
    return [
        (row.id, row.data_type)
        for some in batches(ids)
        for row in db.session.execute(pointing.where(Reference.target_id.in_(some)))
    ]


def _gather_measured(traces: Traces) -> None:
    """Values of the patient, or of a session of theirs, whichever device measured them."""
    devices: set[UUID] = set()
    for some in batches(traces.ids):
        theirs = or_(Series.patient_id.in_(some), Series.session_id.in_(some))
        for series in db.session.scalars(select(Series).where(theirs)):
            traces.series.add(series.id)
            devices |= {series.device_id} if series.device_id else set()
    # An export of the device's organization has the values, wherever the patient is.
    for version in versions(devices):
        traces.organizations.add(version.organization_id)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def without(values: dict[str, Any], ids: set[UUID]) -> dict[str, Any]:
    """The values without references to those."""
    gone = {str(one) for one in ids}
    return {name: value for name, value in values.items() if not (isinstance(value, dict) and value.get("id") in gone)}
