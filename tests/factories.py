"""A small world to test in: two tenants, three organizations, people of every role, a few patients and devices.

Everything is made through the domain's own functions, so a test's world is one that could exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from app import administration
from app.accounts import actor_for_user
from app.actor import Actor
from app.administration import AttributeSpec, MetricSpec
from app.catalog import records
from app.extensions import db
from app.models import Entity, Organization, Template, Tenant, User, begin_writing, take_revision

PASSWORD = "a long and quiet sentence"
BEGINNING = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)

PATIENT_ATTRIBUTES = [
    AttributeSpec(name="first_name", label="First name", kind="LABEL", mandatory=True, phi=True),
    AttributeSpec(name="last_name", label="Last name", kind="LABEL", mandatory=True, phi=True),
    AttributeSpec(name="national_id", label="National ID", kind="LABEL", unique=True, phi=True),
    AttributeSpec(
        name="sex", label="Sex", kind="SINGLE_SELECT",
        choices=({"value": "F", "label": "Female"}, {"value": "M", "label": "Male"}),
    ),
    AttributeSpec(name="age", label="Age at entry", kind="INTEGER", unit="years", low=0, high=130),
    AttributeSpec(name="weight", label="Weight", kind="DECIMAL", unit="kg", low=0, high=500),
    AttributeSpec(name="smoker", label="Smoker", kind="BOOLEAN"),
    AttributeSpec(name="born", label="Date of birth", kind="DATE", phi=True),
    AttributeSpec(name="notes", label="Notes", kind="PARAGRAPH"),
    AttributeSpec(
        name="device", label="Registered device", kind="REFERENCE", reference_data_type="device",
        reference_label="Patients",
    ),
    AttributeSpec(
        name="analysis_file", label="Analysis file", kind="FILE",
        media_types=("application/pdf", "text/plain", "text/csv"), max_bytes=5_000_000,
    ),
    AttributeSpec(name="images", label="Images", kind="IMAGE", max_files=20, max_bytes=50_000_000),
]  # fmt: skip
DEVICE_ATTRIBUTES = [
    AttributeSpec(name="serial_number", label="Serial number", kind="LABEL"),
    AttributeSpec(name="firmware", label="Firmware", kind="LABEL"),
]
LOG_ATTRIBUTES = [
    AttributeSpec(name="title", label="Title", kind="LABEL", mandatory=True),
    AttributeSpec(
        name="device", label="Device", kind="REFERENCE", reference_data_type="device", reference_label="Device logs"
    ),
    AttributeSpec(name="txt_log_file", label="Log file", kind="FILE", media_types=("text/plain",)),
]
METRICS = [
    MetricSpec(name="cd4", label="CD4", unit="cells/µL", normal_low=500, normal_high=1500),
    MetricSpec(name="cd8", label="CD8", unit="cells/µL"),
]


@dataclass
class Clinic:
    """An organization with its people and the templates of its tenant."""

    organization: Organization
    people: dict[str, User] = field(default_factory=dict)


@dataclass
class World:
    """``acme`` exports, ``borealis`` may not. Actors by name: see :meth:`actor`."""

    acme: Tenant
    borealis: Tenant
    northside: Organization
    riverside: Organization
    foreign: Organization
    users: dict[str, User]
    templates: dict[str, Template]
    foreign_templates: dict[str, Template]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def actor(self, name: str) -> Actor:
        """``alice`` and ``adam``: clinicians of Northside; ``rita``: of Riverside; ``ann``: analyst, ``max``:
        administrator, both of the whole tenant; ``nora``: administrator of Northside alone; ``boris``: administrator of
        the other tenant."""
        return actor_for_user(self.users[name].id)

    def patient(self, organization: Organization | None = None, **values: Any) -> Entity:
        number = next(self._numbers)
        given = {"first_name": "Ana", "last_name": f"Ruiz{number}", "sex": "F", "age": 40} | values
        return self.entity("patient", organization, given)

    def device(self, organization: Organization | None = None, key: str | None = None, **values: Any) -> Entity:
        number = next(self._numbers)
        given = {"serial_number": f"SN-{number:04}"} | values
        return self.entity("device", organization, given, key=key or f"GLU-{number:04}")

    def log(self, device: Entity, **values: Any) -> Entity:
        given = {"title": f"log {next(self._numbers)}", "device": {"id": str(device.id)}} | values
        return self.entity("device_log", None, given)

    def entity(
        self,
        template: str,
        organization: Organization | None,
        values: dict[str, Any],
        *,
        key: str | None = None,
        at: datetime | None = None,
    ) -> Entity:
        home = organization or self.northside
        templates = self.foreign_templates if home.tenant_id == self.borealis.id else self.templates
        number = next(self._numbers)
        home_id, tenant_id, template_id = home.id, home.tenant_id, templates[template].id
        begin_writing()
        revision = take_revision(tenant_id)
        entity = records.add_entity(
            db.session.get_one(Template, template_id),
            organization_id=home_id,
            values=values,
            revision=revision,
            key=key,
            created_at=at or BEGINNING + timedelta(hours=number),
            updated_at=at or BEGINNING + timedelta(hours=number),
        )
        db.session.commit()
        return entity

    def many_patients(self, how_many: int, organization: Organization | None = None) -> list[UUID]:
        """Plenty of patients, one hour apart in creation."""
        return [
            self.patient(organization, first_name=f"P{number:05}", age=number % 100).id for number in range(how_many)
        ]


def make_world() -> World:
    """Make the world in the current application's database; an application context must be pushed."""
    acme = administration.create_tenant("acme", "Acme Health", exports_enabled=True)
    borealis = administration.create_tenant("borealis", "Borealis Care")
    northside = administration.create_organization(acme.id, "Northside Clinic", "northside")
    riverside = administration.create_organization(acme.id, "Riverside General", "riverside")
    foreign = administration.create_organization(borealis.id, "Far Clinic", "far")
    root, foreign_root = administration.root_organization(acme.id), administration.root_organization(borealis.id)
    people = {
        "alice": (acme, northside, "clinician"),
        "adam": (acme, northside, "clinician"),
        "rita": (acme, riverside, "clinician"),
        "ann": (acme, root, "analyst"),
        "max": (acme, root, "administrator"),
        "nora": (acme, northside, "administrator"),
        "boris": (borealis, foreign_root, "administrator"),
    }
    users = {
        name: administration.create_user(
            tenant.id, organization.id, email=f"{name}@example.org", name=name.title(), password=PASSWORD, role=role
        )
        for name, (tenant, organization, role) in people.items()
    }
    return World(acme, borealis, northside, riverside, foreign, users, _templates(acme), _templates(borealis))


def _templates(tenant: Tenant) -> dict[str, Template]:
    def make(data_type: str, name: str, label: str, attributes: list[AttributeSpec], **more: Any) -> Template:
        return administration.create_template(tenant.id, data_type, name, label, attributes, **more)

    return {
        "patient": make("patient", "patient", "Patient", PATIENT_ATTRIBUTES, metrics=METRICS),
        "device": make("device", "glucometer", "Glucometer", DEVICE_ATTRIBUTES, metrics=METRICS),
        "device_log": make("generic-entity", "device_log", "Device log", LOG_ATTRIBUTES),
    }
