"""Every "no" in the contract's shapes: ``{"detail": "…"}``; or ``{"field": ["…"]}`` for what cannot be taken."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import jsonify, make_response, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from app import errors, readiness
from app.api.ocl.entrance import NO_TOKEN, SCHEMES, is_stranger

STATUSES: tuple[tuple[type[errors.Refusal], int], ...] = (
    (errors.Duplicate, 409),
    (errors.TooLarge, 413),
    (errors.Invalid, 400),
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
"""The first that fits."""

NOT_FOUND = "Not found."
WORDS = {
    400: "The request cannot be understood. Nothing was changed.",
    403: "You do not have permission to perform this action.",
    404: NOT_FOUND,
    405: "This address exists, but not for this method.",
    408: "The rest of the request did not come in time. Nothing was changed.",
    413: "More was sent than is accepted here. Nothing was kept.",
    415: "Send JSON, with the header Content-Type: application/json.",
    500: "Something went wrong on our side. Ask again in a minute.",
    503: "A part that Chartroom leans on does not answer just now. Try again in a minute.",
}


def refuse(refusal: errors.Refusal) -> Response:
    """A refusal of the domain. A stranger learns nothing of what is not open to the world, not even that it is."""
    status = next(status for kind, status in STATUSES if isinstance(refusal, kind))
    if status in (403, 404) and is_stranger() and not _is_signed():
        return _unauthorized(NO_TOKEN)
    if isinstance(refusal, errors.Duplicate):
        words = refusal.message
        return make_response(jsonify(error=words, detail=words), status)
    if isinstance(refusal, errors.Invalid) and refusal.fields:
        told = {name: [words] for name, words in refusal.fields.items()}
        return make_response(jsonify(told), status)
    response = shape(status, NOT_FOUND if status == 404 else refusal.message)
    if isinstance(refusal, errors.Throttled):
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def refuse_http(error: HTTPException) -> Response:
    """What the web server itself says: the router, the guard, a body too large, a fault of ours."""
    if isinstance(error, RequestRedirect):
        return _canonical(error)
    if error.code is None or error.code < 400:
        return make_response(error.get_response(request.environ))
    if isinstance(error, InternalServerError):
        return shape(503 if readiness.is_outage(error.original_exception) else 500)
    response = shape(error.code, error.description if error.code == 401 else None)
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers.add(name, value)
    return response


def shape(status: int, detail: str | None = None) -> Response:
    """``{"detail": "…"}``."""
    return make_response(jsonify(detail=detail or WORDS.get(status, WORDS[400])), status)


def _unauthorized(words: str) -> Response:
    response = shape(401, words)
    for scheme in SCHEMES:
        response.headers.add("WWW-Authenticate", scheme.to_header())
    return response


def _is_signed() -> bool:
    """Whether the address itself says who may ask: its refusals are not about a token."""
    return request.endpoint == "api.ocl.archives.send"


def _canonical(error: RequestRedirect) -> Response:
    """To the address as it is written here, with its slash at the end: 301 and relative, which every client
    understands. What would change something is sent on by 308, which keeps the method and the body."""
    there = urlsplit(error.new_url)
    response = make_response("", 301 if request.method in ("GET", "HEAD", "OPTIONS") else 308)
    path = f"/{there.path.lstrip('/')}"
    response.headers["Location"] = f"{path}?{there.query}" if there.query else path
    return response
