"""A source to ask for. Every answer that a test gets is held against the face's own description."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.api.conftest import Machine
from tests.api.ocl.describing import ocl
from tests.api.ocl.shelf import Shelf, shelf_of
from tests.factories import World


@pytest.fixture(autouse=True)
def answers_that_differ(app: Flask) -> Iterator[list[str]]:
    """What was answered in this test in another shape than is described."""
    with ocl.watching(app) as faults:
        yield faults


@pytest.fixture
def shelf(app: Flask, world: World, machine_of: Callable[[str], Machine]) -> Shelf:
    """Northside's source LUNG, asked for by a program of nora's, its administrator."""
    return shelf_of(app, world, machine_of("nora"), "orgs", "sources")
