"""References both ways, the history of an entity, and its removal."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app import catalog
from app.catalog import EntityQuery, records
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import (
    Entity,
    EntityHistory,
    EntityValue,
    EntityWord,
    Reference,
    begin_writing,
    take_revision,
)
from tests.factories import World


def edit(world: World, entity: Entity, who: str = "alice", **values: Any) -> Entity:
    fresh = db.session.get_one(Entity, entity.id)
    return catalog.edit_entity(world.actor(who), entity.id, values, seen_revision=fresh.revision)


def rewrite(world: World, entity: Entity, organization: Any = None, **values: Any) -> None:
    """A change by a load: nobody's name on it."""
    organization_id = organization.id if organization else None
    begin_writing()
    row = db.session.get_one(Entity, entity.id)
    kept = {name: value for name, value in (catalog.values_of(row) | values).items() if value is not None}
    phi = {known.name for known in row.template.attributes if known.phi}
    records.write_version(
        row,
        revision=take_revision(row.tenant_id),
        changed_by=None,
        attributes={name: value for name, value in kept.items() if name not in phi},
        phi_attributes={name: value for name, value in kept.items() if name in phi},
        organization_id=organization_id,
    )
    db.session.commit()


def test_references_are_named_both_ways(domain: World) -> None:
    device = domain.device(serial_number="SN-1")
    patient = domain.patient(device={"id": str(device.id)})
    logs = [domain.log(device) for _ in range(3)]
    alice = domain.actor("alice")
    assert catalog.references_from(alice, patient)[device.id].caption == "SN-1"
    groups = {group.label: group for group in catalog.referencing(alice, device, limit=2)}
    assert set(groups) == {"Device logs", "Patients"}
    assert [row.id for row in groups["Patients"].items] == [patient.id]
    assert groups["Device logs"].count == 3
    assert [row.id for row in groups["Device logs"].items] == [logs[2].id, logs[1].id]


def test_what_may_not_be_seen_is_not_named_in_either_direction(domain: World) -> None:
    hidden = domain.device(domain.riverside, serial_number="Secret")
    patient = domain.patient(device={"id": str(hidden.id)})
    alice, rita = domain.actor("alice"), domain.actor("rita")
    assert catalog.references_from(alice, patient) == {}
    assert catalog.referencing(rita, hidden) == []
    query = EntityQuery("patient", refers_to=hidden.id)
    assert catalog.list_entities(rita, query).items == ()
    assert [row.id for row in catalog.list_entities(domain.actor("ann"), query).items] == [patient.id]


def test_a_list_of_referrers_can_be_narrowed_to_one_attribute(domain: World) -> None:
    device = domain.device()
    log = domain.log(device)
    for attribute, expected in (("device", [log.id]), ("other", [])):
        query = EntityQuery("generic-entity", refers_to=device.id, by_attribute=attribute)
        assert [row.id for row in catalog.list_entities(domain.actor("alice"), query).items] == expected


def test_a_reference_row_follows_the_value(domain: World) -> None:
    first, second = domain.device(), domain.device()
    patient = domain.patient(device={"id": str(first.id)})
    edit(domain, patient, device=str(second.id))
    alice = domain.actor("alice")
    assert catalog.referencing(alice, first) == []
    assert [group.items[0].id for group in catalog.referencing(alice, second)] == [patient.id]
    edit(domain, patient, device="")
    assert catalog.referencing(alice, second) == []


def test_the_history_says_who_changed_what_and_when_newest_first(domain: World) -> None:
    patient = domain.patient(age=40, sex="F")
    edit(domain, patient, "alice", age="41", sex="M")
    edit(domain, patient, "adam", age="", notes="new")
    newest, middle, first = catalog.history_of(domain.actor("alice"), patient.id)
    assert [(version.by, version.is_first) for version in (newest, middle, first)] == [
        ("Adam", False), ("Alice", False), (None, True),
    ]  # fmt: skip
    assert [(change.attribute.label, change.before, change.after) for change in newest.changes] == [
        ("Age at entry", 41, None), ("Notes", None, "new"),
    ]  # fmt: skip
    assert [(change.attribute.name, change.before, change.after) for change in middle.changes] == [
        ("sex", "F", "M"), ("age", 40, 41),
    ]  # fmt: skip
    assert first.changes == ()
    assert first.at == patient.created_at
    assert newest.at == db.session.get_one(Entity, patient.id).updated_at
    assert newest.at > middle.at > first.at


def test_the_history_pages_on_from_a_revision(domain: World) -> None:
    patient = domain.patient(age=0)
    for age in range(1, 6):
        edit(domain, patient, age=str(age))
    alice = domain.actor("alice")
    whole = catalog.history_of(alice, patient.id)
    assert len(whole) == 6
    seen: list[catalog.Version] = []
    while not seen or not seen[-1].is_first:
        seen += catalog.history_of(alice, patient.id, before=seen[-1].revision if seen else None, limit=2)
    assert [version.revision for version in seen] == [version.revision for version in whole]
    assert [version.changes for version in seen] == [version.changes for version in whole]


def test_files_are_told_by_name_as_attached_and_removed(domain: World) -> None:
    def file(name: str) -> dict[str, Any]:
        return {"id": str(uuid4()), "name": name, "mimeType": "image/png", "size": 1}

    one, two, three = file("one.png"), file("two.png"), file("three.png")
    patient = domain.patient(images=[one, two])
    rewrite(domain, patient, images=[two, three], analysis_file=file("report.pdf"))
    rewrite(domain, patient, images=[], analysis_file=None)
    newest, middle, _ = catalog.history_of(domain.actor("alice"), patient.id)
    told = [(change.attribute.name, change.added, change.removed) for change in middle.changes]
    assert told == [("analysis_file", ("report.pdf",), ()), ("images", ("three.png",), ("one.png",))]
    assert newest.changes[1].removed == ("two.png", "three.png")


def test_patient_values_from_where_the_actor_may_not_see_stay_hidden(domain: World) -> None:
    patient = domain.patient(domain.riverside, first_name="Before", age=1)
    rewrite(domain, patient, first_name="Between", age=2)
    rewrite(domain, patient, domain.northside, first_name="After", age=3)
    edit(domain, patient, first_name="Now")
    hidden = {}
    for who in ("alice", "ann"):
        versions = catalog.history_of(domain.actor(who), patient.id)
        hidden[who] = [
            [(change.hidden, change.before, change.after) for change in version.changes] for version in versions
        ]
        assert versions[1].moved_to == "Northside Clinic"
    assert hidden["alice"] == [
        [(False, "After", "Now")], [(True, None, None), (False, 2, 3)], [(True, None, None), (False, 1, 2)], [],
    ]  # fmt: skip
    assert hidden["ann"][1] == [(False, "Between", "After"), (False, 2, 3)]


def test_references_in_the_history_are_named_only_when_they_may_be_seen(domain: World) -> None:
    seen, hidden = domain.device(serial_number="Seen"), domain.device(domain.riverside)
    patient = domain.patient(device={"id": str(hidden.id)})
    edit(domain, patient, device=str(seen.id))
    (newest, _) = catalog.history_of(domain.actor("alice"), patient.id)
    assert {known.caption for known in newest.linked.values()} == {"Seen"}


@pytest.mark.parametrize("who", ["rita", "boris"])
def test_nobody_behind_a_wall_reads_an_entity_or_its_history(domain: World, who: str) -> None:
    patient = domain.patient()
    for ask in (catalog.get_entity, catalog.history_of):
        with pytest.raises(NotFound) as foreign:
            ask(domain.actor(who), patient.id)
        with pytest.raises(NotFound) as unknown:
            ask(domain.actor(who), uuid4())
        assert foreign.value.message == unknown.value.message


def test_an_entity_is_not_found_under_another_data_type(domain: World) -> None:
    patient = domain.patient()
    with pytest.raises(NotFound):
        catalog.get_entity(domain.actor("alice"), patient.id, "device")


def test_a_removed_entity_leaves_its_last_version_and_nothing_to_find(domain: World) -> None:
    patient = domain.patient(device={"id": str(domain.device().id)})
    entity_id = patient.id
    begin_writing()
    revision = take_revision(domain.acme.id)
    records.delete_entity(db.session.get_one(Entity, entity_id), revision, domain.users["max"].id)
    db.session.commit()
    past = db.session.scalars(select(EntityHistory).where(EntityHistory.id == entity_id)).one()
    assert (past.deleted, past.deleted_by, past.superseded_by) == (
        True, domain.users["max"].id, revision.number,
    )  # fmt: skip
    for kept in (EntityValue, EntityWord, Reference):
        left = select(func.count()).select_from(kept).where(kept.entity_id == entity_id)
        assert db.session.scalar(left) == 0
    with pytest.raises(NotFound):
        catalog.get_entity(domain.actor("max"), entity_id)


def test_what_others_refer_to_is_not_removed(domain: World) -> None:
    device = domain.device()
    domain.log(device)
    begin_writing()
    with pytest.raises(Invalid, match="refer to it"):
        records.delete_entity(db.session.get_one(Entity, device.id), take_revision(domain.acme.id), None)
    db.session.rollback()
