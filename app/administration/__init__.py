"""People, organizations, templates and switches: what an installation is set up with.

For the shell, the demonstration data and tests: these use cases ask no actor. Those of :mod:`by_people` do. Each
commits at its end.
"""

from app.administration.asking_more import SecondStepRule, second_step_rule, set_second_step_rule
from app.administration.by_people import (
    active_people,
    change_facts,
    remove_organization,
    remove_person,
    request_organization,
    request_person,
    set_person_active,
)
from app.administration.giving_roles import change_roles, role_changes
from app.administration.inviting import Invited, end_second_step_of, invite_person, send_link
from app.administration.limits import limit_requests, limit_token
from app.administration.organizations import (
    create_location,
    create_organization,
    create_tenant,
    organization_by_code,
    root_organization,
    set_exports_enabled,
    tenant_by_slug,
)
from app.administration.people import create_user, end_second_step, person_by_email, set_password
from app.administration.specs import AttributeSpec, MetricSpec
from app.administration.staff import (
    STATES,
    LinkState,
    Person,
    PersonLine,
    get_person,
    list_people,
    managed_organizations,
)
from app.administration.templates import create_template

__all__ = [
    "STATES",
    "AttributeSpec",
    "Invited",
    "LinkState",
    "MetricSpec",
    "Person",
    "PersonLine",
    "SecondStepRule",
    "active_people",
    "change_facts",
    "change_roles",
    "create_location",
    "create_organization",
    "create_template",
    "create_tenant",
    "create_user",
    "end_second_step",
    "end_second_step_of",
    "get_person",
    "invite_person",
    "limit_requests",
    "limit_token",
    "list_people",
    "managed_organizations",
    "organization_by_code",
    "person_by_email",
    "remove_organization",
    "remove_person",
    "request_organization",
    "request_person",
    "role_changes",
    "root_organization",
    "second_step_rule",
    "send_link",
    "set_exports_enabled",
    "set_password",
    "set_person_active",
    "set_second_step_rule",
    "tenant_by_slug",
]
