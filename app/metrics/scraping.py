"""``GET /metrics``: for the bearer of one token, which no person has and which opens nothing else."""

from __future__ import annotations

import hmac
from typing import cast

from flask import Blueprint, Response, abort, current_app, request

from config import Config

bp = Blueprint("metrics", __name__)
COUNTED = "chartroom.metrics"


@bp.get("/metrics")
def scrape() -> Response:
    """Everything that is counted, in Prometheus's text format; 404 as long as no token is set."""
    token = cast(Config, current_app.extensions["chartroom.config"]).metrics_token
    if token is None:
        abort(404)
    if not _bears(token):
        answer = Response("This is for the bearer of the token for metrics.\n", 401, mimetype="text/plain")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    from app.metrics.requests import Requests
    from app.metrics.state import look

    counted = cast(Requests, current_app.extensions[COUNTED])
    told = generate_latest(look()) + generate_latest(counted.registry())
    return Response(told, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _bears(token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # The header may hold any sign of Latin-1; only bytes are compared in constant time whatever they are.
    return hmac.compare_digest(given.strip().encode(), token.encode()) and scheme.lower() == "bearer"
