"""Where "Export measurements" leads from a page: the form for devices, or a report of a record's own values."""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for

from app import measurements
from app.access import Permission, allows
from app.actor import Actor
from app.models import Entity
from app.models.types import EPOCH, MILLISECOND
from app.portal.data_export_page import MOST_SHOWN
from app.portal.export_form import ANY_TIME, MEASUREMENTS
from app.portal.typed import typed_moment


def export_url(
    actor: Actor,
    entity: Entity,
    metric_ids: Sequence[int] = (),
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> str | None:
    """The form filled in with what a page shows; None for who may not export.

    :param start_ms: milliseconds since 1970, as ``end_ms``; both belong to what is shown
    """
    if not allows(actor, Permission.EXPORT_DATA, entity.organization_id):
        return None
    start = None if start_ms is None else typed_moment(EPOCH + start_ms * MILLISECOND)
    # The form's end does not belong to its period.
    end = None if end_ms is None else typed_moment(EPOCH + (end_ms + 1) * MILLISECOND)
    devices = measurements.devices_that_measured(actor, entity)
    # More of them would be an address longer than servers take.
    if 0 < len(devices) <= MOST_SHOWN:
        return url_for(
            "portal.data_exports.new", device=devices, metric=list(metric_ids) or None, start=start, end=end
        )
    period = "creation" if start or end else ANY_TIME
    return url_for(
        "portal.exports.new", data_type=MEASUREMENTS, entity_id=entity.id, period=period, start=start, end=end
    )
