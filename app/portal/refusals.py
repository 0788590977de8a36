"""Every "no" as a page that a person understands, or as JSON for a script, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Flask, g, jsonify, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from app import administration, errors, readiness
from app.administration import Contact
from app.portal import own_paths, signed_in
from app.portal.wishes import wants_json

STATUSES: tuple[tuple[type[errors.Refusal], int], ...] = (
    (errors.TooLarge, 413),
    (errors.Invalid, 422),
    (errors.NotFound, 404),
    (errors.Forbidden, 403),
    (errors.ProofNeeded, 403),
    (errors.Gone, 410),
    (errors.AlreadyRunning, 409),
    (errors.NotReady, 409),
    (errors.Throttled, 429),
    (errors.Unavailable, 503),
    (errors.Misconfigured, 503),
)
TITLES = {
    400: "This request cannot be understood",
    401: "Sign in first",
    403: "You may not do this",
    404: "There is no such page",
    405: "This cannot be asked for in this way",
    408: "This took too long to arrive",
    409: "This cannot be done just now",
    410: "This is no longer here",
    411: "The size of the upload is missing",
    412: "This has changed meanwhile",
    413: "This is too large",
    414: "The address is too long",
    415: "This kind of file is not accepted",
    416: "There is no such part of the file",
    422: "Something is not right yet",
    429: "Too many tries",
    500: "Something went wrong on our side",
    503: "This does not answer just now",
}
WORDS = {
    400: "Something in what the browser sent is broken or missing. Nothing was changed.",
    404: "It was never here, it was removed, or it is not for you to see. Check the address.",
    405: "This address exists, but not for what was tried. Nothing was changed.",
    408: "The rest of what the browser announced did not come in time. Nothing was changed. Try again.",
    411: "An upload must say beforehand how many bytes it has. Nothing was kept.",
    413: "More was sent than is accepted here. Nothing was kept.",
    414: "The address is longer than is accepted here.",
    415: "An upload comes as a form with files, or as one file by itself. Nothing was kept.",
    500: "It has been written down for those who look after Chartroom. Nothing that you sent was half done.",
    503: "A part that Chartroom leans on does not answer. Try again in a minute.",
}
FORM_TOO_OLD = (
    "The form was too old, or it was not sent from our own page, so nothing was changed. "
    "Go back, load the page again and send the form once more."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, before it takes the shape of a page or of JSON."""

    status: int
    words: str | None = None
    title: str | None = None
    contacts: Sequence[Contact] | None = None


def init_app(app: Flask) -> None:
    """Register the one handler for each kind of no."""
    app.register_error_handler(errors.Refusal, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)


def _refuse(refusal: errors.Refusal) -> ResponseReturnValue:
    status = next(status for kind, status in STATUSES if isinstance(refusal, kind))
    # Foreign, unknown and mistyped answer with the same words, whatever was looked for.
    words = None if status == 404 else refusal.message
    response = _shape(Answer(status, words, contacts=whom_to_ask(refusal)))
    if isinstance(refusal, errors.Throttled):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def whom_to_ask(refusal: errors.Refusal) -> Sequence[Contact] | None:
    """The administrators to ask, when it is a role that is missing; None when nobody could give it."""
    if not isinstance(refusal, errors.MissingPermission) or wants_json() or not signed_in.is_signed_in():
        return None
    return administration.whom_to_ask(signed_in.current_actor(), of_tenant=refusal.of_tenant)


def _refuse_http(refusal: HTTPException) -> ResponseReturnValue:
    if refusal.response is not None or refusal.code is None or refusal.code < 400:
        return refusal.get_response()
    if isinstance(refusal, InternalServerError):
        return _shape(Answer(503 if readiness.is_outage(refusal.original_exception) else 500))
    if isinstance(refusal, CSRFError):
        return _shape(Answer(400, FORM_TOO_OLD, "The form was too old"))
    response = _shape(Answer(refusal.code))
    for name, value in refusal.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers.add(name, value)
    return response


def _shape(answer: Answer) -> Response:
    title = answer.title or TITLES.get(answer.status, "This cannot be done")
    words = answer.words or WORDS.get(answer.status)
    if wants_json():
        return make_response(jsonify(error=words or title), answer.status)
    # The database may be what failed, or nobody is known yet: then the page must do without a frame.
    g.refusing = answer.status >= 500 or not signed_in.is_signed_in()
    page = render_template(
        "errors/refusal.html", title=title, explanation=words, next_steps=_next_steps(answer), contacts=answer.contacts
    )
    return make_response(page, answer.status)


def _next_steps(answer: Answer) -> list[tuple[str, str]]:
    home = ("Go to the home page", url_for("portal.home"))
    back = own_paths.path_of_referrer()
    if answer.status == 404 or back is None or back == request.full_path or back == request.path:
        return [home]
    return [("Go back to the page you came from", back), home]
