"""Open Concept Lab's contract: repositories, versions, content, and the export of each version.

One domain, two presenters: the root speaks the current page, ``/v1`` the page of 2015. Every path below a repository
is registered at ``/orgs/…``, ``/users/…`` and ``/user/…`` (the token's own person), for sources and collections alike,
by :func:`paths.of_repository`. Reading is open to strangers where an operator opened a repository to the world; exports
and whatever changes something want a token (:mod:`app.api.bearer`).
"""

from __future__ import annotations

from flask import Blueprint
from werkzeug.exceptions import HTTPException

from app import errors
from app.api.ocl import answers, archives, compressed, expansions, exported, openapi, repositories, terms, versions
from app.api.ocl.paths import owns

__all__ = ["answers", "bp", "owns"]

BOTH = (expansions, exported, repositories, terms, versions)
"""What is at the root and below ``/v1``."""

bp = Blueprint("ocl", __name__)
bp.register_error_handler(errors.Refusal, answers.refuse)
bp.register_error_handler(HTTPException, answers.refuse_http)
of_2015 = Blueprint("v1", __name__, url_prefix="/v1")
for module in BOTH:
    bp.register_blueprint(module.bp)
    of_2015.register_blueprint(module.bp)
for module in (archives, openapi):
    bp.register_blueprint(module.bp)
bp.register_blueprint(of_2015)
bp.after_request(compressed.compress)
