"""Schemathesis over a face: what its description allows, and what it does not, sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import hypothesis
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

Ids = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Fuzzed:
    """A face that is to be tried.

    :param description: where its description is
    :param headers: what every request carries
    :param apart: operations whose path begins so get none of those headers
    """

    description: str
    headers: Mapping[str, str]
    apart: tuple[str, ...] = field(default=())

    def faults_of(self, app: Flask, *, examples: int, paths: str = "", ids: Ids | None = None) -> list[str]:
        """What Schemathesis finds, a line for each operation that answers wrongly.

        :param ids: the beginning of a path → what to put into it, so that there is something to ask, change and remove
        :param examples: requests of each operation that it describes, and as many that break the description
        :param paths: only operations whose path begins so
        """
        schema = schemathesis.openapi.from_wsgi(self.description, app)
        found = []
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path.startswith(paths):
                for mode in GenerationMode:
                    found += self._tried(operation, mode, examples, {})
                    for beginning, real in (ids or {}).items():
                        if operation.path.startswith(beginning) and "{" in operation.path:
                            found += self._tried(operation, mode, examples, real)
        return found

    def _tried(
        self, operation: APIOperation, mode: GenerationMode, examples: int, real: Mapping[str, str]
    ) -> list[str]:
        headers = {} if operation.path.startswith(self.apart) else dict(self.headers)

        @hypothesis.seed(1)
        @settings(
            max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            parameters = case.path_parameters or {}
            case.path_parameters = {name: real.get(name, given) for name, given in parameters.items()}
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=CHECKS)

        try:
            ask()
        except (Failure, FailureGroup) as fault:
            told = "; ".join(str(one) for one in getattr(fault, "exceptions", [fault]))
            return [f"{operation.method.upper()} {operation.path} ({mode.value}): {told}"]
        except hypothesis.errors.Unsatisfiable:
            # Of an operation without parameters nothing can be sent that breaks its description.
            return []
        except Exception as fault:  # what the face itself did not catch comes through the client as it is
            return [f"{operation.method.upper()} {operation.path} ({mode.value}): {type(fault).__name__}: {fault}"]
        return []
