"""Templates and entity types."""

from __future__ import annotations

from app.api.biot.schemas.parts import SEARCH, page_of
from app.api.describing import (
    INSTANT,
    NUMBER,
    SWITCH,
    TEXT,
    UUID,
    Json,
    among,
    answers,
    maybe,
    operation,
    ref,
    several,
    shape,
    within,
)
from app.models.template import ATTRIBUTE_TYPES, DATA_TYPES

_SHORT = {"type": "string", "minLength": 1, "maxLength": 36}
_ATTRIBUTE = {
    "id": UUID, "name": _SHORT, "displayName": _SHORT, "type": among(*ATTRIBUTE_TYPES), "phi": SWITCH,
    "category": shape({"name": TEXT, "displayName": TEXT}),
    "selectableValues": several(shape({"name": TEXT, "displayName": TEXT})),
    "validation": shape(
        {
            "mandatory": SWITCH, "unique": SWITCH, "min": maybe(NUMBER), "max": maybe(NUMBER),
            "supportedMimeTypes": maybe(several(TEXT)),
        }
    ),
    "numericMetaData": maybe(shape({"units": TEXT})),
    "referenceConfiguration": maybe(
        shape(
            {
                "entityType": among(*DATA_TYPES), "uniquely": SWITCH, "validTemplatesToReference": several(UUID),
                "referencedSideAttributeName": TEXT, "referencedSideAttributeDisplayName": TEXT,
            }
        )
    ),
}  # fmt: skip
_MINIMIZED = {
    "id": UUID, "name": _SHORT, "displayName": {"type": "string", "minLength": 1, "maxLength": 64},
    "description": maybe(TEXT), "entityTypeName": among(*DATA_TYPES), "removable": SWITCH,
    "ownerOrganizationId": {"type": "null"}, "parentTemplateId": {"type": "null"}, "parentTemplate": {"type": "null"},
    "creationTime": INSTANT, "lastModifiedTime": INSTANT,
}  # fmt: skip
_NONE = {"type": "array", "maxItems": 0}

SCHEMAS: dict[str, Json] = {
    "CustomAttribute": shape(_ATTRIBUTE),
    "BuiltInAttribute": shape(_ATTRIBUTE | {"basePath": maybe(TEXT)}),
    "MinimizedTemplate": shape(_MINIMIZED),
    "Template": shape(
        _MINIMIZED
        | {
            "customAttributes": several(ref("CustomAttribute")),
            "builtInAttributes": several(ref("BuiltInAttribute")),
            "templateAttributes": _NONE,
        }
    ),
    "EntityType": shape(
        {
            "name": among(*DATA_TYPES), "displayName": TEXT,
            "builtInAttributes": several(shape({"name": TEXT, "basePath": maybe(TEXT), "displayName": TEXT})),
            "templateAttributes": _NONE, "children": _NONE,
        }
    ),
}  # fmt: skip


def _searched(summary: str, item: str) -> Json:
    found = answers(200, "A page.", page_of(ref(item)))
    return {"get": operation(summary, "templates", found, parameters=[SEARCH])}


PATHS: dict[str, Json] = {
    "/settings/v1/templates": _searched("Find templates", "Template"),
    "/settings/v1/templates/minimized": _searched("Find templates, without their attributes", "MinimizedTemplate"),
    "/settings/v1/templates/{template_id}": {
        "get": operation(
            "One template", "templates", answers(200, "The template.", ref("Template")),
            parameters=[within("template_id", UUID)],
        )
    },
    "/settings/v1/entity-types": {
        "get": operation(
            "The entity types", "templates",
            answers(200, "All of them.", shape({"entityTypes": several(ref("EntityType"))})),
        )
    },
    "/settings/v2/entity-types": _searched("Find entity types", "EntityType"),
}  # fmt: skip
