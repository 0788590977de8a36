"""Where "Export measurements" leads from a page: the form for devices, or a report of a record's own values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import url_for

from app import measurements
from app.access import Permission, allows
from app.actor import Actor
from app.measurements import Look
from app.models import Entity
from app.models.types import EPOCH, MILLISECOND
from app.portal.chart_address import Wanted
from app.portal.data_export_page import MOST_SHOWN
from app.portal.export_form import ANY_TIME, MEASUREMENTS
from app.portal.plotting import names_of
from app.portal.typed import typed_moment

MOST_NAMED = 3
"""More metrics than these are counted, not named."""


@dataclass(frozen=True, slots=True)
class SeenExport:
    """Where an export of what is drawn begins.

    :param url: the form, filled in; None when no export by device holds any of it
    :param words: in what the export differs from what is drawn; empty when it does not
    :param report_url: the form of a report that holds the rest
    """

    url: str | None
    words: str = ""
    report_url: str | None = None


def export_url(actor: Actor, entity: Entity) -> str | None:
    """The form of an export of all measurements of a record; None for who may not export."""
    if not allows(actor, Permission.EXPORT_DATA, entity.organization_id):
        return None
    devices = measurements.devices_that_measured(actor, entity)
    # More of them would be an address longer than servers take.
    if 0 < len(devices) <= MOST_SHOWN:
        return url_for("portal.data_exports.new", device=devices)
    return url_for("portal.exports.new", data_type=MEASUREMENTS, entity_id=entity.id, period=ANY_TIME)


def seen_export(actor: Actor, look: Look, wanted: Wanted) -> SeenExport | None:
    """The form of an export of what is drawn; None for who may not export, and where nothing is."""
    entity = look.entity
    if not look.drawn or not allows(actor, Permission.EXPORT_DATA, entity.organization_id):
        return None
    period = _period(look, wanted)
    devices: Sequence[UUID] = wanted.device_ids
    if not look.scope.is_place and not devices:
        devices = measurements.devices_that_measured(actor, entity)
        is_whole = not look.without_device or (entity.data_type == "device" and bool(look.by_device))
        if not (0 < len(devices) <= MOST_SHOWN and is_whole):
            return _report_of(look, period)
    url = None
    if look.by_device:
        url = url_for(
            "portal.data_exports.new", organization=_organization(look), location=wanted.location_id,
            device=list(devices) or None, metric=[one.id for one in look.by_device], **period,
        )  # fmt: skip
    if not look.without_device:
        return SeenExport(url)
    words = f"An export by device leaves out what was recorded of patients alone: {_named(look)}."
    return SeenExport(url, words, _report_url(look, period))


def _report_of(look: Look, period: dict[str, Any]) -> SeenExport:
    """A report of a record's own values, which knows no metrics."""
    words = "It is a report, which holds all metrics of this record in this period, not only those drawn."
    return SeenExport(_report_url(look, period), words if len(look.offered) > len(look.drawn) else "")


def _report_url(look: Look, period: dict[str, Any]) -> str:
    """The form of a report of measurements: of the record, or of whoever is of the place."""
    record = None if look.scope.is_place else look.entity.id
    return url_for("portal.exports.new", data_type=MEASUREMENTS, entity_id=record, period="creation", **period)


def _named(look: Look) -> str:
    names = names_of(look.curves)
    labels = list(dict.fromkeys(names.get(one.id, one.label) for one in look.without_device))
    more = len(labels) - MOST_NAMED
    return ", ".join(labels[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _period(look: Look, wanted: Wanted) -> dict[str, Any]:
    """The form's period: as it was chosen, else from the first to the last of what is drawn."""
    start, end = wanted.start_ms, wanted.end_ms
    if start is None and end is None:
        return {"start": _moment(look.first_ms), "end": _moment(look.last_ms)}
    # The form's end does not belong to its period.
    return {"start": _moment(start), "end": _moment(None if end is None else end + 1)}


def _organization(look: Look) -> UUID | None:
    """The root organization stands for every one, and owns no device itself; devices of a record are named."""
    return look.entity.id if look.scope.is_place and not look.scope.is_whole else None


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else typed_moment(EPOCH + milliseconds * MILLISECOND)
