"""What a data export (time series) asks for, checked once and kept as JSON beside the export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from app.exports.kinds.data_export_names import mask_fault
from app.models.types import EPOCH, MILLISECOND, from_milliseconds, to_milliseconds

TIMESTAMP_FORMATS = ("ISO_8601", "EPOCH_MILLIS")
FORMATS = ("csv", "parquet")
HEADINGS = ("label", "name")
MOST_DEVICES = 1_000
MOST_METRICS = 1_000
EARLIEST_MS = to_milliseconds(datetime(1, 1, 1, tzinfo=UTC))
LATEST_MS = to_milliseconds(datetime(9999, 12, 31, tzinfo=UTC))
"""Far beyond every value that is taken in; between them an instant is an instant on both databases."""


@dataclass(frozen=True, slots=True)
class DataExportParams:
    """Which measurements, and how their files look.

    :param start: the period is ``[start, end)``; both know their zone
    :param organization_id: only devices of this organization; scope parameters are combined with AND
    :param location_id: only devices at this location
    :param device_ids: only these devices; empty is every device of the scope
    :param metric_ids: only these metrics; empty is every one. A file has those of its device's template
    :param file_name: what a device's file is called, without its ending; tokens as in
        :mod:`app.exports.kinds.data_export_names`
    :param hash_file_name: the MD5 of that name instead of the name
    :param include_unit: headers say the unit too: ``Weight [kg]``
    :param headed_by: columns are headed by, and stand in the order of, what people call a metric (``label``) or what
        machines do (``name``)
    :param without_empty_devices: no file for a device that holds no value in the period
    :param for_spreadsheets: CSV with a byte-order mark, and headers that would run as a formula made harmless
    :param bulk: it belongs to the tenant, of which one may be pending, and not to its requester alone
    """

    start: datetime
    end: datetime
    organization_id: UUID | None = None
    location_id: UUID | None = None
    device_ids: tuple[UUID, ...] = ()
    metric_ids: tuple[int, ...] = ()
    file_name: str = "${thing.serialNumber}"
    hash_file_name: bool = False
    include_unit: bool = False
    timestamp_format: str = "ISO_8601"
    format: str = "csv"
    for_spreadsheets: bool = False
    without_empty_devices: bool = False
    headed_by: str = "label"
    bulk: bool = False

    @property
    def start_ms(self) -> int:
        """The first millisecond of the period, counted from 1970."""
        return _whole(self.start)

    @property
    def end_ms(self) -> int:
        """The first millisecond after the period."""
        return _whole(self.end)

    def faults(self) -> dict[str, str]:
        """What is wrong, whoever asks: a sentence for each field."""
        return dict(_faults(self))

    def to_json(self) -> str:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, moment in (("start", self.start_ms), ("end", self.end_ms)):
            plain[name] = moment
        return orjson.dumps(plain).decode()

    @classmethod
    def from_json(cls, text: str) -> DataExportParams:
        plain: dict[str, Any] = orjson.loads(text)
        for name in ("start", "end"):
            plain[name] = from_milliseconds(plain[name])
        for name in ("organization_id", "location_id"):
            plain[name] = UUID(plain[name]) if plain[name] else None
        plain["device_ids"] = tuple(UUID(one) for one in plain["device_ids"])
        plain["metric_ids"] = tuple(plain["metric_ids"])
        return cls(**plain)


def _whole(moment: datetime) -> int:
    """Values have whole milliseconds: one that is not before the moment is not before the next whole one."""
    # Rounded up without adding to the moment: behind the last one of the year 9999 there is none.
    return -((EPOCH - moment) // MILLISECOND)


def _faults(params: DataExportParams) -> Iterator[tuple[str, str]]:
    yield from _period_faults(params)
    if fault := mask_fault(params.file_name):
        yield "file_name", fault
    if params.timestamp_format not in TIMESTAMP_FORMATS:
        yield "timestamp_format", "Choose ISO 8601 or milliseconds since 1970."
    if params.format not in FORMATS:
        yield "format", "Choose CSV or Parquet."
    if params.headed_by not in HEADINGS:
        yield "headed_by", "Choose what columns are headed by: label or name."
    if len(params.device_ids) > MOST_DEVICES:
        yield "device_ids", f"Choose at most {MOST_DEVICES:,} devices one by one."
    if len(params.metric_ids) > MOST_METRICS:
        yield "metric_ids", f"Choose at most {MOST_METRICS:,} metrics, or none to have every one."


def _period_faults(params: DataExportParams) -> Iterator[tuple[str, str]]:
    found = False
    for name, moment in (("start", params.start), ("end", params.end)):
        if moment.utcoffset() is None:
            yield name, "Say in which time zone this is."
            found = True
        elif not EARLIEST_MS < to_milliseconds(moment) < LATEST_MS:
            yield name, "Choose a day of the years 1 to 9999."
            found = True
    if not found and params.start >= params.end:
        yield "end", "The end of the period must be after its beginning."
