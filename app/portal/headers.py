"""What every response says to the browser, and the number that a request goes by."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from flask import Flask, Response, current_app, g, request, url_for
from werkzeug.routing import RequestRedirect

from app.portal.signed_in import settings

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
EXPORTS_IN_ADDRESSES = frozenset({"export_id", "report_id", "data_export_id"})
"""What an export's id is called in the addresses of the portal and of the contracts."""
A_YEAR = 365 * 24 * 3600

log = structlog.get_logger("chartroom.request")


def init_app(app: Flask) -> None:
    """Number each request and dress each response."""
    app.before_request(_number)
    app.after_request(_dress)
    app.jinja_env.globals["asset"] = asset


def asset(path: str) -> str:
    """The address of a static file with its version in it, so that browsers may keep it for a year."""
    version = _version(_static_root() / path)
    return url_for("static", filename=path, v=version)


def _static_root() -> Path:
    return Path(current_app.static_folder or "").resolve()


def _version(file: Path) -> str:
    return _digest(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=512)
def _digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _number() -> None:
    g.request_id = uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    named = request.view_args or {}
    for name in EXPORTS_IN_ADDRESSES & named.keys():
        structlog.contextvars.bind_contextvars(export_id=str(named[name]))


def _dress(response: Response) -> Response:
    headers = response.headers
    _redirect_within(response)
    headers.setdefault("Content-Security-Policy", CSP)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers["X-Request-ID"] = g.request_id
    if settings().behind_tls:
        headers["Strict-Transport-Security"] = f"max-age={A_YEAR}; includeSubDomains"
    _say_how_long_to_keep(response)
    _write_down(response)
    return response


def _redirect_within(response: Response) -> None:
    """Send a client that left out a slash to a path: the router would name the host that the client says we are."""
    if isinstance(request.routing_exception, RequestRedirect):
        parts = urlsplit(request.routing_exception.new_url)
        # Two slashes at the beginning would name a host again.
        path = "/" + parts.path.lstrip("/")
        response.headers["Location"] = f"{path}?{parts.query}" if parts.query else path


def _say_how_long_to_keep(response: Response) -> None:
    if request.endpoint != "static" or response.status_code >= 400:
        # A contract may want more words than these, never fewer.
        if not response.cache_control.no_store:
            response.headers["Cache-Control"] = "no-store"
    elif _is_present_version():
        response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
    else:
        response.headers["Cache-Control"] = "no-cache"


def _is_present_version() -> bool:
    file = (_static_root() / (request.view_args or {}).get("filename", "")).resolve()
    return file.is_relative_to(_static_root()) and file.is_file() and request.args.get("v") == _version(file)


def _write_down(response: Response) -> None:
    # The rule, not the address: what somebody searched for may be a patient's name.
    rule = request.url_rule.rule if request.url_rule else None
    log.info("request", method=request.method, rule=rule, status=response.status_code)
