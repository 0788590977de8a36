"""The guide to files, step by step, with the published clients: create, PUT, attach, read back, download."""

import json
import os
import sys

import biotmed_file_sdk as files
import biotmed_organization_sdk as organizations
import biotmed_ums_sdk as ums
import requests

base, email, password, template, organization = (
    os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD", "TEMPLATE", "ORGANIZATION")
)
content = b"time,glucose\n2024-03-01T08:00:00Z,4.2\n"

with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    token = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password)).access_jwt.token

with (
    files.ApiClient(files.Configuration(host=f"{base}/file", access_token=token)) as file_client,
    organizations.ApiClient(organizations.Configuration(host=base, access_token=token)) as client,
):
    one, patients = files.FileAPIApi(file_client), organizations.PatientAPIApi(client)
    made = one.create_upload_file_url(files.UploadFileUrlRequest(name="analysis.csv", mimeType="text/csv"))
    patient = patients.create_patient(
        create_patient_request=organizations.CreatePatientRequest.from_dict(
            {
                "_name": {"firstName": "Ida", "lastName": "File"},
                "_templateId": template,
                "_ownerOrganization": {"id": organization},
            }
        )
    )
    change = organizations.UpdatePatientRequest.from_dict({"analysis_file": {"id": str(made.id)}})
    try:
        patients.update_patient(id=patient.id, update_patient_request=change)
        too_early = None
    except organizations.ApiException as refusal:
        too_early = refusal.status
    put = requests.put(made.signed_url, data=content, timeout=60)
    assert put.status_code == 200, put.text
    patients.update_patient(id=patient.id, update_patient_request=change)
    read = patients.get_patient(id=patient.id).to_dict()["analysis_file"]
    got = one.get_download_file_url(id=made.id)
    fetched = requests.get(got.signed_url, timeout=60)
    patients.delete_patient(id=patient.id)

json.dump(
    {
        "id": str(made.id),
        "too_early": too_early,
        "read": read,
        "same": fetched.content == content,
        "type": fetched.headers["Content-Type"],
    },
    sys.stdout,
    default=str,
)
