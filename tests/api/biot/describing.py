"""Holds answers against the description that the face gives of itself."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from app.api.biot.openapi import document

_ARGUMENT = re.compile(r"<(?:[^:>]+:)?([^>]+)>")
FACE = "api.biot."


def template_of(rule: Rule) -> str:
    """``/x/<uuid:y>`` as OpenAPI writes it: ``/x/{y}``."""
    return _ARGUMENT.sub(r"{\1}", rule.rule)


def operations_of(app: Flask) -> set[tuple[str, str]]:
    """Method and path of everything that the face answers."""
    return {
        (method, template_of(rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(FACE)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def described() -> set[tuple[str, str]]:
    """Method and path of everything that is described."""
    return {(method.upper(), path) for path, item in document()["paths"].items() for method in item}


@cache
def _known() -> dict[str, Any]:
    return document()


@cache
def _validator(method: str, path: str, status: str) -> Draft202012Validator | None:
    operation = _known()["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return None
    answer = operation["responses"].get(status) or operation["responses"]["default"]
    content = answer.get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"] | {"components": _known()["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def fault_of(rule: Rule | None, method: str, answer: Response) -> str | None:
    """How an answer differs from its description; None when it does not, or is of nothing that is described."""
    if rule is None or answer.mimetype != "application/json":
        return None
    validator = _validator(method, template_of(rule), str(answer.status_code))
    if validator is None:
        return None
    fault = next(validator.iter_errors(answer.get_json()), None)
    return None if fault is None else f"{method} {rule.rule} {answer.status_code}: {fault.json_path}: {fault.message}"
