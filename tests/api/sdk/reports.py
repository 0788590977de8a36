"""Create a report, poll it, download and parse every file, search, cancel, delete, with the published client."""

import json
import os
import sys
import time
import urllib.request

import biotmed_dms_sdk as dms
import biotmed_ums_sdk as ums

base, email, password, named = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD", "NAMED"))

with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    signed_in = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password))
token = signed_in.access_jwt.token


def wanted(data_type):
    period = dms.FilterV2.from_dict({"from": "2024-01-01T00:00:00.000Z", "to": "2030-01-01T00:00:00.000Z"})
    order = dms.Order(prop="_creationTime", order="ASC")
    return dms.ReportQuery(data_type=data_type, filter={"_creationTime": period}, sort=[order])


def refused(call):
    try:
        call()
    except dms.ApiException as refusal:
        return {"status": refusal.status, "code": refusal.data.code, "message": refusal.data.message}
    return None


with dms.ApiClient(dms.Configuration(host=f"{base}/dms", access_token=token)) as client:
    reports = dms.ReportAPIApi(client)
    healthy = dms.HealthCheckAPIApi(client).health_check().to_dict()
    output = dms.ReportOutputMetadata(export_format="JSON", max_file_size_in_bytes=1_000_000)
    queries = [wanted("patient"), wanted("device"), wanted("command")]
    asked = dms.CreateReportRequest(queries=queries, output_metadata=output, name=named)
    made = reports.create_report(create_report_request=asked)
    report = made
    while report.status == "IN_PROGRESS":
        time.sleep(0.2)
        report = reports.get_report(made.id)
    files = {}
    for data_type, where in report.file_output.files_location.items():
        files[data_type] = []
        for path in where.paths:
            with urllib.request.urlopen(path) as answer:
                files[data_type].append({"name": answer.headers.get_filename(), "rows": json.load(answer)})
    by_name = json.dumps({"filter": {"name": {"eq": named}}})
    found = reports.search_reports(search_request=dms.SearchRequestV2.from_json(by_name))
    both = wanted("device")
    both.filter["_lastModifiedTime"] = both.filter["_creationTime"]
    wrong = dms.CreateReportRequest(queries=[both], output_metadata=output)
    no = refused(lambda: reports.create_report(create_report_request=wrong))
    too_late = refused(lambda: reports.cancel_report(made.id))
    reports.delete_report(made.id)
    gone = refused(lambda: reports.get_report(made.id))

json.dump(
    {
        "healthy": healthy,
        "made": made.status,
        "report": report.to_dict(),
        "files": files,
        "found": [str(one.id) for one in found.data],
        "total": found.metadata.page.total_results,
        "refused": no,
        "too_late": too_late,
        "gone": gone,
    },
    sys.stdout,
    default=str,
)
