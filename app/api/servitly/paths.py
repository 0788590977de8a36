"""Which paths are this contract's."""

from __future__ import annotations

EXPORTS = "/data/dataExports"
DESCRIPTION = "/openapi/servitly.json"


def owns(path: str) -> bool:
    """Whether a path is this contract's; its description is."""
    return path == "/data" or path.startswith("/data/") or path == DESCRIPTION
