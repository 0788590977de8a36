"""What is asked of every call after its token: the tenant's name, the minute's share, the right to export."""

from __future__ import annotations

from flask import g, request
from werkzeug.wrappers import Response

from app import accounts, exports
from app.accounts import Allowance
from app.api.bearer import current_actor
from app.errors import Forbidden, Invalid, Throttled

TENANT = "X-Servitly-Tenant"
MISSING = f"{TENANT} is required"
NOT_YOURS = f"The token does not belong to the tenant that {TENANT} names."
TOO_MANY = "Too many requests within a minute. Ask again later."
MINUTE = 60


def enter() -> None:
    """Before each call.

    Every call counts, a refused one too: who asks too often is told so before anything else is looked at.

    :raises Throttled: too many calls within a minute, by the token or by its tenant
    :raises Invalid: no tenant is named
    :raises Forbidden: the token is not of that tenant, whether there is one or not, or may not export
    """
    actor = current_actor()
    terms = accounts.terms_of(actor)
    g.servitly_allowance = allowance = accounts.count_request(terms)
    if allowance.is_refused:
        raise Throttled(TOO_MANY, allowance.seconds)
    named = request.headers.get(TENANT, "").strip()
    if not named:
        raise Invalid(MISSING)
    if named != terms.tenant_slug:
        raise Forbidden(NOT_YOURS, reason="tenant")
    exports.may_export(actor)


def say_limits(response: Response) -> Response:
    """What is left of the minute, as draft-ietf-httpapi-ratelimit-headers writes it."""
    found: Allowance | None = g.get("servitly_allowance")
    if found is not None:
        response.headers["RateLimit-Policy"] = f'"{found.of}";q={found.limit};w={MINUTE}'
        response.headers["RateLimit"] = f'"{found.of}";r={found.remaining};t={found.seconds}'
    return response
