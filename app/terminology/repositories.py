"""Find, make and change repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.exc import IntegrityError

from app import clock, record
from app.access import Permission, allows
from app.access.repositories import may_edit, may_release
from app.access.visibility import viewable, visible_repositories
from app.actor import Actor
from app.errors import Duplicate, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import Organization, Repository, User, begin_writing, take_repository_revision
from app.models.terminology import LOCALES_LENGTH, PUBLIC_ACCESS, REPOSITORY_LENGTH
from app.terminology.addresses import KINDS, RESERVED, UNKNOWN, Address, check_code, is_code
from app.terminology.documents import Home, Json

Row = TypeVar("Row")
MOST_LISTED = 1000
PRIVATE = "This repository is private."
DETAILS = (
    "website", "external_id", "custom_validation_schema", "extras", "canonical_url", "identifier", "publisher",
    "contact", "jurisdiction", "purpose", "copyright", "content_type", "revision_date", "text", "meta", "experimental",
    "case_sensitive", "collection_reference", "hierarchy_meaning", "compositional", "version_needed",
    "hierarchy_root_url", "immutable", "locked_date", "logo_url",
)  # fmt: skip
"""What a repository may say of itself that nothing but its description shows."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """A page of a list, and how many there are in all."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What a repository is made with. ``details`` has keys of :data:`DETAILS`."""

    name: str
    full_name: str = ""
    description: str = ""
    repository_type: str = "Dictionary"
    public_access: str = "View"
    default_locale: str = "en"
    supported_locales: Sequence[str] = ("en",)
    details: Mapping[str, Any] = field(default_factory=dict)


def list_repositories(
    actor: Actor | None,
    *,
    owner_kind: str | None = None,
    owner: str | None = None,
    kind: str | None = None,
    search: str = "",
    limit: int = 25,
    offset: int = 0,
) -> Listed[Repository]:
    """The repositories that the actor may view, by name.

    :param owner_kind: ``orgs`` or ``users``; ``owner`` is its code or handle
    :param kind: ``sources`` or ``collections``
    :param search: what a code or name holds
    :raises NotFound: there is no such owner
    """
    statement = visible_repositories(actor)
    if owner_kind is not None and owner is not None:
        statement = statement.where(_owned_by(*find_owner(actor, owner_kind, owner)))
    if kind is not None:
        statement = statement.where(Repository.kind == KINDS.get(kind, kind))
    if search.strip():
        pattern = f"%{_escaped(search.strip().lower())}%"
        columns = (Repository.short_code, Repository.name)
        statement = statement.where(or_(*(func.lower(column).like(pattern, escape="\\") for column in columns)))
    total = db.session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    page = statement.order_by(func.lower(Repository.name), Repository.id).limit(min(limit, MOST_LISTED)).offset(offset)
    return Listed(db.session.scalars(page).unique().all(), total)


def get_repository(actor: Actor | None, address: Address) -> Repository:
    """The repository at an address.

    :raises NotFound: there is none, or it is another tenant's
    :raises Forbidden: it is private (``reason`` is ``private``)
    """
    found = _find(actor, address)
    if found is None:
        raise NotFound(UNKNOWN)
    repository, may_view = found
    if not may_view:
        raise Forbidden(PRIVATE, reason="private")
    return repository


def get_repository_to_edit(actor: Actor, address: Address, *, member: bool = False) -> Repository:
    """The repository at an address, within a writing transaction, to be changed.

    :param member: only the owner's people may
    :raises NotFound: there is none
    :raises Forbidden: the actor may look at most
    """
    repository = get_repository(actor, address)
    if not (may_release(actor, repository) if member else may_edit(actor, repository)):
        words = "Only its owner's people may do that." if member else "You may look at this repository, not change it."
        raise Forbidden(words)
    return repository


def create_repository(actor: Actor, address: Address, facts: RepositoryFacts) -> Repository:
    """Make an empty source or collection at an address, for an organization that the actor may edit or for themself.

    :raises NotFound: there is no such owner
    :raises Forbidden: it would be somebody else's
    :raises Invalid: with a sentence for each field that is wrong
    :raises Duplicate: there is one at that address
    """
    _check(address, facts)
    begin_writing()
    new_repository(actor, address, facts)
    db.session.commit()
    return get_repository(actor, address)


def new_repository(actor: Actor, address: Address, facts: RepositoryFacts) -> Repository:
    """As :func:`create_repository`, within the caller's writing transaction."""
    _check(address, facts)
    organization_id, user_id = find_owner(actor, address.owner_kind, address.owner)
    ours = user_id == actor.user_id if organization_id is None else allows(actor, Permission.EDIT, organization_id)
    if not ours or not allows(actor, Permission.EDIT):
        db.session.rollback()
        raise Forbidden("Only the owner's people may make repositories there.")
    handle = handle_of(actor)
    now = clock.now()
    repository = Repository(
        tenant_id=actor.tenant_id,
        kind=KINDS[address.kind],
        organization_id=organization_id,
        user_id=user_id,
        short_code=address.short_code,
        created_by=handle,
        created_at=now,
        changed_at=now,
        details_changed_at=now,
    )
    _write(repository, facts, handle)
    db.session.add(repository)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Duplicate(fields={"id": "The owner has a repository of that id."}) from None
    record.note(actor, "repository.create", "repository", str(repository.id))
    return repository


class ChangedMeanwhile(Invalid):
    """Somebody else changed it after it was shown to the one who now wants to change it."""


def update_repository(
    actor: Actor, address: Address, facts: RepositoryFacts, *, seen: datetime | None = None
) -> Repository:
    """Say anew what a repository is; releases keep what it was.

    :param seen: ``details_changed_at`` of what the person had before their eyes; None when nobody had it
    :raises NotFound: there is none
    :raises Forbidden: the actor is not of its owner
    :raises ChangedMeanwhile: its details are no longer those that were seen
    :raises Invalid: with a sentence for each field that is wrong
    """
    _check(address, facts)
    begin_writing()
    repository = get_repository_to_edit(actor, address, member=True)
    at = take_repository_revision(repository.id).at
    db.session.refresh(repository)
    if seen is not None and repository.details_changed_at != seen:
        db.session.rollback()
        raise ChangedMeanwhile("Somebody else changed what this repository says of itself meanwhile.")
    _write(repository, facts, handle_of(actor))
    repository.details_changed_at = at
    record.note(actor, "repository.edit", "repository", str(repository.id))
    db.session.commit()
    return get_repository(actor, address)


def open_to_world(address: Address, opened: bool) -> None:
    """Let strangers read a repository, or no longer; their programs get no exports. For whoever runs the deployment.

    :raises NotFound: there is none
    """
    begin_writing()
    found = db.session.scalars(select(Repository).where(*_at(address))).unique().one_or_none()
    if found is None:
        db.session.rollback()
        raise NotFound(UNKNOWN)
    if found.open_to_world != opened:
        found.open_to_world = opened
        action = "repository.open" if opened else "repository.close"
        record.note(None, action, "repository", str(found.id), tenant_id=found.tenant_id)
    db.session.commit()


def facts_of_repository(repository: Repository) -> RepositoryFacts:
    """What a repository says of itself, to be changed and given to :func:`update_repository`."""
    return RepositoryFacts(
        name=repository.name,
        full_name=repository.full_name,
        description=repository.description,
        repository_type=repository.repository_type,
        public_access=repository.public_access,
        default_locale=repository.default_locale,
        supported_locales=tuple(repository.supported_locales.split(",")),
        details=orjson.loads(repository.details),
    )


def find_owner(actor: Actor | None, owner_kind: str, owner: str) -> tuple[UUID | None, UUID | None]:
    """``(organization's id, None)`` or ``(None, person's id)`` of the actor's tenant; for a stranger of whoever owns
    something that is open to the world, so that nobody else is known by it.

    :raises NotFound: there is none
    """
    if owner_kind not in ("orgs", "users") or not is_code(owner):
        raise NotFound("There is no such owner.")
    of_organizations = owner_kind == "orgs"
    of: Any = Organization if of_organizations else User
    wanted: Select[Any] = select(of.id).where((of.short_code if of_organizations else of.handle) == owner)
    if actor is None:
        owned: Any = Repository.organization_id if of_organizations else Repository.user_id
        wanted = wanted.where(of.id.in_(select(owned).where(viewable(None))))
    else:
        wanted = wanted.where(of.tenant_id == actor.tenant_id)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound("There is no such owner.")
    return (found, None) if of_organizations else (None, found)


def handle_of(actor: Actor) -> str:
    """What the actor is called in paths and documents."""
    return db.session.scalar(select(User.handle).where(User.id == actor.user_id)) or actor.name


def home_of(repository: Repository) -> Home:
    """What documents say of their source."""
    locales = tuple(repository.supported_locales.split(","))
    return Home(Address.of(repository), repository.default_locale, locales, repository.public_access != "None")


def details_of(repository: Repository) -> Json:
    details: Json = orjson.loads(repository.details)
    return details


def _find(actor: Actor | None, address: Address) -> tuple[Repository, bool] | None:
    """Of the actor's tenant, and whether they may view it; for a stranger what is open to the world. One query."""
    if not (is_code(address.owner) and is_code(address.short_code)):
        return None
    ours = viewable(None) if actor is None else Repository.tenant_id == actor.tenant_id
    statement = select(Repository, viewable(actor)).where(*_at(address), ours)
    row = db.session.execute(statement.execution_options(populate_existing=True)).unique().one_or_none()
    return None if row is None else (row[0], bool(row[1]))


def _at(address: Address) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a repository is at an address; owners' codes are no two tenants'."""
    owners: dict[str, ColumnElement[bool]] = {
        "orgs": Repository.organization_id.in_(select(Organization.id).where(Organization.short_code == address.owner)),
        "users": Repository.user_id.in_(select(User.id).where(User.handle == address.owner)),
    }
    own = owners.get(address.owner_kind, false())
    return Repository.kind == KINDS.get(address.kind), Repository.short_code == address.short_code, own


def _owned_by(organization_id: UUID | None, user_id: UUID | None) -> ColumnElement[bool]:
    if organization_id is not None:
        return Repository.organization_id == organization_id
    return Repository.user_id == user_id


def _check(address: Address, facts: RepositoryFacts) -> None:
    wrong = {}
    check_code(address.short_code, "id", REPOSITORY_LENGTH)
    if address.short_code in RESERVED:
        wrong["id"] = "This id means something else in a path. Take another one."
    if not 1 <= len(facts.name.strip()) <= 255:
        wrong["name"] = "Give it a name of 1 to 255 characters."
    if len(facts.full_name) > 500:
        wrong["full_name"] = "Use at most 500 characters."
    if facts.public_access not in PUBLIC_ACCESS:
        wrong["public_access"] = f"Choose one of {', '.join(PUBLIC_ACCESS)}."
    if not 1 <= len(facts.repository_type) <= 100:
        wrong["type"] = "Use 1 to 100 characters."
    locales = [facts.default_locale, *facts.supported_locales]
    if words := _wrong_locales(locales, facts.supported_locales):
        wrong["locales"] = words
    if words := _wrong_details(facts.details):
        wrong["details"] = words
    texts = [facts.name, facts.full_name, facts.description, facts.repository_type, *locales]
    if any("\0" in text for text in texts):
        wrong["name"] = "A text holds a sign that cannot be kept."
    if wrong:
        raise Invalid(fields=wrong)


def _wrong_locales(locales: Sequence[str], supported: Sequence[str]) -> str | None:
    if not supported or any(not 1 <= len(one) <= 35 or "," in one for one in locales):
        return "Name at least one language, each by its code, such as en or pt-BR."
    if len(_joined(supported)) > LOCALES_LENGTH:
        return f"These are too many languages: their codes have {LOCALES_LENGTH} characters at most."
    return None


def _wrong_details(details: Mapping[str, Any]) -> str | None:
    if unknown := sorted(set(details) - set(DETAILS)):
        return f"Nothing is known by the name {unknown[0]}."
    if not isinstance(details.get("extras") or {}, Mapping):
        return "Its extras are an object of names and values."
    return None


def _joined(locales: Sequence[str]) -> str:
    return ",".join(dict.fromkeys(locales))


def _write(repository: Repository, facts: RepositoryFacts, handle: str) -> None:
    repository.name = facts.name.strip()
    repository.full_name, repository.description = facts.full_name, facts.description
    repository.repository_type, repository.public_access = facts.repository_type, facts.public_access
    repository.default_locale = facts.default_locale
    repository.supported_locales = _joined(facts.supported_locales)
    repository.details = orjson.dumps(dict(facts.details)).decode()
    repository.updated_by = handle


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
