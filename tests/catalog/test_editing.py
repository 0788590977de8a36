"""Changing an entity's attributes: what is accepted, what is refused and in which words, what is kept."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import func, select

from app import catalog
from app.catalog import EditedMeanwhile, EntityQuery
from app.catalog.records import write_values
from app.errors import Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import (
    AuditEvent,
    Entity,
    EntityHistory,
    TemplateAttribute,
    Tenant,
    begin_writing,
    take_revision,
)
from tests.factories import World


def edit(world: World, entity: Entity, who: str = "alice", **values: Any) -> Entity:
    return catalog.edit_entity(world.actor(who), entity.id, values, seen_revision=entity.revision)


def fault(world: World, entity: Entity, **values: Any) -> str:
    """What is said about the one attribute that is edited; nothing may have changed."""
    before = entity.attributes, entity.phi_attributes, entity.revision
    with pytest.raises(Invalid) as refused:
        edit(world, entity, **values)
    again = db.session.get_one(Entity, entity.id)
    assert (again.attributes, again.phi_attributes, again.revision) == before
    assert list(refused.value.fields) == list(values)
    return next(iter(refused.value.fields.values()))


def test_an_edit_keeps_the_old_version_and_says_who_made_the_new_one(domain: World) -> None:
    patient = domain.patient(age=40)
    first = patient.revision
    edited = edit(domain, patient, age="41")
    assert catalog.values_of(edited)["age"] == 41
    assert edited.changed_by == domain.users["alice"].id
    assert edited.revision > first
    past = db.session.scalars(select(EntityHistory).where(EntityHistory.id == patient.id)).one()
    assert (past.revision, past.superseded_by) == (first, edited.revision)
    assert past.superseded_at == edited.updated_at
    assert orjson.loads(past.attributes)["age"] == 40


def test_an_edit_leaves_other_attributes_and_files_as_they_are(domain: World) -> None:
    file = {"id": str(uuid4()), "name": "report.pdf", "mimeType": "application/pdf", "size": 12}
    patient = domain.patient(analysis_file=file, notes="quiet")
    edited = edit(domain, patient, age="41")
    values = catalog.values_of(edited)
    assert values["analysis_file"] == file
    assert (values["notes"], values["first_name"]) == ("quiet", "Ana")


def test_patient_values_are_kept_apart_in_the_templates_order(domain: World) -> None:
    patient = domain.patient(born="1980-02-29", age=44)
    edited = edit(domain, patient, weight="70.5", last_name="Ruiz")
    assert edited.attributes == '{"sex":"F","age":44,"weight":70.5}'
    assert edited.phi_attributes == '{"first_name":"Ana","last_name":"Ruiz","born":"1980-02-29"}'
    assert edited.document_bytes == len(edited.attributes) + len(edited.phi_attributes)


def test_a_name_that_changes_is_found_by_the_new_words_only(domain: World) -> None:
    patient = domain.patient(first_name="Ada", last_name="Byron")
    edited = edit(domain, patient, last_name="Lovelace")
    assert edited.caption == "Ada Lovelace"

    def found(words: str) -> list[Any]:
        page = catalog.list_entities(domain.actor("alice"), EntityQuery("patient", search=words))
        return [row.id for row in page.items]

    assert found("lovel") == [patient.id]
    assert found("byron") == []


def test_nothing_changed_makes_no_version_and_no_entry_in_the_record(domain: World) -> None:
    patient = domain.patient(age=40, weight=70, smoker=False)
    counter = select(Tenant.revision).where(Tenant.id == domain.acme.id)
    before = db.session.scalar(counter)
    same = edit(domain, patient, age=" 40 ", weight="70.0", smoker="no", notes="  ", first_name="Ana")
    assert same.revision == patient.revision
    assert db.session.scalar(counter) == before
    assert db.session.scalar(select(func.count()).select_from(EntityHistory)) == 0
    assert db.session.scalar(select(AuditEvent).where(AuditEvent.action == "entity.edit")) is None


def test_the_record_names_the_changed_attributes_and_never_their_values(domain: World) -> None:
    patient = domain.patient()
    edit(domain, patient, national_id="CANARY-77", age="41", sex="F")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "entity.edit")).one()
    assert event.details is not None
    assert event.details["attributes"] == ["national_id", "age"]
    assert "CANARY" not in orjson.dumps(event.details).decode()
    assert (event.user_id, event.object_id) == (domain.users["alice"].id, str(patient.id))


def test_an_edit_of_a_version_that_is_no_longer_current_is_refused_with_words(domain: World) -> None:
    patient = domain.patient(age=40)
    seen = patient.revision
    edit(domain, patient, "adam", age="50")
    with pytest.raises(EditedMeanwhile, match="changed after you opened it"):
        catalog.edit_entity(domain.actor("alice"), patient.id, {"age": "60"}, seen_revision=seen)
    assert catalog.values_of(db.session.get_one(Entity, patient.id))["age"] == 50


def test_a_refused_edit_gives_the_database_free(domain: World) -> None:
    patient = domain.patient()
    fault(domain, patient, age="old")
    edit(domain, patient, age="41")
    assert catalog.values_of(patient)["age"] == 41


def test_every_fault_is_said_at_once(domain: World) -> None:
    patient = domain.patient()
    with pytest.raises(Invalid) as refused:
        edit(domain, patient, age="old", weight="501", first_name="", nonsense="1")
    assert refused.value.fields == {
        "age": "Age at entry must be a whole number, such as 42.",
        "weight": "Weight must be at most 500 kg.",
        "first_name": "First name must have a value.",
        "nonsense": "There is no such attribute.",
    }


@pytest.mark.parametrize("who", ["ann", "rita", "boris"])
def test_only_those_who_may_edit_there_can_edit(domain: World, who: str) -> None:
    patient = domain.patient()
    expected = Forbidden if who == "ann" else NotFound
    with pytest.raises(expected):
        edit(domain, patient, who, age="41")


def test_people_and_organizations_are_not_changed_here(domain: World) -> None:
    clinic = catalog.get_entity(domain.actor("max"), domain.northside.id)
    assert not catalog.may_edit(domain.actor("max"), clinic)
    with pytest.raises(Forbidden, match="administration"):
        edit(domain, clinic, "max", name="Elsewhere")


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("age", "007", 7),
        ("age", 0, 0),
        ("weight", "70.50", 70.5),
        ("weight", "1e2", 100.0),
        ("smoker", "yes", True),
        ("smoker", "false", False),
        ("born", "2000-02-29", "2000-02-29"),
        ("notes", "one\r\ntwo", "one\ntwo"),
        ("sex", "M", "M"),
        ("national_id", "  X-1  ", "X-1"),
        ("first_name", "José", "José"),
    ],
)
def test_a_value_is_kept_in_its_own_form(domain: World, name: str, given: Any, kept: Any) -> None:
    edited = edit(domain, domain.patient(), **{name: given})
    value = catalog.values_of(edited)[name]
    assert (value, type(value)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("age", "12.5", "whole number"),
        ("age", "-1", "at least 0 years"),
        ("age", "131", "at most 130 years"),
        ("age", "9" * 17, "whole number"),
        ("age", True, "must be a number"),
        ("age", "٣", "whole number"),
        ("weight", "12,5", "decimal point"),
        ("weight", "nan", "decimal point"),
        ("weight", "1e999", "too large"),
        ("smoker", "perhaps", "yes or no"),
        ("born", "2023-02-29", "a day that exists"),
        ("born", "11/03/2024", "year-month-day"),
        ("sex", "X", "one of the choices"),
        ("first_name", "two\nlines", "on one line"),
        ("first_name", "nul\x00", "cannot be kept"),
        ("first_name", "\ud800", "cannot be kept"),
        ("first_name", "x" * 201, "at most 200 characters; it has 201"),
        ("notes", "x" * 10_001, "at most 10,000"),
        ("first_name", "   ", "must have a value"),
        ("analysis_file", "x", "attaching and removing"),
        ("device", "no such device", "exists and that you may see"),
    ],
)
def test_what_a_template_does_not_allow_is_refused(domain: World, name: str, given: Any, words: str) -> None:
    assert words in fault(domain, domain.patient(), **{name: given})


def one_attribute(world: World, kind: str, **more: Any) -> Entity:
    """A patient whose template has one further attribute, ``extra``."""
    begin_writing()
    template_id = world.templates["patient"].id
    db.session.add(
        TemplateAttribute(template_id=template_id, position=99, name="extra", label="Extra", kind=kind, **more)
    )
    db.session.commit()
    return world.patient()


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("EMAIL", "ana@example.org", "ana@example.org"),
        ("PHONE", "+34 600 123 456", "+34 600 123 456"),
        ("LINK", "https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("DATE_TIME", "2024-03-11T14:05", "2024-03-11T14:05:00Z"),
        ("DATE_TIME", "2024-03-11T14:05:06.789123+02:00", "2024-03-11T12:05:06.789Z"),
    ],
)
def test_further_kinds_are_kept_in_their_own_form(domain: World, kind: str, given: str, kept: str) -> None:
    edited = edit(domain, one_attribute(domain, kind), extra=given)
    assert catalog.values_of(edited)["extra"] == kept


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("EMAIL", "ana@example", "e-mail address"),
        ("EMAIL", "a b@example.org", "e-mail address"),
        ("PHONE", "call me", "telephone number"),
        ("PHONE", "1" * 16, "telephone number"),
        ("LINK", "javascript:alert(1)", "https://"),
        ("LINK", "https://", "https://"),
        ("LINK", "https://somebody:secret@example.org/", "https://"),
        ("LINK", "http://[broken", "https://"),
        ("DATE_TIME", "2024-03-11", "date and time"),
        ("DATE_TIME", "2024-03-11T25:00", "date and time"),
        ("DATE_TIME", "0001-01-01T00:00+14:00", "date and time"),
    ],
)
def test_further_kinds_refuse_what_they_are_not(domain: World, kind: str, given: str, words: str) -> None:
    assert words in fault(domain, one_attribute(domain, kind), extra=given)


def test_several_choices_are_kept_once_and_in_the_templates_order(domain: World) -> None:
    choices = [{"value": name, "label": name.upper()} for name in ("a", "b", "c")]
    patient = one_attribute(domain, "MULTI_SELECT", choices=choices)
    edited = edit(domain, patient, extra=["c", "a", "c"])
    assert catalog.values_of(edited)["extra"] == ["a", "c"]
    assert "some of the choices" in fault(domain, edited, extra=["a", "z"])
    assert "extra" not in catalog.values_of(edit(domain, edited, extra=[]))


def test_a_choice_that_the_template_has_dropped_does_not_block_other_changes(domain: World) -> None:
    patient = domain.patient(sex="U")
    edited = edit(domain, patient, sex="U", age="41")
    assert catalog.values_of(edited)["sex"] == "U"


def test_a_unique_value_is_refused_a_second_time_even_when_its_holder_cannot_be_seen(domain: World) -> None:
    domain.patient(domain.riverside, national_id="Same-1", last_name="Hidden")
    words = fault(domain, domain.patient(), national_id="sAME-1")
    assert words == "National ID must be unique; another record has this value."


def test_a_unique_value_may_be_kept_and_may_stand_in_another_tenant(domain: World) -> None:
    domain.patient(domain.foreign, national_id="Same-1")
    edited = edit(domain, domain.patient(), national_id="Same-1")
    assert catalog.values_of(edit(domain, edited, national_id="SAME-1"))["national_id"] == "SAME-1"


def test_a_reference_is_given_by_id_by_key_or_by_caption(domain: World) -> None:
    device = domain.device(key="GLU-X", serial_number="SN-X")
    patient = domain.patient()
    for given in (str(device.id), "GLU-X", "SN-X", {"id": str(device.id)}):
        edited = edit(domain, patient, device=given)
        assert catalog.values_of(edited)["device"] == {"id": str(device.id)}
        edit(domain, edited, device="")


def test_a_reference_to_the_wrong_kind_or_over_a_wall_is_refused(domain: World) -> None:
    patient, other = domain.patient(), domain.patient()
    hidden = domain.device(domain.riverside, key="HIDDEN-1")
    foreign = domain.device(domain.foreign, key="FOREIGN-1")
    for given in (other.id, hidden.id, "HIDDEN-1", foreign.id, "FOREIGN-1", uuid4()):
        assert "that you may see" in fault(domain, patient, device=str(given))


def test_two_devices_of_one_name_must_be_told_apart(domain: World) -> None:
    domain.device(serial_number="Twin")
    domain.device(serial_number="Twin")
    assert "ambiguous" in fault(domain, domain.patient(), device="Twin")


def test_a_reference_that_the_editor_may_not_see_can_stay(domain: World) -> None:
    hidden = domain.device(domain.riverside)
    patient = domain.patient(device={"id": str(hidden.id)})
    edited = edit(domain, patient, device=str(hidden.id), age="41")
    assert catalog.values_of(edited)["device"] == {"id": str(hidden.id)}


def test_two_changes_at_one_revision_are_one_version(domain: World) -> None:
    patient = domain.patient(age=40)
    begin_writing()
    revision = take_revision(domain.acme.id)
    row = db.session.get_one(Entity, patient.id)
    values = catalog.values_of(row)
    for age in (41, 42):
        write_values(row, values | {"age": age}, revision=revision, changed_by=None)
    db.session.commit()
    past = db.session.scalars(select(EntityHistory).where(EntityHistory.id == patient.id)).all()
    assert [orjson.loads(version.attributes)["age"] for version in past] == [40]
