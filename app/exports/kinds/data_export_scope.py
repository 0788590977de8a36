"""Whose measurements a data export holds: the devices within its scope, page by page, and their series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from app.access.visibility import within
from app.exports.kinds.data_export_names import tokens_in
from app.exports.kinds.data_export_params import DataExportParams
from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.models import Entity, Location, Organization, Series, Template

PAGE_DEVICES = 250


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked for, and by whom.

    :param organization_ids: those from which the requester may export; ``None`` is every one of the tenant
    :param nameless: templates whose devices go by their key alone, as what they are called is made of what identifies
    """

    tenant_id: UUID
    organization_ids: tuple[UUID, ...] | None
    params: DataExportParams
    nameless: frozenset[UUID] = frozenset()

    @property
    def period(self) -> tuple[int, int]:
        """``[start, end)`` in milliseconds, within the time in which there can be values."""
        start = min(max(self.params.start_ms, EARLIEST_MS), LATEST_MS)
        return start, max(start, min(self.params.end_ms, LATEST_MS))


@dataclass(frozen=True, slots=True)
class Thing:
    """A device. ``series`` are those of its series that the requester may read; ``words`` are its file name's."""

    id: UUID
    title: str
    template_id: str
    series: tuple[int, ...]
    words: Mapping[str, str]


def things(connection: Connection, scope: Scope) -> Iterator[list[Thing]]:
    """The devices of a scope as they are now, by key, in pages."""
    # The order of code points on both databases, whatever PostgreSQL's collation.
    binary = connection.dialect.name == "postgresql"
    key: ColumnElement[str] = Entity.key.collate("C") if binary else Entity.key.expression
    templates = _names(connection, Template, Template.tenant_id == scope.tenant_id)
    after: str | None = None
    while True:
        wanted = select(*_FACTS).where(*devices_within(scope)).order_by(key).limit(PAGE_DEVICES)
        rows = connection.execute(wanted if after is None else wanted.where(key > after)).all()
        if rows:
            yield _page(connection, scope, rows, templates)
        if len(rows) < PAGE_DEVICES:
            return
        after = rows[-1].key


_FACTS: tuple[Any, ...] = (
    Entity.id,
    Entity.key,
    Entity.caption,
    Entity.template_id,
    Entity.organization_id,
    Entity.location_id,
    Entity.attributes,
)


def devices_within(scope: Scope) -> Iterator[ColumnElement[bool]]:
    """The conditions that an entity is a device of the scope."""
    params = scope.params
    yield Entity.tenant_id == scope.tenant_id
    yield Entity.data_type == "device"
    yield within(Entity.organization_id.expression, scope.organization_ids)
    if params.organization_id is not None:
        yield Entity.organization_id == params.organization_id
    if params.location_id is not None:
        yield Entity.location_id == params.location_id
    if params.device_ids:
        yield Entity.id.in_(params.device_ids)


def series_within(scope: Scope) -> ColumnElement[bool]:
    """The condition that a device's series may be read: a patient's only with that patient in the scope, and one of a
    session without a patient only with that session in it; a lent device measures for others.

    Ask by the devices of the scope too: a series is of its device's tenant.
    """
    if scope.organization_ids is None:
        return true()
    seen = select(Entity.id).where(
        Entity.tenant_id == scope.tenant_id, within(Entity.organization_id.expression, scope.organization_ids)
    )
    of_session = or_(Series.session_id.is_(None), Series.session_id.in_(seen))
    return or_(Series.patient_id.in_(seen), and_(Series.patient_id.is_(None), of_session))


def _page(connection: Connection, scope: Scope, rows: Sequence[Any], templates: Mapping[UUID, str]) -> list[Thing]:
    tokens = tokens_in(scope.params.file_name)
    series = _series(connection, scope, [row.id for row in rows])
    customers: Mapping[UUID, str] = {}
    places: Mapping[UUID, str] = {}
    if "customer.name" in tokens:
        customers = _named(connection, Organization, {row.organization_id for row in rows})
    if "location.name" in tokens:
        places = _named(connection, Location, {row.location_id for row in rows if row.location_id})
    return [
        Thing(
            id=row.id,
            title=_title(_caption(row, scope), row.key),
            template_id=str(row.template_id),
            series=tuple(series.get(row.id, ())),
            words={token: _word(token, row, scope, templates, customers, places) for token in tokens},
        )
        for row in rows
    ]


def _title(caption: str, key: str) -> str:
    """What a device is called, with its key unless that is said already."""
    return f"{caption} ({key})" if caption and key not in caption else caption or key


def _caption(row: Any, scope: Scope) -> str:
    return "" if row.template_id in scope.nameless else str(row.caption)


def _word(
    token: str,
    row: Any,
    scope: Scope,
    templates: Mapping[UUID, str],
    customers: Mapping[UUID, str],
    places: Mapping[UUID, str],
) -> str:
    match token:
        case "thing.id":
            return str(row.id)
        case "thing.name":
            return _caption(row, scope) or str(row.key)
        case "thing.serialNumber":
            return _serial_number(row)
        case "thingDefinition.id":
            return str(row.template_id)
        case "thingDefinition.name":
            return templates.get(row.template_id, "")
        case "customer.id":
            return str(row.organization_id)
        case "customer.name":
            return customers.get(row.organization_id, "")
        case "location.id":
            return str(row.location_id or "")
        case _:
            return places.get(row.location_id, "")


def _serial_number(row: Any) -> str:
    """Never one that its template marks as identifying: file names are seen where contents are not."""
    number = orjson.loads(row.attributes).get("serial_number") if "serial_number" in row.attributes else None
    return str(row.key) if number in (None, "") else str(number)


def _series(connection: Connection, scope: Scope, device_ids: list[UUID]) -> dict[UUID, list[int]]:
    found: dict[UUID, list[int]] = {}
    wanted = select(Series.id, Series.device_id).where(Series.device_id.in_(device_ids), series_within(scope))
    for series_id, device_id in connection.execute(wanted.order_by(Series.id)):
        if device_id is not None:
            found.setdefault(device_id, []).append(series_id)
    return found


def _named(connection: Connection, model: Any, ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = list(ids)
    return _names(connection, model, model.id.in_(wanted)) if wanted else {}


def _names(connection: Connection, model: Any, which: ColumnElement[bool]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in connection.execute(select(model.id, model.name).where(which))}
