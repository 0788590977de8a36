"""Devices, generic entities and templates with their older clients; writes what it got as JSON."""

import json
import os
import sys

import biotmed_device_sdk as device_sdk
import biotmed_generic_entity_sdk as generic_sdk
import biotmed_settings_sdk as settings_sdk
import biotmed_ums_sdk as ums

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))
told = {}

with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    login = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password))
token = login.access_jwt.token

with settings_sdk.ApiClient(settings_sdk.Configuration(host=f"{base}/settings", access_token=token)) as client:
    settings = settings_sdk.TemplateAPIApi(client)
    named = settings_sdk.SearchRequestV2.from_dict({"filter": {"name": {"in": ["glucometer", "device_log"]}}})
    full = settings.search1(search_request=named).data
    templates = {one.name: one for one in full}
    told["templates"] = {one.name: [each.name for each in one.custom_attributes] for one in full}
    told["minimized"] = sorted(one.name for one in settings.minimal_search(search_request=named).data)
    told["one"] = settings.get_template(template_id=templates["glucometer"].id).entity_type_name
    entities = settings_sdk.EntityAPIApi(client)
    told["types"] = [len(entities.get_entity_types().entity_types), len(entities.search_entity_types().data)]

with device_sdk.ApiClient(device_sdk.Configuration(host=f"{base}/device", access_token=token)) as client:
    devices = device_sdk.DeviceAPIApi(client)
    request = {"_id": "SDK-OLD-1", "_templateId": str(templates["glucometer"].id), "firmware": "1.0"}
    made = devices.register_device(register_device_request=device_sdk.RegisterDeviceRequest.from_dict(request))
    update = device_sdk.UpdateDeviceRequest.from_dict({"firmware": "1.1"})
    changed = devices.update_device(id="SDK-OLD-1", update_device_request=update)
    search = {"filter": {"_status._fwVersion": {"eq": "1.1"}}, "freeTextSearch": "sdk"}
    found = devices.search_devices(search_request=device_sdk.SearchRequestV2.from_dict(search))
    told["device"] = {
        "made": made.id,
        "firmware": changed.status.fw_version,
        "found": [one.id for one in found.data],
        "owner": found.data[0].owner_organization.name,
    }

with generic_sdk.ApiClient(generic_sdk.Configuration(host=f"{base}/generic-entity", access_token=token)) as client:
    generic = generic_sdk.GenericEntityAPIApi(client)
    request = {"_name": "SDK log", "_templateId": str(templates["device_log"].id), "device": {"id": "SDK-OLD-1"}}
    made = generic.create_generic_entity(
        create_generic_entity_request=generic_sdk.CreateGenericEntityRequest.from_dict(request)
    )
    update = generic_sdk.UpdateGenericEntityRequest.from_dict({"_name": "SDK log 2"})
    changed = generic.update_generic_entity(id=made.id, update_generic_entity_request=update)
    search = {"filter": {"device.id": {"eq": "SDK-OLD-1"}}}
    found = generic.search_generic_entities(search_request=generic_sdk.SearchRequestV2.from_dict(search))
    told["generic"] = {
        "made": made.name,
        "changed": changed.name,
        "found": [one.name for one in found.data],
        "device": found.data[0].to_dict()["device"]["id"],
    }
    generic.delete_generic_entity(id=made.id)

with device_sdk.ApiClient(device_sdk.Configuration(host=f"{base}/device", access_token=token)) as client:
    device_sdk.DeviceAPIApi(client).delete_device(id="SDK-OLD-1")

json.dump(told, sys.stdout, default=str)
