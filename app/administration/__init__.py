"""People, organizations, templates and switches: what an installation is set up with.

For the shell, the demonstration data and tests: these use cases ask no actor. Those of :mod:`by_people` do. Each
commits at its end.
"""

from app.administration.by_people import (
    active_people,
    change_facts,
    remove_organization,
    remove_person,
    request_organization,
    request_person,
    set_person_active,
)
from app.administration.organizations import (
    create_location,
    create_organization,
    create_tenant,
    organization_by_code,
    root_organization,
    set_exports_enabled,
    tenant_by_slug,
)
from app.administration.people import create_user, end_sessions, set_password
from app.administration.specs import AttributeSpec, MetricSpec
from app.administration.templates import create_template

__all__ = [
    "AttributeSpec",
    "MetricSpec",
    "active_people",
    "change_facts",
    "create_location",
    "create_organization",
    "create_template",
    "create_tenant",
    "create_user",
    "end_sessions",
    "organization_by_code",
    "remove_organization",
    "remove_person",
    "request_organization",
    "request_person",
    "root_organization",
    "set_exports_enabled",
    "set_password",
    "set_person_active",
    "tenant_by_slug",
]
