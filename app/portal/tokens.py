"""A person's API tokens: listed, made with the secret shown once, ended after a question."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts, clock
from app.errors import Invalid
from app.portal.signed_in import current_actor, settings
from app.portal.typed import several

bp = Blueprint("tokens", __name__, url_prefix="/account/tokens")

SCOPE_WORDS = {
    "view": ("See records", "Records, their files, measurements and history."),
    "edit": ("Change records", "Make, change and remove records and measurements."),
    "attach": ("Attach files", "Attach files to records and remove them."),
    "export_data": (
        "Export data",
        "Launch exports and download their archives. Of no use without “See records”: tick both.",
    ),
    "manage": ("Administer", "What is for administrators."),
}
LIVES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "One year"}
DEFAULT_LIFE = "30"


@dataclass
class TokenForm:
    """What the page shows again after a refusal."""

    name: str = ""
    scopes: tuple[str, ...] = ("view",)
    days: str = DEFAULT_LIFE
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls) -> TokenForm:
        given = cls(
            request.form.get("name", "")[:200], several(request.form, "scopes"), request.form.get("expires_at", "")
        )
        if given.days not in LIVES:
            given.errors["expires_at"] = "Choose how long the token is good for."
        return given


@bp.get("/")
def index() -> ResponseReturnValue:
    """The tokens of whoever is signed in, and the programs that signed in with their password."""
    lines = accounts.list_tokens(current_actor())
    own = [line for line in lines if line.kind == "personal"]
    return render_template(
        "tokens/index.html",
        tokens=[line for line in own if line.state == "live"] + [line for line in own if line.state != "live"],
        programs=[line for line in lines if line.kind != "personal"],
        scope_words=SCOPE_WORDS,
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form, or words for whom no token would help."""
    return _form(TokenForm())


@bp.post("/")
def create() -> ResponseReturnValue:
    """Make a token and show its secret, this once: it is not kept, so no later page could."""
    form = TokenForm.parse()
    if form.errors:
        return _form(form), 422
    expires_at = clock.now() + timedelta(days=int(form.days))
    try:
        token, secret = accounts.issue_token(current_actor(), form.name, form.scopes, expires_at)
    except Invalid as refusal:
        form.errors |= refusal.fields
        return _form(form), 422
    return render_template(
        "tokens/made.html", token=token, secret=secret, public_url=settings().public_url, scope_words=SCOPE_WORDS
    )


@bp.get("/<uuid:token_id>/end")
def end(token_id: UUID) -> ResponseReturnValue:
    """Ask before it is ended."""
    return render_template("tokens/end.html", token=accounts.get_token(current_actor(), token_id))


@bp.post("/<uuid:token_id>/end")
def confirm_end(token_id: UUID) -> ResponseReturnValue:
    """End it; its next request is refused."""
    token = accounts.get_token(current_actor(), token_id)
    accounts.end_token(current_actor(), token_id)
    flash(f"{token.name}: ended. Whatever still uses it is refused from now on.", "success")
    return redirect(url_for("portal.tokens.index"), 303)


def _form(form: TokenForm) -> str:
    allowed = accounts.allowed_scopes(current_actor())
    options = [(scope, *SCOPE_WORDS[scope]) for scope in allowed]
    return render_template("tokens/new.html", form=form, scopes=options, lives=list(LIVES.items()))
