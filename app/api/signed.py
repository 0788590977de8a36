"""Signed addresses of the JSON face: made for a person, and turned back into that person with today's rights.

Signed are the method, the path, the purpose and every argument: tenant, person, which key, until when, a nonce, and
whatever else the address carries.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from flask import g, request

from app import accounts, clock
from app.actor import Actor
from app.errors import Forbidden, NotFound
from app.signing import signing

NOT_GOOD = "This address is not signed by us, or it was changed, or its time is over. Ask for a new one."
TENANT, PERSON = "tenant", "person"
_KEY_ID, _EXPIRES, _NONCE, _SIGNATURE = "key", "expires", "nonce", "signature"
_LONGEST = 2_000


def ends_after(seconds: int) -> datetime:
    """When an address that lasts so long ends: a whole second, as it is signed."""
    return (clock.now() + timedelta(seconds=seconds)).replace(microsecond=0)


def argument_string(
    purpose: str, method: str, path: str, actor: Actor, ends: datetime, more: Mapping[str, str] | None = None
) -> str:
    """The query string of an address by which anybody may do one thing in the actor's name until it ends.

    :param purpose: each has a key of its own, so that an address for one opens nothing of another
    :param path: as ``url_for`` gives it
    :param more: what else is signed
    """
    arguments = {
        TENANT: str(actor.tenant_id),
        PERSON: str(actor.user_id),
        **(more or {}),
        _KEY_ID: _key_id(purpose),
        _EXPIRES: str(int(ends.timestamp())),
        _NONCE: secrets.token_urlsafe(12),
    }
    return urlencode(arguments | {_SIGNATURE: signing.sign(purpose, *_facts(method, path, arguments))})


def signed_actor(purpose: str, method: str) -> tuple[Actor, dict[str, str]]:
    """Who the address of this request was signed for, and what else was signed.

    Their scopes were asked when it was signed; their roles are read anew.

    :param method: that it was signed for; a HEAD passes where GET does
    :raises Forbidden: wrong, altered or expired, or signed for somebody who may not sign in any more
    """
    given = request.args.to_dict()
    signature = given.pop(_SIGNATURE, "")
    known = len(request.query_string) <= _LONGEST and given.get(_KEY_ID) == _key_id(purpose)
    # Each argument once: of two by one name the second would not be signed.
    once = sum(1 for _ in request.args.items(multi=True)) == len(given) + 1
    facts = _facts(method, f"{request.script_root}{request.path}", given)
    if not known or not once or not signing.holds(purpose, signature, *facts):
        raise Forbidden(NOT_GOOD, reason="signature")
    if datetime.fromtimestamp(int(given[_EXPIRES]), UTC) <= clock.now():
        raise Forbidden(NOT_GOOD, reason="signature")
    return _actor_of(given), given


def _actor_of(given: Mapping[str, str]) -> Actor:
    try:
        actor = accounts.actor_for_user(UUID(given[PERSON]), via="address")
    except NotFound:
        raise Forbidden(NOT_GOOD, reason="signature") from None
    if str(actor.tenant_id) != given[TENANT]:
        raise Forbidden(NOT_GOOD, reason="signature")
    return replace(actor, address=request.remote_addr, request_id=g.request_id)


def _facts(method: str, path: str, arguments: Mapping[str, str]) -> list[str]:
    return [method, path, *(part for pair in sorted(arguments.items()) for part in pair)]


def _key_id(purpose: str) -> str:
    """Names the key without telling of it, so that an address signed with a former one is known for that."""
    return hashlib.sha256(b"id of " + signing.key(purpose)).hexdigest()[:8]
