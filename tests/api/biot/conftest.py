"""Every answer that a test of this contract gets is held against the face's own description."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.api.biot.describing import biot


@pytest.fixture(autouse=True)
def answers_that_differ(app: Flask) -> Iterator[list[str]]:
    """What was answered in this test in another shape than is described."""
    with biot.watching(app) as faults:
        yield faults
