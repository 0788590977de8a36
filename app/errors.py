"""Refusals: a domain "no", raised by the domain and given words and a status by each face."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID


class Refusal(Exception):
    """The base of every domain "no".

    ``message`` is a sentence for the person who asked; it never carries patient data of somebody else.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class NotFound(Refusal):
    """There is no such thing, or the actor may not know that there is: both answer the same."""


class Forbidden(Refusal):
    """The actor may see this, but not do that.

    ``reason`` is a short key that a face may explain further (``permission``, ``exports_disabled``).
    """

    def __init__(self, message: str = "", reason: str = "permission") -> None:
        super().__init__(message)
        self.reason = reason


class MissingPermission(Forbidden):
    """A role would have to give it. ``of_tenant``: one that counts in the whole tenant."""

    def __init__(self, message: str = "", *, of_tenant: bool = False) -> None:
        super().__init__(message)
        self.of_tenant = of_tenant


class ProofNeeded(Refusal):
    """The actor may, but has to show once more that it is they who sit there. ``message`` says before what."""


class Gone(Refusal):
    """It was here and has ended: an expired archive, a removed file."""


class AlreadyRunning(Refusal):
    """One such thing at a time, and one is pending: ``running_id``."""

    def __init__(self, message: str = "", running_id: UUID | None = None) -> None:
        super().__init__(message)
        self.running_id = running_id


class NotReady(Refusal):
    """It will be here, but is not yet."""


class Throttled(Refusal):
    """Too many tries. ``retry_after`` is in seconds."""

    def __init__(self, message: str = "", retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(Refusal):
    """A value cannot be accepted. ``fields`` maps a field's name to what is wrong with it."""

    def __init__(self, message: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message or "; ".join((fields or {}).values()))
        self.fields = dict(fields or {})


class Duplicate(Invalid):
    """It would be a second one of what there may be only one of."""


class TooLarge(Invalid):
    """More bytes than are accepted."""


class Unavailable(Refusal):
    """A part that Chartroom leans on does not answer just now; asking again later may work."""


class Misconfigured(Refusal):
    """A part that Chartroom leans on refuses it: trying again does not help before an operator has acted."""
