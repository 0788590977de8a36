"""Attributes whose values are codes of a terminology source: what is accepted, what is kept, what may be pointed at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select

from app import administration, catalog, terminology
from app.administration import AttributeSpec
from app.catalog import checking
from app.catalog.reading import read_value
from app.errors import Invalid
from app.extensions import db
from app.models import Entity, TemplateAttribute
from app.terminology import Address, RepositoryFacts
from tests.factories import World
from tests.terminology import making
from tests.terminology.making import LUNG, STARTER


@dataclass
class Clinic:
    """Northside with a source of its own, whose codes the diagnoses of its patients are."""

    world: World
    source: int

    def edit(self, patient: UUID, **values: Any) -> Entity:
        return catalog.edit_entity(self.world.actor("alice"), patient, values, seen_revision=None)

    def diagnosis(self, patient: UUID) -> Any:
        db.session.expire_all()
        return catalog.values_of(db.session.get_one(Entity, patient)).get("diagnosis")

    def fault(self, patient: UUID, **values: Any) -> dict[str, str]:
        with pytest.raises(Invalid) as refused:
            self.edit(patient, **values)
        return refused.value.fields

    def point(self, repository_id: int | None) -> None:
        """Have the diagnoses be codes of another source."""
        template, actor = self.world.templates["patient"].id, self.world.actor("max")
        wanted = TemplateAttribute.template_id == template, TemplateAttribute.name == "diagnosis"
        attribute = db.session.scalars(select(TemplateAttribute).where(*wanted)).one()
        spec = replace(administration.spec_of(attribute), repository_id=repository_id)
        administration.change_attribute(actor, template, attribute.id, spec)

    def fault_of_pointing(self, repository_id: int) -> str:
        with pytest.raises(Invalid) as refused:
            self.point(repository_id)
        db.session.rollback()
        return refused.value.fields["repository_id"]


def shelve(world: World) -> int:
    """Two concepts in use and a retired one; the source's id."""
    alice = world.actor("alice")
    making.made(alice, name="Lung terms")
    making.concept(alice, "A15.1", "Tuberculosis of lung")
    making.concept(alice, "J45", "Asthma")
    making.concept(alice, "B20", "Wheezing")
    terminology.retire_concept(alice, LUNG, "B20")
    return terminology.get_repository(alice, LUNG).id


@pytest.fixture
def clinic(domain: World) -> Clinic:
    source = shelve(domain)
    spec = AttributeSpec(name="diagnosis", label="Diagnosis", kind="LABEL", repository_id=source)
    administration.add_attribute(domain.actor("max"), domain.templates["patient"].id, spec)
    return Clinic(domain, source)


def test_a_new_code_is_of_the_source_and_in_use_and_one_that_is_kept_stays_whatever_becomes_of_it(
    clinic: Clinic,
) -> None:
    patient, other = clinic.world.patient().id, clinic.world.patient().id
    assert clinic.fault(patient, diagnosis="A99.X") == {
        "diagnosis": "Diagnosis cannot be A99.X: there is no such code in Lung terms."
    }
    assert clinic.fault(patient, diagnosis="B20", age="old") == {
        "diagnosis": "Diagnosis cannot be B20: it was retired in Lung terms.",
        "age": "Age at entry must be a whole number, such as 42.",
    }
    assert clinic.edit(patient, diagnosis=" a15.1 ").caption.startswith("Ana Ruiz")
    assert clinic.diagnosis(patient) == "A15.1"
    terminology.retire_concept(clinic.world.actor("alice"), LUNG, "A15.1")
    clinic.edit(patient, diagnosis="A15.1", age="41")
    assert clinic.diagnosis(patient) == "A15.1"
    terminology.delete_concept(clinic.world.actor("alice"), LUNG, "A15.1")
    clinic.edit(patient, diagnosis="A15.1", age="42")
    assert list(clinic.fault(other, diagnosis="A15.1")) == ["diagnosis"]
    clinic.edit(patient, diagnosis="")
    assert clinic.diagnosis(patient) is None
    template = clinic.world.templates["patient"].id
    values = {"first_name": "Eva", "last_name": "Lund", "diagnosis": "J45"}
    made = catalog.create_entity(clinic.world.actor("alice"), template, clinic.world.northside.id, values)
    assert clinic.diagnosis(made.id) == "J45"


def test_the_check_is_missed_when_it_is_left_out(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: without it, the test above could not fail."""
    monkeypatch.setattr(checking, "read_code", lambda _actor, known, given, _present: read_value(known, given))
    patient = clinic.world.patient().id
    clinic.edit(patient, diagnosis="A99.X")
    assert clinic.diagnosis(patient) == "A99.X"


def test_terminology_is_asked_only_about_a_code_that_changes(clinic: Clinic) -> None:
    patient = clinic.world.patient(diagnosis="A15.1").id
    asked: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "FROM concept" in statement:
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        clinic.edit(patient, age="50", diagnosis="A15.1")
        assert asked == []
        clinic.edit(patient, diagnosis="J45")
        assert len(asked) == 1
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


def test_an_attribute_draws_on_a_source_that_its_administrator_sees_and_that_has_all_the_codes_of_records(
    clinic: Clinic,
) -> None:
    world = clinic.world
    alice, adam = world.actor("alice"), world.actor("adam")
    making.made(alice, STARTER)
    own = Address("users", terminology.handle_of(adam), "sources", "Own")
    terminology.create_repository(adam, own, RepositoryFacts("Adam's own", public_access="None"))
    for who, address in ((alice, STARTER), (adam, own)):
        assert "Choose one of the sources" in clinic.fault_of_pointing(terminology.get_repository(who, address).id)
    assert "Choose one of the sources" in clinic.fault_of_pointing(0)
    ward = making.made(alice, replace(LUNG, short_code="WARD"), name="Ward terms")
    ward_id = terminology.get_repository(alice, ward).id
    clinic.point(ward_id)
    patients = [world.patient(diagnosis=code).id for code in ("A15.1", "B20", "nothing", "A15.1")]
    assert clinic.fault_of_pointing(clinic.source) == (
        "1 record has a value there that is no code of Lung terms. Change that first, or add another attribute."
    )
    clinic.edit(patients[2], diagnosis="")
    clinic.point(clinic.source)
    assert clinic.fault_of_pointing(ward_id).startswith("3 records have values there that are no code of Ward terms.")
    clinic.point(None)
    clinic.edit(patients[2], diagnosis="in words")
    assert clinic.diagnosis(patients[2]) == "in words"
