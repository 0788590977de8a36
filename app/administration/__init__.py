"""People, organizations, templates and switches: what an installation is set up with.

For the shell, the demonstration data and tests: these use cases ask no actor. Those of :mod:`by_people` do. Each
commits at its end.
"""

from app.administration.asking_more import SecondStepRule, second_step_rule, set_second_step_rule
from app.administration.attribute_rules import UNIQUE_TYPES, is_of_the_house, spec_of
from app.administration.by_people import (
    active_people,
    change_facts,
    remove_organization,
    remove_person,
    request_organization,
    request_person,
    set_person_active,
)
from app.administration.contacts import Contact, administrators_of, whom_to_ask
from app.administration.giving_roles import change_roles, role_changes
from app.administration.inviting import Invited, end_second_step_of, invite_person, send_link
from app.administration.limits import limit_requests, limit_token
from app.administration.metrics import MEASURED, add_metric, change_metric, get_metric, metric_changes, metric_spec_of
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
from app.administration.places import (
    Place,
    add_location,
    add_place,
    get_location,
    get_place,
    list_places,
    rename_location,
    rename_place,
)
from app.administration.rights import administers_tenant, require_whole_tenant
from app.administration.schemas import (
    NEW_DATA_TYPES,
    TemplateLine,
    TemplateWords,
    change_template,
    count_records,
    get_template,
    list_template_lines,
    make_template,
)
from app.administration.settings import (
    EXPORTING,
    SettingChange,
    TenantSettings,
    change_settings,
    export_rights,
    setting_changes,
    tenant_settings,
)
from app.administration.shaping import (
    AttributeUse,
    FieldChange,
    PlannedChange,
    add_attribute,
    change_attribute,
    get_attribute,
    plan_change,
    version_of,
)
from app.administration.sources import codable_sources
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
    "EXPORTING",
    "MEASURED",
    "NEW_DATA_TYPES",
    "STATES",
    "UNIQUE_TYPES",
    "AttributeSpec",
    "AttributeUse",
    "Contact",
    "FieldChange",
    "Invited",
    "LinkState",
    "MetricSpec",
    "Person",
    "PersonLine",
    "Place",
    "PlannedChange",
    "SecondStepRule",
    "SettingChange",
    "TemplateLine",
    "TemplateWords",
    "TenantSettings",
    "active_people",
    "add_attribute",
    "add_location",
    "add_metric",
    "add_place",
    "administers_tenant",
    "administrators_of",
    "change_attribute",
    "change_facts",
    "change_metric",
    "change_roles",
    "change_settings",
    "change_template",
    "codable_sources",
    "count_records",
    "create_location",
    "create_organization",
    "create_template",
    "create_tenant",
    "create_user",
    "end_second_step",
    "end_second_step_of",
    "export_rights",
    "get_attribute",
    "get_location",
    "get_metric",
    "get_person",
    "get_place",
    "get_template",
    "invite_person",
    "is_of_the_house",
    "limit_requests",
    "limit_token",
    "list_people",
    "list_places",
    "list_template_lines",
    "make_template",
    "managed_organizations",
    "metric_changes",
    "metric_spec_of",
    "organization_by_code",
    "person_by_email",
    "plan_change",
    "remove_organization",
    "remove_person",
    "rename_location",
    "rename_place",
    "request_organization",
    "request_person",
    "require_whole_tenant",
    "role_changes",
    "root_organization",
    "second_step_rule",
    "send_link",
    "set_exports_enabled",
    "set_password",
    "set_person_active",
    "set_second_step_rule",
    "setting_changes",
    "spec_of",
    "tenant_by_slug",
    "tenant_settings",
    "version_of",
    "whom_to_ask",
]
