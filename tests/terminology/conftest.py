"""A world with a source on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories import World


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[World]:
    """The world on SQLite, and on PostgreSQL, with an application context."""
    if request.param == "sqlite":
        yield request.getfixturevalue("domain")
        return
    app, world = request.getfixturevalue("postgresql_app")
    with app.app_context():
        yield world
