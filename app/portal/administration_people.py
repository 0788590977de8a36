"""People for administrators: listed, invited, given roles, stopped, let in again. Each change is asked about first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import administration, record
from app.administration import Invited, Person
from app.errors import Invalid
from app.models import Organization
from app.portal.role_words import role_word, roles
from app.portal.signed_in import current_actor
from app.portal.typed import several

bp = Blueprint("people", __name__, url_prefix="/admin/people")

PAGE_SIZE = 50
STATES = {
    "active": ("Active", "success"),
    "invited": ("Invited", "info"),
    "disabled": ("Disabled", "danger"),
}

Role = tuple[UUID, str]


@dataclass
class InvitationForm:
    """What the page shows again after a refusal."""

    name: str = ""
    email: str = ""
    organization: str = ""
    roles: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls) -> InvitationForm:
        given = request.form
        return cls(
            given.get("name", "")[:300],
            given.get("email", "").strip()[:300],
            given.get("organization", "")[:36],
            several(given, "roles"),
        )

    @property
    def organization_id(self) -> UUID | None:
        return _uuid(self.organization)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The people whom the administrator looks after, by name."""
    text, state = request.args.get("q", "")[:200], request.args.get("state", "")
    found = administration.list_people(
        current_actor(), text=text, state=state, after=_cursor(request.args), limit=PAGE_SIZE + 1
    )
    shown = found[:PAGE_SIZE]
    kept: dict[str, Any] = {"q": text or None, "state": state if state in STATES else None}
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return render_template(
        "people/index.html",
        people=shown,
        text=text,
        state=state,
        states=STATES,
        role_word=role_word,
        first_url=url_for(".index", **kept) if request.args.get("after") else None,
        next_url=url_for(".index", **kept, after=last.name.lower(), id=last.id) if last else None,
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form of an invitation."""
    return _invitation(InvitationForm())


@bp.post("/")
def invite() -> ResponseReturnValue:
    """Invite somebody; without mail the link is shown, this once."""
    form = InvitationForm.parse()
    try:
        invited = administration.invite_person(current_actor(), form.name, form.email, form.organization_id, form.roles)
    except Invalid as refusal:
        form.errors = refusal.fields
        return _invitation(form), 422
    return _after_link(invited)


@bp.get("/<uuid:user_id>")
def show(user_id: UUID) -> ResponseReturnValue:
    """Somebody in full, with what can be done."""
    return _show(administration.get_person(current_actor(), user_id))


@bp.get("/<uuid:user_id>/link")
def link(user_id: UUID) -> ResponseReturnValue:
    """Ask before another invitation, or a new password, is sent."""
    return _ask(user_id, "link")


@bp.post("/<uuid:user_id>/link")
def send_link(user_id: UUID) -> ResponseReturnValue:
    """Send it, or show it when there is no mail."""
    return _after_link(administration.send_link(current_actor(), user_id))


@bp.get("/<uuid:user_id>/disable")
def disable(user_id: UUID) -> ResponseReturnValue:
    """Ask before somebody is stopped."""
    return _ask(user_id, "disable")


@bp.post("/<uuid:user_id>/disable")
def confirm_disable(user_id: UUID) -> ResponseReturnValue:
    """End all that they signed in with, everywhere; they sign in no more."""
    person = administration.get_person(current_actor(), user_id)
    administration.set_person_active(current_actor(), user_id, False)
    return _changed(user_id, f"{person.line.name} is signed out everywhere and can sign in no more.")


@bp.get("/<uuid:user_id>/enable")
def enable(user_id: UUID) -> ResponseReturnValue:
    """Ask before somebody is let in again."""
    return _ask(user_id, "enable")


@bp.post("/<uuid:user_id>/enable")
def confirm_enable(user_id: UUID) -> ResponseReturnValue:
    """Let them sign in again. What was ended stays ended."""
    person = administration.get_person(current_actor(), user_id)
    administration.set_person_active(current_actor(), user_id, True)
    return _changed(user_id, f"{person.line.name} may sign in again.")


@bp.get("/<uuid:user_id>/second-step")
def second_step(user_id: UUID) -> ResponseReturnValue:
    """Ask before somebody's second step is forgotten."""
    return _ask(user_id, "second-step")


@bp.post("/<uuid:user_id>/second-step")
def end_second_step(user_id: UUID) -> ResponseReturnValue:
    """Forget it: they lost the telephone and the recovery codes."""
    person = administration.get_person(current_actor(), user_id)
    administration.end_second_step_of(current_actor(), user_id)
    return _changed(user_id, f"The second step of {person.line.name} is forgotten, and they are signed out everywhere.")


@bp.post("/<uuid:user_id>/roles")
def change_roles(user_id: UUID) -> ResponseReturnValue:
    """Say in words what would change, and change it when that is confirmed."""
    actor, wanted = current_actor(), _typed_roles()
    person = administration.get_person(actor, user_id)
    if wanted is None:
        raise Invalid("One of these roles is not yours to give or to take.")
    places = {one.id: one.name for one in administration.managed_organizations(actor)}
    # What is held where the administrator gives no roles is not on the form, and stays.
    asked = wanted | {role for role in person.roles if role[0] not in places}
    if request.form.get("confirmed") != "yes":
        gained, lost = administration.role_changes(actor, user_id, asked)
        if not gained and not lost:
            return _changed(user_id, "Nothing was to be changed.")
        return render_template(
            "people/roles.html",
            person=person,
            keeps=len(person.roles) > len(lost),
            wanted=sorted(map(_typed, wanted)),
            gained=_said(gained, places),
            lost=_said(lost, places),
        )
    gained, lost = administration.change_roles(actor, user_id, asked)
    keeps = len(person.roles) > len(lost)
    return _changed(user_id, _sentence(person.line.name, _said(gained, places), _said(lost, places), keeps=keeps))


def _show(person: Person) -> str:
    actor = current_actor()
    return render_template(
        "people/show.html",
        person=person,
        states=STATES,
        role_word=role_word,
        roles=roles(),
        places=administration.managed_organizations(actor),
        is_in_record=record.tells_of(actor, person.line.id),
    )


def _ask(user_id: UUID, what: str) -> str:
    person = administration.get_person(current_actor(), user_id)
    return render_template("people/ask.html", person=person, what=what)


def _invitation(form: InvitationForm) -> str:
    places: list[Organization] = administration.managed_organizations(current_actor())
    return render_template(
        "people/new.html",
        form=form,
        places=[(str(one.id), f"{one.name} (the whole tenant)" if one.is_root else one.name) for one in places],
        roles=[(role, role_word(role)) for role in roles()],
    )


def _after_link(invited: Invited) -> ResponseReturnValue:
    if invited.link.url is not None:
        return render_template("people/link.html", invited=invited)
    what = "An invitation" if invited.link.kind == "invitation" else "A link for a new password"
    return _changed(invited.user_id, f"{what} is on its way to {invited.email}.")


def _changed(user_id: UUID, words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for(".show", user_id=user_id), 303)


def _typed_roles() -> frozenset[Role] | None:
    """The roles that are ticked; None when one cannot be read."""
    found = set()
    for text in several(request.form, "roles"):
        place, _, role = text.partition(" ")
        known = _uuid(place)
        if known is None:
            return None
        found.add((known, role))
    return frozenset(found)


def _typed(role: Role) -> str:
    return f"{role[0]} {role[1]}"


def _said(changed: Iterable[Role], places: Mapping[UUID, str]) -> list[str]:
    return sorted(f"{role_word(role)} in {places[where]}" for where, role in changed)


def _sentence(name: str, gained: list[str], lost: list[str], *, keeps: bool) -> str:
    if not gained and not lost:
        return "Nothing was to be changed."
    said = [f"now {'also is' if keeps else 'is'} {', '.join(gained)}"] if gained else []
    said += [f"no longer is {', '.join(lost)}"] if lost else []
    return f"{name} {' and '.join(said)}."


def _cursor(args: Mapping[str, str]) -> tuple[str, UUID] | None:
    """A broken one means the first page."""
    known = _uuid(args.get("id", ""))
    return (args["after"][:200], known) if known is not None and "after" in args else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
