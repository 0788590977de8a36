"""Templates, as clients ask for them: in full, or only their names; and the entity types that they are of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app import attachments, catalog
from app.api.bearer import current_actor
from app.api.biot import present
from app.api.biot.built_ins import BUILT_INS, keeper
from app.api.biot.searching import Search, search_request
from app.api.biot.template_search import matching
from app.errors import NotFound
from app.models import Template, TemplateAttribute
from app.models.template import DATA_TYPES, FILE_TYPES

LONGEST_LABEL = LONGEST_NAME = 36

_PARSED_NAME = re.compile(r"[a-zA-Z]\w{0,35}", re.ASCII)
_CATEGORY = {"name": "REGULAR", "displayName": "General"}

bp = Blueprint("templates", __name__, url_prefix="/settings")


@bp.get("/v1/templates")
def search_templates() -> ResponseReturnValue:
    """Templates in full."""
    return _found(full)


@bp.get("/v1/templates/minimized")
def search_minimized() -> ResponseReturnValue:
    """Templates without their attributes."""
    return _found(minimized)


@bp.get("/v1/templates/<uuid:template_id>")
def get_template(template_id: UUID) -> ResponseReturnValue:
    """One in full."""
    template = catalog.find_template(current_actor(), template_id=template_id)
    if template is None:
        raise NotFound
    return jsonify(full(template))


@bp.get("/v1/entity-types")
def list_entity_types() -> ResponseReturnValue:
    """The entity types, as the older clients ask for them."""
    return jsonify(entityTypes=[_entity_type(data_type) for data_type in DATA_TYPES])


@bp.get("/v2/entity-types")
def search_entity_types() -> ResponseReturnValue:
    """The entity types; of a search, only pages and a filter by ``name``."""
    search = search_request()
    known = [_entity_type(data_type) for data_type in DATA_TYPES]
    chosen = matching(search, known, {"name", "displayName"})
    return _page(search, chosen)


def minimized(template: Template) -> present.Json:
    """A template without its attributes."""
    return {
        "id": str(template.id),
        "name": template.name,
        "displayName": template.label,
        "description": template.description or None,
        "entityTypeName": template.data_type,
        "removable": False,
        "ownerOrganizationId": None,
        "parentTemplateId": None,
        "parentTemplate": None,
        "creationTime": present.instant(template.created_at),
        "lastModifiedTime": present.instant(template.updated_at),
    }


def full(template: Template) -> present.Json:
    """A template with its attributes: ours are the custom ones; of the built-in ones, those that it keeps."""
    # Clients cannot parse other names, and one would spoil a whole page; the values are in the entities all the same.
    own = [attribute for attribute in template.attributes if _PARSED_NAME.fullmatch(attribute.name)]
    kept = [(one, keeper(template, one)) for one in BUILT_INS[template.data_type]]
    return minimized(template) | {
        "customAttributes": [_attribute(attribute) for attribute in own],
        "builtInAttributes": [
            _attribute(attribute) | {"name": one.path.split(".")[-1], "basePath": _base(one.path)}
            for one, attribute in kept
            if attribute is not None
        ],
        "templateAttributes": [],
    }


def _base(path: str) -> str | None:
    return path.rpartition(".")[0] or None


def _attribute(attribute: TemplateAttribute) -> present.Json:
    choices = [{"name": str(one["value"]), "displayName": str(one["label"])} for one in attribute.choices or ()]
    return {
        "id": str(attribute.id),
        "name": attribute.name,
        "displayName": attribute.label[:LONGEST_LABEL],
        "type": attribute.kind,
        "phi": attribute.is_identifying,
        "category": dict(_CATEGORY),
        "selectableValues": choices,
        "validation": _validation(attribute),
        "numericMetaData": {"units": attribute.unit} if attribute.unit else None,
        "referenceConfiguration": _reference(attribute),
    }


def _validation(attribute: TemplateAttribute) -> present.Json:
    is_file = attribute.kind in FILE_TYPES
    return {
        "mandatory": attribute.mandatory,
        "unique": attribute.unique,
        "min": None if is_file else attribute.low,
        "max": attachments.size_limit_of(attribute) if is_file else attribute.high,
        "supportedMimeTypes": attachments.accepted_types_of(attribute) if is_file else None,
    }


def _reference(attribute: TemplateAttribute) -> present.Json | None:
    if attribute.kind != "REFERENCE":
        return None
    label = attribute.reference_label or attribute.label
    return {
        "entityType": attribute.reference_data_type,
        "uniquely": False,
        "validTemplatesToReference": [],
        "referencedSideAttributeName": f"{attribute.name}_of"[:LONGEST_NAME],
        "referencedSideAttributeDisplayName": label[:LONGEST_LABEL],
    }


def _entity_type(data_type: str) -> present.Json:
    return {
        "name": data_type,
        "displayName": data_type.replace("-", " ").capitalize(),
        "builtInAttributes": [
            {"name": name, "basePath": _base(one.path), "displayName": name.lstrip("_")}
            for one in BUILT_INS[data_type]
            for name in [one.path.split(".")[-1]]
        ],
        "templateAttributes": [],
        "children": [],
    }


def _found(shape: Callable[[Template], present.Json]) -> ResponseReturnValue:
    search = search_request()
    known = {str(one.id): one for one in catalog.list_templates(current_actor())}
    chosen = matching(search, [minimized(one) for one in known.values()], SEARCHED)
    return _page(search, [known[one["id"]] for one in chosen], shape)


SEARCHED = frozenset(
    {
        "id", "name", "displayName", "entityTypeName", "parentTemplateId", "parentTemplate.id", "ownerOrganizationId",
        "creationTime", "lastModifiedTime", "analyticsDbConfiguration.name",
    }
)  # fmt: skip
"""The properties that templates are found by."""


def _page(search: Search, chosen: list[Any], shape: Callable[[Any], Any] = lambda one: one) -> ResponseReturnValue:
    part = chosen[search.offset : search.offset + search.limit]
    return jsonify(search.page([shape(one) for one in part], len(chosen)))
