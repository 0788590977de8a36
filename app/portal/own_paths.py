"""Addresses that a person may be sent to: our own paths only."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from flask import current_app, request, url_for

LONGEST = 2000
_NEVER = (
    "portal.auth.sign_in",
    "portal.auth.sign_out",
    "portal.auth_links.forgot",
    "portal.auth_second.code",
    "portal.auth_second.set_up",
    "portal.auth_single.begin",
    "portal.auth_single.come_back",
)


def own_path(value: str | None) -> str | None:
    """The path, if it is one of ours: it begins with one slash and names no host or scheme.

    Browsers take a backslash for a slash and drop tabs and line ends: both may hide the slash before a host.
    """
    if not value or len(value) > LONGEST or not value.startswith("/") or value.startswith("//"):
        return None
    if "\\" in value or any(ord(character) < 33 or ord(character) == 127 for character in value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.path in {url_for(endpoint) for endpoint in _NEVER}:
        return None
    return value


def path_asked_for() -> str:
    """The path and query of this request, as the browser asked for it."""
    return request.full_path if request.query_string else request.path


def path_of_referrer() -> str | None:
    """The page of ours that this request came from; None also for an address that nobody can read.

    Of a page that answered a form, and whose address takes nothing but that form, it is the page above.
    """
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return None
    if parts.netloc != request.host:
        return None
    if _can_be_opened(parts.path):
        return own_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    above = parts.path.rpartition("/")[0]
    return own_path(above) if _can_be_opened(above) else None


def _can_be_opened(path: str) -> bool:
    addresses = current_app.create_url_adapter(request)
    return addresses is not None and addresses.test(unquote(path), "GET")
