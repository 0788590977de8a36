"""Templates and organizations on PostgreSQL: what is kept is found alike there, and writers wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from flask import Flask

from app import administration, catalog
from app.administration import AttributeSpec, FieldChange, TemplateWords
from app.catalog import records
from app.errors import Invalid
from app.extensions import db
from app.models import Template, TemplateAttribute, begin_writing, take_revision
from tests.factories import World
from tests.locks import wait_until_somebody_waits


@pytest.fixture
def made(postgresql_app: tuple[Flask, World]) -> Iterator[tuple[Flask, World]]:
    with postgresql_app[0].app_context():
        yield postgresql_app


def attribute_of(world: World, name: str) -> TemplateAttribute:
    found = db.session.get_one(Template, world.templates["patient"].id).attribute(name)
    assert found is not None
    return found


def refused_fields(world: World, name: str, **wanted: object) -> list[str]:
    attribute = attribute_of(world, name)
    spec = replace(administration.spec_of(attribute), **wanted)  # type: ignore[arg-type]
    with pytest.raises(Invalid) as refused:
        administration.change_attribute(world.actor("max"), attribute.template_id, attribute.id, spec)
    return list(refused.value.fields)


def test_what_records_had_is_found_in_every_version(made: tuple[Flask, World]) -> None:
    world = made[1]
    alice, max_ = world.actor("alice"), world.actor("max")
    patient = world.patient(sex="M", notes='He said "sex": no', national_id="N-1").id
    catalog.edit_entity(alice, patient, {"sex": "F", "notes": ""}, seen_revision=None)
    only = ({"value": "F", "label": "Female"},)
    assert refused_fields(world, "sex", choices=only) == ["choices"]
    assert refused_fields(world, "notes", kind="LABEL") == ["kind"]
    assert refused_fields(world, "national_id", kind="PARAGRAPH", unique=False) == ["kind"]
    smoker = attribute_of(world, "smoker")
    template_id = smoker.template_id
    flipped = replace(administration.spec_of(smoker), phi=True, kind="LABEL")
    changed = administration.change_attribute(max_, template_id, smoker.id, flipped)
    assert [one.field for one in changed] == ["kind", "phi"]
    bed = AttributeSpec(name="bed", label="Bed", kind="LABEL")
    bed_id = administration.add_attribute(max_, template_id, bed)
    for _ in range(2):
        world.patient(bed="Bed 4")
    with pytest.raises(Invalid) as refused:
        administration.change_attribute(max_, template_id, bed_id, replace(bed, unique=True))
    assert list(refused.value.fields) == ["unique"]
    for name in ("A\0", "\ud800"):
        with pytest.raises(Invalid):
            administration.change_template(max_, template_id, TemplateWords(name))
        with pytest.raises(Invalid):
            administration.add_location(max_, world.northside.id, name)
        assert administration.list_places(max_, text=name) == []


def test_organizations_page_on_by_name_with_what_they_hold(made: tuple[Flask, World]) -> None:
    world = made[1]
    max_ = world.actor("max")
    for name in ("alpha", "Beta", "beta", "Zeta"):
        administration.add_place(max_, name)
    world.patient()
    found, after = [], None
    while page := administration.list_places(max_, after=after, limit=2):
        found += page
        after = (page[-1].name.lower(), page[-1].id)
    assert [one.name.lower() for one in found] == [
        "acme health", "alpha", "beta", "beta", "northside clinic", "riverside general", "zeta",
    ]  # fmt: skip
    northside = next(one for one in found if one.id == world.northside.id)
    assert (northside.people, northside.records) == (3, {"patient": 1})


def test_who_changes_a_template_waits_for_who_writes_a_record(made: tuple[Flask, World]) -> None:
    app, world = made
    weight = attribute_of(world, "weight")
    spec = replace(administration.spec_of(weight), phi=True)
    template_id, attribute_id, max_ = weight.template_id, weight.id, world.actor("max")
    patient_id = world.patient().id

    def mark() -> tuple[FieldChange, ...]:
        with app.app_context():
            return administration.change_attribute(max_, template_id, attribute_id, spec)

    begin_writing()
    revision = take_revision(world.acme.id)
    patient = catalog.get_entity(world.actor("alice"), patient_id)
    with ThreadPoolExecutor(1) as pool:
        marked = pool.submit(mark)
        wait_until_somebody_waits()
        records.write_values(
            patient, {**catalog.values_of(patient), "weight": 61.5}, revision=revision, changed_by=None
        )
        db.session.commit()
        assert [one.field for one in marked.result(timeout=30)] == ["phi"]
    kept = catalog.get_entity(world.actor("alice"), patient_id)
    assert ("61.5" in kept.phi_attributes, "61.5" in kept.attributes) == (True, False)
    assert kept.revision == revision.number + 1
