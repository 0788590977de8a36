"""A ward on either database: what is promised of measurements is promised on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.measurements import series_for
from app.models import Metric, begin_writing
from tests.conftest import config_for
from tests.factories import World
from tests.services.postgresql import PostgreSQL


@dataclass
class Ward:
    """A patient of Northside with an empty series, and the two metrics of the patient's template."""

    world: World
    tenant_id: UUID
    patient_id: UUID
    series_id: int
    cd4: int
    cd8: int

    def series_of(self, **subjects: Any) -> int:
        begin_writing()
        series_id = series_for(self.tenant_id, **subjects).id
        db.session.commit()
        return series_id


@pytest.fixture(scope="session")
def postgresql_ward(
    postgresql_server: PostgreSQL, peopled_postgresql: tuple[str, World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Flask, World]]:
    """The application over a peopled PostgreSQL of their own. Tests share it, each with a patient of its own."""
    url = postgresql_server.new_database(like=peopled_postgresql[0])
    app = create_app(replace(config_for(tmp_path_factory.mktemp("ward")), database_url=url))
    yield app, peopled_postgresql[1]
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    postgresql_server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def ward(request: pytest.FixtureRequest) -> Iterator[Ward]:
    """A fresh patient, with an application context for this test."""
    if request.param == "sqlite":
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
    else:
        app, world = request.getfixturevalue("postgresql_ward")
    with app.app_context():
        yield make_ward(world)
        db.session.rollback()


def make_ward(world: World) -> Ward:
    patient_id = world.patient().id
    metrics = dict(
        db.session.execute(
            select(Metric.name, Metric.id).where(Metric.template_id == world.templates["patient"].id)
        ).all()
    )
    ward = Ward(world, world.acme.id, patient_id, 0, metrics["cd4"], metrics["cd8"])
    ward.series_id = ward.series_of(patient_id=patient_id)
    return ward
