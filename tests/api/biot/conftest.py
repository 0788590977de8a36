"""Every answer that a test of this contract gets is held against the face's own description."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, request
from werkzeug.wrappers import Response

from tests.api.biot.describing import fault_of


@pytest.fixture
def answers_that_differ(app: Flask) -> list[str]:
    """What was answered in this test in another shape than is described."""
    faults: list[str] = []

    def compare(answer: Response) -> Response:
        fault = fault_of(request.url_rule, request.method, answer)
        if fault is not None:
            faults.append(fault)
        return answer

    app.after_request(compare)  # type: ignore[arg-type]
    return faults


@pytest.fixture(autouse=True)
def _answers_are_as_described(answers_that_differ: list[str]) -> Iterator[None]:
    yield
    assert answers_that_differ == []
