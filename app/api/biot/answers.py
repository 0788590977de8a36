"""Every "no" in the contract's one shape: ``code``, ``message``, ``serviceName``, ``traceId``, ``details``."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from app import accounts, attachments, errors, readiness
from app.api.biot.paths import service_of

STATUSES: tuple[tuple[type[errors.Refusal], int, str], ...] = (
    (accounts.WrongCredentials, 401, "INVALID_CREDENTIALS"),
    (accounts.WrongToken, 403, "INVALID_TOKEN"),
    (attachments.AlreadyStored, 409, "ALREADY_STORED"),
    (errors.TooLarge, 413, "TOO_LARGE"),
    (errors.Duplicate, 409, "DUPLICATE"),
    (errors.Invalid, 400, "VALIDATION_FAILED"),
    (errors.NotFound, 404, "NOT_FOUND"),
    (errors.Forbidden, 403, "FORBIDDEN"),
    (errors.ProofNeeded, 403, "FORBIDDEN"),
    (errors.Gone, 410, "GONE"),
    (errors.AlreadyRunning, 409, "ALREADY_RUNNING"),
    (errors.NotReady, 409, "NOT_READY"),
    (errors.Throttled, 429, "TOO_MANY_REQUESTS"),
    (errors.Unavailable, 503, "UNAVAILABLE"),
    (errors.Misconfigured, 503, "UNAVAILABLE"),
)
"""The first that fits. Validation is 400: the clients know no 422."""

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TIMEOUT",
    409: "CONFLICT",
    411: "LENGTH_REQUIRED",
    413: "TOO_LARGE",
    414: "ADDRESS_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    416: "RANGE_NOT_SATISFIABLE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_ERROR",
    503: "UNAVAILABLE",
}
WORDS = {
    400: "The request cannot be understood. Nothing was changed.",
    403: "This is not allowed.",
    404: "There is no such thing, or it is not for you to see.",
    405: "This address exists, but not for this method.",
    408: "The rest of the request did not come in time. Nothing was changed.",
    411: "The request must say beforehand how many bytes it has.",
    413: "More was sent than is accepted here. Nothing was kept.",
    415: "Send JSON, with the header Content-Type: application/json.",
    500: "Something went wrong on our side; it was written down under this traceId.",
    503: "A part that Chartroom leans on does not answer just now. Try again in a minute.",
}


def refuse(refusal: errors.Refusal) -> Response:
    """A refusal of the domain."""
    status, code = next((status, code) for kind, status, code in STATUSES if isinstance(refusal, kind))
    if isinstance(refusal, errors.Forbidden) and refusal.reason == "exports_disabled":
        code = "EXPORTS_DISABLED"
    # Foreign, unknown and mistyped answer with the same words, whatever was looked for.
    words = WORDS[404] if status == 404 else refusal.message
    details = refusal.fields if isinstance(refusal, errors.Invalid) else None
    response = shape(status, words, code=code, details=details)
    if isinstance(refusal, errors.Throttled):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def refuse_http(error: HTTPException) -> Response:
    """A refusal of the web server's own: the router's, the guard's, a body too large, a fault of ours."""
    if error.code is None or error.code < 400:
        return make_response(error.get_response(request.environ))
    if isinstance(error, InternalServerError):
        return shape(503 if readiness.is_outage(error.original_exception) else 500)
    own_words = error.description if error.code == 401 else None
    response = shape(error.code, own_words)
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers.add(name, value)
    return response


def shape(
    status: int, message: str | None = None, *, code: str | None = None, details: Mapping[str, str] | None = None
) -> Response:
    """The contract's error body.

    :param details: what is wrong, by the place of it (``queries[0].filter``); an object or nothing, never a list
    """
    body = {
        "code": code or CODES.get(status, "REFUSED"),
        "message": message or WORDS.get(status, "This cannot be done."),
        "serviceName": service_of(request.path),
        "traceId": g.request_id,
        "details": dict(details) if details else None,
    }
    return make_response(jsonify(body), status)
