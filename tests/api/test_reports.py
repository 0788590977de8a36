"""Data reports as BioT's clients ask for them: codes, shapes, files, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import pytest
from flask import Flask

from app import accounts, clock, exports, measurements
from app.accounts import issue_token
from app.catalog import records
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent, Entity, Export, Metric, begin_writing, take_revision
from app.storage import storage
from tests.api.biot_reports import (
    CREATED,
    EXPORT,
    PERIOD,
    REPORTS,
    body,
    completed,
    created,
    fetched,
    path_of,
    query,
    rows_of,
)
from tests.api.conftest import Machine
from tests.factories import BEGINNING, PASSWORD, World

MachineOf = Callable[[str], Machine]
CHANGED = {"_lastModifiedTime": PERIOD}


@pytest.fixture
def patients(app: Flask, world: World) -> list[UUID]:
    """Three of Northside's, one after another; the first was changed last."""
    with app.app_context():
        ids = world.many_patients(3)
        world.patient(world.riverside)
        begin_writing()
        revision = take_revision(world.acme.id)
        first = db.session.get_one(Entity, ids[0])
        records.write_version(first, revision=revision, changed_by=None, attributes={"age": 77})
        db.session.commit()
    return ids


def exports_of(app: Flask) -> int:
    with app.app_context():
        return db.session.query(Export).count()


def test_a_report_is_echoed_with_every_default_filled_in(machine: Machine, world: World, patients: list[UUID]) -> None:
    answer = machine.post(EXPORT, json={"queries": [query("patient")], "name": "nightly"})
    assert answer.status_code == 201
    assert answer.mimetype == "application/json"
    told = answer.json
    UUID(told.pop("id"))
    assert told.pop("creationTime") <= told.pop("lastModifiedTime")
    assert told == {
        "queries": [
            {
                "dataType": "patient",
                "filter": {"_creationTime": {"from": "2024-01-01T00:00:00.000Z", "to": "2030-01-01T00:00:00.000Z"}},
                "sort": [{"prop": "_creationTime", "order": "DESC"}],
            }
        ],
        "outputMetadata": {"exportFormat": "JSON", "maxFileSizeInBytes": None},
        "callbackEndpoint": None,
        "name": "nightly",
        "status": "IN_PROGRESS",
        "fileOutput": None,
        "errorMessage": None,
        "reportInitiator": {
            "userId": str(world.users["alice"].id),
            "ownerOrganizationId": str(world.northside.id),
            "userEntityType": "organization-user",
            "templateId": None,
        },
    }


def test_a_completed_reports_files_are_fetched_without_a_token_and_hold_the_patients_one_may_see(
    machine: Machine, patients: list[UUID]
) -> None:
    report = completed(machine)
    rows = rows_of(machine, report, "patient")
    assert [row["_id"] for row in rows] == [str(one) for one in reversed(patients)]
    assert {row["_template"]["name"] for row in rows} == {"patient"}
    [address] = report["fileOutput"]["filesLocation"]["patient"]["paths"]
    answer = fetched(machine, address)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="patient.json"'
    assert answer.mimetype == "application/json"
    assert address.partition("?")[0].endswith("/patient.json")
    assert report["fileOutput"]["urlExpirationTime"] > report["lastModifiedTime"]


def test_a_file_comes_gzip_framed_to_who_takes_that_and_a_head_is_no_download(
    app: Flask, machine: Machine, patients: list[UUID]
) -> None:
    [address] = completed(machine)["fileOutput"]["filesLocation"]["patient"]["paths"]
    looked = machine.client.head(path_of(address))
    assert looked.status_code == 200
    assert looked.data == b""
    with app.app_context():
        assert downloads(app) == []
    framed = fetched(machine, address, headers={"Accept-Encoding": "gzip"})
    assert framed.headers["Content-Encoding"] == "gzip"
    plain = fetched(machine, address)
    assert looked.headers["Content-Length"] == plain.headers["Content-Length"] == str(len(plain.data))
    assert len(downloads(app)) == 2


def downloads(app: Flask) -> list[Any]:
    with app.app_context():
        noted = db.session.query(AuditEvent).filter_by(action="export.download").all()
        return [(one.user_id, one.via) for one in noted]


def test_a_download_by_address_is_on_record_as_that_of_whom_it_was_signed_for(
    app: Flask, machine: Machine, world: World, patients: list[UUID]
) -> None:
    rows_of(machine, completed(machine), "patient")
    assert downloads(app) == [(world.users["alice"].id, "address")]


def test_a_data_type_without_rows_has_its_key_and_one_file_with_an_empty_list(machine: Machine) -> None:
    report = completed(machine, query("patient-alert"), query("command"), query("registration-code"))
    located = report["fileOutput"]["filesLocation"]
    assert set(located) == {"patient-alert", "command", "registration-code"}
    for data_type, files in located.items():
        assert len(files["paths"]) == 1
        assert rows_of(machine, report, data_type) == []


def test_every_data_type_of_the_contract_may_be_asked_for_at_once(machine: Machine, patients: list[UUID]) -> None:
    types = ["device", "device-alert", "usage-session", "command", "organization", "patient", "organization-user",
             "caregiver", "patient-alert", "generic-entity", "measurements", "registration-code"]  # fmt: skip
    report = completed(machine, *(query(one) for one in types))
    assert sorted(report["fileOutput"]["filesLocation"]) == sorted(types)


def test_queries_that_differ_keep_each_its_period_and_order_and_share_a_key_for_one_data_type(
    app: Flask, machine: Machine, patients: list[UUID]
) -> None:
    oldest = {"_creationTime": {"to": "2024-03-01T09:00:00Z"}}
    asked = [
        query("patient", {"_creationTime": {"from": BEGINNING.isoformat()}}),
        query("patient", CHANGED, sort=[{"prop": "_creationTime", "order": "ASC"}]),
        query("device", oldest),
    ]
    report = completed(machine, *asked)
    assert [one["dataType"] for one in report["queries"]] == ["patient", "patient", "device"]
    assert list(report["queries"][1]["filter"]) == ["_lastModifiedTime"]
    located = report["fileOutput"]["filesLocation"]
    assert set(located) == {"patient", "device"}
    assert len(located["patient"]["paths"]) == 2
    rows = [row["_id"] for row in rows_of(machine, report, "patient")]
    # By creation, though the period is that of the last change, in which the first patient was the last.
    assert rows == [str(one) for one in (*reversed(patients), *patients)]


def test_to_belongs_to_the_period_and_what_is_beyond_it_does_not(
    app: Flask, machine: Machine, world: World, patients: list[UUID]
) -> None:
    with app.app_context():
        second = db.session.get_one(Entity, patients[1]).created_at
    exactly = second.isoformat()
    report = completed(machine, query("patient", {"_creationTime": {"from": exactly, "to": exactly}}))
    assert [row["_id"] for row in rows_of(machine, report, "patient")] == [str(patients[1])]
    assert report["queries"][0]["filter"]["_creationTime"]["to"] == exactly.replace("+00:00", ".000Z")


def test_empty_operators_open_ends_and_every_way_to_write_a_time_are_taken(
    machine: Machine, patients: list[UUID]
) -> None:
    for period in (
        {"in": [], "from": "2024-01-01T00:00:00Z", "to": "2030-01-01T10:00:00.123456", "notIn": [], "filter": {}},
        {"from": "2024-01-01T00:00:00.000000+0000", "eq": None, "not": None},
        {"to": "9999-12-31T23:59:59.999Z"},
        {"from": "0001-01-01"},
    ):
        wanted = {"_creationTime": period, "_lastModifiedTime": {"from": None, "in": []}, "_templateId": {"in": []}}
        assert len(rows_of(machine, completed(machine, query("patient", wanted)), "patient")) == 3, period


def test_templates_narrow_a_query_whatever_its_time(app: Flask, machine: Machine, world: World) -> None:
    with app.app_context():
        log_id = str(world.log(world.device()).id)
    template = str(world.templates["device_log"].id)
    for said in ({"in": [template]}, {"eq": template}, {"eq": [template]}, {"eq": template, "in": [template]}):
        report = completed(machine, query("generic-entity", CHANGED | {"_templateId": said}))
        assert [row["_id"] for row in rows_of(machine, report, "generic-entity")] == [log_id]
        assert report["queries"][0]["filter"]["_templateId"] == {"in": [template]}


def test_csv_has_a_header_and_a_row_for_each_and_no_mark_at_its_beginning(
    machine: Machine, patients: list[UUID]
) -> None:
    report = completed(machine, outputMetadata={"exportFormat": "CSV"})
    [address] = report["fileOutput"]["filesLocation"]["patient"]["paths"]
    answer = fetched(machine, address)
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["_id"] for row in rows] == [str(one) for one in reversed(patients)]


def test_no_file_is_longer_than_was_asked_for_and_the_order_goes_on_across_files(
    app: Flask, machine: Machine, world: World
) -> None:
    with app.app_context():
        ids = [world.patient(notes="x" * 3_000).id for _ in range(40)]
    report = completed(machine, outputMetadata={"exportFormat": "JSON", "maxFileSizeInBytes": 50_000})
    paths = report["fileOutput"]["filesLocation"]["patient"]["paths"]
    assert len(paths) > 1
    sizes = [len(fetched(machine, one).data) for one in paths]
    assert max(sizes) <= 50_000
    assert [row["_id"] for row in rows_of(machine, report, "patient")] == [str(one) for one in reversed(ids)]


BOTH = {"_creationTime": PERIOD, "_lastModifiedTime": PERIOD}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no queries", {"queries": None}, "queries"),
    ("empty queries", {"queries": []}, "queries"),
    ("queries that are no list", {"queries": {"dataType": "patient"}}, "queries"),
    ("a query that is none", {"queries": ["patient"]}, "queries[0]"),
    ("no data type", {"queries": [{"filter": CREATED}]}, "queries[0].dataType"),
    ("an unknown data type", {"queries": [query("ghost")]}, "queries[0].dataType"),
    ("no filter", {"queries": [{"dataType": "patient"}]}, "queries[0].filter"),
    ("no time", {"queries": [query("patient", {"_templateId": {"in": [str(uuid4())]}})]}, "queries[0].filter"),
    ("a time without ends", {"queries": [query("patient", {"_creationTime": {}})]}, "queries[0].filter"),
    ("both times", {"queries": [query("patient", BOTH)]}, "queries[0].filter"),
    ("another filter", {"queries": [query("patient", CREATED | {"_id": {"in": ["x"]}})]}, "queries[0].filter._id"),
    ("another operator", {"queries": [query("patient", {"_creationTime": {"eq": "2024-01-01"}})]},
     "queries[0].filter._creationTime.eq"),
    ("a bad date", {"queries": [query("patient", {"_creationTime": {"from": "yesterday"}})]},
     "queries[0].filter._creationTime.from"),
    ("an end before the beginning",
     {"queries": [query("patient", {"_creationTime": {"from": "2024-02-01", "to": "2024-01-01"}})]},
     "queries[0].filter._creationTime.to"),
    ("templates that are no ids", {"queries": [query("patient", CREATED | {"_templateId": {"in": ["x"]}})]},
     "queries[0].filter._templateId"),
    ("an unknown template", {"queries": [query("patient", CREATED | {"_templateId": {"eq": str(uuid4())}})]},
     "queries[0].filter._templateId"),
    ("a sort by something else", {"queries": [query("patient", sort=[{"prop": "_name", "order": "ASC"}])]},
     "queries[0].sort[0].prop"),
    ("a sort in no direction", {"queries": [query("patient", sort=[{"prop": "_creationTime", "order": "UP"}])]},
     "queries[0].sort[0].order"),
    ("a format of our own", {"outputMetadata": {"exportFormat": "PARQUET"}}, "outputMetadata.exportFormat"),
    ("a size too small", {"outputMetadata": {"maxFileSizeInBytes": 49_999}}, "outputMetadata.maxFileSizeInBytes"),
    ("a size too large", {"outputMetadata": {"maxFileSizeInBytes": 10**9 + 1}}, "outputMetadata.maxFileSizeInBytes"),
    ("a size that is no number", {"outputMetadata": {"maxFileSizeInBytes": "1"}}, "outputMetadata.maxFileSizeInBytes"),
    ("an empty name", {"name": ""}, "name"),
    ("a name too long", {"name": "x" * 37}, "name"),
    ("measurements by change", {"queries": [query("measurements", CHANGED)]}, "queries[0].filter._lastModifiedTime"),
    ("measurements by template",
     {"queries": [query("measurements", CREATED | {"_templateId": {"eq": str(uuid4())}})]},
     "queries[0].filter._templateId"),
    ("one bad query among good ones", {"queries": [query("patient"), query("device", {})]}, "queries[1].filter"),
    ("a callback to this machine", {"callbackEndpoint": "https://127.0.0.1/"}, "callbackEndpoint"),
]  # fmt: skip


def test_a_request_with_a_fault_is_refused_by_its_place_and_nothing_is_made(app: Flask, machine: Machine) -> None:
    for what, changed, place in WRONG:
        answer = machine.post(EXPORT, json=body() | changed)
        assert answer.status_code == 400, what
        assert answer.json["code"] == "VALIDATION_FAILED", what
        assert list(answer.json["details"]) == [place], what
        assert answer.json["serviceName"] == "dms"
    assert exports_of(app) == 0


def test_both_times_in_one_query_are_refused_with_words_that_say_which_to_remove(machine: Machine) -> None:
    answer = machine.post(EXPORT, json=body(query("device", BOTH)))
    assert "remove one of the two" in answer.json["message"]
    assert "_creationTime and _lastModifiedTime" in answer.json["message"]


def test_what_is_no_json_object_is_refused(app: Flask, machine: Machine) -> None:
    for raw in (b"", b"{", b"[]", b'"x"', b"\xff", b'{"queries": "\\u0000"}'):
        assert machine.post(EXPORT, data=raw, content_type="application/json").status_code == 400, raw
    assert exports_of(app) == 0


def test_a_tenant_whose_exports_are_off_is_told_so(app: Flask, machine_of: MachineOf) -> None:
    answer = machine_of("boris").post(EXPORT, json=body())
    assert answer.status_code == 403
    assert answer.json["code"] == "EXPORTS_DISABLED"
    assert "administrator" in answer.json["message"]
    assert exports_of(app) == 0


def test_a_pending_report_is_cancelled_once_and_keeps_a_file_output_that_clients_can_read(machine: Machine) -> None:
    path = f"{REPORTS}/{created(machine)['id']}"
    for _ in range(2):
        answer = machine.post(f"{path}/cancel")
        assert answer.status_code == 202
        assert answer.json["status"] == "CANCELED"
        assert answer.json["fileOutput"]["filesLocation"] == {}
    assert machine.get(path).json["status"] == "CANCELED"


def test_a_completed_report_cannot_be_cancelled(machine: Machine) -> None:
    report = completed(machine)
    answer = machine.post(f"{REPORTS}/{report['id']}/cancel")
    assert (answer.status_code, answer.json["code"]) == (400, "ALREADY_FINISHED")
    assert machine.get(f"{REPORTS}/{report['id']}").json["status"] == "COMPLETED"


@pytest.mark.parametrize("made", [created, completed])
def test_a_deleted_report_is_unknown_and_its_archive_and_addresses_are_gone(
    app: Flask, machine: Machine, patients: list[UUID], made: Callable[[Machine], dict[str, Any]]
) -> None:
    report = made(machine)
    path = f"{REPORTS}/{report['id']}"
    assert machine.delete(path).status_code == 204
    assert machine.get(path).status_code == 404
    assert machine.delete(path).status_code == 404
    assert machine.get(REPORTS).json["metadata"]["page"]["totalResults"] == 0
    for file in (report["fileOutput"] or {}).get("filesLocation", {}).get("patient", {}).get("paths", []):
        assert fetched(machine, file).status_code == 404
    with app.app_context():
        exports.work_until_idle("test")
        assert list(storage.list_("exports/")) == []
        assert db.session.query(AuditEvent).filter_by(action="export.delete").count() == 1


def test_the_rows_of_a_deleted_report_go_a_day_later(app: Flask, machine: Machine) -> None:
    machine.delete(f"{REPORTS}/{completed(machine)['id']}")
    with app.app_context():
        assert exports.forget_deleted() == 0
        assert exports.forget_deleted(clock.now() + timedelta(days=2)) == 1
    assert exports_of(app) == 0


def test_an_expired_report_has_failed_because_it_expired(
    app: Flask, machine: Machine, turn: Callable[[datetime], None]
) -> None:
    report = completed(machine)
    later = clock.now() + timedelta(days=400)
    turn(later)
    machine = Machine(machine.client, fresh_token(app))
    for _ in range(2):  # before the sweep has looked after it, and afterwards
        found = machine.get(f"{REPORTS}/{report['id']}").json
        assert (found["status"], found["errorMessage"], found["fileOutput"]) == ("FAILED", "expired", None)
        wanted = {"filter": {"status": {"eq": "FAILED"}}}
        assert machine.get(REPORTS, query_string=searching(wanted)).json["data"] == [found]
        with app.app_context():
            exports.expire_exports()


def fresh_token(app: Flask) -> str:
    with app.app_context():
        return accounts.sign_in_machine("alice@example.org", PASSWORD).access.text


def searching(wanted: dict[str, Any]) -> dict[str, str]:
    return {"searchRequest": json.dumps(wanted)}


def test_reports_are_found_by_their_properties_and_sorted_and_paged(either: tuple[Machine, World]) -> None:
    machine, world = either
    ids = [created(machine, name=name)["id"] for name in ("night 0", "night 1", "zulu 2")]
    machine.post(f"{REPORTS}/{ids[1]}/cancel")

    def found(**wanted: Any) -> list[str]:
        answer = machine.get(REPORTS, query_string=searching(wanted))
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json["data"]]

    assert found() == ids[::-1]
    assert found(filter={"name": {"eq": "zulu 2"}}) == [ids[2]]
    assert found(filter={"name": {"in": ["night 0", "zulu 2"], "notIn": ["zulu 2"]}}) == [ids[0]]
    assert found(filter={"name": {"like": "IGHT 1"}}) == [ids[1]]
    assert found(filter={"status": {"eq": "CANCELED"}}) == [ids[1]]
    assert found(filter={"status": {"not": "CANCELED"}}) == [ids[2], ids[0]]
    assert found(filter={"status": {"in": ["CANCELING"]}}) == []
    assert found(filter={"id": {"eq": ids[0]}}) == [ids[0]]
    assert found(filter={"callbackEndpoint": {"isNotNull": True}}) == []
    assert found(filter={"maxFileSizeInBytes": {"gt": 1}}) == []
    assert found(filter={"creationTime": {"from": "2020-01-01T00:00:00Z"}}) == ids[::-1]
    assert found(filter={"lastModifiedTime": {"to": "2020-01-01T00:00:00Z"}}) == []
    initiator = {"reportInitiator.userId": {"eq": str(world.users["alice"].id)},
                 "reportInitiator.ownerOrganizationId": {"eq": str(world.northside.id)},
                 "reportInitiator.userEntityType": {"eq": "organization-user"}}  # fmt: skip
    assert found(filter=initiator) == ids[::-1]
    either = {"$OR": {"filter": {"name": {"eq": "night 0"}, "status": {"eq": "CANCELED"}}}}
    assert found(filter=either) == [ids[1], ids[0]]
    assert found(filter={"$NOT": {"filter": either}}) == [ids[2]]
    assert found(sort=[{"prop": "name", "order": "ASC"}]) == ids
    assert found(limit=2) == ids[:0:-1]
    assert found(limit=2, page=1) == ids[:1]
    assert found(freeTextSearch="zulu nothing") == [ids[2]]


def test_a_search_that_means_nothing_is_refused(machine: Machine) -> None:
    for wanted in (
        {"filter": {"colour": {"eq": "red"}}},
        {"filter": {"id": {"eq": "x"}}},
        {"filter": {"status": {"eq": "READY"}}},
        {"filter": {"name": {"gt": 3}}},
        {"filter": {"creationTime": {"from": "soon"}}},
        {"filter": {"name": {"filter": {"name": {"eq": "x"}}}}},
        {"filter": {"$OR": {"eq": "x"}}},
        {"sort": [{"prop": "colour"}]},
    ):
        answer = machine.get(REPORTS, query_string=searching(wanted))
        assert (answer.status_code, answer.json["code"]) == (400, "VALIDATION_FAILED"), wanted


def test_the_portals_exports_are_reports_too_as_far_as_the_contract_has_words_for_them(
    app: Flask, machine: Machine, world: World, patients: list[UUID]
) -> None:
    with app.app_context():
        alice = world.actor("alice")
        shown, hidden = (
            exports.request_export(
                alice, "report", ReportParams(("patient",), start=BEGINNING, format=form), request_key=uuid4().hex
            ).id
            for form in ("json", "parquet")
        )
    assert [one["id"] for one in machine.get(REPORTS).json["data"]] == [str(shown)]
    assert machine.get(f"{REPORTS}/{hidden}").status_code == 404
    assert machine.post(f"{REPORTS}/{hidden}/cancel").status_code == 404
    assert machine.delete(f"{REPORTS}/{hidden}").status_code == 404


def test_a_token_that_only_looks_gets_no_addresses_and_ends_nothing(
    app: Flask, machine: Machine, world: World, patients: list[UUID]
) -> None:
    report = completed(machine)
    with app.app_context():
        _, secret = issue_token(world.actor("alice"), "looks", ("view",), clock.now() + timedelta(days=1))
    looking = Machine(machine.client, secret)
    found = looking.get(f"{REPORTS}/{report['id']}").json
    assert found["status"] == "COMPLETED"
    assert found["fileOutput"]["filesLocation"] == {}
    assert looking.delete(f"{REPORTS}/{report['id']}").status_code == 403
    assert looking.post(EXPORT, json=body()).status_code == 403


def test_a_token_that_only_exports_gets_nothing_that_it_may_not_look_at(
    app: Flask, machine: Machine, world: World, patients: list[UUID]
) -> None:
    report = completed(machine)
    with app.app_context():
        _, secret = issue_token(world.actor("alice"), "exports", ("export_data",), clock.now() + timedelta(days=1))
    exporting = Machine(machine.client, secret)
    assert exporting.get(f"/organization/v1/users/patients/{patients[0]}").status_code == 404
    refused = exporting.post(EXPORT, json=body())
    assert (refused.status_code, refused.json["code"]) == (403, "FORBIDDEN")
    assert "not made to view" in refused.json["message"]
    assert exporting.get(f"{REPORTS}/{report['id']}").json["fileOutput"]["filesLocation"] == {}
    assert exports_of(app) == 1


def test_others_find_and_reach_no_report_of_mine(machine: Machine, machine_of: MachineOf) -> None:
    report = completed(machine)
    for name in ("adam", "rita", "boris"):
        other = machine_of(name)
        assert other.get(REPORTS).json["data"] == []
        unknown = other.get(f"{REPORTS}/{uuid4()}")
        known = other.get(f"{REPORTS}/{report['id']}")
        assert (known.status_code, known.json["message"]) == (unknown.status_code, unknown.json["message"])


def test_measurements_of_a_report_have_the_shape_of_raw_reads(app: Flask, machine: Machine, world: World) -> None:
    moment = 1_709_294_400_000
    with app.app_context():
        patient_id = world.patient().id
        begin_writing()
        series_id = measurements.series_for(world.acme.id, patient_id=patient_id).id
        db.session.commit()
        metric = next(one for one in metrics_of(world) if one.name == "cd4")
        measurements.load_measurements(world.acme.id, series_id, metric.id, [moment], [512.0])
    [row] = rows_of(machine, completed(machine, query("measurements")), "measurements")
    assert row == {"timestamp": "2024-03-01T12:00:00.000Z", "patientId": str(patient_id), "sourceEntityId": None,
                   "sessionId": None, "data": {"cd4": 512}}  # fmt: skip


def metrics_of(world: World) -> Any:
    return db.session.query(Metric).filter_by(template_id=world.templates["patient"].id)


def test_reports_in_every_state_are_as_the_description_says(app: Flask, machine: Machine) -> None:
    completed(machine, query("patient", CHANGED), query("device"), outputMetadata={"maxFileSizeInBytes": 60_000})
    cancelled = created(machine, name="x" * 36)
    machine.post(f"{REPORTS}/{cancelled['id']}/cancel")
    created(machine)
    document = machine.get("/openapi/biot.json").json
    page = machine.get(REPORTS).json
    assert {one["status"] for one in page["data"]} == {"COMPLETED", "CANCELED", "IN_PROGRESS"}
    schema = {"$ref": "#/components/schemas/ReportPage", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(page)
    wanted = schema | {"$ref": "#/components/schemas/ReportRequest"}
    jsonschema.Draft202012Validator(wanted).validate(body(query("patient", CREATED)))
