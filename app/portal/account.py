"""A person's own account: how they sign in, where they are signed in, and changing either."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.errors import Invalid, Throttled
from app.portal.browser_words import browser_words
from app.portal.role_words import role_word
from app.portal.signed_in import current_actor, settings

bp = Blueprint("account", __name__, url_prefix="/account")

LONGEST_PASSWORD = 1100
"""Longer than any that is allowed, so that the rule has words for it."""


@bp.get("/")
def index() -> ResponseReturnValue:
    """How I sign in, and where I am signed in."""
    config = settings()
    actor = current_actor()
    return render_template(
        "account/index.html",
        access=accounts.own_access(actor),
        sessions=accounts.list_sessions(
            actor, idle_seconds=config.idle_seconds, session_seconds=config.session_seconds
        ),
        browser_words=browser_words,
        role_word=role_word,
    )


@bp.get("/password")
def password() -> ResponseReturnValue:
    """The form for another password."""
    return render_template("account/password.html", errors={})


@bp.post("/password")
def change_password() -> ResponseReturnValue:
    """Change it, if the present one is right."""
    new = typed_password("new_password")
    errors: Mapping[str, str] = {}
    if new != typed_password("new_password_again"):
        errors = {"new_password_again": "The two are not the same. Type the new password twice."}
    try:
        if not errors:
            accounts.change_password(current_actor(), typed_password("password"), new)
    except Invalid as refusal:
        errors = refusal.fields
    except Throttled as refusal:
        page = render_template("account/password.html", errors={"": refusal.message})
        return page, 429, {"Retry-After": str(refusal.retry_after)}
    if errors:
        return render_template("account/password.html", errors=errors), 422
    flash("Your password is changed. Everywhere else you are signed out.", "success")
    return redirect(url_for(".index"), 303)


@bp.post("/sessions/<uuid:session_id>/end")
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Sign one browser out: at its next request it is asked to sign in."""
    accounts.end_session(current_actor(), session_id)
    flash("That browser is signed out.", "success")
    return redirect(url_for(".index", _anchor="sessions"), 303)


@bp.post("/sessions/end-others")
def end_other_sessions() -> ResponseReturnValue:
    """Sign every other browser out."""
    ended = accounts.end_other_sessions(current_actor())
    words = "Every other browser is signed out." if ended else "You were signed in nowhere else."
    flash(words, "success")
    return redirect(url_for(".index", _anchor="sessions"), 303)


def typed_password(name: str) -> str:
    """A password field as it was typed: spaces at its edges belong to it."""
    return request.form.get(name, "")[:LONGEST_PASSWORD]
