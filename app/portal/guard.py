"""The portal's door: nobody unknown gets in, and nothing unsafe happens without a token of our own page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import (
    current_app,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from app.extensions import csrf
from app.portal import own_paths, proof, signed_in
from app.portal.wishes import wants_json

OPEN = frozenset(
    {
        "portal.auth.sign_in",
        "portal.auth.submit",
        "portal.auth_links.forgot",
        "portal.auth_links.submit_forgot",
        "portal.auth_links.show",
        "portal.auth_links.use",
        "portal.auth_second.code",
        "portal.auth_second.submit_code",
        "portal.auth_second.set_up",
        "portal.auth_second.confirm",
        "portal.auth_single.begin",
        "portal.auth_single.come_back",
    }
)
"""The endpoints of the portal that a stranger may use."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

View = TypeVar("View", bound=Callable[..., Any])


def asks_csrf_itself(view: View) -> View:
    """For an upload: the view asks permission and size first, then ``csrf.protect()``, then reads the body.

    Asking for the token reads a multipart body, so the guard must not do it before them.
    """
    view.asks_csrf_itself = True  # type: ignore[attr-defined]
    return view


def ask() -> ResponseReturnValue | None:
    """Before each request to the portal: sign-in first, then the token; ``None`` lets it in."""
    if request.endpoint not in OPEN and not signed_in.is_signed_in():
        return _answer_to_stranger()
    if request.method not in SAFE_METHODS and not _asks_itself():
        csrf.protect()
        if signed_in.is_signed_in():
            return proof.take()
    return None


def _asks_itself() -> bool:
    view = current_app.view_functions[request.endpoint or ""]
    return getattr(view, "asks_csrf_itself", False)


def _answer_to_stranger() -> ResponseReturnValue:
    ended = signed_in.had_session()
    words = "Your sign-in has ended. Sign in again." if ended else "Sign in first."
    if request.headers.get("HX-Request"):
        # The page asks for itself again, and is then sent to the sign-in page as a whole.
        answer = make_response(words, 401)
        answer.headers["HX-Refresh"] = "true"
        answer.mimetype = "text/plain"
        return answer
    if wants_json():
        return jsonify(error=words), 401
    if request.method not in SAFE_METHODS:
        here = own_paths.path_of_referrer()
        sign_in_url = url_for("portal.auth.sign_in", next=here) if here else url_for("portal.auth.sign_in")
        return render_template("errors/signed_out.html", sign_in_url=sign_in_url), 401
    if ended:
        session.clear()
        flash(
            "Your sign-in has ended because the page was left alone for too long, or after a long day. "
            "Sign in again to go on where you were.",
            "info",
        )
    return redirect(url_for("portal.auth.sign_in", next=own_paths.own_path(own_paths.path_asked_for())), 303)
