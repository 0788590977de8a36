"""Links from mail: a forgotten password, an invitation; the page where a new password is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.errors import Gone, Invalid, Throttled
from app.portal import signed_in
from app.portal.account import typed_password

bp = Blueprint("auth_links", __name__, url_prefix="/sign-in")


def link_url(public_url: str, secret: str) -> str:
    """Where a link leads, in full, for mail: the address that people use, whatever asked.

    :param public_url: without a slash at its end
    """
    return f"{public_url}/sign-in/link/{secret}"


@bp.get("/forgot")
def forgot() -> ResponseReturnValue:
    """The form for an e-mail address."""
    return render_template("auth/forgot.html", email=request.args.get("email", "")[:254], errors={})


@bp.post("/forgot")
def submit_forgot() -> ResponseReturnValue:
    """Answer the same for everybody, known or not."""
    email = request.form.get("email", "").strip()[:254]
    if not email:
        errors = {"email": "Enter your e-mail address."}
        return render_template("auth/forgot.html", email="", errors=errors), 422
    try:
        accounts.request_reset(email, address=request.remote_addr, request_id=g.request_id)
    except Throttled as refusal:
        page = render_template("auth/forgot.html", email=email, errors={"": refusal.message})
        return page, 429, {"Retry-After": str(refusal.retry_after)}
    return render_template("auth/forgotten.html", email=email)


@bp.get("/link/<secret>")
def show(secret: str) -> ResponseReturnValue:
    """The form for a new password. Looking uses nothing up."""
    try:
        return _form(secret, {})
    except Gone as refusal:
        return _gone(refusal)


@bp.post("/link/<secret>")
def use(secret: str) -> ResponseReturnValue:
    """Set the password; the person then signs in with it, and with the second step if they have one."""
    password = typed_password("password")
    try:
        if password != typed_password("password_again"):
            return _form(secret, {"password_again": "The two are not the same. Type the new password twice."}), 422
        email = accounts.use_link(secret, password, address=request.remote_addr, request_id=g.request_id)
    except Invalid as refusal:
        return _form(secret, refusal.fields), 422
    except Gone as refusal:
        return _gone(refusal)
    # Whoever is signed in here may be somebody else.
    signed_in.end()
    flash(f"Your password is set. Sign in as {email}.", "success")
    return redirect(url_for("portal.auth.sign_in"), 303)


def _form(secret: str, errors: Mapping[str, str]) -> str:
    return render_template("auth/choose_password.html", link=accounts.open_link(secret), secret=secret, errors=errors)


def _gone(refusal: Gone) -> ResponseReturnValue:
    return render_template("auth/link_gone.html", explanation=refusal.message), 410
