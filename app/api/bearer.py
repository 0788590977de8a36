"""The door of the JSON face: a token in ``Authorization``, as ``Bearer`` or as ``Token``, and nothing else.

Cookies are never read here: the portal's sign-in opens nothing, so no page can act in a person's name.
"""

from __future__ import annotations

from typing import cast

from flask import g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app import accounts
from app.actor import Actor

_READ_BY_STRANGERS = (
    "expansions.list_expansions", "expansions.show_expansion",
    "repositories.list_all", "repositories.list_of_owner", "repositories.show",
    "terms.list_concepts", "terms.list_concepts_of_version", "terms.list_mappings", "terms.list_mappings_of_concept",
    "terms.list_mappings_of_version", "terms.list_references", "terms.list_references_of_version",
    "terms.list_versions_of_concept", "terms.list_versions_of_mapping", "terms.show_concept",
    "terms.show_concept_of_version", "terms.show_extras_of_concept", "terms.show_mapping",
    "terms.show_mapping_of_version", "terms.show_version_of_concept", "terms.show_version_of_mapping",
    "versions.list_versions", "versions.show",
)  # fmt: skip
"""Of terminology, where an operator opened a repository to the world: its views ask who asks, and show strangers no
other."""

OPEN = frozenset(
    {
        "api.biot.file_bytes.receive",
        "api.biot.file_bytes.receive_part",
        "api.biot.file_bytes.send",
        "api.biot.health.check",
        "api.biot.openapi.show",
        "api.biot.reports.file",
        "api.biot.sign_in.access_for_service",
        "api.biot.sign_in.log_in",
        "api.biot.sign_in.log_out",
        "api.biot.sign_in.refresh",
        "api.biot.sign_in.renew",
        "api.ocl.archives.send",
        "api.ocl.openapi.show",
        "api.servitly.archives.send",
        "api.servitly.openapi.show",
        *(f"api.{face}.{name}" for face in ("ocl", "ocl.v1") for name in _READ_BY_STRANGERS),
    }
)
"""The endpoints that a request without a token may use. A signed address belongs here too: its signature is asked by
its view. Adding one is a decision, which tests/test_doors.py wants written down as well."""

SCHEMES = frozenset({"bearer", "token"})
STRANGERS_BYTES = 16 * 1024
"""The most that an open endpoint reads of a body. A view that asks a signature first sets
``request.max_content_length`` anew after it; for a large body it also says ``view.takes_uploads = True``."""


def ask() -> None:
    """Before each request: who it acts for.

    :raises Unauthorized: no token, or one that opens nothing
    """
    if request.endpoint in OPEN:
        request.max_content_length = STRANGERS_BYTES
        return
    actor = find_actor()
    if actor is None:
        sent = bool(request.headers.get("Authorization"))
        raise Unauthorized(
            "The token is unknown, has expired or was ended." if sent
            else "Sign in first: send the header Authorization: Bearer <token>.",
            www_authenticate=[WWWAuthenticate("bearer"), WWWAuthenticate("token")],
        )  # fmt: skip
    g.api_actor = actor


def current_actor() -> Actor:
    """The actor of a request that came through the door."""
    return cast(Actor, g.api_actor)


def find_actor() -> Actor | None:
    """Who asks, if they sent a token that opens something: in a view that is open to strangers, too."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in SCHEMES:
        return None
    return accounts.actor_for_token(token.strip(), address=request.remote_addr, request_id=g.request_id)
