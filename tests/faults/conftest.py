"""Deployments for the fault tests, on either database and either storage."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import flask_migrate
import pytest

from app import administration, create_app
from app.catalog.records import NewEntity, add_entities
from app.extensions import db
from app.models import Organization, Template, begin_writing, take_revision
from config import Config
from tests.conftest import config_for, detached_world
from tests.factories import World
from tests.faults.deployment import Deployment
from tests.services.faulty import running_faulty_proxy
from tests.services.postgresql import PostgreSQL
from tests.services.seaweedfs import SeaweedFS
from tests.services.valkey import running_valkey

Deploy = Callable[..., Deployment]
PATIENTS = {"northside": 95, "riverside": 30, "far": 50}


@pytest.fixture(scope="module")
def deploy(
    peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Deploy]:
    """``deploy("sqlite")`` or ``deploy("postgresql", "s3")``: a deployment of its own, with a Valkey and patients.

    ``alice`` exports three parts, ``rita`` one, ``boris`` (of the other tenant) two. It ends with the module's tests.
    """
    with ExitStack() as stack:

        def new(database: str, storage: str = "disk", planted: str | None = None, **pace: float) -> Deployment:
            valkey = stack.enter_context(running_valkey())
            config = replace(config_for(tmp_path_factory.mktemp("deployment"), valkey.url), **pace)  # type: ignore[arg-type]
            if database == "postgresql":
                server: PostgreSQL = request.getfixturevalue("postgresql_server")
                config = replace(config, database_url=server.new_database())
                stack.callback(server.drop_database, config.database_url)
                world = None
            else:
                shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
                world = peopled_sqlite[1]
            proxy = None
            if storage == "s3":
                store: SeaweedFS = request.getfixturevalue("s3_server")
                config = replace(config, **store.settings_for(store.new_bucket()))
                proxy = stack.enter_context(running_faulty_proxy(store.port))
                stack.callback(store.drop_bucket, config.s3_bucket)
            site = Deployment(config, _peopled(config, world), valkey, proxy, planted)
            stack.callback(site.end)
            return site

        yield new


class KeptSites:
    """Deployments with two workers, each made once; all but the one that was asked for last stand still."""

    def __init__(self, deploy: Deploy) -> None:
        self._deploy = deploy
        self._sites: dict[tuple[str, str], Deployment] = {}

    def of(self, database: str, storage: str) -> Deployment:
        """The deployment over these two."""
        wanted = (database, storage)
        for which, site in self._sites.items():
            if which != wanted:
                site.end()
        if wanted not in self._sites:
            self._sites[wanted] = self._deploy(database, storage)
            self._sites[wanted].add_worker()
        return self._sites[wanted]


@pytest.fixture(scope="module")
def kept_sites(deploy: Deploy) -> KeptSites:
    """Deployments that outlive a test: pytest would make a fixture's anew for every case of a matrix."""
    return KeptSites(deploy)


def _peopled(config: Config, world: World | None) -> World:
    """Patients for everybody, and a world too where there is none yet."""
    app = create_app(config)
    with app.app_context():
        if world is None:
            flask_migrate.upgrade()
            world = detached_world()
        administration.set_exports_enabled(world.borealis.id, True)
        for clinic in (world.northside, world.riverside, world.foreign):
            _fill(world, clinic)
        db.session.remove()
        db.engine.dispose()
    return world


def _fill(world: World, clinic: Organization) -> None:
    templates = world.foreign_templates if clinic is world.foreign else world.templates
    begin_writing()
    template = db.session.get_one(Template, templates["patient"].id)
    add_entities(
        (
            NewEntity(template, clinic.id, {"first_name": f"P{number}", "last_name": "Ruiz", "age": number % 90})
            for number in range(PATIENTS[clinic.short_code])
        ),
        revision=take_revision(clinic.tenant_id),
    )
    db.session.commit()
