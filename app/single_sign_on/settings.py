"""What a deployment says about its OpenID provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.models.user import ROLES

MappedRole = tuple[str, str]
"""A role, and the short code of the organization in which it is held."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One provider for one tenant.

    :param issuer: as the provider writes it itself, its slash at the end included
    :param label: what stands after "Sign in with"
    :param tenant: its slug
    :param returns_to: our own address to which the provider sends people back, in full
    :param roles_claim: where the provider tells a person's groups: a claim's name, or names with dots between
    :param roles: of each group the roles that it gives
    """

    issuer: str
    client_id: str
    tenant: str
    returns_to: str
    client_secret: str | None = field(default=None, repr=False)
    label: str = "single sign-on"
    scopes: str = "openid profile email"
    roles_claim: str = "groups"
    roles: Mapping[str, frozenset[MappedRole]] = field(default_factory=dict)
    seconds: float = 10.0

    def roles_of(self, groups: Iterable[str]) -> frozenset[MappedRole]:
        """What somebody in these groups is given."""
        return frozenset().union(*(self.roles.get(group, frozenset()) for group in groups))

    def governed(self) -> frozenset[MappedRole]:
        """All roles that the mapping can give: these it also takes, and no others."""
        return frozenset().union(*self.roles.values())


def groups_in(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim's values: of the claim of that very name or, where there is none, of a claim within a claim.

    :param name: names with dots between for a claim within a claim: ``realm_access.roles``
    """
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def parse_roles(mapping: Mapping[str, Iterable[str]]) -> dict[str, frozenset[MappedRole]]:
    """Of each group its roles, out of ``role@organization-code``.

    :raises ValueError: one is not written so, or names no role; the message says which
    """
    return {group: frozenset(map(_mapped_role, written)) for group, written in mapping.items()}


def _mapped_role(written: str) -> MappedRole:
    role, _, code = written.partition("@")
    if role not in ROLES or not code:
        raise ValueError(f"OIDC_ROLES: {written!r} is not role@organization, with a role of {', '.join(ROLES)}")
    return role, code
