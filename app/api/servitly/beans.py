"""A data export as this contract shows it: its request with the defaults filled in, and its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app import exports
from app.actor import Actor
from app.api.servitly.archives import archive_url
from app.exports import DataExportParams, DeviceMetric
from app.exports.holding import WITHDRAWN
from app.models import Export
from app.models.types import to_milliseconds

Json = dict[str, Any]

STATES = {
    "queued": "PENDING",
    "building": "PENDING",
    "ready": "COMPLETED",
    "failed": "ERROR",
    "cancelled": "ERROR",
    "expired": "ERROR",
}
EXPIRED = "archive expired"


def metrics_by_id(metrics: Iterable[DeviceMetric]) -> dict[int, DeviceMetric]:
    """The tenant's metrics, to find where those of an export belong."""
    return {metric.id: metric for metric in metrics}


def bean_of(export: Export, metrics: Mapping[int, DeviceMetric], *, taker: Actor | None = None) -> Json:
    """The bean.

    :param metrics: the tenant's, by :func:`metrics_by_id`
    :param taker: for whom the archive's address is signed, if it is ready and they may take it
    """
    state, _ = exports.settled_state(export)
    params = DataExportParams.from_json(export.params)
    bean: Json = {
        "id": str(export.id),
        "name": export.label,
        "state": STATES[state],
        "dateTime": to_milliseconds(export.requested_at),
        "thingFileName": params.file_name,
        "hashThingFileName": params.hash_file_name,
        "customerId": _text(params.organization_id),
        "locationId": _text(params.location_id),
        "thingId": _text(params.device_ids[0] if params.device_ids else None),
        "qualifiedMetricIds": [_qualified(one, metrics.get(one)) for one in params.metric_ids],
        "startTimestamp": params.start_ms,
        "endTimestamp": params.end_ms,
        "includeUnit": params.include_unit,
        "timestampFormat": params.timestamp_format,
    }
    if STATES[state] == "ERROR":
        # One that was withdrawn before its time says why.
        is_over = state == "expired" and export.phase != WITHDRAWN
        bean["message"] = EXPIRED if is_over else export.reason or ""
    if state == "ready" and taker is not None and exports.why_not_taken(taker, export) is None:
        bean["url"] = archive_url(taker, export.id)
    return bean


def _qualified(metric_id: int, known: DeviceMetric | None) -> Json:
    """A metric and where it belongs; one that is gone since is its id alone."""
    return {
        "metricId": str(metric_id),
        "productModelId": known.product_model if known else None,
        "productModelPartId": known.part or None if known else None,
        "thingDefinitionId": str(known.template_id) if known else None,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
