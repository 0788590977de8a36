"""Sign in and out."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.errors import Invalid, Throttled
from app.portal import auth_second, auth_single, signed_in
from app.portal.own_paths import own_path

bp = Blueprint("auth", __name__)


@dataclass
class SignInForm:
    """What the sign-in page shows again; never the password."""

    email: str = ""
    next: str | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def single_sign_on(self) -> str | None:
        """What stands after "Sign in with" on the link to the deployment's provider, if it has one."""
        return auth_single.label()


@bp.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form; whoever is signed in already is sent on."""
    onwards = own_path(request.args.get("next"))
    if signed_in.is_signed_in():
        return redirect(onwards or url_for("portal.home"), 303)
    return render_template("auth/sign_in.html", form=SignInForm(next=onwards))


@bp.post("/sign-in")
def submit() -> ResponseReturnValue:
    """Begin a session, with a new id and an emptied cookie, whatever the browser held before; or ask for more."""
    form = SignInForm(request.form.get("email", "").strip()[:254], own_path(request.form.get("next")))
    password = request.form.get("password", "")
    if not form.email:
        form.errors["email"] = "Enter your e-mail address."
    if not password:
        form.errors |= {"password": "Enter your password."}
    if form.errors:
        return render_template("auth/sign_in.html", form=form), 422
    try:
        entry = accounts.sign_in(
            form.email, password, address=request.remote_addr, user_agent=request.user_agent.string,
            request_id=g.request_id,
        )  # fmt: skip
    except Invalid as refusal:
        form.errors[""] = refusal.message
        return render_template("auth/sign_in.html", form=form), 422
    except Throttled as refusal:
        form.errors[""] = refusal.message
        return render_template("auth/sign_in.html", form=form), 429, {"Retry-After": str(refusal.retry_after)}
    signed_in.end()
    if entry.owes is not None:
        return auth_second.owe(entry.secret, entry.owes, form.next)
    signed_in.begin(entry.secret)
    return redirect(form.next or url_for("portal.home"), 303)


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session; pages seen before are not kept by the browser."""
    signed_in.end()
    flash("You are signed out.", "success")
    return redirect(url_for("portal.auth.sign_in"), 303)
