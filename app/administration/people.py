"""People who sign in: added to an organization, given new passwords, their sign-ins ended."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from sqlalchemy import select, update

from app import clock, record
from app.accounts.endings import end_password_sign_ins, end_sessions_of, forget_second_step
from app.accounts.links import end_links_of
from app.accounts.passwords import check_password, hash_password
from app.administration.rights import REMOVED
from app.administration.templates import USER_TEMPLATE, template_named
from app.catalog import records
from app.errors import Duplicate, Invalid, NotFound
from app.extensions import db
from app.models import ApiToken, Membership, Organization, Template, User, begin_writing, take_revision
from app.models.user import ROLES

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+")
_HANDLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_user(
    tenant_id: UUID,
    organization_id: UUID,
    email: str,
    name: str,
    password: str,
    role: str,
    handle: str | None = None,
) -> User:
    """Add a person who may sign in, with a role, and the entity with the same id that carries their facts.

    :param email: unique in the deployment whatever its case
    :param role: ``clinician``, ``analyst`` or ``administrator``; in the root organization it is tenant-wide
    :param handle: the person's name in addresses; made of the e-mail address when not given
    :raises Invalid: by field (``email``, ``name``, ``password``, ``role``, ``handle``)
    :raises NotFound: the tenant has no such organization
    """
    folded = email.strip().casefold()
    _check(folded, name, role, handle)
    check_password(password, email=folded, name=name)
    password_hash = hash_password(password)
    begin_writing()
    template = _template_for(tenant_id, organization_id)
    user = add_person(tenant_id, organization_id, template, folded, name, handle=handle, password_hash=password_hash)
    db.session.add(Membership(user_id=user.id, organization_id=organization_id, role=role))
    record.note(None, "user.create", "user", user.id, tenant_id=tenant_id, details={"role": role})
    db.session.commit()
    return user


def add_person(
    tenant_id: UUID,
    organization_id: UUID,
    template: Template,
    email: str,
    name: str,
    *,
    handle: str | None = None,
    password_hash: str | None = None,
) -> User:
    """Add a person and their entity to the writing transaction, uncommitted: no role yet.

    :param handle: as for :func:`create_user`
    :raises Duplicate: somebody has the e-mail address
    :raises Invalid: by field (``email``, ``name``, ``handle``)
    """
    folded = email.strip().casefold()
    _check(folded, name, ROLES[0], handle)
    if db.session.scalar(select(User.id).where(User.email == folded)) is not None:
        raise Duplicate(fields={"email": "Somebody has this e-mail address already."})
    user = User(
        id=uuid4(), tenant_id=tenant_id, handle=_free_handle(handle, folded), email=folded, name=name,
        password_hash=password_hash,
    )  # fmt: skip
    db.session.add(user)
    db.session.flush()
    records.add_entity(
        template, organization_id=organization_id, values={"name": name, "email": folded},
        revision=take_revision(tenant_id), entity_id=user.id, caption=name,
    )  # fmt: skip
    return user


def end_tokens_of(user_id: UUID) -> None:
    """End every sign-in and every token of a person, within the writing transaction."""
    end_sessions_of(user_id)
    live = update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.ended_at.is_(None))
    db.session.execute(live.values(ended_at=clock.now()))


def set_password(user_id: UUID, password: str) -> None:
    """Give somebody a new password; whoever was signed in with the old one is signed out: browsers, and programs.

    :raises Invalid: the password is too weak
    :raises NotFound: no such person
    """
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person.")
    check_password(password, email=user.email, name=user.name)
    password_hash = hash_password(password)
    begin_writing()
    user = db.session.get_one(User, user_id)
    user.password_hash = password_hash
    end_links_of(user_id)
    end_sessions_of(user_id)
    end_password_sign_ins(user_id)
    record.note(None, "user.password", "user", user_id, tenant_id=user.tenant_id)
    db.session.commit()


def end_second_step(user_id: UUID) -> bool:
    """Forget somebody's second step, and sign them out then; whether they had one. For the shell, when nobody else can.

    :raises NotFound: no such person
    """
    begin_writing()
    user = db.session.get(User, user_id)
    if user is None:
        db.session.rollback()
        raise NotFound("There is no such person.")
    ended = forget_second_step(user_id)
    if ended:
        end_sessions_of(user_id)
        record.note(None, "second_step.removed", "user", user_id, tenant_id=user.tenant_id)
    db.session.commit()
    return ended


def person_by_email(email: str) -> User:
    """Somebody by their e-mail address.

    :raises NotFound: nobody has it
    """
    user = db.session.scalar(select(User).where(User.email == email.strip().casefold()))
    if user is None:
        raise NotFound("Nobody has this e-mail address.")
    return user


def email_fault(email: str) -> str | None:
    """What stands against a case-folded e-mail address, in words."""
    # Whose address ends as those of people who were removed would stand in no list, and could sign in all the same.
    if not _EMAIL.fullmatch(email) or len(email) > 254 or email.endswith(REMOVED):
        return "This is not an e-mail address."
    return None


def _check(email: str, name: str, role: str, handle: str | None) -> None:
    faults: dict[str, str] = {}
    if fault := email_fault(email):
        faults["email"] = fault
    if not 0 < len(name.strip()) <= 200:
        faults["name"] = "A name has 1 to 200 characters."
    if role not in ROLES:
        faults["role"] = f"A role is one of {', '.join(ROLES)}."
    if handle is not None and not _HANDLE.fullmatch(handle):
        faults["handle"] = "A handle is 1 to 64 letters, digits, dots, dashes and underscores."
    if faults:
        raise Invalid(fields=faults)


def _template_for(tenant_id: UUID, organization_id: UUID) -> Template:
    organization = db.session.get(Organization, organization_id)
    template = template_named(tenant_id, USER_TEMPLATE)
    if organization is None or organization.tenant_id != tenant_id or template is None:
        raise NotFound("There is no such organization.")
    return template


def _free_handle(wanted: str | None, email: str) -> str:
    """The handle asked for, or one made of the e-mail address that nobody has yet.

    :raises Invalid: somebody has the one that was asked for
    """
    if wanted is not None:
        if _taken(wanted):
            raise Invalid(fields={"handle": "Somebody has this handle already."})
        return wanted
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", email.split("@")[0]).strip("-.")[:56] or "user"
    number, free = 2, stem
    while _taken(free):
        free, number = f"{stem}-{number}", number + 1
    return free


def _taken(handle: str) -> bool:
    return db.session.scalar(select(User.id).where(User.handle == handle)) is not None
