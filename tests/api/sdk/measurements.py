"""Measurements with their published client; writes what it got as JSON."""

import json
import os
import sys
from datetime import UTC, datetime
from uuid import UUID

import biotmed_measurement_sdk as biot
import biotmed_ums_sdk as ums

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))
patient, device = os.environ["PATIENT"], os.environ["DEVICE"]
start, end = datetime(2024, 5, 1, 10, tzinfo=UTC), datetime(2024, 5, 1, 11, tzinfo=UTC)
told = {}


def message(minute, **data):
    return {
        "metadata": {"timestamp": start.replace(minute=minute).isoformat(), "patientId": patient, "deviceId": device},
        "data": data,
    }


with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    login = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password))

host = f"{base}/measurement"
with biot.ApiClient(biot.Configuration(host=host, access_token=login.access_jwt.token)) as client:
    first, second = biot.MeasurementsAPIApi(client), biot.MeasurementsV2APIApi(client)
    one = biot.MeasurementMessageFromDevice.from_dict(message(1, cd4=500))
    told["saved"] = first.save_measurement(measurement_message_from_device=one).to_dict()
    many = biot.MeasurementBulkRequest.from_dict({"measures": [message(2, cd4=600), message(3, cd4=700)]})
    told["bulk"] = first.save_measurements_bulk(measurement_bulk_request=many).metadata.to_dict()
    bad = biot.MeasurementBulkRequest.from_dict({"measures": [message(4, cd4=800), message(5, nothing=1)]})
    partly = first.save_measurements_bulk_with_http_info(measurement_bulk_request=bad)
    told["partly"] = [partly.status_code, partly.data.metadata.to_dict()]
    told["failed"] = partly.data.failed_measures[0].failure_data[0].attribute_name

    filters = {
        "_patient.id": {"eq": patient},
        "timestamp": {"from": start.isoformat(), "to": end.isoformat()},
        "attributes": {"in": ["cd4"]},
    }
    token, values = None, []
    while True:
        asked = biot.SearchRequestTokenBased.from_dict({"filter": filters, "nextToken": token, "limitPerPage": 3})
        page = second.get_raw_measurements2(search_request=asked)
        values += [each.data["cd4"] for each in page.data]
        told["source"], token = page.data[0].source_entity_id, page.metadata.next_token
        if token is None:
            break
    told["raw"] = values
    asked = biot.SearchRequestTokenBased.from_dict({"filter": filters | {"binIntervalSeconds": {"eq": 3600}}})
    told["mean"] = second.get_aggregated_measurements(search_request=asked).data[0].to_dict()["data"]["cd4"]

    span = {"attributes": ["cd4"], "patient_id": UUID(patient), "start_time": start, "end_time": end}
    nested = first.get_raw_measurements(**span).attributes[0].sources[0].measurement_sessions[0]
    told["nested"] = [each.data[0] for each in nested.measurements]
    means = first.get_measurements(bin_interval_seconds="3600", **span).attributes[0].sources[0].measurement_sessions[0]
    told["nested_mean"] = means.measurements[0].average

json.dump(told, sys.stdout, default=str)
