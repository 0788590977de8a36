"""The columns of measurements, a row for each value. Apart, so that whoever only describes them needs no Arrow."""

from __future__ import annotations

FIELDS = (
    {"name": "timestamp", "type": "instant"},
    {"name": "sourceEntityId", "type": "category"},
    {"name": "patientId", "type": "category"},
    {"name": "sessionId", "type": "category"},
    {"name": "metric", "type": "category"},
    {"name": "value", "type": "number"},
)
