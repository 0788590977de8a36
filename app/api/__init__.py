"""The JSON face: three contracts for machines, one sign-in. The guard hangs on the parent blueprint, once.

There is no CSRF token here and no need of one: what a browser adds to a request by itself (a cookie) is never read,
and what is read (``Authorization``) no foreign page can make a browser send. For the same reason there is no CORS, but
where a contract wants it: at the signed addresses that a file's bytes are sent to.
"""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.api import bearer, biot, ocl, servitly

__all__ = ["api", "init_app", "report_body", "request_again"]

report_body = biot.report_body
"""What is posted to a callback address: the contract's own words for a report."""

request_again = biot.request_again
"""The contract's request for what a person asked for in the portal."""

CONTRACTS = (biot, ocl, servitly)
"""Each a package with ``bp``, ``owns(path)`` and ``answers.refuse_http(error)``."""

api = Blueprint("api", __name__)
api.before_request(bearer.ask)
for contract in CONTRACTS:
    api.register_blueprint(contract.bp)


def init_app(app: Flask) -> None:
    """Put the contracts into the application."""
    app.before_request(_answer_for_the_router)
    app.wsgi_app = biot.WithoutDoubledPrefix(app.wsgi_app)  # type: ignore[method-assign]
    app.register_blueprint(api)


def _answer_for_the_router() -> ResponseReturnValue | None:
    """Unknown addresses and methods below a contract's paths, and slashes that are missing, in that contract's words.

    No blueprint was found for them, so no blueprint's own words would be.
    """
    error = request.routing_exception
    if isinstance(error, HTTPException):
        for contract in CONTRACTS:
            if contract.owns(request.path):
                return cast(Response, contract.answers.refuse_http(error))
    return None
