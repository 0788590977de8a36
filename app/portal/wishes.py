"""What kind of answer a request wishes for."""

from __future__ import annotations

from flask import request


def wants_json() -> bool:
    """A script asked: by ``Accept: application/json`` or by ``X-Requested-With`` (uploads with progress)."""
    if request.headers.get("X-Requested-With"):
        return True
    accepted = request.accept_mimetypes
    return bool(accepted["application/json"] > accepted["text/html"])
