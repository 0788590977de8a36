"""The health checks."""

from __future__ import annotations

from app.api.biot.paths import SERVICES
from app.api.describing import TEXT, Json, answers, operation, ref, shape

SCHEMAS: dict[str, Json] = {
    "Version": shape({"version": TEXT, "springVersion": {"type": "null"}, "traceId": TEXT}),
}
PATHS: dict[str, Json] = {
    f"/{service}/system/healthCheck": {
        "get": operation("Is it well?", "health", answers(200, "It is well.", ref("Version")), is_open=True)
    }
    for service in SERVICES
}
