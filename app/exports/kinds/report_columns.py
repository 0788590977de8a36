"""The columns of a report's CSV and Parquet files: built-in facts first, then the templates' attributes in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from app.exports.params import ReportParams
from app.models.template import FILE_TYPES

TYPES = {"INTEGER": "integer", "DECIMAL": "number", "BOOLEAN": "boolean", "MULTI_SELECT": "texts"}
TEXTUAL = ("LABEL", "PARAGRAPH", "SINGLE_SELECT", "MULTI_SELECT", "PHONE", "EMAIL", "LINK")
_BUILT_IN = (
    ("_id", ("_id",), "string"),
    ("_caption", ("_caption",), "string"),
    ("_template.name", ("_template", "name"), "string"),
    ("_ownerOrganization.id", ("_ownerOrganization", "id"), "string"),
    ("_ownerOrganization.name", ("_ownerOrganization", "name"), "string"),
    ("_creationTime", ("_creationTime",), "instant"),
    ("_lastModifiedTime", ("_lastModifiedTime",), "instant"),
)


def columns_of(
    frozen: Mapping[str, Any], params: ReportParams, data_type: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any] | None]]:
    """Each column as the builder is told it, and the attribute behind it.

    Attributes of one name share a column, which is of a kind that every one of their values fits.
    """
    for name, path, kind in _BUILT_IN:
        yield _column(name, path, kind, textual=kind == "string"), None
    by_name: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    for template in chosen_templates(frozen, params, data_type):
        for attribute in kept_attributes(template, params):
            by_name.setdefault((attribute["name"], _in_parts(attribute)), []).append(attribute)
    for attributes in by_name.values():
        attribute = _shared(attributes)
        yield from ((column, attribute) for column in _of_attribute(attribute))


def chosen_templates(frozen: Mapping[str, Any], params: ReportParams, data_type: str) -> Iterator[Mapping[str, Any]]:
    """The frozen templates of a data type that the report asks for."""
    for one, template in frozen["templates"].items():
        if template["data_type"] == data_type and (not params.template_ids or UUID(one) in params.template_ids):
            yield template


def kept_attributes(template: Mapping[str, Any], params: ReportParams) -> list[Mapping[str, Any]]:
    """Those of a frozen template that the report has; a file always counts as identifying, as its name may tell."""
    return [one for one in template["attributes"] if not (params.without_phi and _is_identifying(one))]


def _is_identifying(attribute: Mapping[str, Any]) -> bool:
    return attribute["phi"] or attribute["kind"] in FILE_TYPES


def _in_parts(attribute: Mapping[str, Any]) -> bool:
    return attribute["kind"] == "REFERENCE" or attribute["kind"] in FILE_TYPES


def _shared(attributes: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What is true of all of them: a unit only when it is everybody's, every choice that one of them offers."""
    first = attributes[0]
    kinds = {one["kind"] for one in attributes}
    if len(attributes) == 1:
        return first
    kind = first["kind"] if len(kinds) == 1 else "DECIMAL" if kinds == {"INTEGER", "DECIMAL"} else "LABEL"
    if kinds <= {"REFERENCE", *FILE_TYPES}:
        kind = first["kind"] if len(kinds) == 1 else FILE_TYPES[0]
    choices = {str(choice["value"]): choice for one in attributes for choice in one["choices"] or ()}
    same_unit = len({one["unit"] or "" for one in attributes}) == 1
    return {**first, "kind": kind, "unit": first["unit"] if same_unit else "", "choices": list(choices.values())}


def _of_attribute(attribute: Mapping[str, Any]) -> list[dict[str, Any]]:
    name, kind = attribute["name"], attribute["kind"]
    described = {"title": attribute["label"], "unit": attribute["unit"] or ""}
    if _in_parts(attribute):
        type_ = "string" if kind == "REFERENCE" else "texts"
        return [_column(f"{name}.{part}", (name, part), type_, textual=True, **described) for part in ("id", "name")]
    return [_column(name, (name,), TYPES.get(kind, "string"), textual=kind in TEXTUAL, **described)]


def _column(name: str, path: tuple[str, ...], kind: str, *, textual: bool, **described: str) -> dict[str, Any]:
    return {"name": name, "path": list(path), "type": kind, "textual": textual, **described}
