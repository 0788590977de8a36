"""What an archive should hold, worked out the slow and plain way from the rows as they are while nothing changes.

Nothing of the engine is asked: rows come through the ORM, and everything else is plain Python.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pyarrow import parquet
from sqlalchemy import select

from app.access import Permission
from app.access.visibility import organizations_with
from app.exports import DataExportParams, ReportParams
from app.extensions import db
from app.models import Entity, Measurement, Metric, Series, Template
from app.models.types import to_milliseconds
from tests.factories import World

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
BUILT_IN = ["_id", "_caption", "_template.name", "_ownerOrganization.id", "_ownerOrganization.name", "_creationTime",
            "_lastModifiedTime"]  # fmt: skip
MEASURED = ["timestamp", "sourceEntityId", "patientId", "sessionId", "metric", "value"]
Record = dict[str, Any]


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(milliseconds: int) -> str:
    return iso(datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000))


class Oracle:
    """Says what one person's export holds; to be asked at the export's revision, before anything changes."""

    def __init__(self, world: World, who: str) -> None:
        actor = world.actor(who)
        self.tenant_id = actor.tenant_id
        self.scope = organizations_with(actor, Permission.EXPORT_DATA)
        self.templates = {
            one.id: one for one in db.session.scalars(select(Template)) if one.tenant_id == self.tenant_id
        }
        self.metrics = {one.id: one for one in db.session.scalars(select(Metric)) if one.tenant_id == self.tenant_id}
        everybody = select(Entity).where(Entity.tenant_id == self.tenant_id)
        self.entities = {one.id: one for one in db.session.scalars(everybody.execution_options(populate_existing=True))}

    def within(self, organization_id: UUID) -> bool:
        return self.scope is None or organization_id in self.scope

    def records(self, params: ReportParams, data_type: str) -> list[Record]:
        """The records of a report's data type, in order."""
        column = {"creation": "created_at", "modification": "updated_at"}[params.period]
        found = [
            one
            for one in self.entities.values()
            if one.data_type == data_type
            and self.within(one.organization_id)
            and (params.start is None or getattr(one, column) >= params.start)
            and (params.end is None or getattr(one, column) < params.end)
        ]
        found.sort(key=lambda one: (getattr(one, column), str(one.id)), reverse=params.order == "desc")
        return [self.record(one, params.without_phi) for one in found]

    def record(self, entity: Entity, without_phi: bool) -> Record:
        template = self.templates[entity.template_id]
        owner = self.entities[entity.organization_id]
        made: Record = {
            "_id": entity.key if entity.data_type == "device" else str(entity.id),
            "_caption": entity.caption,
            "_template": {"id": str(template.id), "name": template.name},
            "_ownerOrganization": {"id": str(owner.id), "name": owner.caption},
            "_creationTime": iso(entity.created_at),
            "_lastModifiedTime": iso(entity.updated_at),
        }
        if without_phi and any(one.phi for one in template.attributes):
            del made["_caption"]
        elif entity.data_type == "generic-entity":
            # Its templates call it by their first label.
            made["_name"] = entity.caption[:32].strip(" ")
        if entity.data_type == "device":
            made |= {"_configuration": {}, "_timezone": None}
        values = json.loads(entity.attributes) | ({} if without_phi else json.loads(entity.phi_attributes))
        pointing = {one.name for one in template.attributes if one.kind == "REFERENCE"}
        return made | {name: self.named(value, without_phi) if name in pointing else value
                       for name, value in values.items()}  # fmt: skip

    def named(self, reference: Record, without_phi: bool) -> Record:
        target = self.entities.get(UUID(reference["id"]))
        if target is None or not self.within(target.organization_id):
            return reference
        template = self.templates[target.template_id]
        hidden = without_phi and any(one.phi for one in template.attributes)
        return {
            "id": target.key if target.data_type == "device" else str(target.id),
            **({} if hidden else {"name": target.caption}),
            "templateName": template.name,
        }

    def columns(self, params: ReportParams, data_type: str) -> list[str]:
        """The header of a data type's table. In this world each has one template."""
        (template,) = (one for one in self.templates.values() if one.data_type == data_type)
        names = list(BUILT_IN)
        for one in template.attributes:
            if not (params.without_phi and (one.phi or one.kind in ("FILE", "IMAGE"))):
                parts = one.kind in ("REFERENCE", "FILE", "IMAGE")
                names += [f"{one.name}.id", f"{one.name}.name"] if parts else [one.name]
        return names

    def values(self, params: ReportParams) -> list[tuple[int, int, str, float]]:
        """The report's measurements: series, instant, what the metric is called, value; in order."""
        start = -(10**18) if params.start is None else to_milliseconds(params.start)
        end = 10**18 if params.end is None else to_milliseconds(params.end)
        sign = -1 if params.order == "desc" else 1
        readable = {one.id for one in db.session.scalars(select(Series)) if self.may_read(one)}
        found = [
            (row.series_id, to_milliseconds(row.time), row.metric_id, row.value)
            for row in db.session.scalars(select(Measurement).execution_options(populate_existing=True))
            if row.series_id in readable and start <= to_milliseconds(row.time) < end
        ]
        found.sort(key=lambda row: (row[0], sign * row[1], row[2]))
        return [(series, time, self.called(metric), value) for series, time, metric, value in found]

    def may_read(self, series: Series) -> bool:
        whose = series.patient_id or series.device_id or series.session_id
        return whose is not None and self.within(self.entities[whose].organization_id)

    def called(self, metric_id: int) -> str:
        metric = self.metrics[metric_id]
        return f"{metric.part}.{metric.name}" if metric.part else metric.name

    def source(self, series_id: int) -> Record:
        series = db.session.get_one(Series, series_id)
        device = self.entities.get(series.device_id) if series.device_id else None
        return {
            "sourceEntityId": device.key if device is not None and self.within(device.organization_id) else None,
            "patientId": str(series.patient_id) if series.patient_id else None,
            "sessionId": str(series.session_id) if series.session_id else None,
        }

    def tables(self, params: DataExportParams) -> Iterator[tuple[UUID, list[str], dict[int, list[float | None]]]]:
        """For each device of a data export, by key: its columns, and for each instant a row."""
        devices = [
            one
            for one in self.entities.values()
            if one.data_type == "device"
            and self.within(one.organization_id)
            and params.organization_id in (None, one.organization_id)
            and params.location_id in (None, one.location_id)
            and (not params.device_ids or one.id in params.device_ids)
        ]
        for device in sorted(devices, key=lambda one: one.key):
            own = [one for one in self.metrics.values() if one.template_id == device.template_id]
            own.sort(key=lambda one: (getattr(one, params.headed_by), one.id))
            chosen = [one for one in own if not params.metric_ids or one.id in params.metric_ids]
            header = [self.header(one, chosen, params) for one in chosen]
            yield device.id, ["timestamp", *header], self.table(device, [one.id for one in chosen], params)

    def header(self, metric: Metric, beside: list[Metric], params: DataExportParams) -> str:
        word = getattr(metric, params.headed_by)
        if sum(getattr(one, params.headed_by) == word for one in beside) > 1:
            word += f" ({metric.part or metric.id})"
        return f"{word} [{metric.unit}]" if params.include_unit and metric.unit else word

    def table(self, device: Entity, metrics: list[int], params: DataExportParams) -> dict[int, list[float | None]]:
        patients_seen = [None, *(one.id for one in self.entities.values() if self.within(one.organization_id))]
        series = [
            one.id
            for one in db.session.scalars(select(Series).where(Series.device_id == device.id).order_by(Series.id))
            if one.patient_id in patients_seen
        ]
        rows: dict[int, list[float | None]] = {}
        wanted = select(Measurement).where(Measurement.series_id.in_(series)).order_by(Measurement.series_id.desc())
        for row in db.session.scalars(wanted.execution_options(populate_existing=True)):
            time = to_milliseconds(row.time)
            if row.metric_id in metrics and params.start_ms <= time < params.end_ms:
                # From the last series to the first: of two values at one instant the older series' is kept.
                rows.setdefault(time, [None] * len(metrics))[metrics.index(row.metric_id)] = row.value
        return rows


def read_csv(data: bytes, for_spreadsheets: bool) -> tuple[list[str], list[list[str]]]:
    assert data.startswith(b"\xef\xbb\xbf") == for_spreadsheets
    assert data.endswith(b"\r\n")
    header, *rows = csv.reader(
        io.StringIO(data.decode("utf-8-sig" if for_spreadsheets else "utf-8"), newline=""), strict=True
    )
    return header, rows


def read_json(data: bytes, form: str) -> list[Any]:
    return json.loads(data) if form == "json" else [json.loads(line) for line in data.split(b"\n")[:-1]]


def read_parquet(data: bytes) -> list[Record]:
    return parquet.read_table(io.BytesIO(data)).to_pylist()


def cell(value: Any, for_spreadsheets: bool) -> str:
    """A value as the text of its cell; numbers are compared as numbers, see :func:`same_cell`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ";".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if for_spreadsheets and not isinstance(value, int | float) and text.startswith(FORMULA) else text


def same_cell(found: str, value: Any, for_spreadsheets: bool) -> bool:
    if isinstance(value, float):
        return found != "" and float(found).hex() == value.hex()
    return found == cell(value, for_spreadsheets)


def flat(record: Record, column: str) -> Any:
    """A column's value out of a record: ``device.name`` leads into ``device``."""
    if column in record:
        return record[column]
    first, _, second = column.rpartition(".")
    inner = record.get(first)
    return inner.get(second) if isinstance(inner, dict) else None
