"""How many requests a tenant's programs may make in a minute, and a single one of its tokens."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app import record
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import ApiToken, Tenant, User, begin_writing

MOST_A_MINUTE = 1_000_000


def limit_requests(tenant_id: UUID, per_minute: int) -> None:
    """Let a tenant's programs together make so many requests in each minute; counts from the next one on.

    :raises Invalid: not 1 to 1,000,000
    :raises NotFound: no such tenant
    """
    _check(per_minute)
    begin_writing()
    tenant = db.session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    tenant.requests_per_minute = per_minute
    details = {"requests_per_minute": per_minute}
    record.note(None, "tenant.limit", "tenant", tenant_id, tenant_id=tenant_id, details=details)
    db.session.commit()


def limit_token(tenant_id: UUID, prefix: str, per_minute: int | None) -> None:
    """Give a token, and all that comes of it, a limit of its own below its tenant's; ``None`` takes it away.

    :param prefix: what the token's owner sees of it
    :raises Invalid: not 1 to 1,000,000
    :raises NotFound: the tenant has no such token
    """
    if per_minute is not None:
        _check(per_minute)
    begin_writing()
    found = db.session.scalar(
        select(ApiToken)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.prefix == prefix, ApiToken.id == ApiToken.family_id, User.tenant_id == tenant_id)
    )
    if found is None:
        raise NotFound("The tenant has no such token.")
    found.requests_per_minute = per_minute
    details = {"requests_per_minute": per_minute or 0}
    record.note(None, "token.limit", "token", found.id, tenant_id=tenant_id, details=details)
    db.session.commit()


def _check(per_minute: int) -> None:
    if not 1 <= per_minute <= MOST_A_MINUTE:
        raise Invalid(fields={"per_minute": f"Allow 1 to {MOST_A_MINUTE:,} requests a minute."})
