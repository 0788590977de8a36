"""Every address of the application × {stranger, wrong role}, with real ids. Of other tenants and organizations, see
tests/security/test_matrix.py.

What is walked is ``app.url_map``; :data:`DOORS` states the policy of each address, so that a new one, or one that is
gone, is a decision that somebody writes down here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import administration, callbacks, clock, exports, imports
from app.accounts import issue_token, list_sessions, list_tokens, sign_in
from app.actor import Actor
from app.attachments import begin_upload, get_file, receive
from app.catalog import get_entity
from app.exports import ReportParams
from app.extensions import db
from app.models import AuditEvent, StoredFile, Template
from app.portal.terminology_place import BELOW_REPOSITORY
from tests.conftest import csrf_token
from tests.factories import BEGINNING, PASSWORD, World
from tests.terminology import making
from tests.terminology.making import LUNG

SignedIn = Callable[[str], FlaskClient]


@dataclass(frozen=True, slots=True)
class Door:
    """Who may pass: ``needs`` is ``nobody``, ``sign-in``, ``token`` or a permission; ``of`` whose id stands in the
    address. Addresses of the JSON face are walked with tokens, in tests/api/test_doors_of_machines.py."""

    needs: str
    of: str = ""


DOORS = {
    "GET /healthz": Door("nobody"),
    "GET /readyz": Door("nobody"),
    "GET /metrics": Door("nobody"),
    "GET /static/<path:filename>": Door("nobody"),
    "GET /sign-in": Door("nobody"),
    "POST /sign-in": Door("nobody"),
    "GET /sign-in/forgot": Door("nobody"),
    "POST /sign-in/forgot": Door("nobody"),
    "GET /sign-in/link/<secret>": Door("nobody"),
    "POST /sign-in/link/<secret>": Door("nobody"),
    "GET /sign-in/code": Door("nobody"),
    "POST /sign-in/code": Door("nobody"),
    "GET /sign-in/second-step": Door("nobody"),
    "POST /sign-in/second-step": Door("nobody"),
    "GET /sign-in/single-sign-on": Door("nobody"),
    "GET /sign-in/single-sign-on/return": Door("nobody"),
    "POST /sign-out": Door("sign-in"),
    "GET /account/": Door("sign-in"),
    "GET /account/password": Door("sign-in"),
    "POST /account/password": Door("sign-in"),
    "POST /account/sessions/<uuid:session_id>/end": Door("view", "session"),
    "POST /account/sessions/end-others": Door("sign-in"),
    "GET /account/second-step/": Door("sign-in"),
    "POST /account/second-step/": Door("sign-in"),
    "GET /account/second-step/set-up": Door("sign-in"),
    "POST /account/second-step/set-up": Door("sign-in"),
    "GET /account/second-step/end": Door("sign-in"),
    "POST /account/second-step/end": Door("sign-in"),
    "GET /account/second-step/recovery-codes": Door("sign-in"),
    "POST /account/second-step/recovery-codes": Door("sign-in"),
    "GET /admin/operations/": Door("manage"),
    "GET /admin/operations/status": Door("manage"),
    "POST /admin/operations/exports/<uuid:export_id>/again": Door("manage", "export"),
    "GET /admin/people/": Door("manage"),
    "GET /admin/people/new": Door("manage"),
    "POST /admin/people/": Door("manage"),
    "GET /admin/people/<uuid:user_id>": Door("manage", "user"),
    "GET /admin/people/<uuid:user_id>/link": Door("manage", "user"),
    "POST /admin/people/<uuid:user_id>/link": Door("manage", "user"),
    "GET /admin/people/<uuid:user_id>/disable": Door("manage", "user"),
    "POST /admin/people/<uuid:user_id>/disable": Door("manage", "user"),
    "GET /admin/people/<uuid:user_id>/enable": Door("manage", "user"),
    "POST /admin/people/<uuid:user_id>/enable": Door("manage", "user"),
    "GET /admin/people/<uuid:user_id>/second-step": Door("manage", "user"),
    "POST /admin/people/<uuid:user_id>/second-step": Door("manage", "user"),
    "POST /admin/people/<uuid:user_id>/roles": Door("manage", "user"),
    "GET /admin/organizations/": Door("manage"),
    "GET /admin/organizations/new": Door("manage"),
    "POST /admin/organizations/": Door("manage"),
    "GET /admin/organizations/<uuid:organization_id>": Door("manage", "organization"),
    "GET /admin/organizations/<uuid:organization_id>/rename": Door("manage", "organization"),
    "POST /admin/organizations/<uuid:organization_id>/rename": Door("manage", "organization"),
    "GET /admin/organizations/<uuid:organization_id>/remove": Door("manage", "organization"),
    "POST /admin/organizations/<uuid:organization_id>/remove": Door("manage", "organization"),
    "POST /admin/organizations/<uuid:organization_id>/locations": Door("manage", "organization"),
    "GET /admin/organizations/<uuid:organization_id>/locations/<uuid:location_id>": Door("manage", "location"),
    "POST /admin/organizations/<uuid:organization_id>/locations/<uuid:location_id>": Door("manage", "location"),
    "GET /admin/templates/": Door("manage"),
    "GET /admin/templates/new": Door("manage"),
    "POST /admin/templates/": Door("manage"),
    "GET /admin/templates/<uuid:template_id>": Door("manage", "template"),
    "GET /admin/templates/<uuid:template_id>/edit": Door("manage", "template"),
    "POST /admin/templates/<uuid:template_id>/edit": Door("manage", "template"),
    "GET /admin/templates/<uuid:template_id>/attributes/new": Door("manage", "template"),
    "POST /admin/templates/<uuid:template_id>/attributes/": Door("manage", "template"),
    "GET /admin/templates/<uuid:template_id>/attributes/<uuid:attribute_id>": Door("manage", "template"),
    "POST /admin/templates/<uuid:template_id>/attributes/<uuid:attribute_id>": Door("manage", "template"),
    "GET /admin/templates/<uuid:template_id>/metrics/new": Door("manage", "template"),
    "POST /admin/templates/<uuid:template_id>/metrics/": Door("manage", "template"),
    "GET /admin/templates/<uuid:template_id>/metrics/<int:metric_id>": Door("manage", "template"),
    "POST /admin/templates/<uuid:template_id>/metrics/<int:metric_id>": Door("manage", "template"),
    "GET /admin/roles/": Door("manage"),
    "POST /admin/roles/second-step": Door("manage"),
    "GET /admin/settings/": Door("manage"),
    "POST /admin/settings/": Door("manage"),
    "GET /": Door("sign-in"),
    "GET /entities/": Door("sign-in"),
    "GET /entities/<data_type>": Door("sign-in"),
    "GET /entities/<data_type>/<uuid:entity_id>": Door("view", "entity"),
    "GET /entities/<data_type>/<uuid:entity_id>/edit": Door("edit", "entity"),
    "POST /entities/<data_type>/<uuid:entity_id>/edit": Door("edit", "entity"),
    "GET /entities/<data_type>/<uuid:entity_id>/history": Door("view", "entity"),
    "GET /entities/<data_type>/<uuid:entity_id>/chart": Door("view", "entity"),
    "GET /entities/<data_type>/<uuid:entity_id>/measurements": Door("view", "entity"),
    "GET /measurements/": Door("sign-in"),
    "GET /measurements/dictionary.csv": Door("sign-in"),
    "GET /measurements/dictionary.json": Door("sign-in"),
    "GET /entities/<data_type>/<uuid:entity_id>/files/<attribute>": Door("attach", "entity"),
    "POST /entities/<data_type>/<uuid:entity_id>/files/<attribute>": Door("attach", "entity"),
    "POST /entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces": Door("attach", "entity"),
    "GET /entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces/<uuid:file_id>": Door("attach", "entity"),
    "DELETE /entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces/<uuid:file_id>": Door("attach", "entity"),
    "PUT /entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces/<uuid:file_id>/<int:number>": Door(
        "attach", "entity"
    ),
    "POST /entities/<data_type>/<uuid:entity_id>/files/<attribute>/pieces/<uuid:file_id>/complete": Door(
        "attach", "entity"
    ),
    "GET /files/<uuid:file_id>": Door("view", "file"),
    "GET /files/<uuid:file_id>/preview": Door("view", "file"),
    "GET /files/<uuid:file_id>/remove": Door("attach", "file"),
    "POST /files/<uuid:file_id>/remove": Door("attach", "file"),
    "GET /exports/": Door("sign-in"),
    "GET /exports/new": Door("export"),
    "POST /exports/": Door("export"),
    "POST /exports/preview": Door("export"),
    "GET /exports/measurements/new": Door("export"),
    "POST /exports/measurements/": Door("export"),
    "POST /exports/measurements/preview": Door("export"),
    "GET /exports/<uuid:export_id>": Door("view", "export"),
    "GET /exports/<uuid:export_id>/status": Door("view", "export"),
    "GET /exports/<uuid:export_id>/cancel": Door("view", "export"),
    "POST /exports/<uuid:export_id>/cancel": Door("view", "export"),
    "GET /exports/<uuid:export_id>/archive": Door("view", "export"),
    "GET /exports/<uuid:export_id>/files/<int:ordinal>": Door("view", "export"),
    "GET /admin/record/": Door("manage"),
    "POST /admin/record/export": Door("manage"),
    "GET /admin/record/events/<int:event_id>": Door("manage", "event"),
    "GET /admin/record/seen/<uuid:entity_id>": Door("manage", "entity"),
    "GET /admin/record/taken/<uuid:user_id>": Door("manage", "user"),
    "GET /admin/record/downloads/<uuid:export_id>": Door("view", "export"),
    "GET /entities/patient/<uuid:entity_id>/erase": Door("manage", "entity"),
    "POST /entities/patient/<uuid:entity_id>/erase": Door("manage", "entity"),
    "GET /terminology/": Door("sign-in"),
    "POST /terminology/": Door("edit"),
    "GET /terminology/found": Door("sign-in"),
    "GET /terminology/new": Door("edit"),
    f"GET {BELOW_REPOSITORY}/": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/found": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/codes": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/changes": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/edit": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/edit": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/releases/": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/release": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/release": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/releases/<version>": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/releases/<version>/export": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/releases/<version>/export": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/releases/<version>/delete": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/releases/<version>/delete": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/new-concept": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/new-concept": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/concepts/<code>": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/concepts/<code>/history": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/concepts/<code>/edit": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/concepts/<code>/edit": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/concepts/<code>/retire": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/concepts/<code>/retire": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/concepts/<code>/restore": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/concepts/<code>/map": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/concepts/<code>/map": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/mappings/<code>/retire": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/mappings/<code>/restore": Door("view", "repository"),
    f"GET {BELOW_REPOSITORY}/references": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/references": Door("view", "repository"),
    f"POST {BELOW_REPOSITORY}/references/remove": Door("view", "repository"),
    "GET /measurements/imports/": Door("sign-in"),
    "GET /measurements/imports/<uuid:import_id>": Door("view", "import"),
    "GET /measurements/imports/<uuid:import_id>/status": Door("view", "import"),
    "GET /measurements/imports/<uuid:import_id>/columns": Door("view", "import"),
    "POST /measurements/imports/<uuid:import_id>/columns": Door("view", "import"),
    "POST /measurements/imports/<uuid:import_id>/preview": Door("view", "import"),
    "POST /measurements/imports/<uuid:import_id>/load": Door("view", "import"),
    "GET /measurements/imports/<uuid:import_id>/cancel": Door("view", "import"),
    "POST /measurements/imports/<uuid:import_id>/cancel": Door("view", "import"),
    "GET /measurements/imports/<uuid:import_id>/refused": Door("view", "import"),
    "GET /measurements/imports/for/<whose>": Door("edit"),
    "POST /measurements/imports/for/<whose>": Door("edit"),
    "POST /measurements/imports/for/<whose>/pieces": Door("edit"),
    "GET /measurements/imports/for/<whose>/pieces/<uuid:file_id>": Door("edit"),
    "DELETE /measurements/imports/for/<whose>/pieces/<uuid:file_id>": Door("edit"),
    "PUT /measurements/imports/for/<whose>/pieces/<uuid:file_id>/<int:number>": Door("edit"),
    "POST /measurements/imports/for/<whose>/pieces/<uuid:file_id>/complete": Door("edit"),
    "GET /account/callbacks/": Door("sign-in"),
    "GET /account/callbacks/<uuid:delivery_id>": Door("view", "delivery"),
    "POST /account/callbacks/<uuid:delivery_id>/again": Door("view", "delivery"),
    "POST /account/callbacks/<uuid:delivery_id>/end": Door("view", "delivery"),
    "GET /account/tokens/": Door("sign-in"),
    "GET /account/tokens/new": Door("sign-in"),
    "POST /account/tokens/": Door("sign-in"),
    "GET /account/tokens/<uuid:token_id>/end": Door("view", "token"),
    "POST /account/tokens/<uuid:token_id>/end": Door("view", "token"),
    "GET /ums/system/healthCheck": Door("nobody"),
    "GET /dms/system/healthCheck": Door("nobody"),
    "GET /file/system/healthCheck": Door("nobody"),
    "GET /organization/system/healthCheck": Door("nobody"),
    "GET /device/system/healthCheck": Door("nobody"),
    "GET /generic-entity/system/healthCheck": Door("nobody"),
    "GET /settings/system/healthCheck": Door("nobody"),
    "GET /measurement/system/healthCheck": Door("nobody"),
    "POST /ums/v2/users/login": Door("nobody"),
    "POST /ums/v2/users/token/refresh": Door("nobody"),
    "POST /ums/v2/users/token/login": Door("nobody"),
    "POST /ums/v2/users/logout": Door("nobody"),
    "POST /ums/v2/services/accessToken": Door("nobody"),
    "GET /ums/v2/users/self": Door("token"),
    "POST /dms/v1/data/reports/export": Door("token"),
    "GET /dms/v1/data/reports": Door("token"),
    "GET /dms/v1/data/reports/<uuid:report_id>": Door("token", "export"),
    "DELETE /dms/v1/data/reports/<uuid:report_id>": Door("token", "export"),
    "POST /dms/v1/data/reports/<uuid:report_id>/cancel": Door("token", "export"),
    "GET /dms/v1/data/reports/<uuid:report_id>/files/<int:ordinal>/<name>": Door("nobody"),
    "POST /file/v1/files/upload": Door("token"),
    "GET /file/v1/files/<uuid:file_id>/download": Door("token", "file"),
    "POST /file/v1/files/upload/parts": Door("token"),
    "POST /file/v1/files/upload/parts/": Door("token"),
    "POST /file/v1/files/upload/parts/<uuid:file_id>": Door("token", "file"),
    "PUT /file/v1/files/upload/parts/<uuid:file_id>": Door("token", "file"),
    "POST /file/v1/files/upload/parts/<uuid:file_id>/complete": Door("token", "file"),
    "DELETE /file/v1/files/upload/parts/<uuid:file_id>/cancel": Door("token", "file"),
    "PUT /file/v1/uploads/<uuid:file_id>": Door("nobody"),
    "PUT /file/v1/uploads/<uuid:file_id>/parts/<int:number>": Door("nobody"),
    "GET /file/v1/downloads/<uuid:file_id>": Door("nobody"),
    "POST /device/v1/devices/<path:device_key>/alerts": Door("token", "entity"),
    "POST /device/v1/devices/<path:device_key>/alerts/<template_name>": Door("token", "entity"),
    "DELETE /device/v1/devices/<path:device_key>/alerts/<uuid:child_id>": Door("token", "entity"),
    "GET /device/v1/devices/<path:device_key>/alerts/<uuid:child_id>": Door("token", "entity"),
    "PATCH /device/v1/devices/<path:device_key>/alerts/<uuid:child_id>": Door("token", "entity"),
    "DELETE /device/v1/devices/<path:device_key>/commands/<uuid:child_id>": Door("token", "entity"),
    "GET /device/v1/devices/<path:device_key>/commands/<uuid:child_id>": Door("token", "entity"),
    "POST /device/v1/devices/<path:device_key>/usage-sessions": Door("token", "entity"),
    "DELETE /device/v1/devices/<path:device_key>/usage-sessions/<uuid:child_id>": Door("token", "entity"),
    "GET /device/v1/devices/<path:device_key>/usage-sessions/<uuid:child_id>": Door("token", "entity"),
    "PATCH /device/v1/devices/<path:device_key>/usage-sessions/<uuid:child_id>": Door("token", "entity"),
    "POST /device/v1/devices/<path:device_key>/usage-sessions/usage-type/<template_name>": Door("token", "entity"),
    "GET /device/v1/devices/alerts": Door("token"),
    "GET /device/v1/devices/commands": Door("token"),
    "GET /device/v1/devices/usage-sessions": Door("token"),
    "GET /device/v2/devices": Door("token"),
    "POST /device/v2/devices": Door("token"),
    "DELETE /device/v2/devices/<path:device_key>": Door("token", "entity"),
    "GET /device/v2/devices/<path:device_key>": Door("token", "entity"),
    "PATCH /device/v2/devices/<path:device_key>": Door("token", "entity"),
    "POST /device/v2/devices/templates/<template_name>": Door("token"),
    "GET /generic-entity/v1/generic-entities": Door("token"),
    "POST /generic-entity/v1/generic-entities": Door("token"),
    "DELETE /generic-entity/v1/generic-entities/<uuid:entity_id>": Door("token", "entity"),
    "GET /generic-entity/v1/generic-entities/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /generic-entity/v1/generic-entities/<uuid:entity_id>": Door("token", "entity"),
    "POST /generic-entity/v1/generic-entities/templates/<template_name>": Door("token"),
    "GET /generic-entity/v3/generic-entities/<template_name>": Door("token"),
    "POST /generic-entity/v3/generic-entities/<template_name>": Door("token"),
    "DELETE /generic-entity/v3/generic-entities/<template_name>/<uuid:entity_id>": Door("token", "entity"),
    "GET /generic-entity/v3/generic-entities/<template_name>/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /generic-entity/v3/generic-entities/<template_name>/<uuid:entity_id>": Door("token", "entity"),
    "POST /measurement/v1/measurements": Door("token"),
    "GET /measurement/v1/measurements/aggregated": Door("token"),
    "POST /measurement/v1/measurements/bulk": Door("token"),
    "GET /measurement/v1/measurements/raw": Door("token"),
    "GET /measurement/v2/measurements/aggregated": Door("token"),
    "GET /measurement/v2/measurements/raw": Door("token"),
    "GET /organization/v1/organizations": Door("token"),
    "POST /organization/v1/organizations": Door("token"),
    "DELETE /organization/v1/organizations/<uuid:entity_id>": Door("token", "entity"),
    "GET /organization/v1/organizations/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /organization/v1/organizations/<uuid:entity_id>": Door("token", "entity"),
    "POST /organization/v1/organizations/templates/<template_name>": Door("token"),
    "GET /organization/v1/registration-codes": Door("token"),
    "POST /organization/v1/registration-codes": Door("token"),
    "DELETE /organization/v1/registration-codes/<uuid:entity_id>": Door("token", "entity"),
    "GET /organization/v1/registration-codes/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /organization/v1/registration-codes/<uuid:entity_id>": Door("token", "entity"),
    "POST /organization/v1/registration-codes/templates/<template_name>": Door("token"),
    "GET /organization/v1/users/caregivers": Door("token"),
    "POST /organization/v1/users/caregivers": Door("token"),
    "DELETE /organization/v1/users/caregivers/<uuid:entity_id>": Door("token", "entity"),
    "GET /organization/v1/users/caregivers/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /organization/v1/users/caregivers/<uuid:entity_id>": Door("token", "entity"),
    "POST /organization/v1/users/caregivers/<uuid:entity_id>/enabled-state/<state>": Door("token", "entity"),
    "GET /organization/v1/users/caregivers/self": Door("token"),
    "POST /organization/v1/users/caregivers/templates/<template_name>": Door("token"),
    "GET /organization/v1/users/organizations": Door("token"),
    "POST /organization/v1/users/organizations": Door("token"),
    "DELETE /organization/v1/users/organizations/<uuid:entity_id>": Door("token", "entity"),
    "GET /organization/v1/users/organizations/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /organization/v1/users/organizations/<uuid:entity_id>": Door("token", "entity"),
    "POST /organization/v1/users/organizations/<uuid:entity_id>/enabled-state/<state>": Door("token", "entity"),
    "GET /organization/v1/users/organizations/self": Door("token"),
    "POST /organization/v1/users/organizations/templates/<template_name>": Door("token"),
    "GET /organization/v1/users/patients": Door("token"),
    "POST /organization/v1/users/patients": Door("token"),
    "DELETE /organization/v1/users/patients/<uuid:entity_id>": Door("token", "entity"),
    "GET /organization/v1/users/patients/<uuid:entity_id>": Door("token", "entity"),
    "PATCH /organization/v1/users/patients/<uuid:entity_id>": Door("token", "entity"),
    "POST /organization/v1/users/patients/<uuid:entity_id>/enabled-state/<state>": Door("token", "entity"),
    "POST /organization/v1/users/patients/<uuid:patient_id>/alerts": Door("token", "entity"),
    "POST /organization/v1/users/patients/<uuid:patient_id>/alerts/<template_name>": Door("token", "entity"),
    "DELETE /organization/v1/users/patients/<uuid:patient_id>/alerts/<uuid:child_id>": Door("token", "entity"),
    "GET /organization/v1/users/patients/<uuid:patient_id>/alerts/<uuid:child_id>": Door("token", "entity"),
    "PATCH /organization/v1/users/patients/<uuid:patient_id>/alerts/<uuid:child_id>": Door("token", "entity"),
    "GET /organization/v1/users/patients/alerts": Door("token"),
    "GET /organization/v1/users/patients/self": Door("token"),
    "POST /organization/v1/users/patients/templates/<template_name>": Door("token"),
    "GET /organization/v1/users/self": Door("token"),
    "GET /settings/v1/entity-types": Door("token"),
    "GET /settings/v1/templates": Door("token"),
    "GET /settings/v1/templates/<uuid:template_id>": Door("token"),
    "GET /settings/v1/templates/minimized": Door("token"),
    "GET /settings/v2/entity-types": Door("token"),
    "GET /openapi/biot.json": Door("nobody"),
    "GET /data/dataExports": Door("token"),
    "POST /data/dataExports": Door("token"),
    "DELETE /data/dataExports/<uuid:data_export_id>": Door("token", "bulk export"),
    "GET /data/dataExports/<uuid:data_export_id>": Door("token", "bulk export"),
    "GET /data/dataExports/<uuid:data_export_id>/archive": Door("nobody"),
    "GET /openapi/servitly.json": Door("nobody"),
    "GET /openapi/ocl.json": Door("nobody"),
    "GET /export-archives/<uuid:export_id>/<name>": Door("nobody"),
}
KIND = "<any(sources, collections):kind>"
READ_BY_STRANGERS = (
    "", "<repository>/", "<repository>/versions/", "<repository>/<version>/",
    "<repository>/concepts/", "<repository>/<version>/concepts/", "<repository>/mappings/",
    "<repository>/<version>/mappings/", "<repository>/references/", "<repository>/<version>/references/",
    "<repository>/concepts/<concept>/", "<repository>/<version>/concepts/<concept>/",
    "<repository>/concepts/<concept>/versions/", "<repository>/concepts/<concept>/mappings/",
    "<repository>/concepts/<concept>/extras/", "<repository>/concepts/<concept>/<concept_version>/",
    "<repository>/mappings/<mapping>/", "<repository>/<version>/mappings/<mapping>/",
    "<repository>/mappings/<mapping>/versions/", "<repository>/mappings/<mapping>/<mapping_version>/",
    "<repository>/<version>/expansions/", "<repository>/<version>/expansions/<expansion>/",
)  # fmt: skip
"""Of terminology, where an operator opened a repository to the world; tests/api/ocl/test_refusals.py asks."""
WITH_A_TOKEN = (
    "POST <repository>/versions/", "PUT <repository>/<version>/", "PATCH <repository>/<version>/",
    "DELETE <repository>/<version>/", "GET <repository>/<version>/export/", "POST <repository>/<version>/export/",
    "DELETE <repository>/<version>/export/", "GET <repository>/<version>/processing/",
    "POST <repository>/<version>/processing/",
)  # fmt: skip
for edition in ("", "/v1"):
    DOORS |= {f"GET {edition}/{kind}/": Door("nobody") for kind in ("sources", "collections")}
    for place in ("/orgs/<owner>", "/users/<owner>", "/user"):
        beginning = f"{edition}{place}/{KIND}/"
        DOORS |= {f"GET {beginning}{rest}": Door("nobody") for rest in READ_BY_STRANGERS}
        for method, rest in (one.split(" ") for one in WITH_A_TOKEN):
            DOORS[f"{method} {beginning}{rest}"] = Door("token")
# Whom a bulk export is shown to, and to whom not, tests/api/servitly/ asks: its contract wants a header more.
INTRUDERS = {
    "entity": ("boris", "rita"),
    "file": ("boris", "rita"),
    "export": ("boris", "rita", "adam"),
    "delivery": ("boris", "rita", "adam"),
    "import": ("boris", "rita", "adam"),
    "token": ("boris", "adam", "max"),
    "user": ("boris",),
    "session": ("boris", "adam", "max"),
    "event": ("boris",),
    "repository": ("boris",),
}
"""Another tenant's administrator, another organization's clinician; an export and a token are their owner's alone."""

PLANTED = "a planted address"


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one rule."""

    method: str
    rule: Rule

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule.rule}"


def addresses_of(app: Flask) -> list[Address]:
    """Every address that is registered, whatever decorator brought it."""
    return [
        Address(method, rule)
        for rule in sorted(app.url_map.iter_rules(), key=lambda known: known.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@dataclass(frozen=True, slots=True)
class Things:
    """Real ids of Northside's, made by alice."""

    entity_id: UUID
    file_id: UUID
    export_id: UUID
    token_id: UUID
    device_key: str = "no-such-device"
    delivery_id: UUID | None = None
    user_id: UUID | None = None
    event_id: int = 0
    import_id: UUID | None = None
    session_id: UUID | None = None
    secret: str = "x" * 43
    short_code: str = "no-such-source"
    organization_id: UUID | None = None
    location_id: UUID | None = None
    template_id: UUID | None = None
    attribute_id: UUID | None = None
    metric_id: int = 0

    def path(self, app: Flask, address: Address, **particular: object) -> str:
        """The address with these ids in it; ``particular`` ones go before them."""
        known = {
            "data_type": "patient",
            "attribute": "images",
            "ordinal": 0,
            "number": 1,
            "filename": "portal.css",
            "entity_id": self.entity_id,
            "patient_id": self.entity_id,
            "child_id": self.entity_id,
            "organization_id": self.organization_id or uuid4(),
            "location_id": self.location_id or uuid4(),
            "template_id": self.template_id or uuid4(),
            "attribute_id": self.attribute_id or uuid4(),
            "metric_id": self.metric_id,
            "device_key": self.device_key,
            "template_name": "device_log",
            "state": "ENABLED",
            "file_id": self.file_id,
            "export_id": self.export_id,
            "report_id": self.export_id,
            "data_export_id": self.export_id,
            "delivery_id": self.delivery_id or uuid4(),
            "import_id": self.import_id or uuid4(),
            "whose": "several",
            "session_id": self.session_id or uuid4(),
            "secret": self.secret,
            "name": "patient.json",
            "owner_kind": "orgs",
            "owner": "northside",
            "kind": "sources",
            "short_code": self.short_code,
            "version": "1.0",
            "code": "A15",
            "token_id": self.token_id,
            "user_id": self.user_id or uuid4(),
            "event_id": self.event_id,
            "repository": "none",
            "concept": "A1",
            "concept_version": "1",
            "mapping": "1",
            "mapping_version": "1",
            "expansion": "1.0",
        }
        fitting = {**known, **particular, **(address.rule.defaults or {})}
        values = {name: fitting[name] for name in address.rule.arguments}
        return app.url_map.bind("localhost").build(address.rule.endpoint, values, method=address.method)


UNKNOWN = Things(uuid4(), uuid4(), uuid4(), uuid4())


@pytest.fixture
def things(app: Flask, world: World) -> Things:
    return make_things(app, world)


def make_things(app: Flask, world: World) -> Things:
    """What the owner has of everything that an address may name. Tests of tests/security/ take it too."""
    with app.app_context():
        alice, patient = world.actor("alice"), world.patient()
        device_key = world.device().key
        picture = png()
        reception = begin_upload(alice, patient.id, "images", "picture.png", len(picture))
        file = receive(alice, reception, io.BytesIO(picture))
        params = ReportParams(data_types=("patient",), period="creation", start=BEGINNING, end=None)
        told = "https://hooks.invalid/told"
        export = exports.request_export(alice, "report", params, request_key=uuid4().hex, callback_url=told)
        token, _ = issue_token(alice, "planted", ("view",), clock.now() + timedelta(days=1))
        entity_id, file_id, export_id, token_id = patient.id, file.id, export.id, token.id
        exports.work_until_idle("doors")
        assert exports.get_export(alice, export_id).state == "ready"
        [delivery] = callbacks.list_deliveries(alice)
        event_id = db.session.scalar(select(AuditEvent.id).where(AuditEvent.user_id == alice.user_id).limit(1)) or 0
        import_id = plant_import(alice)
        making.concept(alice, "A15", at=making.made(alice))
        making.released(alice, "1.0")
        sign_in(world.users["alice"].email, PASSWORD, address="192.0.2.3", user_agent=None)
        session_id = list_sessions(alice)[0].id
        location_id = administration.create_location(world.northside.id, "Ward 3").id
        shape = ids_of(world.templates["patient"])
        invited = administration.invite_person(
            world.actor("max"), "Ines", "ines@example.org", world.northside.id, ("clinician",)
        )
    return Things(
        entity_id,
        file_id,
        export_id,
        token_id,
        device_key,
        delivery.id,
        alice.user_id,
        event_id,
        import_id=import_id,
        organization_id=world.northside.id,
        location_id=location_id,
        **shape,
        session_id=session_id,
        secret=(invited.link.url or "").rsplit("/", 1)[1],
        short_code=LUNG.short_code,
    )


def ids_of(template: Template) -> dict[str, Any]:
    """A template, an attribute and a metric of it."""
    kept = db.session.get_one(Template, template.id)
    return {"template_id": kept.id, "attribute_id": kept.attributes[0].id, "metric_id": kept.metrics[0].id}


def plant_import(alice: Actor) -> UUID:
    """A file of which a line was refused, and which went no further."""
    text = b"time,device,cd4\nyesterday,GLU-0001,700\n"
    import_id = imports.receive_file(alice, None, "sent.csv", io.BytesIO(text), len(text)).id
    chosen = imports.Columns(time=0, time_kind="iso", device=1, metrics={2: "cd4"})
    imports.request_check(alice, import_id, imports.Writing(), chosen)
    imports.work_until_idle()
    assert imports.cancel_import(alice, import_id).refused_key
    return import_id


def png() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), (10, 79, 158)).save(drawn, "PNG")
    return drawn.getvalue()


def ask(browser: FlaskClient, address: Address, path: str, *, token: str | None = None, **more: object) -> TestResponse:
    """One request; an unsafe one carries the token when there is one."""
    if address.method == "GET":
        return browser.get(path, **more)
    fields: dict[str, object] = {} if token is None else {"csrf_token": token}
    if address.rule.endpoint == "portal.files.upload":
        fields["file"] = (io.BytesIO(png()), "another.png")
    return browser.open(path, method=address.method, data=fields, **more)


def lets_in(answer: TestResponse) -> bool:
    """Whether a stranger got anything but the way to the sign-in page."""
    to_sign_in = answer.status_code == 303 and answer.location.startswith("/sign-in")
    return not (to_sign_in or answer.status_code == 401)


def doors_left_open(app: Flask, things: Things) -> list[str]:
    """Addresses that let a stranger in, or that have no stated policy."""
    found = []
    for address in addresses_of(app):
        door = DOORS.get(address.name)
        if door is None:
            found.append(f"{address.name}: no policy is stated in tests/test_doors.py")
        elif door.needs != "nobody" and lets_in(ask(app.test_client(), address, things.path(app, address))):
            found.append(f"{address.name}: lets a stranger in")
    return found


def walked(
    app: Flask, *, of: str | None = None, needs: str | None = None, machines: bool = False
) -> Iterator[tuple[Address, Door]]:
    """The portal's addresses, or the JSON face's for machines."""
    for address in addresses_of(app):
        door = DOORS[address.name]
        if address.rule.endpoint.startswith("api.") is not machines:
            continue
        if (of is None or door.of == of) and (needs is None or door.needs == needs):
            yield address, door


def test_the_addresses_are_those_that_are_written_down(app: Flask) -> None:
    assert {address.name for address in addresses_of(app)} == set(DOORS)


def test_every_route_refuses_a_stranger_but_the_few_that_are_named(app: Flask, things: Things) -> None:
    assert doors_left_open(app, things) == []


def test_a_planted_route_without_a_guard_is_caught(app: Flask, things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    app.add_url_rule("/planted", PLANTED, lambda: "patients")
    assert doors_left_open(app, things) == ["GET /planted: no policy is stated in tests/test_doors.py"]
    monkeypatch.setitem(DOORS, "GET /planted", Door("sign-in"))
    assert doors_left_open(app, things) == ["GET /planted: lets a stranger in"]


def test_a_stranger_learns_nothing_about_which_ids_exist(app: Flask, client: FlaskClient, things: Things) -> None:
    for address, door in walked(app):
        if not door.of:
            continue
        real, unknown = (ask(client, address, one.path(app, address)) for one in (things, UNKNOWN))
        assert real.status_code == unknown.status_code, address.name


def test_the_ids_are_real_so_the_owner_gets_an_answer_from_every_page(
    app: Flask, signed_in: SignedIn, things: Things
) -> None:
    browsers = {name: signed_in(name) for name in ("alice", "max")}
    # Not here: what asks processes that do not run, and what is there by a setting alone.
    others = ("health.ready", "metrics.scrape", "portal.auth_single.begin", "portal.auth_single.come_back")
    for address, door in walked(app):
        if address.method == "GET" and address.rule.endpoint not in others:
            browser = browsers["max" if door.needs == "manage" else "alice"]
            with ask(browser, address, things.path(app, address)) as answer:
                assert answer.status_code < 400, address.name


def test_the_ids_of_others_change_nothing(app: Flask, signed_in: SignedIn, world: World, things: Things) -> None:
    browser = signed_in("boris")
    token = csrf_token(browser, "/entities/")
    for address, door in walked(app):
        if address.method != "GET" and door.of:
            ask(browser, address, things.path(app, address), token=token)
    with app.app_context():
        alice = world.actor("alice")
        assert get_file(alice, things.file_id).state == "attached"
        assert exports.get_export(alice, things.export_id).state == "ready"
        assert get_entity(alice, things.entity_id).changed_by == alice.user_id
        assert [token.state for token in list_tokens(alice)] == ["live"]
        assert things.session_id in {line.id for line in list_sessions(alice)}


def test_whoever_administers_nothing_is_refused_with_words(app: Flask, signed_in: SignedIn, things: Things) -> None:
    browser = signed_in("alice")
    token = csrf_token(browser, "/entities/")
    for address, _ in walked(app, needs="manage"):
        answer = ask(browser, address, things.path(app, address), token=token)
        assert answer.status_code == 403, address.name
        assert "This is for administrators." in answer.text, address.name


@pytest.mark.parametrize("needs", ["edit", "attach"])
def test_a_role_that_may_only_look_is_refused_with_words(
    app: Flask, signed_in: SignedIn, things: Things, needs: str
) -> None:
    browser = signed_in("ann")
    token = csrf_token(browser, "/entities/")
    for address, _ in walked(app, needs=needs):
        answer = ask(browser, address, things.path(app, address), token=token)
        assert answer.status_code == 403, address.name
        assert "Your role does not let you" in answer.text, address.name


def test_a_tenant_whose_exports_are_off_gets_none(app: Flask, signed_in: SignedIn, things: Things) -> None:
    browser = signed_in("boris")
    token = csrf_token(browser, "/entities/")
    for address, _ in walked(app, needs="export"):
        answer = ask(browser, address, things.path(app, address), token=token)
        assert answer.status_code == 403, address.name


def test_no_unsafe_address_does_anything_without_the_token(app: Flask, signed_in: SignedIn, things: Things) -> None:
    browser = signed_in("alice")
    for address, _ in walked(app):
        if address.method == "GET":
            continue
        for headers in ({}, {"X-CSRFToken": "forged"}):
            answer = ask(browser, address, things.path(app, address), headers=headers)
            assert answer.status_code == 400, address.name
            assert "The form was too old" in answer.text, address.name
    assert browser.get("/entities/").status_code == 200


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data"])
def test_an_upload_without_the_token_leaves_nothing_behind(
    app: Flask, signed_in: SignedIn, things: Things, kind: str
) -> None:
    browser = signed_in("alice")
    path = f"/entities/patient/{things.entity_id}/files/images?name=more.png"
    body = png() if kind.startswith("application") else {"file": (io.BytesIO(png()), "more.png")}
    answer = browser.post(path, data=body, content_type=kind)
    assert answer.status_code == 400
    with app.app_context():
        assert db.session.scalars(select(StoredFile.id)).all() == [things.file_id]


def test_another_method_or_an_unknown_address_is_refused_with_a_page(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    for method, path, status in (
        ("DELETE", "/entities/", 405),
        ("GET", "/sign-out", 405),
        ("GET", "/entities/patient/not-an-id", 404),
        ("GET", "/nowhere", 404),
    ):
        answer = browser.open(path, method=method)
        assert answer.status_code == status
        assert "What you can do" in answer.text
