"""The published clients of organizations, devices, generic entities, settings and measurements, unmodified."""

from __future__ import annotations

from app import administration
from app.administration import AttributeSpec
from tests.api.live import Clients


def test_patients_are_made_found_changed_and_removed_by_the_published_client(sdk: Clients) -> None:
    told = sdk.run("patients.py", who="max")
    made = told["made"]
    assert made["_name"] == {"firstName": "Grace", "lastName": "Hopper"}
    assert (made["age"], made["sex"], made["national_id"]) == (41, "F", "SDK-1")
    assert (told["found"], told["total"]) == ([made["_id"]], 1)
    assert told["changed"]["_name"] == told["read"]["_name"] == {"firstName": "Grace", "lastName": "Murray"}
    assert told["read"]["age"] == 42
    assert told["gone"] == {"status": 404, "code": "NOT_FOUND"}
    assert "Northside Clinic" in told["organizations"]
    assert told["self"] == str(sdk.live.world.users["max"].id)
    assert told["users"] == 6
    assert told["generic"] == "kept by version 3"
    assert (told["device"]["id"], told["device"]["read"]) == ("SDK/7 b", "SDK/7 b")
    assert told["device"]["firmware"] == "2.0"


def test_devices_generic_entities_and_templates_work_with_the_older_clients(sdk: Clients) -> None:
    told = sdk.run("devices.py")
    assert told["templates"]["device_log"] == ["title", "device", "txt_log_file"]
    assert told["minimized"] == ["device_log", "glucometer"]
    assert (told["one"], told["types"]) == ("device", [11, 11])
    assert told["device"] == {
        "made": "SDK-OLD-1", "firmware": "1.1", "found": ["SDK-OLD-1"], "owner": "Northside Clinic",
    }  # fmt: skip
    assert told["generic"] == {
        "made": "SDK log", "changed": "SDK log 2", "found": ["SDK log 2"], "device": "SDK-OLD-1",
    }  # fmt: skip


def test_measurements_are_delivered_and_read_by_the_published_client(sdk: Clients) -> None:
    with sdk.live.at_hand() as world:
        patient, device = world.patient(first_name="Measured"), world.device(key="SDK-MEASURED")
        ids = {"patient": str(patient.id), "device": device.key}
    told = sdk.run("measurements.py", **ids)
    assert told["saved"]["data"]["cd4"] == 500
    assert told["bulk"] == {"numberOfMeasuresSaved": 2, "numberOfMeasuresFailed": 0}
    assert told["partly"] == [206, {"numberOfMeasuresSaved": 1, "numberOfMeasuresFailed": 1}]
    assert told["failed"] == "nothing"
    assert told["raw"] == told["nested"] == [500, 600, 700, 800]
    assert told["source"] == "SDK-MEASURED"
    assert told["mean"]["average"] == told["nested_mean"] == 650


def test_the_wrapper_keeps_entities_and_posts_the_rows_of_a_report_back(sdk: Clients) -> None:
    with sdk.live.at_hand() as world:
        attributes = [
            AttributeSpec(name="device", label="Device", kind="REFERENCE", reference_data_type="device"),
            AttributeSpec(name="patient", label="Patient", kind="REFERENCE", reference_data_type="patient"),
            AttributeSpec(name="started_at", label="Began", kind="DATE_TIME"),
            AttributeSpec(name="state", label="State", kind="LABEL"),
        ]
        administration.create_template(world.acme.id, "usage-session", "wrapper_session", "Session", attributes)
        device, patient = world.device(key="SDK-WRAPPED"), world.patient()
        about = {"device": device.key, "patient": str(patient.id), "session_template": "wrapper_session"}
    told = sdk.run("wrapper_entities.py", named="wrapped log", **about)
    assert told == {
        "organization": str(sdk.live.world.northside.id),
        "templates": ["device_log"],
        "generic": ["wrapped log", "wrapped log 2", [True], "SDK-WRAPPED"],
        "session": ["DONE", 1],
        "kept": ["wrapped log 2"],
        "posted": ["SDK-WRAPPED"],
        "again": ["wrapped log 2", "SDK-WRAPPED"],
    }
