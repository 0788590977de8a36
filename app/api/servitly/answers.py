"""Every "no" in the contract's one shape, ``{"message": "…"}``, and with one of its few codes."""

from __future__ import annotations

from flask import jsonify, make_response, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from app import errors

STATUSES: tuple[tuple[type[errors.Refusal], int], ...] = (
    (errors.Invalid, 400),
    (errors.Forbidden, 403),
    (errors.ProofNeeded, 403),
    (errors.NotFound, 404),
    (errors.Gone, 404),
    (errors.NotReady, 404),
    (errors.AlreadyRunning, 429),
    (errors.Throttled, 429),
    (errors.Unavailable, 500),
    (errors.Misconfigured, 500),
)
"""The first that fits. There is no code for what is gone or not there yet: its address answers as an unknown one."""

OF_THE_SERVER = {408: 400, 411: 400, 413: 400, 414: 400, 415: 400, 422: 400, 431: 400}
"""What the web server refuses by codes that the contract does not have."""

WORDS = {
    400: "The request cannot be understood. Nothing was changed.",
    403: "This is not allowed.",
    404: "There is no such data export.",
    405: "This address exists, but not for this method.",
    413: "More was sent than is accepted here. Nothing was kept.",
    415: "Send JSON, with the header Content-Type: application/json.",
    500: "Something went wrong on our side. Ask again in a minute.",
}
ONE_AT_A_TIME = "Only one bulk export can be scheduled at a time, and one is running."
BULK_RETRY_SECONDS = 10


def refuse(refusal: errors.Refusal) -> Response:
    """A refusal of the domain."""
    status = next(status for kind, status in STATUSES if isinstance(refusal, kind))
    if isinstance(refusal, errors.AlreadyRunning):
        return _already_running(refusal)
    # Foreign, unknown and mistyped answer with the same words.
    response = _shape(status, WORDS[404] if status == 404 else refusal.message)
    if isinstance(refusal, errors.Throttled):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def refuse_http(error: HTTPException) -> Response:
    """A refusal of the web server's own: the router's, the guard's, a body too large, a fault of ours."""
    if error.code is None or error.code < 400:
        return make_response(error.get_response(request.environ))
    words = error.description if error.code == 401 else WORDS.get(error.code)
    if isinstance(error, InternalServerError) or error.code > 500:
        return _shape(500, WORDS[500])
    response = _shape(OF_THE_SERVER.get(error.code, error.code), words)
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers.add(name, value)
    return response


def _already_running(refusal: errors.AlreadyRunning) -> Response:
    body = {"message": ONE_AT_A_TIME}
    if refusal.running_id is not None:
        body["runningExportId"] = str(refusal.running_id)
    response = make_response(jsonify(body), 429)
    response.headers["Retry-After"] = str(BULK_RETRY_SECONDS)
    return response


def _shape(status: int, message: str | None) -> Response:
    return make_response(jsonify(message=message or WORDS.get(status, WORDS[400])), status)
