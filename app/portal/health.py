"""Whether this process lives, and whether the whole is ready: for supervisors, open to strangers."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from app import readiness

bp = Blueprint("health", __name__)
_REMEMBERED = "chartroom.readiness"


@bp.record
def _begin(state: BlueprintSetupState) -> None:
    state.app.extensions[_REMEMBERED] = readiness.Remembered()


@bp.get("/healthz")
def alive() -> ResponseReturnValue:
    """200 as long as this process answers at all."""
    return jsonify(status="alive")


@bp.get("/readyz")
def ready() -> ResponseReturnValue:
    """200 when everything that Chartroom leans on answers, else 503; each with its own words.

    The answer may be a second old.
    """
    remembered: readiness.Remembered = current_app.extensions[_REMEMBERED]
    checks = remembered.checks()
    is_ready = all(check.ok for check in checks)
    body = {
        "status": "ready" if is_ready else "not ready",
        "checks": {check.name: {"ok": check.ok, "words": check.words} for check in checks},
    }
    return jsonify(body), 200 if is_ready else 503
