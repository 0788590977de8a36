"""Between the password and the portal: the second step's code, or setting it up when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.accounts import Asking, StartOver
from app.errors import Invalid, Throttled
from app.portal import signed_in
from app.portal.own_paths import own_path
from app.portal.qr import qr_code

bp = Blueprint("auth_second", __name__, url_prefix="/sign-in")

HALF = "half"
"""Where the cookie keeps the secret of half a sign-in: it is no session's, and opens no other page."""
LONGEST_CODE = 100


def owe(secret: str, owes: str, onwards: str | None) -> ResponseReturnValue:
    """Send a browser that gave the right password on to what it still owes."""
    session.clear()
    session[HALF] = secret
    endpoint = ".code" if owes == "code" else ".set_up"
    return redirect(url_for(f"portal.auth_second{endpoint}", next=onwards), 303)


def asking() -> Asking:
    """The browser of this request."""
    return Asking(request.remote_addr, request.user_agent.string, g.request_id)


@bp.get("/code")
def code() -> ResponseReturnValue:
    """The form for a code; whoever owes something else is sent there."""
    try:
        if accounts.owed_by(_half()) != "code":
            return redirect(url_for(".set_up", next=own_path(request.args.get("next"))), 303)
    except StartOver as refusal:
        return _start_over(refusal)
    return _code_form({}, own_path(request.args.get("next")))


@bp.post("/code")
def submit_code() -> ResponseReturnValue:
    """Finish the sign-in, in a session of its own."""
    onwards = own_path(request.form.get("next"))
    typed = request.form.get("code", "")[:LONGEST_CODE]
    try:
        if not typed.strip():
            accounts.owed_by(_half())
            return _code_form({"code": "Enter the code."}, onwards), 422
        secret, by_recovery = accounts.finish_with_code(_half(), typed, asking())
    except StartOver as refusal:
        return _start_over(refusal)
    except Invalid as refusal:
        return _code_form(refusal.fields, onwards), 422
    except Throttled as refusal:
        words = {"": refusal.message}
        return _code_form(words, onwards), 429, {"Retry-After": str(refusal.retry_after)}
    signed_in.begin(secret)
    if by_recovery:
        left = accounts.own_access(signed_in.current_actor()).recovery_codes_left
        flash(f"You used a recovery code; {left} are left. Make new ones, or set up another telephone, here.", "info")
        return redirect(url_for("portal.account.index"), 303)
    return redirect(onwards or url_for("portal.home"), 303)


@bp.get("/second-step")
def set_up() -> ResponseReturnValue:
    """What the telephone is to be told, and the form for its first code."""
    try:
        return _set_up_form({}, own_path(request.args.get("next")))
    except StartOver as refusal:
        return _start_over(refusal)


@bp.post("/second-step")
def confirm() -> ResponseReturnValue:
    """Take the first code, begin the session, and show the recovery codes, this once."""
    onwards = own_path(request.form.get("next"))
    try:
        try:
            secret, codes = accounts.finish_by_setting_up(
                _half(), request.form.get("code", "")[:LONGEST_CODE], asking()
            )
        except Invalid as refusal:
            return _set_up_form(refusal.fields, onwards), 422
        except Throttled as refusal:
            return _set_up_form({"": refusal.message}, onwards), 429, {"Retry-After": str(refusal.retry_after)}
    except StartOver as refusal:
        return _start_over(refusal)
    signed_in.begin(secret)
    return render_template("account/recovery_codes.html", codes=codes, onwards=onwards or url_for("portal.home"))


def _half() -> str:
    kept = session.get(HALF)
    if not isinstance(kept, str):
        raise StartOver
    return kept


def _code_form(errors: Mapping[str, str], onwards: str | None) -> str:
    by_recovery = bool(request.values.get("recovery"))
    return render_template("auth/code.html", errors=errors, next=onwards, by_recovery=by_recovery)


def _set_up_form(errors: Mapping[str, str], onwards: str | None) -> str:
    told = accounts.set_up_of(_half())
    return render_template(
        "auth/set_up.html", errors=errors, next=onwards, qr=qr_code(told.uri), secret=told.secret, uri=told.uri
    )


def _start_over(refusal: StartOver) -> ResponseReturnValue:
    session.pop(HALF, None)
    if signed_in.is_signed_in():
        return redirect(url_for("portal.home"), 303)
    flash(refusal.message, "info")
    return redirect(url_for("portal.auth.sign_in"), 303)
