"""An export's life in one process: asked, planned, built, published."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from app import administration, exports
from app.errors import Forbidden, Gone, Invalid, NotFound, Throttled
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent, Export, Membership, Organization, begin_writing
from tests.factories import World

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PATIENTS = ReportParams(("patient",), start=LONG_AGO)


def make(world: World, who: str, params: ReportParams) -> Export:
    """Ask for a report and let a worker do it in this process."""
    export = exports.request_export(world.actor(who), "report", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    return exports.get_export(world.actor(who), export.id)


def opened(world: World, who: str, export: Export) -> zipfile.ZipFile:
    download = exports.open_archive(world.actor(who), export.id)
    with download.stream:
        return zipfile.ZipFile(io.BytesIO(download.stream.read()))


def test_an_export_of_patients_holds_exactly_the_patients_of_the_requesters_organization(domain: World) -> None:
    ours = {str(one) for one in domain.many_patients(95)}
    domain.patient(domain.riverside)
    domain.patient(domain.foreign)
    export = make(domain, "alice", PATIENTS)
    assert (export.state, export.reason) == ("ready", None)
    assert export.promised_rows == export.done_rows == 95
    assert export.part_count == 3
    archive = opened(domain, "alice", export)
    assert archive.testzip() is None
    rows = json.loads(archive.read("patient.json"))
    assert len(rows) == 95
    assert {row["_id"] for row in rows} == ours
    times = [row["_creationTime"] for row in rows]
    assert times == sorted(times, reverse=True)


def test_an_analyst_of_the_root_organization_exports_every_clinic_but_no_other_tenant(domain: World) -> None:
    domain.patient(), domain.patient(domain.riverside), domain.patient(domain.foreign)
    export = make(domain, "ann", PATIENTS)
    rows = json.loads(opened(domain, "ann", export).read("patient.json"))
    assert sorted(row["_ownerOrganization"]["name"] for row in rows) == ["Northside Clinic", "Riverside General"]


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_the_same_request_at_the_same_revision_gives_the_same_members(domain: World, form: str) -> None:
    domain.many_patients(45)
    params = ReportParams(("patient", "device"), start=LONG_AGO, format=form)
    first, second = make(domain, "alice", params), make(domain, "adam", params)
    assert [(one.name, one.sha256) for one in first.files] == [(one.name, one.sha256) for one in second.files]
    assert first.archive_sha256 == second.archive_sha256


def test_split_files_are_each_valid_and_within_the_limit_and_lose_nothing(domain: World) -> None:
    domain.many_patients(60)
    domain.patient(notes="x" * 60_000)
    domain.many_patients(60)
    params = ReportParams(("patient",), start=LONG_AGO, order="asc", max_file_bytes=50_000)
    export = make(domain, "alice", params)
    archive = opened(domain, "alice", export)
    names = [name for name in archive.namelist() if name.startswith("patient")]
    sizes = [archive.getinfo(name).file_size for name in names]
    rows = [json.loads(archive.read(name)) for name in names]
    assert sum(len(some) for some in rows) == 121
    assert [len(some) for some, size in zip(rows, sizes, strict=True) if size > 50_000] == [1]
    every = [row["_creationTime"] for some in rows for row in some]
    assert every == sorted(every)
    assert "larger than the size" in archive.read("README.txt").decode().replace("\n", " ")


def test_csv_for_spreadsheets_disarms_formulas_in_text_and_leaves_numbers_alone(domain: World) -> None:
    domain.patient(notes="=HYPERLINK(1)", weight=-1.5 if False else 71.5)
    params = ReportParams(("patient",), start=LONG_AGO, format="csv", for_spreadsheets=True)
    text = opened(domain, "alice", make(domain, "alice", params)).read("patient.csv")
    assert text.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(text.decode("utf-8-sig")))
    assert row["notes"] == "'=HYPERLINK(1)"
    assert row["weight"] == "71.5"


def test_an_empty_selection_still_gives_its_file(domain: World) -> None:
    for form, content in (("json", b"[]"), ("ndjson", b""), ("csv", b"_id,")):
        export = make(domain, "alice", ReportParams(("device",), start=LONG_AGO, format=form))
        data = opened(domain, "alice", export).read(f"device.{form}")
        assert data.startswith(content)


def test_an_edit_between_plan_and_build_does_not_reach_the_archive(domain: World) -> None:
    from app.catalog import records
    from app.exports.claims import claim_part
    from app.exports.work import do_part
    from app.extensions import db
    from app.models import Entity, begin_writing, take_revision

    ids = domain.many_patients(30)
    export = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    plan = claim_part("planner")
    assert plan is not None
    assert do_part(plan)
    begin_writing()
    revision = take_revision(domain.acme.id)
    changed, removed = db.session.get_one(Entity, ids[3]), db.session.get_one(Entity, ids[7])
    records.write_version(changed, revision=revision, changed_by=None, attributes={"age": 99})
    records.delete_entity(removed, revision, None)
    db.session.commit()
    domain.patient()
    exports.work_until_idle("test")
    rows = json.loads(
        opened(domain, "alice", exports.get_export(domain.actor("alice"), export.id)).read("patient.json")
    )
    assert {row["_id"] for row in rows} == {str(one) for one in ids}
    assert next(row for row in rows if row["_id"] == str(ids[3]))["age"] == 3


def test_leaving_out_identifying_attributes_leaves_out_names_and_captions(domain: World) -> None:
    domain.patient(first_name="Zanzibar", last_name="Quux")
    params = ReportParams(("patient",), start=LONG_AGO, without_phi=True)
    archive = opened(domain, "alice", make(domain, "alice", params))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Zanzibar" not in everything
    assert b"Quux" not in everything
    assert b'"age":40' in everything


def test_a_reference_into_another_organization_gives_the_id_and_no_name(domain: World) -> None:
    device = domain.device(domain.riverside, key="SECRET-DEVICE")
    domain.patient(device={"id": str(device.id)})
    (row,) = json.loads(opened(domain, "alice", make(domain, "alice", PATIENTS)).read("patient.json"))
    assert row["device"] == {"id": str(device.id)}


def test_the_tenants_switch_and_the_role_are_asked(domain: World) -> None:
    with pytest.raises(Forbidden) as refused:
        exports.request_export(domain.actor("boris"), "report", PATIENTS, request_key=str(uuid4()))
    assert refused.value.reason == "exports_disabled"


def test_rights_that_end_before_the_worker_begins_fail_the_export_with_words(domain: World) -> None:
    export = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    administration.set_exports_enabled(domain.acme.id, False)
    exports.work_until_idle("test")
    settled = exports.get_export(domain.actor("alice"), export.id)
    assert settled.state == "failed"
    assert "switched off" in (settled.reason or "")


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("data_types", {"data_types": ()}),
    ("data_types", {"data_types": ("unicorn",)}),
    ("start", {"start": None}),
    ("end", {"end": LONG_AGO}),
    ("max_file_bytes", {"max_file_bytes": 49_999}),
    ("max_file_bytes", {"max_file_bytes": 1_000_000_001}),
    ("format", {"format": "xml"}),
    ("order", {"order": "sideways"}),
    ("period", {"period": "both"}),
    ("template_ids", {"template_ids": (uuid4(),)}),
    ("entity_ids", {"entity_ids": (uuid4(),)}),
    ("with_files", {"with_files": True, "without_phi": True}),
]


@pytest.mark.parametrize(("field", "wrong"), WRONG)
def test_a_wrong_parameter_is_refused_by_name(domain: World, field: str, wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"data_types": ("patient",), "start": LONG_AGO} | wrong
    with pytest.raises(Invalid) as refused:
        exports.request_export(domain.actor("alice"), "report", ReportParams(**given), request_key=str(uuid4()))
    assert field in refused.value.fields


def test_somebody_elses_entity_answers_like_an_unknown_one(domain: World) -> None:
    foreign = domain.patient(domain.riverside)
    answers = []
    for entity_id in (foreign.id, uuid4()):
        with pytest.raises(Invalid) as refused:
            exports.preview_report(domain.actor("alice"), ReportParams(("patient",), entity_ids=(entity_id,)))
        answers.append(refused.value.fields)
    assert answers[0] == answers[1]


def test_a_form_sent_twice_is_one_export(domain: World) -> None:
    key = str(uuid4())
    first = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=key)
    again = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=key)
    assert first.id == again.id


def test_nobody_else_can_tell_the_export_exists(domain: World) -> None:
    export = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    for stranger in ("adam", "rita", "ann", "boris"):
        with pytest.raises(NotFound):
            exports.get_export(domain.actor(stranger), export.id)
    for manager in ("max", "nora"):
        assert exports.get_export(domain.actor(manager), export.id).id == export.id


def test_a_cancelled_export_is_not_built_and_says_so(domain: World) -> None:
    domain.many_patients(5)
    export = exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    exports.cancel_export(domain.actor("alice"), export.id)
    assert exports.work_until_idle("test") == 0
    assert exports.get_export(domain.actor("alice"), export.id).state == "cancelled"


def test_an_expired_export_keeps_its_row_and_loses_its_archive(domain: World, turn: Callable[[datetime], None]) -> None:
    from app.storage import storage

    export = make(domain, "alice", PATIENTS)
    key = export.archive_key
    assert key is not None
    assert export.expires_at is not None
    turn(export.expires_at)
    with pytest.raises(Gone):
        exports.open_archive(domain.actor("alice"), export.id)
    assert exports.expire_exports() == 1
    assert exports.expire_exports() == 0
    assert exports.get_export(domain.actor("alice"), export.id).state == "expired"
    assert not storage.exists(key)


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_the_preview_is_within_one_percent_of_the_rows_and_a_quarter_of_the_bytes(domain: World, form: str) -> None:
    domain.many_patients(150)
    for number in range(40):
        domain.patient(notes="a longer story " * (number % 7))
        domain.log(domain.device())
    params = ReportParams(("patient", "device", "generic-entity"), start=LONG_AGO, format=form)
    preview = exports.preview_report(domain.actor("alice"), params)
    export = make(domain, "alice", params)
    rows, size = sum(one.rows or 0 for one in export.files), sum(one.raw_bytes or 0 for one in export.files)
    assert abs(preview.rows - rows) <= rows * 0.01
    assert abs(preview.bytes - size) <= size * 0.25


def test_a_single_file_is_served_from_its_member_plain_and_gzip_framed(domain: World) -> None:
    import gzip

    domain.many_patients(45)
    export = make(domain, "alice", PATIENTS)
    whole = opened(domain, "alice", export).read("patient.json")
    plain = exports.open_file(domain.actor("alice"), export.id, 0)
    framed = exports.open_file(domain.actor("alice"), export.id, 0, gzip_ok=True)
    assert b"".join(plain.chunks) == whole
    packed = b"".join(framed.chunks)
    assert len(packed) == framed.size
    assert gzip.decompress(packed) == whole
    assert plain.etag != framed.etag


def test_a_file_that_the_archive_does_not_have_is_not_found(domain: World) -> None:
    export = make(domain, "alice", PATIENTS)
    for ordinal in (1, 2**31, 2**63):
        with pytest.raises(NotFound):
            exports.open_file(domain.actor("alice"), export.id, ordinal)


def test_an_archive_is_not_taken_with_fewer_rights_than_made_it(domain: World) -> None:
    domain.patient(), domain.patient(domain.riverside)
    of_all, of_north = make(domain, "ann", PATIENTS), make(domain, "alice", PATIENTS)
    move_role(domain, "ann", domain.riverside)
    move_role(domain, "alice", domain.riverside)
    for who, export in (("ann", of_all), ("alice", of_north)):
        with pytest.raises(Forbidden) as archive:
            exports.open_archive(domain.actor(who), export.id)
        with pytest.raises(Forbidden) as file:
            exports.open_file(domain.actor(who), export.id, 0)
        assert archive.value.reason == file.value.reason == "scope"
        assert exports.why_not_taken(domain.actor(who), exports.get_export(domain.actor(who), export.id))


def test_an_administrator_of_one_organization_does_not_take_an_archive_of_the_whole_tenant(domain: World) -> None:
    domain.patient(domain.riverside)
    begin_writing()
    db.session.add(Membership(user_id=domain.users["ann"].id, organization_id=domain.northside.id, role="analyst"))
    db.session.commit()
    export = make(domain, "ann", PATIENTS)
    assert exports.get_export(domain.actor("nora"), export.id).id == export.id
    with pytest.raises(Forbidden):
        exports.open_archive(domain.actor("nora"), export.id)


def test_an_archive_is_not_taken_once_the_tenants_exports_are_off(domain: World) -> None:
    export = make(domain, "alice", PATIENTS)
    administration.set_exports_enabled(domain.acme.id, False)
    with pytest.raises(Forbidden) as refused:
        exports.open_archive(domain.actor("alice"), export.id)
    assert refused.value.reason == "exports_disabled"


def move_role(world: World, who: str, organization: Organization) -> None:
    begin_writing()
    held = db.session.scalars(db.select(Membership).filter_by(user_id=world.users[who].id)).one()
    held.organization_id = organization.id
    db.session.commit()


def test_a_person_cannot_pile_up_exports_without_end(domain: World) -> None:
    for _ in range(20):
        exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    with pytest.raises(Throttled):
        exports.request_export(domain.actor("alice"), "report", PATIENTS, request_key=str(uuid4()))
    assert exports.request_export(domain.actor("adam"), "report", PATIENTS, request_key=str(uuid4())).is_pending


def test_a_claimed_continuation_of_a_download_that_nobody_began_is_kept_in_the_record(domain: World) -> None:
    export = make(domain, "alice", PATIENTS)

    def taken() -> int:
        statement = db.select(db.func.count()).select_from(AuditEvent).where(AuditEvent.action == "export.download")
        return int(db.session.execute(statement).scalar_one())

    for expected in (1, 1):
        exports.open_archive(domain.actor("alice"), export.id, continues=True).stream.close()
        assert taken() == expected
    exports.open_archive(domain.actor("alice"), export.id).stream.close()
    assert taken() == 2
