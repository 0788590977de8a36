"""Erasing a patient for good: nothing is left in any table, in storage, nor in the database's own file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import MetaData, func, select

from app import administration, attachments, catalog, erasure, exports, imports, record
from app.administration import AttributeSpec
from app.erasure import erasing
from app.errors import Forbidden, Gone, Invalid, NotFound
from app.exports import ReportParams
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import AuditEvent, Entity, Export, Measurement, Metric, Series, begin_writing
from app.storage import storage
from tests.conftest import csrf_token
from tests.factories import World

CANARY = "Qanaryq"
NOON = 1_709_294_400_000
PATIENTS = ReportParams(("patient", "generic-entity"), start=datetime(2000, 1, 1, tzinfo=UTC), with_files=True)
OF_PATIENT = AttributeSpec(
    name="patient", label="Patient", kind="REFERENCE", reference_data_type="patient", reference_label="Entries"
)


@dataclass
class Traced:
    """A patient with traces everywhere, and who must be left as they were."""

    world: World
    patient: UUID
    entry: UUID
    device: UUID
    neighbour: UUID
    ready: UUID
    pending: UUID
    ended: UUID
    elsewhere: UUID


@pytest.fixture(params=["sqlite"])
def traced(request: pytest.FixtureRequest) -> Iterator[Traced]:
    if request.param == "postgresql":
        app, world = request.getfixturevalue("postgresql_app")
    else:
        app, world = request.getfixturevalue("app"), request.getfixturevalue("world")
    with app.app_context():
        yield trace(world)


both = pytest.mark.parametrize("traced", ["sqlite", "postgresql"], indirect=True)


def trace(world: World) -> Traced:
    alice = world.actor("alice")
    for data_type, name in (("generic-entity", "entry"), ("device", "worn")):
        label = AttributeSpec(name="label", label="Label", kind="LABEL")
        world.templates[name] = administration.create_template(
            world.acme.id, data_type, name, name.title(), [label, OF_PATIENT]
        )
    device = world.device().id
    patient = world.patient(first_name=CANARY, notes=f"{CANARY} came in.", device={"id": str(device)}).id
    neighbour = world.patient(first_name="Staying").id
    entry = world.entity("entry", None, {"label": f"{CANARY} entry", "patient": {"id": str(patient)}}).id
    wearing = world.entity("worn", None, {"label": "worn", "patient": {"id": str(patient)}}, key="W-1").id
    edit(world, patient, last_name=f"{CANARY}son")
    edit(world, wearing, label="still worn")
    for whose in (patient, neighbour):
        measure(world, whose)
        attach(world, whose, f"{CANARY if whose == patient else 'Other'} letter.txt")
    bring_files(world)
    ready = ask(world, PATIENTS)
    failed = ask(world, ReportParams(("patient",), entity_ids=(patient,)))
    exports.work_until_idle("tests")
    exports.cancel_export(alice, failed)
    pending = ask(world, ReportParams(("patient",), start=PATIENTS.start))
    elsewhere = ask(world, ReportParams(("patient",), entity_ids=(neighbour,)))
    return Traced(world, patient, entry, wearing, neighbour, ready, pending, failed, elsewhere)


def bring_files(world: World) -> None:
    """Files of measurements whose name, heading and lines say something of the patient: loaded, and still waiting."""
    alice, device = world.actor("alice"), world.device(key="GLU-E").id
    text = f"time,cd4,{CANARY}\n2024-03-01T08:00:00Z,1,\n{CANARY} was here,2,\n".encode()
    for goes_on in (True, False):
        name = f"{CANARY.lower()}.csv"
        sent = imports.receive_file(alice, device, name, io.BytesIO(text), len(text)).id
        if goes_on:
            columns = imports.Columns(time=0, time_kind="iso", metrics={1: "cd4"})
            imports.request_check(alice, sent, imports.Writing(), columns)
            imports.work_until_idle()
            imports.request_load(alice, sent)
            imports.work_until_idle()


def ask(world: World, params: ReportParams) -> UUID:
    return exports.request_export(world.actor("alice"), "report", params, request_key=uuid4().hex).id


def edit(world: World, entity_id: UUID, **values: str) -> None:
    actor = world.actor("alice")
    seen = catalog.get_entity(actor, entity_id).revision
    catalog.edit_entity(actor, entity_id, values, seen_revision=seen)


def measure(world: World, patient: UUID) -> None:
    metric = db.session.scalars(select(Metric.id).where(Metric.template_id == world.templates["patient"].id)).first()
    begin_writing()
    series = series_for(world.acme.id, patient_id=patient).id
    db.session.commit()
    load_measurements(world.acme.id, series, metric or 0, [NOON + n for n in range(50)], [float(n) for n in range(50)])
    load_measurements(world.acme.id, series, metric or 0, [NOON], [77.0])


def attach(world: World, patient: UUID, name: str) -> UUID:
    actor, content = world.actor("alice"), f"Letter about {name}".encode()
    reception = attachments.begin_upload(actor, patient, "analysis_file", name, len(content))
    return attachments.receive(actor, reception, io.BytesIO(content)).id


def tables_with(*needles: str) -> dict[str, list[str]]:
    """The tables in which a needle stands, whatever its column."""
    known = MetaData()
    with db.engine.connect() as connection:
        known.reflect(connection)
        texts = {
            name: "\n".join(repr(tuple(row)) for row in connection.execute(table.select()))
            for name, table in known.tables.items()
        }
    return {name: found for name, text in texts.items() if (found := [needle for needle in needles if needle in text])}


def stored_bytes() -> dict[str, bytes]:
    found = {}
    for one in list(storage.list_()):
        with storage.open(one.key) as stream:
            found[one.key] = stream.read()
    return found


def caption_of(traced: Traced) -> str:
    return catalog.get_entity(traced.world.actor("max"), traced.patient).caption


@both
def test_nothing_is_left_of_a_patient_in_any_table_nor_in_storage(traced: Traced) -> None:
    ids = (str(traced.patient), str(traced.entry))
    before = tables_with(CANARY, *ids)
    assert "measurement_import" in before
    assert any(CANARY.encode() in body for key, body in stored_bytes().items() if key.startswith("imports/"))
    assert {"entity", "entity_history", "entity_value", "entity_word", "stored_file", "export_file"} <= set(before)
    assert any(CANARY.encode() in body for body in stored_bytes().values())
    series = select(func.count()).select_from(Series)
    assert db.session.scalar(series) == 3

    erased = erasure.erase_patient(traced.world.actor("max"), traced.patient, typed=caption_of(traced))

    assert (erased.entities, erased.files) == (2, 1)
    assert tables_with(CANARY, *ids) == {"audit_event": [str(traced.patient)]}
    left = stored_bytes()
    assert not [
        key for key, body in left.items() if CANARY.encode() in body or key.startswith(("exports/", "staging/"))
    ]
    assert db.session.scalar(series) == 2
    assert db.session.scalar(select(func.count()).select_from(Measurement)) == 51


@both
def test_what_is_not_the_patients_stays_and_only_loses_its_reference(traced: Traced) -> None:
    world = traced.world
    erasure.erase_patient(world.actor("max"), traced.patient, typed=caption_of(traced))
    alice = world.actor("alice")
    device = catalog.get_entity(alice, traced.device)
    assert catalog.values_of(device) == {"label": "still worn"}
    assert len(catalog.history_of(alice, traced.device)) == 3
    neighbour = catalog.get_entity(alice, traced.neighbour)
    assert len(attachments.list_files(alice, neighbour)) == 1
    for gone in (traced.patient, traced.entry):
        with pytest.raises(NotFound):
            catalog.get_entity(alice, gone)


def test_archives_that_may_hold_the_patient_are_withdrawn_and_others_go_on(traced: Traced) -> None:
    world = traced.world
    alice = world.actor("alice")
    weight = erasure.weigh_erasure(world.actor("max"), traced.patient)
    assert (weight.archives, weight.pending, weight.files, weight.belonging) == (2, 1, 1, {"generic-entity": 1})
    assert (weight.values, weight.referring, weight.versions) == (50, 1, 3)
    erasure.erase_patient(world.actor("max"), traced.patient, typed=caption_of(traced))
    with pytest.raises(Gone):
        exports.open_archive(alice, traced.ready)
    assert exports.get_export(alice, traced.ready).state == "expired"
    assert exports.get_export(alice, traced.pending).state == "cancelled"
    with pytest.raises(NotFound):
        exports.get_export(alice, traced.ended)
    exports.work_until_idle("tests")
    assert exports.get_export(alice, traced.elsewhere).state == "ready"
    exports.sweep_storage()
    assert exports.forget_deleted(datetime(2999, 1, 1, tzinfo=UTC)) == 1
    db.session.rollback()
    assert db.session.get(Export, traced.ended) is None


def test_what_is_published_while_the_patient_is_being_erased_is_withdrawn_too(
    postgresql_app: tuple[Flask, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, world = postgresql_app
    asked: list[UUID] = []

    def meanwhile(step: str, what: Callable[[], object]) -> None:
        """Somebody else does something, to its end, just before that step of the erasure."""
        real = getattr(erasing, step)

        def do() -> None:
            with app.app_context():
                what()
                exports.work_until_idle("tests")

        def late(*given: Any) -> Any:
            monkeypatch.setattr(erasing, step, real)
            worker = Thread(target=do)
            worker.start()
            worker.join()
            return real(*given)

        monkeypatch.setattr(erasing, step, late)

    with app.app_context():
        patient = world.patient(first_name=CANARY).id
        caption = catalog.get_entity(world.actor("max"), patient).caption
        asked.append(ask(world, PATIENTS))
        # The first was pending when the erasure saw it; the second was asked for after it had looked.
        meanwhile("withdraw", lambda: None)
        meanwhile("_forget_measurements", lambda: asked.append(ask(world, PATIENTS)))
        db.session.rollback()
        erasure.erase_patient(world.actor("max"), patient, typed=caption)
        left = [exports.get_export(world.actor("alice"), one) for one in asked]
        assert [(one.state, one.finished_at is not None) for one in left] == [("expired", True)] * 2
        assert not [key for key in stored_bytes() if key.startswith(("exports/", "staging/"))]


def test_sqlite_keeps_no_byte_of_it_in_its_file(app: Flask, traced: Traced) -> None:
    home = app.extensions["chartroom.config"].data_dir

    def holds() -> bool:
        db.session.rollback()
        return any(CANARY.encode() in path.read_bytes() for path in home.glob("chartroom.sqlite3*"))

    assert holds()
    erasure.erase_patient(traced.world.actor("max"), traced.patient, typed=caption_of(traced))
    assert not holds()


def test_a_patient_who_was_removed_before_is_erased_from_the_history(app: Flask, domain: World) -> None:
    patient = domain.patient(first_name=CANARY).id
    caption = catalog.get_entity(domain.actor("max"), patient).caption
    catalog.delete_entity(domain.actor("alice"), patient)
    assert "entity_history" in tables_with(CANARY)
    assert erasure.weigh_erasure(domain.actor("max"), patient).caption == caption
    erasure.erase_patient(domain.actor("max"), patient, typed=caption)
    assert tables_with(CANARY) == {}
    with pytest.raises(NotFound):
        erasure.weigh_erasure(domain.actor("max"), patient)


def test_only_who_administers_the_organization_erases_and_only_by_the_right_name(domain: World) -> None:
    patient = domain.patient(first_name=CANARY).id
    caption = catalog.get_entity(domain.actor("max"), patient).caption
    for name, refusal in (("alice", Forbidden), ("ann", Forbidden), ("rita", NotFound), ("boris", NotFound)):
        with pytest.raises(refusal):
            erasure.erase_patient(domain.actor(name), patient, typed=caption)
    for typed in ("", caption[:-1], caption.swapcase()):
        with pytest.raises(Invalid):
            erasure.erase_patient(domain.actor("nora"), patient, typed=typed)
    with pytest.raises(NotFound):
        erasure.erase_patient(domain.actor("max"), domain.device().id, typed="x")
    assert db.session.get(Entity, patient) is not None
    db.session.rollback()
    erasure.erase_patient(domain.actor("nora"), patient, typed=f" {caption} ")
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "entity.erase"))
    assert (event.user_id, event.object_id) == (domain.users["nora"].id, str(patient))
    record.seal_record()
    assert record.verify_record().holds


def test_the_page_says_what_goes_and_erases_when_the_name_is_typed(
    app: Flask, world: World, signed_in: Callable[[str], FlaskClient]
) -> None:
    with app.app_context():
        patient = world.patient(first_name=CANARY).id
        caption = catalog.get_entity(world.actor("max"), patient).caption
    browser, address = signed_in("max"), f"/entities/patient/{patient}/erase"
    page = browser.get(address)
    assert "This cannot be undone" in page.text
    form = {"csrf_token": csrf_token(browser, address), "typed": "somebody else"}
    wrong = browser.post(address, data=form)
    assert wrong.status_code == 422
    assert erasure.CONFIRMATION in wrong.text
    done = browser.post(address, data=form | {"typed": caption}, follow_redirects=True)
    assert "was erased, with everything that belonged to it." in done.text
    assert browser.get(address).status_code == 404
