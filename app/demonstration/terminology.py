"""Terminology of the demonstration: ICD-10 with two releases and HEAD ahead of them, a collection, a person's own."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from app import administration, exports, terminology
from app.access.repositories import may_release
from app.accounts import actor_for_user
from app.actor import Actor
from app.demonstration.houses import ACME
from app.demonstration.settling import Settled
from app.errors import NotFound
from app.extensions import db
from app.models import Organization
from app.terminology import Address, ConceptWish, MappingWish, ReleaseFacts, RepositoryFacts
from app.terminology.sources import ICD10
from app.terminology.sources.coded import Classification

WHO = "WHO"
ICD = Address("orgs", WHO, "sources", "ICD-10")
STARTER = Address("orgs", WHO, "collections", "StarterSet")
KEEPER, CLINICIAN = "robin.castellanos@acme.example.org", "amara.okafor@acme.example.org"
FIRST_LACKS = "U"
"""The first release is without the codes for special purposes, which were added later."""

CODED_TEMPLATES, CODED = ("trial_patient", "patient"), "diagnosis_code"
"""What has an attribute that holds a code of ICD-10, and that attribute."""
_STARTERS = ("A15", "B20", "E11", "I10", "J45")
_WARD_TERMS = (
    ("hiv-follow-up", "HIV, in follow-up", "B24"),
    ("tb-culture", "TB, culture positive", "A15.1"),
    ("dm2", "Type 2 diabetes", "E11"),
    ("htn", "High blood pressure", "I10"),
    ("asthma", "Asthma", "J45"),
)


def load_terminology(settled: Settled) -> str | None:
    """Make what is missing of it; answers what was made."""
    keeper = actor_for_user(administration.person_by_email(KEEPER).id, via="shell")
    clinician = actor_for_user(administration.person_by_email(CLINICIAN).id, via="shell")
    own = Address("users", terminology.handle_of(clinician), "sources", "WardTerms")
    if _is_there(clinician, own):
        return None
    if db.session.scalar(select(Organization.id).where(Organization.short_code == WHO)) is None:
        administration.create_organization(settled.tenants[ACME], "World Health Organization", WHO)
        keeper = actor_for_user(keeper.user_id, via="shell")
    _load_icd(keeper)
    _make_starter_set(keeper)
    _point_diagnoses(keeper, settled)
    _make_ward_terms(clinician, own)
    return "ICD-10 with two releases, a collection drawn from it, and a clinician's own terms"


def _is_there(actor: Actor, address: Address) -> bool:
    try:
        return may_release(actor, terminology.get_repository(actor, address))
    except NotFound:
        return False
    finally:
        db.session.rollback()


def _load_icd(keeper: Actor) -> None:
    whole = ICD10()
    special = {one.code for one in whole.codes if one.code.startswith(FIRST_LACKS) or one.code == "XXII"}
    first = Classification(whole.facts, [one for one in whole.codes if one.code not in special])
    if not _is_there(keeper, ICD):
        exports.import_terminology(keeper, ICD, first, ReleaseFacts("2016", "Without the codes for special purposes"))
    exports.import_terminology(keeper, ICD, whole, ReleaseFacts("2019", "As the World Health Organization released it"))
    if terminology.get_concept(keeper, ICD, "A15.1").version == 1:
        _go_ahead(keeper)


def _go_ahead(keeper: Actor) -> None:
    """What the next release will bring."""
    wish = terminology.wish_of(terminology.get_concept(keeper, ICD, "A15.1"))
    names = [*wish.names, {"name": "Tuberculose pulmonaire, confirmée par culture seulement", "locale": "fr"}]
    terminology.edit_concept(keeper, ICD, "A15.1", ConceptWish("A15.1", names, wish.concept_class), "A French name")
    terminology.retire_concept(keeper, ICD, "B24", "Use B20 to B23, which say more")


def _point_diagnoses(keeper: Actor, settled: Settled) -> None:
    """Have the diagnoses of patients be codes of ICD-10: people read what they mean, and that B24 is retired now."""
    source = terminology.get_repository(keeper, ICD).id
    for name in CODED_TEMPLATES:
        template = administration.get_template(keeper, settled.templates[ACME, name])
        attribute = template.attribute(CODED)
        if attribute is not None:
            spec = replace(administration.spec_of(attribute), repository_id=source)
            administration.change_attribute(keeper, template.id, attribute.id, spec)


def _make_starter_set(keeper: Actor) -> None:
    if not _is_there(keeper, STARTER):
        facts = RepositoryFacts(
            "Starter set", description="What a clinic codes most often.", repository_type="Value Set"
        )
        terminology.create_repository(keeper, STARTER, facts)
    terminology.add_references(keeper, STARTER, [ICD.of_concept(code) for code in _STARTERS], cascade=True)
    if terminology.list_versions(keeper, STARTER).total == 1:
        exports.release_version(keeper, STARTER, ReleaseFacts("1.0", "The first one"))


def _make_ward_terms(clinician: Actor, own: Address) -> None:
    facts = RepositoryFacts("Ward terms", description="What we say on the ward, and what it is in ICD-10.")
    terminology.create_repository(clinician, own, facts)
    for code, name, target in _WARD_TERMS:
        terminology.create_concept(
            clinician, own, ConceptWish(code, [{"name": name, "locale_preferred": True}], "Diagnosis")
        )
        terminology.create_mapping(
            clinician, own, MappingWish("SAME-AS", own.of_concept(code), ICD.of_concept(target), code=code)
        )
