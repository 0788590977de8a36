"""How callbacks are sent, and who puts an export into the words of its receiver: both bound once, by composition."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.callbacks.addresses import check_address, check_among
from app.extensions import db
from app.models import Tenant

Present = Callable[[UUID], bytes]
"""The body for an export's id: JSON in the words of the contract through which it was asked for."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are in seconds.

    :param listed: hosts in small letters that may be asked whatever their address, port and scheme
    :param seconds: for one request, everything together
    :param backoff: before the second try; each further one waits four times as long as the one before it
    :param attempts: tries before it is given up
    """

    listed: frozenset[str] = frozenset()
    seconds: float = 10.0
    backoff: float = 5.0
    backoff_limit: float = 6 * 3600.0
    attempts: int = 9

    def wait_after(self, attempts: int) -> float:
        """Seconds to wait when so many tries have failed."""
        return float(min(self.backoff_limit, self.backoff * 4 ** (attempts - 1)))


class Bound:
    """What composition has decided."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._present: Present | None = None

    def bind(self, settings: Settings, present: Present) -> None:
        self.settings, self._present = settings, present

    def body_for(self, export_id: UUID) -> bytes:
        if self._present is None:
            raise RuntimeError("callbacks are not bound to an application")
        return self._present(export_id)


bound = Bound()


def hosts_of(tenant_id: UUID) -> frozenset[str]:
    """The hosts to which a tenant's administrators narrow its callbacks; none is no narrowing."""
    said = db.session.execute(select(Tenant.callback_hosts).where(Tenant.id == tenant_id)).scalar_one()
    return frozenset(said.split())


def check_callback(url: str, only: Collection[str] = ()) -> None:
    """Refuse an address that may not be called back.

    :param only: as :func:`hosts_of` gives them
    :raises Invalid: ``fields`` has words under ``callback_url``
    """
    check_among(url, bound.settings.listed, only)
    check_address(url, bound.settings.listed)
