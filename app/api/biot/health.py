"""The health check that some clients make before each call; open to strangers."""

from __future__ import annotations

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.api.biot.paths import SERVICES

VERSION = "1.0"
"""Of the contract as it is spoken here; which release of Chartroom runs is nobody's affair."""

bp = Blueprint("health", __name__)


def check() -> ResponseReturnValue:
    """200 as long as this process answers; ``/readyz`` tells of what it leans on."""
    return jsonify(version=VERSION, springVersion=None, traceId=g.request_id)


for service in SERVICES:
    bp.add_url_rule(f"/{service}/system/healthCheck", "check", check)
