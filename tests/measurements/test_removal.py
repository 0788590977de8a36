"""A device, patient or session that has measurements stays: neither the catalog nor the database lets it go."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from app.catalog import records
from app.errors import Invalid
from app.extensions import db
from app.measurements import load_measurements
from app.models import Entity, EntityHistory, begin_writing, take_revision
from tests.measurements.conftest import Ward
from tests.measurements.oracle import current

NOON = 1_709_294_400_000


def remove(ward: Ward, entity_id: object) -> None:
    begin_writing()
    revision = take_revision(ward.tenant_id)
    try:
        records.delete_entity(db.session.get_one(Entity, entity_id), revision, None)
    except Invalid:
        db.session.rollback()
        raise
    db.session.commit()


def test_a_device_with_measurements_is_not_removed_and_keeps_them(ward: Ward) -> None:
    device_id = ward.world.device().id
    series_id = ward.series_of(device_id=device_id)
    # A series without a value holds it too: one may be on its way.
    with pytest.raises(Invalid, match="cannot be removed: it has measurements"):
        remove(ward, device_id)
    load_measurements(ward.tenant_id, series_id, ward.cd4, [NOON], [1.5])
    with pytest.raises(Invalid, match="cannot be removed: it has measurements"):
        remove(ward, device_id)
    assert db.session.get(Entity, device_id) is not None
    assert db.session.scalar(select(EntityHistory.id).where(EntityHistory.id == device_id)) is None
    assert current(series_id) == {(ward.cd4, NOON): 1.5}


def test_the_database_refuses_what_the_catalog_would_not_ask(ward: Ward) -> None:
    device_id = ward.world.device().id
    series_id = ward.series_of(device_id=device_id)
    load_measurements(ward.tenant_id, series_id, ward.cd4, [NOON], [1.5])
    begin_writing()
    records._forget_findability(device_id)
    with pytest.raises(IntegrityError):
        db.session.execute(delete(Entity).where(Entity.id == device_id))
    db.session.rollback()
    assert db.session.get(Entity, device_id) is not None
    assert current(series_id) == {(ward.cd4, NOON): 1.5}


def test_a_device_without_a_series_is_removed_while_a_snapshot_that_holds_it_is_open(ward: Ward) -> None:
    device_id = ward.world.device().id
    known = select(Entity.id).where(Entity.id == device_id)
    level = {"isolation_level": "REPEATABLE READ"} if db.engine.dialect.name == "postgresql" else {}
    with db.engine.connect().execution_options(**level) as reader:
        assert reader.scalar(known) == device_id
        remove(ward, device_id)
        assert reader.scalar(known) == device_id
    assert db.session.get(Entity, device_id) is None
    past = select(EntityHistory.deleted).where(EntityHistory.id == device_id)
    assert db.session.scalars(past).all() == [True]
