"""One record of a report: how a stored entity becomes a row, and a row becomes JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.exports.encoders import CsvColumn, CsvEncoder, Encoder, JsonEncoder, NdjsonEncoder
from app.exports.kinds.base import Order
from app.exports.params import PERIODS, ReportParams
from app.models.template import FILE_TYPES
from app.models.types import from_milliseconds, to_milliseconds
from app.rows import Name, Position, Record, Selection, names_at

TEXTUAL_KINDS = ("LABEL", "PARAGRAPH", "SINGLE_SELECT", "MULTI_SELECT", "PHONE", "EMAIL", "LINK")
BUILT_IN = (
    CsvColumn("_id", ("_id",)),
    CsvColumn("_caption", ("_caption",)),
    CsvColumn("_template.name", ("_template", "name")),
    CsvColumn("_ownerOrganization.id", ("_ownerOrganization", "id")),
    CsvColumn("_ownerOrganization.name", ("_ownerOrganization", "name")),
    CsvColumn("_creationTime", ("_creationTime",), textual=False),
    CsvColumn("_lastModifiedTime", ("_lastModifiedTime",), textual=False),
)


def selection_for(order: Order, params: ReportParams, data_type: str) -> Selection:
    """The records of one data type that a report asks for, within the scope that its plan froze."""
    scope = order.frozen["organization_ids"]
    return Selection(
        tenant_id=order.tenant_id,
        revision=order.revision,
        data_type=data_type,
        organization_ids=None if scope is None else tuple(UUID(one) for one in scope),
        time_column=PERIODS[params.period],
        start=params.start,
        end=params.end,
        template_ids=params.template_ids,
        entity_ids=params.entity_ids,
        descending=params.order == "desc",
    )


def to_position(place: Position) -> list[Any]:
    """A place as plain JSON values; :func:`from_position` reads it back."""
    return [to_milliseconds(place.time), str(place.id)]


def from_position(plain: list[Any] | None) -> Position | None:
    return None if plain is None else Position(from_milliseconds(plain[0]), UUID(plain[1]))


class Shape:
    """Turns the records of one data type into rows: built-in facts first, then the template's attributes in order."""

    def __init__(self, order: Order, params: ReportParams, data_type: str) -> None:
        self.order, self.params, self.data_type = order, params, data_type
        self.templates: dict[UUID, Mapping[str, Any]] = {
            UUID(one): template for one, template in order.frozen["templates"].items()
        }
        self._attributes = {one: self._kept(template) for one, template in self.templates.items()}
        self._identifying = {
            one for one, template in self.templates.items() if any(known["phi"] for known in template["attributes"])
        }
        scope = order.frozen["organization_ids"]
        self._scope = None if scope is None else frozenset(UUID(one) for one in scope)

    def rows(self, records: list[Record]) -> Iterator[tuple[Record, dict[str, Any]]]:
        """Each record with its row; what the other side of references is called is looked up for all at once."""
        values = [_values(record, with_phi=not self.params.without_phi) for record in records]
        wanted = {record.organization_id for record in records}
        for record, own in zip(records, values, strict=True):
            wanted.update(self._targets(record, own))
        names = names_at(self.order.tenant_id, self.order.revision, wanted)
        for record, own in zip(records, values, strict=True):
            yield record, self._row(record, own, names)

    def columns(self) -> Iterator[tuple[CsvColumn, Mapping[str, Any] | None]]:
        """The CSV's columns, each with the attribute behind it. Templates that share a name share a column."""
        yield from ((column, None) for column in BUILT_IN)
        seen: set[str] = set()
        for one in self._chosen_templates():
            for attribute in self._attributes[one]:
                if attribute["name"] not in seen:
                    seen.add(attribute["name"])
                    yield from ((column, attribute) for column in _attribute_columns(attribute))

    def _chosen_templates(self) -> Iterator[UUID]:
        for one, template in self.templates.items():
            chosen = not self.params.template_ids or one in self.params.template_ids
            if chosen and template["data_type"] == self.data_type:
                yield one

    def _kept(self, template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [one for one in template["attributes"] if not (one["phi"] and self.params.without_phi)]

    def _targets(self, record: Record, own: dict[str, Any]) -> Iterator[UUID]:
        for attribute in self._attributes[record.template_id]:
            if attribute["kind"] == "REFERENCE" and attribute["name"] in own:
                yield UUID(own[attribute["name"]]["id"])

    def _row(self, record: Record, own: dict[str, Any], names: Mapping[UUID, Name]) -> dict[str, Any]:
        template = self.templates[record.template_id]
        clinic = names.get(record.organization_id)
        row: dict[str, Any] = {"_id": record.key if self.data_type == "device" else str(record.id)}
        if not (self.params.without_phi and record.template_id in self._identifying):
            row["_caption"] = record.caption
        row["_template"] = {"id": str(record.template_id), "name": template["name"]}
        row["_ownerOrganization"] = {"id": str(record.organization_id), "name": clinic.caption if clinic else None}
        row["_creationTime"] = iso(record.created_at)
        row["_lastModifiedTime"] = iso(record.updated_at)
        for attribute in self._attributes[record.template_id]:
            name = attribute["name"]
            if name in own:
                value = own[name]
                row[name] = self._reference(value, names) if attribute["kind"] == "REFERENCE" else value
        return row

    def _reference(self, value: dict[str, Any], names: Mapping[UUID, Name]) -> dict[str, Any]:
        """The other side's id, and its name when the requester may see it."""
        target = names.get(UUID(value["id"]))
        if target is None or (self._scope is not None and target.organization_id not in self._scope):
            return {"id": value["id"]}
        known: dict[str, Any] = {"id": target.key if target.data_type == "device" else value["id"]}
        if not (self.params.without_phi and target.template_id in self._identifying):
            known["name"] = target.caption
        known["templateName"] = self.templates[target.template_id]["name"]
        return known


def encoder_for(shape: Shape) -> Encoder:
    """The encoder of the format that was asked for."""
    if shape.params.format == "json":
        return JsonEncoder()
    if shape.params.format == "ndjson":
        return NdjsonEncoder()
    columns = [column for column, _ in shape.columns()]
    return CsvEncoder(columns, for_spreadsheets=shape.params.for_spreadsheets)


def file_values(shape: Shape, record: Record, row: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The files that a record's attributes name: ``[(folder for them, [{"id", "name", …}])]``, or nothing."""
    found: list[dict[str, Any]] = []
    for attribute in shape.templates[record.template_id]["attributes"]:
        value = row.get(attribute["name"])
        if attribute["kind"] in FILE_TYPES and value:
            found += value if isinstance(value, list) else [value]
    return [(f"{record.caption} {str(record.id)[:8]}", found)] if found else []


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds always: ``2020-01-07T21:20:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _values(record: Record, *, with_phi: bool) -> dict[str, Any]:
    own: dict[str, Any] = orjson.loads(record.attributes)
    if with_phi and record.phi_attributes != "{}":
        own |= orjson.loads(record.phi_attributes)
    return own


def _attribute_columns(attribute: Mapping[str, Any]) -> list[CsvColumn]:
    name = attribute["name"]
    if attribute["kind"] == "REFERENCE" or attribute["kind"] in FILE_TYPES:
        return [CsvColumn(f"{name}.id", (name, "id")), CsvColumn(f"{name}.name", (name, "name"))]
    return [CsvColumn(name, (name,), textual=attribute["kind"] in TEXTUAL_KINDS)]
