"""The report: entities and measurements of chosen data types, a file for each, with attached files on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, select

from app.access import Permission
from app.access.visibility import organizations_with, visible_entities
from app.actor import Actor
from app.archive import PackageDescription
from app.builder.naming import ANY_ID
from app.errors import Invalid
from app.exports.kinds import report_description, report_files, report_measurements
from app.exports.kinds.base import BuiltFile, Order, PlannedFile
from app.exports.kinds.report_columns import columns_of, kept_attributes
from app.exports.kinds.report_layout import from_position, planned_records
from app.exports.kinds.report_scope import selection_for, words_of
from app.exports.params import MEASUREMENTS, MOST_ENTITIES, Asked, ReportParams
from app.exports.rights import ask_proof, check_identifiers, check_rights, check_scope, identifies, right_of
from app.extensions import db
from app.models import Entity, Template
from app.rows.documents import PageStatements, Words, longest_caption, names_statement, plain_words


class ReportKind:
    """See :class:`~app.exports.kinds.base.Kind`."""

    called = "report"
    shared = False
    fingerprinted = True
    longest_label = 36

    def subject(self, export_id: UUID, tenant_id: UUID, params: str) -> str:
        return str(export_id)

    def check(self, actor: Actor, params: ReportParams) -> None:
        check_rights(actor)
        wrong = params.faults() | _unknown_templates(actor, params) | _unknown_entities(actor, params)
        for asked in params.asked() if params.queries else ():
            unknown = _unknown_templates(actor, asked.params)
            wrong |= {f"queries[{asked.number}].{name}": words for name, words in unknown.items()}
        if wrong:
            raise Invalid(fields=wrong)

    def confirm(self, actor: Actor, params: ReportParams) -> None:
        ask_proof(actor, lambda: identifies(frozen_templates(actor.tenant_id), params))

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """The requester's scope and right, the templates' words, and what the organizations are called.

        :raises Forbidden: the actor may no longer export, or not what identifies people, or the tenant's exports were
            switched off meanwhile
        """
        check_rights(actor)
        scope = organizations_with(actor, Permission.EXPORT_DATA)
        asked = ReportParams.from_json(params)
        frozen = {
            "organization_ids": None if scope is None else [str(one) for one in scope],
            "right": right_of(actor).value,
            "templates": frozen_templates(actor.tenant_id),
            "owners": frozen_owners(actor.tenant_id, scope),
            **(_frozen_metrics(actor.tenant_id) if asked.measured else {}),
        }
        check_identifiers(actor, frozen, asked)
        return frozen

    def may_take(self, actor: Actor, frozen: dict[str, Any], params: str) -> None:
        """The actor must be able to export from every organization that the plan's scope had, and all that it holds.

        :raises Forbidden: ``reason`` is ``permission``, ``exports_disabled``, ``scope`` or ``identifiers``
        """
        check_scope(actor, frozen, "records")
        check_identifiers(actor, frozen, ReportParams.from_json(params))

    def files(self, order: Order, snapshot: Connection) -> Iterator[PlannedFile]:
        params = ReportParams.from_json(order.params)
        for asked in params.asked():
            if asked.data_type == MEASUREMENTS:
                yield from report_measurements.planned(order, snapshot, asked)
            else:
                yield from _planned(order, snapshot, asked)
        if params.with_files:
            yield from report_files.planned(order, params)

    def recipe(
        self, order: Order, layout: dict[str, Any], task: dict[str, Any], *, first: bool, last: bool
    ) -> dict[str, Any]:
        if "storage_key" in layout:
            return report_files.recipe(layout, task)
        if layout["data_type"] == MEASUREMENTS:
            params = ReportParams.from_json(order.params).of_query(layout.get("query"))
            return report_measurements.recipe(order, params, task, first=first, last=last)
        return _recipes(order, layout["data_type"], layout.get("query")).of(task, first=first, last=last)

    def describe(self, order: Order, files: list[BuiltFile]) -> PackageDescription:
        return report_description.describe(order, files)


class RecordRecipes:
    """How the records of one data type are made, page by page; see :func:`app.builder.records.make_records`.

    What all pages share is put together once.
    """

    def __init__(self, order: Order, params: ReportParams, data_type: str) -> None:
        words = words_of(order.frozen, params, data_type)
        references = _references(order.frozen, params, data_type)
        selection = selection_for(order, params, data_type)
        self._statements = PageStatements(selection, words)
        self._shared: dict[str, Any] = {
            "make": "records",
            "words": plain_words(words, selection),
            "references": sorted(references),
            "format": params.format,
            "for_spreadsheets": params.for_spreadsheets,
            "columns": [column for column, _ in columns_of(order.frozen, params, data_type)]
            if params.format in ("csv", "parquet")
            else [],
        }
        if references:
            scope = order.frozen["organization_ids"]
            allowed = None if scope is None else [UUID(one) for one in scope]
            self._shared["names"] = names_statement(order.tenant_id, order.revision, ANY_ID, words, allowed)

    def of(self, task: Mapping[str, Any], *, first: bool, last: bool) -> dict[str, Any]:
        """The recipe of some pages."""
        places = [
            (None if page["after"] is None else from_position(page["after"]), from_position(page["until"]))
            for page in task["pages"]
        ]
        statements = [self._statements.between(after, until) for after, until in places]
        return {**self._shared, "statements": statements, "first": first, "last": last}


@lru_cache(maxsize=8)
def _recipes(order: Order, data_type: str, query: int | None) -> RecordRecipes:
    return RecordRecipes(order, ReportParams.from_json(order.params).of_query(query), data_type)


def _frozen_metrics(tenant_id: UUID) -> dict[str, Any]:
    return {
        "metrics": report_measurements.frozen_metrics(tenant_id),
        "metric_words": report_measurements.frozen_words(tenant_id),
    }


def frozen_templates(tenant_id: UUID) -> dict[str, Any]:
    """The words of every template of the tenant, as plain values."""
    found = db.session.scalars(db.select(Template).filter_by(tenant_id=tenant_id).order_by(Template.name))
    return {
        str(template.id): {
            "name": template.name,
            "label": template.label,
            "data_type": template.data_type,
            "attributes": [
                {
                    "name": one.name,
                    "label": one.label,
                    "kind": one.kind,
                    "unit": one.unit,
                    "choices": one.choices,
                    "phi": one.phi,
                    "refers_to": one.reference_data_type,
                }
                for one in template.attributes
            ],
        }
        for template in found
    }


def frozen_owners(tenant_id: UUID, scope: tuple[UUID, ...] | None) -> dict[str, str]:
    """What the organizations of a scope are called now."""
    wanted = select(Entity.id, Entity.caption).where(Entity.tenant_id == tenant_id, Entity.data_type == "organization")
    if scope is not None:
        wanted = wanted.where(Entity.id.in_(scope))
    # Ordered here: asked to order them, SQLite would walk through every entity by its key.
    return dict(sorted((str(one), caption) for one, caption in db.session.execute(wanted)))


def _planned(order: Order, snapshot: Connection, asked: Asked) -> Iterator[PlannedFile]:
    params, data_type = asked.params, asked.data_type
    words = words_of(order.frozen, params, data_type)
    columns = [column for column, _ in columns_of(order.frozen, params, data_type)]
    # A cell is never longer than its JSON; columns without a value have their comma, numbers may be written longer.
    numbers = sum(column["type"] in ("integer", "number") for column in columns)
    around = 2 * len(columns) + 24 * numbers if params.format == "csv" else 0
    head = 8 + 2 * sum(len(column["name"].encode()) + 3 for column in columns) if params.format == "csv" else 0
    extra = _name_bytes(order, snapshot, params, words) if params.max_file_bytes is not None else {}
    selection = selection_for(order, params, data_type)
    return planned_records(order, snapshot, asked, selection, words, extra, head, around)


def _references(frozen: Mapping[str, Any], params: ReportParams, data_type: str) -> dict[str, str]:
    """The attributes of a data type that point at other records, and at which data type."""
    return {
        attribute["name"]: attribute["refers_to"]
        for template in frozen["templates"].values()
        if template["data_type"] == data_type
        for attribute in kept_attributes(template, params)
        if attribute["kind"] == "REFERENCE"
    }


def _name_bytes(order: Order, snapshot: Connection, params: ReportParams, words: Words) -> dict[UUID, int]:
    """For each template, bytes that the names of what its records refer to come to at most."""
    longest_template = max((len(orjson.dumps(name)) for name in words.templates.values()), default=0)
    found: dict[UUID, int] = {}
    known: dict[str, int] = {}
    for one, template in order.frozen["templates"].items():
        total = 0
        for attribute in kept_attributes(template, params):
            if attribute["kind"] == "REFERENCE":
                target = attribute["refers_to"]
                if target not in known:
                    known[target] = snapshot.scalar(longest_caption(order.tenant_id, target)) or 0
                total += known[target] + longest_template + len(b',"name":,"templateName":')
        if total:
            found[UUID(one)] = total
    return found


def _unknown_templates(actor: Actor, params: ReportParams) -> dict[str, str]:
    known = select(Template.id, Template.data_type, Template.label).where(
        Template.id.in_(params.template_ids), Template.tenant_id == actor.tenant_id
    )
    found = db.session.execute(known).all() if 0 < len(params.template_ids) <= MOST_ENTITIES else []
    if len(found) != len(set(params.template_ids)) and len(params.template_ids) <= MOST_ENTITIES:
        return {"template_ids": "One of the templates does not exist."}
    for one in found:
        if one.data_type not in params.data_types:
            return {"template_ids": f"The template “{one.label}” is not of a chosen data type."}
    return {}


def _unknown_entities(actor: Actor, params: ReportParams) -> dict[str, str]:
    if not 0 < len(params.entity_ids) <= MOST_ENTITIES:
        return {}
    visible = visible_entities(actor).with_only_columns(Entity.id).where(Entity.id.in_(params.entity_ids))
    if len(set(db.session.scalars(visible))) != len(set(params.entity_ids)):
        return {"entity_ids": "One of the records does not exist."}
    return {}
