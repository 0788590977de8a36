"""What each role may do, and of whom a second step is asked at sign-in."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import administration
from app.errors import Invalid
from app.portal.role_words import rights_table, role_word, roles
from app.portal.signed_in import current_actor
from app.portal.typed import several

bp = Blueprint("roles", __name__, url_prefix="/admin/roles")

EVERYBODY = "*"


@bp.get("/")
def index() -> ResponseReturnValue:
    """The table, and the form for the second step."""
    return _page(None, {})


@bp.post("/second-step")
def ask_second_step() -> ResponseReturnValue:
    """Say in words what would change, and change it when that is confirmed."""
    actor, asked = current_actor(), _asked()
    present = administration.second_step_rule(actor)
    if request.form.get("confirmed") != "yes" and set(asked) != set(present.asked_of):
        rule = administration.second_step_rule(actor, asked)
        return render_template("people/second_step_rule.html", rule=rule, of_whom=_of_whom(rule.asked_of))
    try:
        administration.set_second_step_rule(actor, asked)
    except Invalid as refusal:
        return _page(asked, refusal.fields or {"": refusal.message}), 422
    flash(f"A second step at sign-in is asked {_of_whom(asked)}.", "success")
    return redirect(url_for(".index"), 303)


def _page(asked: tuple[str, ...] | None, errors: Mapping[str, str]) -> str:
    rule = administration.second_step_rule(current_actor())
    chosen = rule.asked_of if asked is None else asked
    return render_template(
        "people/rights.html",
        errors=errors,
        rule=rule,
        whom="everybody" if EVERYBODY in chosen else "roles" if chosen else "nobody",
        chosen=[one for one in chosen if one != EVERYBODY],
        roles=[(role, role_word(role)) for role in roles()],
        rights=rights_table(administration.export_rights(current_actor())),
        of_whom=_of_whom(rule.asked_of),
    )


def _asked() -> tuple[str, ...]:
    whom = request.form.get("whom", "")
    if whom == "everybody":
        return (EVERYBODY,)
    return several(request.form, "asked_of") if whom == "roles" else ()


def _of_whom(asked: tuple[str, ...]) -> str:
    if not asked:
        return "of nobody; people may still set one up"
    if EVERYBODY in asked:
        return "of everybody"
    return f"of everybody who is {' or '.join(role_word(one).lower() for one in asked)} somewhere"
