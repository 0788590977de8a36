"""Holds a face's answers against the description that it gives of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from flask import Flask, request
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

_ARGUMENT = re.compile(r"<(?:[^:>]+:)?([^>]+)>")


class Described:
    """A face and its description.

    :param face: what its endpoints begin with: ``api.biot.``
    :param document: makes the description
    """

    def __init__(self, face: str, document: Callable[[], dict[str, Any]]) -> None:
        self.face, self._document = face, document
        self._validators: dict[tuple[str, str, str], Draft202012Validator | None] = {}

    @cached_property
    def known(self) -> dict[str, Any]:
        """The description."""
        return self._document()

    def operations_of(self, app: Flask) -> set[tuple[str, str]]:
        """Method and path of everything that the face answers."""
        return {
            (method, template_of(rule))
            for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith(self.face)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    def described(self) -> set[tuple[str, str]]:
        """Method and path of everything that is described."""
        return {(method.upper(), path) for path, item in self._document()["paths"].items() for method in item}

    def fault_of(self, rule: Rule | None, method: str, answer: Response) -> str | None:
        """How an answer differs from its description; None when it does not, or is of nothing that is described."""
        if rule is None or answer.mimetype != "application/json":
            return None
        validator = self._validator(method, template_of(rule), str(answer.status_code))
        if validator is None:
            return None
        fault = next(validator.iter_errors(answer.get_json()), None)
        place = f"{method} {rule.rule} {answer.status_code}"
        return None if fault is None else f"{place}: {fault.json_path}: {fault.message}"

    @contextmanager
    def watching(self, app: Flask) -> Iterator[list[str]]:
        """What is answered from now on in another shape than is described; nothing, at the end."""
        faults: list[str] = []

        def compare(answer: Response) -> Response:
            fault = self.fault_of(request.url_rule, request.method, answer)
            if fault is not None:
                faults.append(fault)
            return answer

        app.after_request(compare)  # type: ignore[arg-type]
        yield faults
        assert faults == []

    def _validator(self, method: str, path: str, status: str) -> Draft202012Validator | None:
        place = method, path, status
        if place not in self._validators:
            self._validators[place] = self._made_validator(*place)
        return self._validators[place]

    def _made_validator(self, method: str, path: str, status: str) -> Draft202012Validator | None:
        operation = self.known["paths"].get(path, {}).get(method.lower())
        if operation is None:
            return None
        answers = operation["responses"]
        answer = answers.get(status) or answers.get("default")
        assert answer is not None, f"{method} {path} answers {status}, of which its description says nothing"
        content = answer.get("content", {}).get("application/json")
        if content is None:
            return None
        schema = content["schema"] | {"components": self.known["components"]}
        return Draft202012Validator(schema, format_checker=FormatChecker())


def template_of(rule: Rule) -> str:
    """``/x/<uuid:y>`` as OpenAPI writes it: ``/x/{y}``."""
    return _ARGUMENT.sub(r"{\1}", rule.rule)
