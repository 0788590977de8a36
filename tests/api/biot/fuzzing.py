"""Schemathesis over the face: what its description allows, and what it does not, sent to it."""

from __future__ import annotations

from collections.abc import Mapping

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
SIGN_IN = "/ums/v2/"
"""Tried apart, without a token: so many wrong passwords would only be throttled."""


Ids = Mapping[str, Mapping[str, str]]


def faults_of(app: Flask, token: str, *, examples: int, paths: str = "", ids: Ids | None = None) -> list[str]:
    """What Schemathesis finds, a line for each operation that answers wrongly.

    :param ids: the beginning of a path → what to put into it, so that there is something to ask, change and remove
    :param examples: requests of each operation that it describes, and as many that break the description
    :param paths: only operations whose path begins so
    """
    schema = schemathesis.openapi.from_wsgi("/openapi/biot.json", app)
    found = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.startswith(paths):
            for mode in GenerationMode:
                found += _tried(operation, mode, token, examples, {})
                for beginning, real in (ids or {}).items():
                    if operation.path.startswith(beginning) and "{" in operation.path:
                        found += _tried(operation, mode, token, examples, real)
    return found


def _tried(
    operation: APIOperation, mode: GenerationMode, token: str, examples: int, real: Mapping[str, str]
) -> list[str]:
    @hypothesis.seed(1)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        headers = {} if operation.path.startswith(SIGN_IN) else {"Authorization": f"Bearer {token}"}
        case.path_parameters = {name: real.get(name, given) for name, given in (case.path_parameters or {}).items()}
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
