"""Patients, organizations, users and devices with the published client of organizations; writes what it got as JSON."""

import json
import os
import sys
from uuid import UUID

import biotmed_organization_sdk as biot
import biotmed_ums_sdk as ums

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))
told = {}

with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    login = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password))
owner = biot.ReferenceAttributeUUIDIdRequest(id=login.owner_organization_id)

with biot.ApiClient(biot.Configuration(host=base, access_token=login.access_jwt.token)) as client:
    patients = biot.PatientAPIApi(client)
    made = patients.create_patient_by_template_name(
        template_name="patient",
        create_patient_by_template_name_request=biot.CreatePatientByTemplateNameRequest.from_dict(
            {"_name": {"firstName": "Grace", "lastName": "Hopper"}, "_ownerOrganization": {"id": str(owner.id)},
             "_gender": "FEMALE", "_nationalId": "SDK-1", "age": 41}
        ),
    )  # fmt: skip
    told["made"] = made.to_dict()
    search = {"filter": {"_nationalId": {"eq": "SDK-1"}}, "sort": [{"prop": "_creationTime", "order": "ASC"}]}
    found = patients.search_patients(search_request=biot.SearchRequestV2.from_dict(search))
    told["found"] = [str(one.id) for one in found.data]
    told["total"] = found.metadata.page.total_results
    update = biot.UpdatePatientRequest.from_dict({"_name": {"firstName": "Grace", "lastName": "Murray"}, "age": 42})
    told["changed"] = patients.update_patient(id=made.id, update_patient_request=update).to_dict()
    told["read"] = patients.get_patient(id=made.id).to_dict()
    patients.delete_patient(id=made.id)
    try:
        patients.get_patient(id=made.id)
    except biot.exceptions.NotFoundException as refusal:
        told["gone"] = {"status": refusal.status, "code": refusal.data.code}

    told["organizations"] = [one.name for one in biot.OrganizationAPIApi(client).search_organizations().data]
    told["self"] = str(biot.UserAPIApi(client).get_self().id)
    told["users"] = len(biot.OrganizationUserAPIApi(client).search_organization_users().data)
    generic = biot.GenericEntityAPIV3Api(client)
    entity = generic.create_generic_entity_v3(
        template_name="device_log",
        create_generic_entity_by_template_name_request=biot.CreateGenericEntityByTemplateNameRequest.from_dict(
            {"_name": "kept by version 3"}
        ),
    )
    told["generic"] = generic.get_generic_entity_v3(template_name="device_log", id=entity.id).name
    generic.delete_generic_entity_v3(template_name="device_log", id=entity.id)

    devices = biot.DeviceAPIApi(client)
    device = devices.register_device_with_template_name(
        template_name="glucometer",
        register_device_by_template_name_request=biot.RegisterDeviceByTemplateNameRequest.from_dict(
            {"_id": "SDK/7 b", "firmware": "2.0"}
        ),
    )
    told["device"] = {
        "id": device.id,
        "firmware": device.status.fw_version,
        "owner": str(device.owner_organization.id),
        "read": devices.get_device(id="SDK/7 b").id,
    }
    devices.delete_device(id="SDK/7 b")
    assert isinstance(made.id, UUID)

json.dump(told, sys.stdout, default=str)
