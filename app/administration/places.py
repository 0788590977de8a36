"""Organizations and their locations for who administers them: listed with what they hold, added, renamed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, union

from app import record
from app.actor import Actor
from app.administration.by_people import LONGEST_NAME, change_facts, free_code
from app.administration.organizations import add_organization, code_fault
from app.administration.rights import is_on_staff, require_whole_tenant
from app.administration.staff import select_managed
from app.administration.templates import ORGANIZATION_TEMPLATE, template_named
from app.administration.words import read_line
from app.catalog.findability import can_be_kept
from app.catalog.loading import MADE_ELSEWHERE
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Entity, Location, Membership, Organization, Repository, User, writing

LONGEST_SEARCH = 200
_UNKNOWN = "There is no such organization."


@dataclass(frozen=True, slots=True)
class Place:
    """An organization with what it holds. ``records``: by data type, without people and itself."""

    id: UUID
    name: str
    short_code: str
    is_root: bool
    locations: tuple[tuple[UUID, str], ...] = ()
    people: int = 0
    repositories: int = 0
    records: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in the way of its removal, as far as can be told beforehand."""
        return not (self.is_root or self.people or self.repositories or any(self.records.values()))


def list_places(actor: Actor, *, text: str = "", after: tuple[str, UUID] | None = None, limit: int = 50) -> list[Place]:
    """The organizations that the actor administers: the tenant's root first, the others by name.

    :param text: part of a name or a short code
    :param after: name and id of the last one of the page before
    :raises Forbidden: the actor administers nothing
    """
    wanted = select_managed(actor)
    words = text.strip()[:LONGEST_SEARCH]
    if not can_be_kept(words):
        return []
    if words:
        wanted = wanted.where(
            or_(
                Organization.name.icontains(words, autoescape=True),
                Organization.short_code.icontains(words, autoescape=True),
            )
        )
    name = func.lower(Organization.name)
    if after is not None:
        behind = or_(name > after[0], (name == after[0]) & (Organization.id > after[1]))
        wanted = wanted.where(~Organization.is_root, behind)
    found = db.session.scalars(wanted.order_by(Organization.is_root.desc(), name, Organization.id).limit(limit)).all()
    return _with_contents(found)


def get_place(actor: Actor, organization_id: UUID) -> Place:
    """One of them.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is none, or the actor does not administer it
    """
    return _with_contents([_load(actor, organization_id)])[0]


def add_place(actor: Actor, name: str, short_code: str = "") -> UUID:
    """Add an organization to the tenant; answers its id.

    :param short_code: made of the name when not given
    :raises Forbidden: the actor does not administer the whole tenant
    :raises Invalid: by field (``name``, ``short_code``)
    """
    require_whole_tenant(actor)
    faults: dict[str, str] = {}
    kept = read_line(faults, "name", name, "The name", most=LONGEST_NAME)
    code = short_code.strip()
    if code and (fault := code_fault(code)):
        faults["short_code"] = fault
    if faults:
        raise Invalid(fields=faults)
    with writing():
        template = template_named(actor.tenant_id, ORGANIZATION_TEMPLATE)
        if template is None:
            raise NotFound("There is no such tenant.")
        code = code or free_code(kept)
        made = add_organization(actor.tenant_id, template, kept, code, is_root=False)
        record.note(actor, "organization.create", "organization", made.id, details={"short_code": code})
        organization_id = made.id
        db.session.commit()
    return organization_id


def rename_place(actor: Actor, organization_id: UUID, name: str) -> None:
    """Call an organization by another name, from now on; what was exported keeps the old one.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is none, or the actor does not administer it
    :raises Invalid: ``name``
    """
    _load(actor, organization_id)
    faults: dict[str, str] = {}
    kept = read_line(faults, "name", name, "The name", most=LONGEST_NAME)
    if faults:
        raise Invalid(fields=faults)
    change_facts(actor, organization_id, "organization", {"name": kept})


def add_location(actor: Actor, organization_id: UUID, name: str) -> UUID:
    """Add a ward or a room to an organization; answers its id.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is no such organization, or the actor does not administer it
    :raises Invalid: ``name``
    """
    _load(actor, organization_id)
    faults: dict[str, str] = {}
    kept = read_line(faults, "name", name, "The name", most=LONGEST_NAME)
    with writing():
        organization = _load(actor, organization_id)
        _check_location(faults, organization_id, kept, None)
        made = Location(tenant_id=organization.tenant_id, organization_id=organization_id, name=kept)
        db.session.add(made)
        db.session.flush()
        location_id = made.id
        details = {"organization": str(organization_id), "name": kept}
        record.note(actor, "location.create", "location", location_id, details=details)
        db.session.commit()
    return location_id


def rename_location(actor: Actor, organization_id: UUID, location_id: UUID, name: str) -> None:
    """Call a location by another name.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: the organization has no such location, or the actor does not administer it
    :raises Invalid: ``name``
    """
    get_location(actor, organization_id, location_id)
    faults: dict[str, str] = {}
    kept = read_line(faults, "name", name, "The name", most=LONGEST_NAME)
    with writing():
        location = get_location(actor, organization_id, location_id)
        _check_location(faults, organization_id, kept, location_id)
        if location.name != kept:
            details = {"organization": str(organization_id), "before": location.name, "after": kept}
            location.name = kept
            record.note(actor, "location.edit", "location", location_id, details=details)
        db.session.commit()


def get_location(actor: Actor, organization_id: UUID, location_id: UUID) -> Location:
    """A location of an organization that the actor administers.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: there is none
    """
    _load(actor, organization_id)
    wanted = select(Location).where(Location.id == location_id, Location.organization_id == organization_id)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound("There is no such location.")
    return found


def _load(actor: Actor, organization_id: UUID) -> Organization:
    found = db.session.scalar(select_managed(actor).where(Organization.id == organization_id))
    if found is None:
        raise NotFound(_UNKNOWN)
    return found


def _check_location(faults: dict[str, str], organization_id: UUID, name: str, itself: UUID | None) -> None:
    """Refuse a name that is wrong or another location's of the organization."""
    same: ColumnElement[bool] = (Location.organization_id == organization_id) & (Location.name == name)
    if not faults and db.session.scalar(select(Location.id).where(same, Location.id.is_distinct_from(itself))):
        faults["name"] = f"There is a location {name} here already."
    if faults:
        raise Invalid(fields=faults)


def _with_contents(found: Collection[Organization]) -> list[Place]:
    ids = [one.id for one in found]
    locations: dict[UUID, list[tuple[UUID, str]]] = {}
    named = select(Location.organization_id, Location.id, Location.name).where(Location.organization_id.in_(ids))
    for where, location_id, name in db.session.execute(named.order_by(func.lower(Location.name), Location.id)):
        locations.setdefault(where, []).append((location_id, name))
    records: dict[UUID, dict[str, int]] = {}
    held = select(Entity.organization_id, Entity.data_type, func.count()).where(Entity.organization_id.in_(ids))
    for where, data_type, number in db.session.execute(held.group_by(Entity.organization_id, Entity.data_type)):
        if data_type not in MADE_ELSEWHERE:
            records.setdefault(where, {})[data_type] = number
    people = _people_of(ids)
    owned = select(Repository.organization_id, func.count()).where(Repository.organization_id.in_(ids))
    repositories = dict(db.session.execute(owned.group_by(Repository.organization_id)).all())
    return [
        Place(
            one.id, one.name, one.short_code, one.is_root, tuple(locations.get(one.id, ())), people.get(one.id, 0),
            repositories.get(one.id, 0), records.get(one.id, {}),
        )
        for one in found
    ]  # fmt: skip


def _people_of(ids: Collection[UUID]) -> dict[UUID, int]:
    """How many people belong to each organization: by a role there, or because they were added there."""
    roles = (
        select(Membership.organization_id, Membership.user_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.organization_id.in_(ids), is_on_staff())
    )
    home = select(Entity.organization_id, Entity.id)
    home = home.where(Entity.organization_id.in_(ids), Entity.data_type == "organization-user")
    both = union(roles, home).subquery()
    place = both.c.organization_id
    return dict(db.session.execute(select(place, func.count()).group_by(place)).all())
