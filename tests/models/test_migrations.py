"""The migrations, up and down with data in the tables, and what the tables refuse: on SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import flask_migrate
import orjson
import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import Table, delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from app import create_app, exports
from app.catalog import records
from app.catalog.values import values_of
from app.exports import ReportParams
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import (
    Entity,
    EntityHistory,
    Export,
    ExportPart,
    Measurement,
    MeasurementRollup,
    MeasurementUnsealed,
    Metric,
    Organization,
    begin_writing,
    take_revision,
)
from app.models.types import from_milliseconds
from tests.conftest import config_for
from tests.factories import World, make_world
from tests.services.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")
NOON = 1_709_294_400_000
EVERY_PATIENT = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC))


@pytest.fixture(params=DATABASES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application over a database without a table, with its context."""
    config = config_for(tmp_path)
    if request.param == "postgresql":
        config = replace(config, database_url=request.getfixturevalue("postgresql_url"))
    app = create_app(config)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def postgresql_world(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, World]]:
    """The address of a migrated PostgreSQL database with the world in it. Tests take back what they change."""
    url = postgresql_server.new_database()
    with create_app(replace(config_for(tmp_path_factory.mktemp("world")), database_url=url)).app_context():
        flask_migrate.upgrade()
        world = make_world()
        for user in world.users.values():
            db.session.refresh(user)
        db.session.expunge_all()
        db.session.remove()
        db.engine.dispose()
    yield url, world
    postgresql_server.drop_database(url)


@pytest.fixture(params=DATABASES)
def peopled(request: pytest.FixtureRequest, tmp_path: Path, peopled_sqlite: tuple[Path, World]) -> Iterator[World]:
    """The world in a migrated database, with an application context."""
    config, world = config_for(tmp_path), peopled_sqlite[1]
    if request.param == "postgresql":
        url, world = request.getfixturevalue("postgresql_world")
        config = replace(config, database_url=url)
    else:
        shutil.copy(peopled_sqlite[0], tmp_path / "chartroom.sqlite3")
    with create_app(config).app_context():
        yield world
        db.session.rollback()
        for model in (ExportPart, Export):
            begin_writing()
            db.session.execute(delete(model))
            db.session.commit()
        db.session.remove()
        db.engine.dispose()


def live_a_little() -> None:
    """Rows in the tables: a changed and a removed entity, corrected measurements, a finished export."""
    world = make_world()
    device = world.device()
    ids = [world.patient(device={"id": str(device.id)}).id for _ in range(3)]
    begin_writing()
    revision = take_revision(world.acme.id)
    records.write_version(db.session.get_one(Entity, ids[0]), revision=revision, changed_by=None, attributes={"age": 7})
    records.delete_entity(db.session.get_one(Entity, ids[1]), revision, None)
    db.session.commit()
    _measure(world, ids[2])
    export = exports.request_export(
        world.actor("alice"), "report", EVERY_PATIENT, request_key=str(uuid4()), callback_url="https://hooks.invalid/"
    )
    exports.work_until_idle("test")
    assert exports.get_export(world.actor("alice"), export.id).state == "ready"
    db.session.rollback()


def _measure(world: World, patient_id: Any) -> None:
    template_id, tenant_id = world.templates["patient"].id, world.acme.id
    wanted = select(Metric.id).where(Metric.template_id == template_id, Metric.name == "cd4")
    metric_id = db.session.scalars(wanted).one()
    begin_writing()
    series_id = series_for(tenant_id, patient_id=patient_id).id
    db.session.commit()
    load_measurements(tenant_id, series_id, metric_id, [NOON, NOON + 1000], [512.0, 480.0])
    load_measurements(tenant_id, series_id, metric_id, [NOON], [500.0])


def filled_tables() -> set[str]:
    tables: list[Table] = list(db.metadata.tables.values())
    filled = {one.name for one in tables if db.session.scalar(select(func.count()).select_from(one))}
    db.session.rollback()
    return filled


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_the_migrations_run_up_down_and_up_again_with_data_in_the_tables(empty: Flask) -> None:
    flask_migrate.upgrade()
    whole = tables()
    live_a_little()
    filled = filled_tables()
    assert {"entity", "entity_history", "reference", "measurement", "measurement_history", "measurement_rollup",
            "export", "export_file", "export_part", "audit_event", "outbox_message"} <= filled  # fmt: skip
    db.session.remove()
    flask_migrate.downgrade(revision="base")
    assert tables() == {"alembic_version"}
    flask_migrate.upgrade()
    assert tables() == whole
    assert filled_tables() == {"audit_chain"}, "where the chain of the record begins is kept from the first day"
    live_a_little()
    assert filled_tables() == filled


def test_the_migrated_tables_are_those_of_the_models(empty: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.check()


def test_the_names_of_files_move_to_what_identifies_and_back(empty: Flask) -> None:
    flask_migrate.upgrade()
    world = make_world()
    scan, seen = {"id": str(uuid4()), "name": "Jane Doe.pdf"}, {"id": str(uuid4()), "name": 'a "quoted_" one.png'}
    patient_id = world.patient(age=44, analysis_file=scan, images=[seen]).id
    begin_writing()
    patient, revision = db.session.get_one(Entity, patient_id), take_revision(world.acme.id)
    records.write_values(patient, {**values_of(patient), "age": 45}, revision=revision, changed_by=None)
    db.session.commit()
    whole = versions_of(patient_id)
    for _, plain, personal, _ in whole:
        assert "age" in plain
        assert {"analysis_file", "images"} & plain.keys() == set()
        assert personal["analysis_file"] == scan
        assert personal["images"] == [seen]
    db.session.remove()
    flask_migrate.downgrade(revision="0007")
    flask_migrate.downgrade()
    for (_, plain, personal, size), (texts, *_) in zip(versions_of(patient_id), whole, strict=True):
        assert plain["analysis_file"] == scan
        assert plain["images"] == [seen]
        assert {"analysis_file", "images"} & personal.keys() == set()
        assert size == sum(len(text.encode()) for text in texts)
    db.session.remove()
    flask_migrate.upgrade()
    assert versions_of(patient_id) == whole


def versions_of(entity_id: UUID) -> list[tuple[tuple[str, str], dict[str, Any], dict[str, Any], int]]:
    """Of the current version and the earlier ones: the two texts, what they hold, and how long they are said to be."""
    found = []
    for model in (Entity, EntityHistory):
        wanted = select(model.attributes, model.phi_attributes, model.document_bytes).where(model.id == entity_id)
        for plain, personal, size in db.session.execute(wanted):
            found.append(((plain, personal), orjson.loads(plain), orjson.loads(personal), size))
    db.session.rollback()
    return found


def test_months_that_hold_values_before_there_were_blocks_wait_for_sealing(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0003")
    day = 86_400_000
    days = [-day, 0, NOON // day * day, NOON // day * day + day]
    begin_writing()
    for start in days:
        db.session.execute(
            insert(MeasurementRollup).values(
                series_id=7, metric_id=1, grain="day", start=from_milliseconds(start), count=1, low=1, high=1, total=1
            )
        )
    db.session.commit()
    flask_migrate.upgrade(revision="0004")
    waiting = db.session.execute(select(MeasurementUnsealed.series_id, MeasurementUnsealed.start)).all()
    months = [datetime(1969, 12, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)]
    assert sorted(waiting) == [(7, month) for month in months]


def test_a_model_without_its_migration_is_found(empty: Flask) -> None:
    flask_migrate.upgrade()
    begin_writing()
    db.session.execute(text("ALTER TABLE export DROP COLUMN phase"))
    db.session.commit()
    with pytest.raises(SystemExit):
        flask_migrate.check()


PLANTED = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "planted", "{head}"


def upgrade():
    {work}


def downgrade():
    pass
"""
REBUILD = 'with op.batch_alter_table("entity", recreate="always") as b: b.alter_column("caption", type_=sa.String(333))'
ORPHAN = "op.execute('DELETE FROM organization')"


def planted(tmp_path: Path, work: str) -> str:
    """Our migrations, and one more that does some work."""
    directory = tmp_path / "migrations"
    shutil.copytree(Path(__file__).parents[2] / "migrations", directory)
    head = ScriptDirectory(str(directory)).get_current_head()
    (directory / "versions" / "planted.py").write_text(PLANTED.format(head=head, work=work))
    return str(directory)


def test_a_table_that_others_refer_to_is_rebuilt_without_touching_their_rows(tmp_path: Path) -> None:
    with create_app(config_for(tmp_path)).app_context():
        flask_migrate.upgrade()
        live_a_little()
        counted = select(func.count()).select_from
        before = [db.session.scalar(counted(table)) for table in db.metadata.sorted_tables]
        db.session.remove()
        flask_migrate.upgrade(directory=planted(tmp_path, REBUILD))
        assert inspect(db.engine).get_columns("entity")[0]["name"] == "id"
        assert [db.session.scalar(counted(table)) for table in db.metadata.sorted_tables] == before
        db.session.remove()
        db.engine.dispose()


def test_a_migration_that_leaves_rows_without_what_they_refer_to_changes_nothing(
    tmp_path: Path, peopled_sqlite: tuple[Path, World], caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(peopled_sqlite[0], tmp_path / "chartroom.sqlite3")
    with create_app(config_for(tmp_path)).app_context():
        with pytest.raises(SystemExit):
            flask_migrate.upgrade(directory=planted(tmp_path, ORPHAN))
        assert "broke foreign keys: [('entity'" in caplog.text
        assert db.session.scalar(select(func.count()).select_from(Organization))
        assert db.session.scalar(text("PRAGMA foreign_keys")) == 1
        db.session.remove()
        db.engine.dispose()


def test_a_series_holds_one_value_of_a_metric_at_an_instant(empty: Flask) -> None:
    flask_migrate.upgrade()
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    for kept in (True, False):
        value = Measurement(series_id=1, time=moment, metric_id=1, value=1.5, batch=1)
        if kept:
            with writing():
                db.session.add(value)
        else:
            with refused("measurement_pdefault_series_id_time", "measurement.series_id, measurement.time"):
                db.session.add(value)
        db.session.expunge_all()


def test_only_one_export_of_a_subject_may_be_pending(peopled: World) -> None:
    with writing():
        db.session.add(an_export(peopled, subject="the tenant", state="building"))
    with refused("uq_export_pending_subject", "export.kind, export.subject"):
        db.session.add(an_export(peopled, subject="the tenant"))
    with writing():
        db.session.execute(
            update(Export).where(Export.subject == "the tenant").values(state="cancelled", reason="Unwanted.")
        )
    with writing():
        db.session.add(an_export(peopled, subject="the tenant"))


WRONG_EXPORTS: list[tuple[str, dict[str, Any]]] = [
    ("ck_export_ready_has_archive", {"state": "ready"}),
    ("ck_export_ready_has_archive", {"state": "building", "archive_key": "exports/one/1.zip"}),
    ("ck_export_ready_has_archive", {"state": "expired", "archive_key": "exports/one/1.zip"}),
    ("ck_export_failed_has_reason", {"state": "failed"}),
    ("ck_export_state", {"state": "nearly"}),
]


@pytest.mark.parametrize(("constraint", "wrong"), WRONG_EXPORTS)
def test_an_export_in_a_state_that_cannot_be_is_refused(peopled: World, constraint: str, wrong: dict[str, Any]) -> None:
    with refused(constraint):
        db.session.add(an_export(peopled, **wrong))


@pytest.mark.parametrize(
    "right",
    [
        {"state": "ready", "archive_key": "exports/one/1.zip"},
        {"state": "failed", "reason": "The disk was full."},
        {"state": "expired"},
    ],
)
def test_an_export_in_a_state_that_can_be_is_accepted(peopled: World, right: dict[str, Any]) -> None:
    with writing():
        db.session.add(an_export(peopled, **right))


def test_a_request_key_is_used_once_by_each_person(peopled: World) -> None:
    with writing():
        db.session.add(an_export(peopled, request_key="the same form", state="expired"))
    with writing():
        db.session.add(an_export(peopled, request_key="the same form", who="adam"))
    with refused("uq_export_owner_id_request_key", "export.owner_id, export.request_key"):
        db.session.add(an_export(peopled, request_key="the same form"))


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [("ck_export_part_step", {"step": "dance"}), ("ck_export_part_state", {"step": "plan", "state": "failed"})],
)
def test_a_part_in_a_step_or_state_that_cannot_be_is_refused(
    peopled: World, constraint: str, wrong: dict[str, Any]
) -> None:
    export = an_export(peopled)
    with writing():
        db.session.add(export)
    with refused(constraint):
        db.session.add(ExportPart(export_id=export.id, ordinal=0, **wrong))


@contextmanager
def writing() -> Iterator[None]:
    begin_writing()
    yield
    db.session.commit()


@contextmanager
def refused(constraint: str, columns: str | None = None) -> Iterator[None]:
    """Assert that the database refuses what is added, by that constraint. SQLite names unique ones by their columns."""
    begin_writing()
    yield
    with pytest.raises(IntegrityError) as fault:
        db.session.commit()
    db.session.rollback()
    on_sqlite = db.engine.dialect.name == "sqlite"
    assert (columns if on_sqlite and columns else constraint) in str(fault.value)


def an_export(world: World, who: str = "alice", **given: Any) -> Export:
    export_id = uuid4()
    owner = world.users[who]
    values = {
        "id": export_id, "tenant_id": owner.tenant_id, "owner_id": owner.id, "kind": "report",
        "subject": str(export_id), "request_key": str(export_id), "name": "report.zip", "params": "{}",
        "deadline": datetime(2030, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Export(**values | given)
