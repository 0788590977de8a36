"""Who that is here: found, made anew, their roles brought in line, let in or not."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import clock, record
from app.access.visibility import is_kept
from app.accounts import Asking, Entry, let_in
from app.accounts.people import actor_of
from app.accounts.strangers import account_named, find_user
from app.administration.people import add_person
from app.administration.rights import ADMINISTRATOR, require_administrator_left
from app.administration.templates import USER_TEMPLATE, template_named
from app.errors import Forbidden, Invalid
from app.extensions import db
from app.models import Membership, Organization, SignInIdentity, Tenant, User, begin_writing, writing
from app.single_sign_on.refusing import NotLetIn
from app.single_sign_on.settings import Settings, groups_in

BY = "single-sign-on"
LONGEST_NAME = 200
LONGEST_SUBJECT = 255
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)

Role = tuple[UUID, str]


def enter(settings: Settings, claims: Mapping[str, Any], asking: Asking) -> Entry:
    """Let in the person of whom the provider tells, in one transaction: theirs, their roles', their session's.

    :raises NotLetIn: for a reason that lies in the person, or ``misconfigured``
    """
    try:
        return _enter(settings, claims, asking)
    except IntegrityError:
        # Two browsers of one person came for the first time at the same moment: now there is whom to find.
        return _enter(settings, claims, asking)


def shown_at(claims: Mapping[str, Any]) -> datetime:
    """When the person last showed the provider who they are; where it does not tell, it counts as long ago."""
    told = claims.get("auth_time")
    try:
        return min(clock.now(), datetime.fromtimestamp(told, UTC)) if isinstance(told, int | float) else LONG_AGO
    except (ValueError, OverflowError, OSError):
        return LONG_AGO


def note_refusal(tenant_slug: str, refusal: NotLetIn, asking: Asking) -> None:
    """Write down that somebody was not let in, and why; never what the provider said about them."""
    begin_writing()
    user = db.session.get(User, refusal.user_id) if refusal.user_id else None
    tenant_id = db.session.scalar(select(Tenant.id).where(Tenant.slug == tenant_slug))
    record.note(
        None, "session.refused", "user" if user else None, user.id if user else None, tenant_id=tenant_id,
        details={"by": BY, "why": refusal.why}, outcome="failed" if refusal.is_ours else "refused", via="stranger",
        address=asking.address, request_id=asking.request_id,
    )  # fmt: skip
    db.session.commit()


def places_in(settings: Settings) -> list[str]:
    """The codes that the settings name and that organizations of their tenant have.

    :raises NotLetIn: ``misconfigured``: there is no such tenant
    """
    return list(_places(_tenant(settings).id, settings))


def _tenant(settings: Settings) -> Tenant:
    tenant = db.session.scalar(select(Tenant).where(Tenant.slug == settings.tenant))
    if tenant is None:
        raise NotLetIn("misconfigured", f"there is no tenant {settings.tenant}")
    return tenant


def _enter(settings: Settings, claims: Mapping[str, Any], asking: Asking) -> Entry:
    with writing():
        tenant = _tenant(settings)
        mapped = settings.roles_of(groups_in(claims, settings.roles_claim))
        places = _places(tenant.id, settings)
        if missing := {code for _, code in mapped} - places.keys():
            log.warning("single sign-on: OIDC_ROLES names what is not there: %s", ", ".join(sorted(missing)))
        wanted = {(places[code], role) for role, code in mapped if code in places}
        user = _person(settings, tenant, claims, wanted, asking)
        if not user.active:
            raise NotLetIn("disabled", "the person is disabled here", user.id)
        governed = {(places[code], role) for role, code in settings.governed() if code in places}
        _bring_in_line(user, wanted, governed, asking)
        if not user.memberships:
            # What was taken stays taken.
            db.session.commit()
            raise NotLetIn("no-role", "the person has no role", user.id)
        entry = let_in(user, asking, by=BY, proved_at=shown_at(claims))
        db.session.commit()
        return entry


def _person(
    settings: Settings, tenant: Tenant, claims: Mapping[str, Any], wanted: Collection[Role], asking: Asking
) -> User:
    """Whoever is known by this subject; else, by a verified address, somebody who is here already; else made anew."""
    subject = str(claims["sub"])
    if not 0 < len(subject) <= LONGEST_SUBJECT or "\0" in subject:
        raise NotLetIn("not-proved", "the provider's name for the person cannot be kept")
    known = db.session.scalar(
        select(SignInIdentity).where(SignInIdentity.issuer == settings.issuer, SignInIdentity.subject == subject)
    )
    if known is not None:
        if known.user.tenant_id != tenant.id:
            raise NotLetIn("taken", "the person belongs to another tenant")
        return known.user
    email = claims.get("email")
    if not isinstance(email, str) or not email.strip() or not _is_true(claims.get("email_verified")):
        raise NotLetIn("unverified", "the provider does not say that the e-mail address was verified")
    user = find_user(account_named(email))
    made = user is None
    if user is None:
        user = _made(tenant, claims, account_named(email), wanted)
    else:
        _require_theirs(user, tenant, email, settings.issuer)
    db.session.add(SignInIdentity(user_id=user.id, issuer=settings.issuer, subject=subject))
    actor = actor_of(user, via="session", address=asking.address, request_id=asking.request_id)
    if made:
        record.note(actor, "user.create", "user", user.id, details={"by": BY})
    record.note(actor, "user.identity", "user", user.id, details={"by": "made anew" if made else "e-mail address"})
    return user


def _require_theirs(user: User, tenant: Tenant, email: str, issuer: str) -> None:
    """Refuse to take somebody for whoever is here under the same address, where that is not sure.

    :raises NotLetIn: they belong elsewhere, are disabled, or somebody else at the provider
    """
    if user.tenant_id != tenant.id:
        # Whose it is, and where, is nobody's business here.
        raise NotLetIn("taken", "the e-mail address belongs to another tenant's person")
    if not all(sign.isascii() or sign == sign.casefold() for sign in email):
        # A long s folds into an s: that mailbox is another one than that of the person who is here.
        raise NotLetIn("taken", "the e-mail address is only spelled like somebody's", user.id)
    if not user.active:
        raise NotLetIn("disabled", "the person is disabled here", user.id)
    if _is_linked(user, issuer):
        raise NotLetIn("other-subject", "the person is somebody else at the provider", user.id)


def _made(tenant: Tenant, claims: Mapping[str, Any], email: str, wanted: Collection[Role]) -> User:
    template = template_named(tenant.id, USER_TEMPLATE)
    if not wanted:
        raise NotLetIn("unknown", "nobody here has the e-mail address, and no role is given")
    if template is None:
        raise NotLetIn("misconfigured", "the tenant has no template for people")
    told = claims.get("name")
    name = " ".join(told.replace("\0", "").split())[:LONGEST_NAME] if isinstance(told, str) else ""
    home = min(where for where, _ in wanted)
    try:
        return add_person(tenant.id, home, template, email, name or email.split("@")[0])
    except Invalid as refusal:
        raise NotLetIn("unverified", "the provider's e-mail address cannot be used") from refusal


def _bring_in_line(user: User, wanted: Collection[Role], governed: Collection[Role], asking: Asking) -> None:
    """Give and take the roles that the mapping governs. Others, given in the portal, stay.

    The last administrator of a tenant stays one: nobody could mend it from within.
    """
    present = {(one.organization_id, one.role): one for one in user.memberships}
    gained = set(wanted) - present.keys()
    lost = (present.keys() & set(governed)) - set(wanted)
    roots = {one.organization_id for one in user.memberships if one.organization.is_root}
    kept = {one for one in lost if one[0] in roots and one[1] == ADMINISTRATOR}
    if kept:
        try:
            require_administrator_left(user.tenant_id, without=user.id)
        except Forbidden:
            lost -= kept
            log.warning("single sign-on: the tenant's last administrator stays one", extra={"user": str(user.id)})
    if not gained and not lost:
        return
    for role in lost:
        db.session.delete(present[role])
    db.session.add_all(Membership(user_id=user.id, organization_id=where, role=role) for where, role in gained)
    db.session.flush()
    db.session.expire(user, ["memberships"])
    actor = actor_of(user, via="session", address=asking.address, request_id=asking.request_id)
    details = {"by": BY, "gained": _told(gained), "lost": _told(lost)}
    record.note(actor, "user.roles", "user", user.id, details=details)


def _places(tenant_id: UUID, settings: Settings) -> dict[str, UUID]:
    """The organizations that the mapping names, by their codes; one that is not there gives nothing."""
    codes = {code for _, code in settings.governed()}
    wanted = select(Organization).where(
        Organization.tenant_id == tenant_id, Organization.short_code.in_(codes), is_kept()
    )
    return {one.short_code: one.id for one in db.session.scalars(wanted)}


def _is_linked(user: User, issuer: str) -> bool:
    linked = select(SignInIdentity.id).where(SignInIdentity.user_id == user.id, SignInIdentity.issuer == issuer)
    return db.session.scalar(linked) is not None


def _is_true(said: object) -> bool:
    # Some providers write it as a word.
    return said is True or (isinstance(said, str) and said.lower() == "true")


def _told(roles: Collection[Role]) -> list[str]:
    return sorted(f"{role}@{where}" for where, role in roles)
