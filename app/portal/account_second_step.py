"""A person's own second step: set up with a telephone, moved to another, ended; recovery codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.errors import Invalid, NotReady, Throttled
from app.portal.account import typed_password
from app.portal.qr import qr_code
from app.portal.signed_in import current_actor

bp = Blueprint("second_step", __name__, url_prefix="/account/second-step")


@bp.get("/")
def begin() -> ResponseReturnValue:
    """What it is, and the password once more."""
    return _ask("begin")


@bp.post("/")
def submit_begin() -> ResponseReturnValue:
    """Begin to set up a telephone."""
    return _with_password("begin", accounts.begin_second_step, lambda _: redirect(url_for(".set_up"), 303))


@bp.get("/set-up")
def set_up() -> ResponseReturnValue:
    """What the telephone is to be told, and the form for its first code."""
    try:
        return _set_up_form({})
    except NotReady as refusal:
        return _begin_again(refusal)


@bp.post("/set-up")
def confirm() -> ResponseReturnValue:
    """Take the first code, and show the recovery codes, this once."""
    try:
        codes = accounts.confirm_second_step(current_actor(), request.form.get("code", "")[:100])
    except NotReady as refusal:
        return _begin_again(refusal)
    except Invalid as refusal:
        return _set_up_form(refusal.fields), 422
    except Throttled as refusal:
        return _set_up_form({"": refusal.message}), 429, {"Retry-After": str(refusal.retry_after)}
    return _codes(codes)


@bp.get("/end")
def end() -> ResponseReturnValue:
    """Ask whether it is meant, and the password once more."""
    return _ask("end")


@bp.post("/end")
def confirm_end() -> ResponseReturnValue:
    """Sign in by the password alone from now on."""

    def ended(_: None) -> ResponseReturnValue:
        flash("Your second step is ended. From now on the password alone signs you in.", "success")
        return redirect(url_for("portal.account.index"), 303)

    return _with_password("end", accounts.end_second_step, ended)


@bp.get("/recovery-codes")
def recovery_codes() -> ResponseReturnValue:
    """What they are, and the password once more."""
    return _ask("recovery")


@bp.post("/recovery-codes")
def renew_recovery_codes() -> ResponseReturnValue:
    """New ones in place of the old, shown this once."""
    return _with_password("recovery", accounts.renew_recovery_codes, _codes)


def _with_password(
    what: str, deed: Callable[..., Any], answer: Callable[[Any], ResponseReturnValue]
) -> ResponseReturnValue:
    try:
        return answer(deed(current_actor(), typed_password("password")))
    except Invalid as refusal:
        return _ask(what, refusal.fields), 422
    except Throttled as refusal:
        return _ask(what, {"": refusal.message}), 429, {"Retry-After": str(refusal.retry_after)}


def _ask(what: str, errors: Mapping[str, str] | None = None) -> str:
    access = accounts.own_access(current_actor())
    return render_template("account/second_step.html", what=what, access=access, errors=errors or {})


def _set_up_form(errors: Mapping[str, str]) -> str:
    told = accounts.own_set_up(current_actor())
    return render_template("account/set_up.html", errors=errors, qr=qr_code(told.uri), secret=told.secret, uri=told.uri)


def _codes(codes: list[str]) -> str:
    return render_template("account/recovery_codes.html", codes=codes, onwards=url_for("portal.account.index"))


def _begin_again(refusal: NotReady) -> ResponseReturnValue:
    flash(refusal.message, "info")
    return redirect(url_for(".begin"), 303)
