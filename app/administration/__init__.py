"""People, organizations, templates and switches: what an installation is set up with.

For the shell, the demonstration data and tests: these use cases ask no actor. Each commits at its end.
"""

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
    "create_location",
    "create_organization",
    "create_template",
    "create_tenant",
    "create_user",
    "end_sessions",
    "organization_by_code",
    "root_organization",
    "set_exports_enabled",
    "set_password",
    "tenant_by_slug",
]
