"""The password once more, before what a browser left open must not do: one step on the way, for every form.

The domain refuses with :class:`~app.errors.ProofNeeded`; the answer is a page that holds the whole form again and a
password field. It is sent to where the form was sent, the guard takes the password, and then the very same is done.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import accounts
from app.errors import Invalid, ProofNeeded, Throttled
from app.portal import auth_single, own_paths
from app.portal.account import typed_password
from app.portal.signed_in import current_actor
from app.portal.wishes import wants_json

FIELD = "proof_password"
WHY = "proof_why"
LONGEST_WHY = 200
OF_THE_STEP = ("csrf_token", FIELD, WHY)
FORM = "application/x-www-form-urlencoded"


def init_app(app: Flask) -> None:
    """Answer the domain's wish for it."""
    app.register_error_handler(ProofNeeded, ask)


def ask(refusal: ProofNeeded) -> ResponseReturnValue:
    """The step itself. Nothing was changed so far."""
    if wants_json() or request.headers.get("HX-Request") or request.mimetype != FORM:
        words = f"{refusal.message} Confirm it with your password in the portal first."
        return jsonify(error=words, reason="proof"), 403
    return _page(refusal.message, {})


def take() -> ResponseReturnValue | None:
    """Before a form's own deed: take the password, if it came through the step; ``None`` lets the deed be done."""
    if request.method != "POST" or request.mimetype != FORM or FIELD not in request.form:
        return None
    why = request.form.get(WHY, "")[:LONGEST_WHY]
    try:
        accounts.prove_session(current_actor(), typed_password(FIELD))
    except Invalid as refusal:
        return _page(why, {FIELD: refusal.fields["password"]}), 422
    except Throttled as refusal:
        return _page(why, {"": refusal.message}), 429, {"Retry-After": str(refusal.retry_after)}
    return None


def _page(why: str, errors: Mapping[str, str]) -> str:
    return render_template(
        "account/prove.html",
        why=why,
        why_name=WHY,
        field_name=FIELD,
        errors=errors,
        has_password=accounts.has_password(current_actor()),
        single_sign_on=auth_single.label(),
        action=own_paths.path_asked_for(),
        kept=[pair for pair in request.form.items(multi=True) if pair[0] not in OF_THE_STEP],
        back=own_paths.path_of_referrer() or url_for("portal.home"),
    )
