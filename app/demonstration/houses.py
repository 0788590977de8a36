"""Who is in the demonstration: two tenants, their organizations with wards, and five people who sign in."""

from __future__ import annotations

from dataclasses import dataclass

from app.demonstration.sources.devices import FJORD, NORTHSIDE, RIVERSIDE, WARDS

ACME, BOREALIS = "acme", "borealis"


@dataclass(frozen=True, slots=True)
class OrganizationPlan:
    """An organization below a tenant's root; ``site`` is what the sources call it."""

    site: str
    short_code: str
    name: str

    @property
    def locations(self) -> tuple[str, ...]:
        """Its wards and rooms."""
        return WARDS[self.site]


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A tenant, whose root organization has its slug as short code, and its organizations."""

    slug: str
    name: str
    exports_enabled: bool
    organizations: tuple[OrganizationPlan, ...]


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """Somebody who signs in; ``short_code`` names the organization that their role is in."""

    tenant: str
    short_code: str
    role: str
    name: str
    email: str


TENANTS = (
    TenantPlan(
        ACME,
        "Acme Health",
        True,
        (
            OrganizationPlan(NORTHSIDE, "northside", "Northside HIV Clinic"),
            OrganizationPlan(RIVERSIDE, "riverside", "Riverside General"),
        ),
    ),
    TenantPlan(BOREALIS, "Borealis Care", False, (OrganizationPlan(FJORD, "fjord", "Fjord Practice"),)),
)

#: The first is the one that a newcomer signs in as.
PEOPLE = (
    PersonPlan(ACME, "northside", "clinician", "Dr Amara Okafor", "amara.okafor@acme.example.org"),
    PersonPlan(ACME, "riverside", "clinician", "Dr Jonas Lindqvist", "jonas.lindqvist@acme.example.org"),
    PersonPlan(ACME, ACME, "analyst", "Mei Tanaka", "mei.tanaka@acme.example.org"),
    PersonPlan(ACME, ACME, "administrator", "Robin Castellanos", "robin.castellanos@acme.example.org"),
    PersonPlan(BOREALIS, "fjord", "administrator", "Dr Ines Ferreira", "ines.ferreira@borealis.example.org"),
)
