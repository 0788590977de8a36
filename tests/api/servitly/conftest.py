"""Programs of both tenants. Every answer that a test gets is held against the face's own description."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.api.conftest import Machine
from tests.api.servitly.client import Client
from tests.api.servitly.describing import servitly


@pytest.fixture(autouse=True)
def answers_that_differ(app: Flask) -> Iterator[list[str]]:
    """What was answered in this test in another shape than is described."""
    with servitly.watching(app) as faults:
        yield faults


@pytest.fixture
def client_of(app: Flask, machine_of: Callable[[str], Machine]) -> Callable[..., Client]:
    """``client_of("boris", "borealis")``."""
    return lambda who, tenant="acme": Client(app, machine_of(who), tenant)


@pytest.fixture
def alices(client_of: Callable[..., Client]) -> Client:
    """A program of alice's, clinician of Northside."""
    return client_of("alice")
