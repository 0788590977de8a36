"""Export and fetch a snapshot of generic entities with the published wrapper; writes what it got as JSON."""

import contextlib
import json
import os
import sys
import time

from biot_python_sdk.biot import APIClient, BiotClient, DataManager, ReportManager

base, email, password, named = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD", "NAMED"))

with contextlib.redirect_stdout(sys.stderr):  # it speaks while it works
    client = BiotClient(APIClient(base), email, password)
    client.login()
    data = DataManager(client, allow_delete=True)
    reports = ReportManager(data)
    made = reports.export_snapshot_by_entities(named, ["device_log"], start_date="2024-01-01T09:03:33Z").json()
    address, status = f"/dms/v1/data/reports/{made['id']}", made["status"]
    while status == "IN_PROGRESS":
        time.sleep(0.2)
        status = data._make_authenticated_request(address).json()["status"]
    files = reports.get_report_file_by_name(named)
    data._make_authenticated_request(address, method="DELETE")

json.dump({"made": made, "status": status, "files": files}, sys.stdout)
