"""How many requests a tenant's programs may make in a minute that slides: all together, and each token by itself.

Counted in Valkey, so that every web process knows of all, and in each one's memory while it is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItemPerMinute
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.accounts.counting import SharedCount
from app.actor import Actor
from app.extensions import db
from app.models import ApiToken, Tenant

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a program asks: its tenant, and the limits of both.

    :param token: names the token and all that came of it
    :param token_limit: the token's own; ``None`` when it has none but its tenant's
    """

    tenant_slug: str
    tenant_limit: int
    token: str
    token_limit: int | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a request found: the limit that is nearest, what is left of it, and how long until some of it is free.

    :param of: ``tenant`` or ``token``
    """

    of: str
    limit: int
    remaining: int
    seconds: int
    is_refused: bool


class RequestCount:
    """Counts every request at its instant, so that no minute, wherever it begins, holds more than the limit."""

    def __init__(self) -> None:
        self._prefix = ""
        self._counts = SharedCount(MovingWindowRateLimiter, "requests")

    def bind(self, redis_url: str, prefix: str) -> None:
        """Count in the Valkey of this address, under keys of our own."""
        self._prefix = prefix
        self._counts.bind(redis_url)

    def ask(self, terms: Terms) -> Allowance:
        """Count one request, unless it would be one too many: then it is refused, and counts nowhere.

        A token that asks too often is refused before its tenant is asked, so that it takes nothing from the others.
        """
        return self._counts.ask(lambda limiter: self._asked(limiter, terms))

    def _asked(self, limiter: MovingWindowRateLimiter, terms: Terms) -> Allowance:
        limits = [
            (of, name, RateLimitItemPerMinute(limit, namespace=f"{self._prefix}:requests"))
            for of, name, limit in self._limits(terms)
        ]
        # Of several all are looked at before one is taken from: what the tenant's refuses costs the token nothing.
        full = [one for one in limits if not limiter.test(one[2], one[0], one[1])] if len(limits) > 1 else []
        found: list[Allowance] = []
        for of, name, item in full[:1] or limits:
            taken = not full and limiter.hit(item, of, name)
            resets, remaining = limiter.get_window_stats(item, of, name)
            seconds = min(MINUTE, max(1, ceil(resets - time())))
            found.append(Allowance(of, item.amount, max(0, remaining), seconds, not taken))
            if not taken:
                return found[-1]
        return min(found, key=lambda one: one.remaining)

    @staticmethod
    def _limits(terms: Terms) -> list[tuple[str, str, int]]:
        of_tenant = ("tenant", terms.tenant_slug, terms.tenant_limit)
        return [of_tenant] if terms.token_limit is None else [("token", terms.token, terms.token_limit), of_tenant]


requests = RequestCount()
bind_requests = requests.bind
count_request = requests.ask


def terms_of(actor: Actor) -> Terms:
    """The terms of somebody who asks by a token."""
    own, first = aliased(ApiToken), aliased(ApiToken)
    found = db.session.execute(
        select(Tenant.slug, Tenant.requests_per_minute, own.family_id, first.requests_per_minute)
        .join_from(Tenant, own, own.id == actor.via_id, isouter=True)
        .join(first, first.id == own.family_id, isouter=True)
        .where(Tenant.id == actor.tenant_id)
    ).one()
    slug, of_tenant, family, of_token = found
    return Terms(slug, of_tenant, str(family or actor.user_id), of_token)
