"""Generic entities, sessions, templates and a snapshot that is posted back, with the widely used wrapper."""

import contextlib
import json
import os
import sys
import time

from biot_python_sdk.biot import APIClient, BiotClient, DataManager, ReportManager

base, email, password, named = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD", "NAMED"))
device, patient, session_template = (os.environ[name] for name in ("DEVICE", "PATIENT", "SESSION_TEMPLATE"))
told = {}

with contextlib.redirect_stdout(sys.stderr):  # it speaks while it works
    client = BiotClient(APIClient(base), email, password)
    client.login()
    data = DataManager(client, allow_delete=True)
    reports = ReportManager(data)

    told["organization"] = data._get_org_id_from_name("Northside Clinic")
    told["templates"] = [one["name"] for one in data.fetch_template_by_filter({"name": {"eq": "device_log"}})["data"]]
    made = data.create_generic_entity_by_template_name("device_log", {"_name": named, "device": {"id": device}})
    changed = data.update_generic_entity_by_id(made["_id"], {"_name": f"{named} 2"}).json()
    found = data.get_ge_by_filter({"_name": {"eq": f"{named} 2"}, "device.id": {"in": [device]}})
    told["generic"] = [made["_name"], changed["_name"], [one["_id"] == made["_id"] for one in found["data"]],
                       data.get_ge_by_id(made["_id"]).json()["device"]["id"]]  # fmt: skip

    begun = {"_startTime": "2024-05-01T10:00:00.000Z", "_state": "ACTIVE", "_patient": {"id": patient}}
    session = data.create_usage_session(device, session_template, begun).json()
    data.update_usage_session(session["_id"], device, {"_state": "DONE"})
    told["session"] = [data.get_usage_session_by_id(session["_id"], device)["_state"],
                       len(data.get_usage_session_by_filter({"_device.id": {"eq": device}})["data"])]  # fmt: skip
    data._make_authenticated_request(f"/device/v1/devices/{device}/usage-sessions/{session['_id']}", method="DELETE")

    # A snapshot of what is kept, taken away and posted back out of the report's own files.
    body = {"name": named, "outputMetadata": {"exportFormat": "JSON"}, "queries": [
        {"dataType": one, "filter": {"_creationTime": {"from": "2024-01-01T00:00:00Z"}}}
        for one in ("device", "generic-entity")
    ]}  # fmt: skip
    report = data._make_authenticated_request("/dms/v1/data/reports/export", method="POST", json=body).json()
    while report["status"] == "IN_PROGRESS":
        time.sleep(0.2)
        report = data._make_authenticated_request(f"/dms/v1/data/reports/{report['id']}").json()
    files = reports.get_report_file_by_name(named)
    kept = {"device": [one for one in files["device"] if one["_id"] == device],
            "generic-entity": [one for one in files["generic-entity"] if one["_id"] == made["_id"]]}  # fmt: skip
    told["kept"] = [one["_name"] for one in kept["generic-entity"]]
    data.delete_generic_entity_by_id(made["_id"])
    data._make_authenticated_request(f"/device/v2/devices/{device}", method="DELETE")
    told["posted"] = list(reports.post_report_json(kept["device"], "device").values())
    [again] = reports.post_report_json(kept["generic-entity"], "generic-entity").values()
    posted = data.get_ge_by_id(again).json()
    told["again"] = [posted["_name"], posted["device"]["id"]]
    data.delete_generic_entity_by_id(again)
    data._make_authenticated_request(f"/device/v2/devices/{device}", method="DELETE")
    data._make_authenticated_request(f"/dms/v1/data/reports/{report['id']}", method="DELETE")

json.dump(told, sys.stdout)
