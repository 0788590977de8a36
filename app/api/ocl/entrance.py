"""Who asks. Most of this contract may be read by strangers, where an operator opened a repository to the world."""

from __future__ import annotations

from typing import cast

from flask import g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app.actor import Actor
from app.api.bearer import find_actor

NO_TOKEN = "Authentication credentials were not provided."  # noqa: S105 - words, no secret
BAD_TOKEN = "Invalid token."  # noqa: S105
SCHEMES = (WWWAuthenticate("bearer"), WWWAuthenticate("token"))


def asker() -> Actor | None:
    """The token's person; ``None`` for a stranger, who sent no token at all.

    :raises Unauthorized: a token was sent that opens nothing
    """
    known = g.get("api_actor")
    if known is not None:
        return cast(Actor, known)
    found = find_actor()
    if found is None and request.headers.get("Authorization"):
        raise Unauthorized(BAD_TOKEN, www_authenticate=list(SCHEMES))
    g.api_actor = found
    return found


def member() -> Actor:
    """The token's person.

    :raises Unauthorized: there is none
    """
    found = asker()
    if found is None:
        raise Unauthorized(NO_TOKEN, www_authenticate=list(SCHEMES))
    return found


def is_stranger() -> bool:
    """Whether nobody is known to ask, as far as it was looked at."""
    return g.get("api_actor") is None
