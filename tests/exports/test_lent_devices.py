"""A device of one organization that measured for another: whose values they are decides who exports them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from app import administration, exports
from app.administration import AttributeSpec
from app.exports import ReportParams
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Entity, Export, begin_writing
from app.storage import storage
from tests.exports.timeseries import ALWAYS, FIRST_DAY, Ward


@pytest.fixture
def lent(ward: Ward) -> tuple[Entity, Entity]:
    """Northside's device, and a session at Riverside in which it measured, without a patient's name on it."""
    world = ward.world
    attributes = [AttributeSpec(name="ward", label="Ward", kind="LABEL")]
    stay = administration.create_template(world.acme.id, "usage-session", "stay", "Stay", attributes)
    # Not the world itself: other tests share its templates.
    world = replace(world, templates={**world.templates, "stay": stay})
    device = world.device(world.northside, key="LENT-1")
    session = world.entity("stay", world.riverside, {"ward": "B2"})
    begin_writing()
    series = series_for(world.acme.id, device_id=device.id, session_id=session.id).id
    db.session.commit()
    load_measurements(world.acme.id, series, ward.metrics["cd4"], [FIRST_DAY, FIRST_DAY + 1000], [1.5, 2.5])
    ward.load(ward.series(device), "cd4", [FIRST_DAY + 5000])
    return device, session


def test_the_device_s_owner_does_not_export_what_it_measured_in_another_s_session(
    ward: Ward, lent: tuple[Entity, Entity]
) -> None:
    files = ward.planned("alice", ALWAYS)
    assert [sum(one.rows for one in file.fragments) for file in files if file.subject == str(lent[0].id)] == [1]
    everything = ward.planned("ann", ALWAYS)
    assert [sum(one.rows for one in file.fragments) for file in everything if file.subject == str(lent[0].id)] == [3]


@pytest.mark.parametrize(
    ("who", "values", "sessions", "devices"),
    [("alice", [1.5], {None}, {"LENT-1"}), ("rita", [1.5, 2.5], {"theirs"}, {None})],
)
def test_a_report_gives_each_organization_its_own_measurements(
    ward: Ward, lent: tuple[Entity, Entity], who: str, values: list[float], sessions: set[str | None],
    devices: set[str | None],
) -> None:  # fmt: skip
    params = ReportParams(("measurements",), start=ALWAYS.start, format="ndjson", order="asc")
    export_id = exports.request_export(ward.world.actor(who), "report", params, request_key=str(uuid4())).id
    exports.work_until_idle("test")
    export = db.session.get_one(Export, export_id, populate_existing=True)
    with storage.open(export.archive_key or "") as stream:
        lines = zipfile.ZipFile(io.BytesIO(stream.read())).read("measurements.ndjson").splitlines()
    rows = [orjson.loads(line) for line in lines]
    named = {str(lent[1].id) if one == "theirs" else one for one in sessions}
    assert [row["data"]["cd4"] for row in rows] == values
    assert {row["sessionId"] for row in rows} == named
    assert {row["sourceEntityId"] for row in rows} == devices
