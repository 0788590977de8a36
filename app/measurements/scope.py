"""Whose series a person looks at: a record's own, or all those of an organization or of one of its locations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select, true

from app.access import visible_entities
from app.actor import Actor
from app.errors import Invalid
from app.extensions import db
from app.measurements.subjects import sources_of
from app.models import Entity, Location, Organization, Series

MOST_PLACES = 20
NOWHERE = "There is no such location in this organization."
WITHOUT = "without a device"
NO_DEVICE = "One of the devices is not there, or is not of this place."


@dataclass(frozen=True, slots=True)
class Subject:
    """One whose values can be a line of their own: ``series_ids`` are all of its series here.

    :param id: of the device that measured, else of the patient or session; None for values without a device
    :param is_device: whether it is one, so that it can be chosen
    """

    id: UUID | None
    caption: str
    is_device: bool
    series_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """What an entity's chart may draw. ``locations`` are those of an organization, to narrow it by."""

    entity: Entity
    subjects: tuple[Subject, ...]
    locations: tuple[tuple[UUID, str], ...] = ()
    is_whole: bool = False
    """The entity stands for the whole tenant."""

    @property
    def is_place(self) -> bool:
        return self.entity.data_type == "organization"


def scope_of(actor: Actor, entity: Entity, location_id: UUID | None, device_ids: Sequence[UUID]) -> Scope:
    """The series of an entity that the actor was given, by who measured.

    :param location_id: only devices and patients of this location; for organizations alone
    :param device_ids: only these devices
    :raises Invalid: an unknown ``location`` or ``device``
    """
    if entity.data_type == "organization":
        house = db.session.get(Organization, entity.id)
        is_whole = house is not None and house.is_root
        locations = _locations(actor, entity, is_whole=is_whole)
        if location_id is not None and location_id not in {known for known, _ in locations}:
            raise Invalid(fields={"location": NOWHERE})
        subjects = _of_place(actor, entity, location_id, is_whole=is_whole)
    else:
        if location_id is not None:
            raise Invalid(fields={"location": NOWHERE})
        locations, subjects, is_whole = (), _of_record(actor, entity), False
    if device_ids:
        known = {one.id for one in subjects if one.is_device}
        if set(device_ids) - known:
            raise Invalid(fields={"device": NO_DEVICE})
    return Scope(entity, tuple(subjects), locations, is_whole)


def seen_series(actor: Actor) -> ColumnElement[bool]:
    """The condition that a series' values are for the actor: by its patient; without one by its session or device."""
    seen = visible_entities(actor).with_only_columns(Entity.id)
    nobody = Series.patient_id.is_(None)
    return and_(
        Series.tenant_id == actor.tenant_id,
        or_(
            Series.patient_id.in_(seen),
            and_(nobody, Series.session_id.in_(seen)),
            and_(nobody, Series.session_id.is_(None), Series.device_id.in_(seen)),
        ),
    )


def _of_record(actor: Actor, entity: Entity) -> list[Subject]:
    sources = sources_of(actor, entity)
    if entity.data_type == "device":
        return [Subject(entity.id, entity.caption, True, tuple(one.series_id for one in sources))] if sources else []
    # Devices that the actor may not see are told apart, and named as one cannot choose them.
    by_device: dict[UUID | None, list[int]] = {}
    captions: dict[UUID | None, str] = {}
    for one in sources:
        by_device.setdefault(one.device_id, []).append(one.series_id)
        captions[one.device_id] = one.device or WITHOUT
    found = visible_entities(actor).with_only_columns(Entity.id).where(Entity.id.in_([one for one in by_device if one]))
    visible = set(db.session.scalars(found)) if any(by_device) else set()
    return [Subject(one, captions[one], one in visible, tuple(own)) for one, own in by_device.items()]


def _of_place(actor: Actor, organization: Entity, location_id: UUID | None, *, is_whole: bool) -> list[Subject]:
    place = _there(actor, organization, location_id, is_whole=is_whole)
    within = place.with_only_columns(Entity.id)
    measured_by = db.session.execute(
        select(Entity.id, Entity.caption, Series.id)
        .join(Series, Series.device_id == Entity.id)
        .where(seen_series(actor), Entity.id.in_(within))
        .order_by(Series.id)
    )
    series: dict[tuple[str, UUID], list[int]] = {}
    for device, caption, one in measured_by:
        series.setdefault((caption, device), []).append(one)
    subjects = [Subject(device, caption, True, tuple(own)) for (caption, device), own in series.items()]
    subjects.sort(key=lambda one: (one.caption.casefold(), str(one.id)))
    # Patients have no lines of their own here: a page that names several is a list of who is ill.
    theirs = or_(Series.patient_id.in_(within), and_(Series.patient_id.is_(None), Series.session_id.in_(within)))
    without = select(Series.id).where(seen_series(actor), Series.device_id.is_(None), theirs)
    together = tuple(db.session.scalars(without.order_by(Series.id)))
    return [*subjects, Subject(None, WITHOUT, False, together)] if together else subjects


def _there(actor: Actor, organization: Entity, location_id: UUID | None, *, is_whole: bool) -> Select[Entity]:
    """The records of a place; the root organization is the whole tenant, as far as the actor sees it."""
    there: Select[Entity] = visible_entities(actor).where(
        true() if is_whole else Entity.organization_id == organization.id
    )
    return there if location_id is None else there.where(Entity.location_id == location_id)


def _locations(actor: Actor, organization: Entity, *, is_whole: bool) -> tuple[tuple[UUID, str], ...]:
    wanted = select(Location.id, Location.name).where(Location.tenant_id == actor.tenant_id)
    if not is_whole:
        wanted = wanted.where(Location.organization_id == organization.id)
    named = db.session.execute(wanted.order_by(Location.name, Location.id)).all()
    return tuple((row[0], row[1]) for row in named)


def places_of(actor: Actor) -> list[Entity]:
    """The organizations whose measurements the actor may look at together: the one that is the whole tenant first."""
    root = select(Organization.id).where(Organization.tenant_id == actor.tenant_id, Organization.is_root)
    places = visible_entities(actor).where(Entity.data_type == "organization")
    by_name = places.order_by(Entity.id.in_(root).desc(), Entity.caption, Entity.id)
    return list(db.session.scalars(by_name.limit(MOST_PLACES)))
