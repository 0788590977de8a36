"""A ward of devices on either database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest

from app import create_app
from app.extensions import db
from tests.conftest import config_for
from tests.exports.timeseries import Ward
from tests.factories import make_world


@pytest.fixture(params=["sqlite", "postgresql"])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ward]:
    if request.param == "sqlite":
        yield Ward.of(request.getfixturevalue("domain"))
        return
    app = create_app(replace(config_for(tmp_path), database_url=request.getfixturevalue("postgresql_url")))
    with app.app_context():
        flask_migrate.upgrade()
        yield Ward.of(make_world())
        db.session.remove()
        db.engine.dispose()
