"""The catalog on PostgreSQL: order, search and locks mean the same there as on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from app import catalog
from app.catalog import EditedMeanwhile, EntityQuery
from app.errors import Invalid
from tests.factories import World


@pytest.fixture
def domain(postgresql_app: tuple[Flask, World]) -> Iterator[World]:
    with postgresql_app[0].app_context():
        yield postgresql_app[1]


def test_lists_search_edits_and_history_work_alike(domain: World) -> None:
    alice = domain.actor("alice")
    device = domain.device(key="GLU-7")
    patients = [
        domain.patient(first_name=name, last_name="Same", device={"id": str(device.id)})
        for name in ("Zoe", "Ángel", "zoltan", "Ángel", "Zoë")
    ]
    hidden = domain.patient(domain.riverside, last_name="Same", national_id="X-1")
    for sort in catalog.SORTS:
        for descending in (False, True):
            query = EntityQuery("patient", search="same", sort=sort, descending=descending, page_size=2)
            assert walk(alice, query) == everything(alice, query)
            assert len(walk(alice, query)) == len(patients)
    assert {row.caption for row in catalog.list_entities(alice, EntityQuery("patient", search="ZO sa")).items} == {
        "Zoe Same", "zoltan Same", "Zoë Same",
    }  # fmt: skip
    assert catalog.referencing(alice, device)[0].count == len(patients)

    patient = patients[0]
    seen = patient.revision
    edited = catalog.edit_entity(alice, patient.id, {"age": "77", "device": ""}, seen_revision=seen)
    assert catalog.values_of(edited)["age"] == 77
    with pytest.raises(EditedMeanwhile):
        catalog.edit_entity(alice, patient.id, {"age": "78"}, seen_revision=seen)
    with pytest.raises(Invalid) as refused:
        catalog.edit_entity(alice, patient.id, {"national_id": "x-1"}, seen_revision=edited.revision)
    assert list(refused.value.fields) == ["national_id"]
    assert [len(version.changes) for version in catalog.history_of(alice, patient.id)] == [2, 0]
    assert catalog.linked(alice, [hidden.id]) == {}


def walk(actor: Any, query: EntityQuery) -> list[Any]:
    page = catalog.list_entities(actor, query)
    seen = [row.id for row in page.items]
    while page.next:
        page = catalog.list_entities(actor, replace(query, cursor=page.next))
        seen += [row.id for row in page.items]
    return seen


def everything(actor: Any, query: EntityQuery) -> list[Any]:
    return [row.id for row in catalog.list_entities(actor, replace(query, page_size=100)).items]
