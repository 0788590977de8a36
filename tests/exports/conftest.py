"""A ward of devices on either database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exports.timeseries import Ward


@pytest.fixture(params=["sqlite", "postgresql"])
def ward(request: pytest.FixtureRequest) -> Iterator[Ward]:
    if request.param == "sqlite":
        yield Ward.of(request.getfixturevalue("domain"))
        return
    app, world = request.getfixturevalue("postgresql_app")
    with app.app_context():
        yield Ward.of(world)
