"""Which paths are this contract's, and a kindness to clients that prefix one of them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

SERVICES = ("ums", "dms", "file", "organization", "device", "generic-entity", "settings", "measurement")
"""The first segment of every path; each is a service of its own at the vendor's."""

_DOUBLED = ("/organization/organization/", "/organization/device/", "/organization/generic-entity/")

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def service_of(path: str) -> str | None:
    """The service that a path belongs to."""
    first = path.removeprefix("/").partition("/")[0]
    return first if first in SERVICES else None


def owns(path: str) -> bool:
    """Whether a path is this contract's; its description is."""
    return service_of(path) is not None or path == "/openapi/biot.json"


class WithoutDoubledPrefix:
    """The organization client's own documentation has it configured so that it asks for ``/organization/device/…``."""

    def __init__(self, application: WSGI) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(_DOUBLED):
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/organization")
        return self._application(environ, start_response)
