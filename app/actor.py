"""Who asks: made by a face, the first argument of every domain function."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Standing:
    """A role that the actor holds in one organization.

    ``is_root`` marks the tenant's root organization: a role held there counts in every organization of the tenant.
    ``exports`` is what the tenant lets the role export: an :class:`~app.access.ExportRight`.
    """

    organization_id: UUID
    role: str
    is_root: bool = False
    exports: str = "full"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or a machine acting for one) as the domain sees them.

    :param via: ``session``, ``token``, ``job`` or ``shell``
    :param via_id: the sign-in session's or token's row, so that the record can name it
    :param scopes: what a token was limited to; ``None`` means everything the roles allow
    """

    user_id: UUID
    tenant_id: UUID
    name: str
    standings: tuple[Standing, ...]
    via: str = "session"
    via_id: UUID | None = None
    scopes: frozenset[str] | None = None
    address: str | None = None
    request_id: str | None = None

    @property
    def sees_whole_tenant(self) -> bool:
        """A member of the root organization sees every organization of the tenant."""
        return any(standing.is_root for standing in self.standings)

    @property
    def organization_ids(self) -> tuple[UUID, ...]:
        return tuple(standing.organization_id for standing in self.standings)
