"""Lists: every row once and in order, filters, search, walls, and an index under each order."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from app import catalog
from app.actor import Actor, Standing
from app.catalog import EntityQuery, records
from app.catalog.cursors import Cursor
from app.catalog.listing import SORTS
from app.errors import NotFound
from app.extensions import db
from app.models import Entity, Template, begin_writing, take_revision
from tests.factories import BEGINNING, World


def load(world: World, template: str, rows: list[dict[str, Any]], organization: Any = None) -> list[UUID]:
    """Add many entities in one transaction; each row is what ``NewEntity`` takes beyond template and place."""
    begin_writing()
    kept = db.session.get_one(Template, world.templates[template].id)
    ids = [uuid4() for _ in rows]
    home = (organization or world.northside).id
    new = (
        records.NewEntity(kept, home, **({"values": {}} | row | {"entity_id": entity_id}))
        for entity_id, row in zip(ids, rows, strict=True)
    )
    assert records.add_entities(new, revision=take_revision(world.acme.id)) == len(rows)
    db.session.commit()
    return ids


def walk(actor: Actor, query: EntityQuery) -> tuple[list[list[UUID]], list[str]]:
    """Every page from the first to the last, and the cursor by which each further one was reached."""
    pages, cursors = [], []
    page = catalog.list_entities(actor, query)
    assert page.previous is None
    while True:
        pages.append([row.id for row in page.items])
        if page.next is None:
            return pages, cursors
        cursors.append(page.next)
        page = catalog.list_entities(actor, with_cursor(query, page.next))
        assert page.previous is not None


def with_cursor(query: EntityQuery, cursor: str | None) -> EntityQuery:
    return replace(query, cursor=cursor)


ROWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("aAbÉ")), max_size=23)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, size=st.integers(1, 9), sort=st.sampled_from(SORTS), descending=st.booleans())
def test_paging_brings_every_row_once_and_in_order_forth_and_back(
    domain: World, rows: list[tuple[int, str]], size: int, sort: Any, descending: bool
) -> None:
    # Few different instants and captions: most rows are equal in what they are sorted by.
    mark = f"m{uuid4().hex}"
    ids = load(
        domain,
        "device",
        [
            {
                "key": f"{mark} {number}",
                "caption": caption,
                "created_at": BEGINNING + timedelta(milliseconds=hours),
                "updated_at": BEGINNING + timedelta(hours=3 - hours),
            }
            for number, (hours, caption) in enumerate(rows)
        ],
    )
    query = EntityQuery("device", search=mark, sort=sort, descending=descending, page_size=size)
    pages, cursors = walk(domain.actor("alice"), query)
    seen = [entity_id for page in pages for entity_id in page]
    kept = {row.id: row for row in db.session.query(Entity).where(Entity.id.in_(ids))}
    expected = sorted(ids, key=lambda known: (getattr(kept[known], sort), str(known)), reverse=descending)
    assert seen == expected
    assert all(len(page) == size for page in pages[:-1])

    # And back again, from the last page to the first.
    cursor = cursors[-1] if cursors else None
    for earlier in reversed(pages[:-1]):
        here = catalog.list_entities(domain.actor("alice"), with_cursor(query, cursor))
        page = catalog.list_entities(domain.actor("alice"), with_cursor(query, here.previous))
        assert [row.id for row in page.items] == earlier
        cursor = here.previous


def tampered(cursor: str) -> list[str]:
    def coded(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode()

    return [
        "x", "%00", "é", cursor[:-3], cursor[::-1], "A" * 500, coded("[]"), coded("null"), coded("{}"),
        coded('["-updated_at","after",5,1]'), coded('["-updated_at","sideways","' + "0" * 32 + '",1]'),
        coded('["-updated_at","after","' + "0" * 32 + '",true]'),
        coded('["-updated_at","after","' + "0" * 32 + '",1e300]'),
        coded('["-updated_at","after","' + "0" * 32 + '",99999999999999999999]'),
        coded('["-updated_at","after","' + "0" * 32 + '",-99999999999999]'),
        coded('["-updated_at","after","' + "0" * 32 + '",9223372036854775807]'),
        coded('["-updated_at","after","' + "0" * 32 + '",-62135596800001]'),
        coded('["-updated_at","before","' + "0" * 32 + '",253402300800000]'),
        coded('["-updated_at","after","' + "0" * 32 + '",null]'),
        coded('["caption","after","' + "0" * 32 + '",null]'),
    ]  # fmt: skip


def test_a_broken_cursor_answers_the_first_page(domain: World) -> None:
    domain.many_patients(3)
    alice = domain.actor("alice")
    for sort in ("updated_at", "caption"):
        query = EntityQuery("patient", sort=sort, page_size=1)
        first = catalog.list_entities(alice, query)
        for text in tampered(str(first.next)):
            page = catalog.list_entities(alice, with_cursor(query, text))
            assert (page.items, page.previous) == (first.items, None), text


@pytest.mark.parametrize("milliseconds", [-62135596800000, 253402300799999])
def test_a_cursor_at_an_end_of_time_answers_a_page(domain: World, milliseconds: int) -> None:
    made = [domain.patient().id]
    alice = domain.actor("alice")
    for descending in (False, True):
        query = EntityQuery("patient", descending=descending)
        for direction in ("after", "before"):
            text = Cursor(query.order, direction, UUID(int=0), milliseconds).text()
            page = catalog.list_entities(alice, with_cursor(query, text))
            assert [row.id for row in page.items] == made


def test_a_cursor_of_another_order_answers_the_first_page(domain: World) -> None:
    domain.many_patients(3)
    alice = domain.actor("alice")
    cursor = catalog.list_entities(alice, EntityQuery("patient", page_size=1)).next
    other = EntityQuery("patient", page_size=1, descending=False)
    assert catalog.list_entities(alice, with_cursor(other, cursor)).previous is None


def test_a_cursor_carries_no_name(domain: World) -> None:
    for name in ("Zacharias", "Zenobia"):
        domain.patient(first_name=name)
    query = EntityQuery("patient", sort="caption", page_size=1)
    cursor = str(catalog.list_entities(domain.actor("alice"), query).next)
    assert "Z" not in base64.urlsafe_b64decode(cursor + "==").decode()


def test_a_page_behind_rows_that_were_removed_is_the_first_one(domain: World) -> None:
    domain.many_patients(2)
    alice = domain.actor("alice")
    query = EntityQuery("patient", page_size=1, sort="created_at", descending=False)
    page = catalog.list_entities(alice, query)
    last = catalog.list_entities(alice, with_cursor(query, page.next)).items[0]
    begin_writing()
    records.delete_entity(db.session.get_one(Entity, last.id), take_revision(domain.acme.id), domain.users["max"].id)
    db.session.commit()
    again = catalog.list_entities(alice, with_cursor(query, page.next))
    assert [row.id for row in again.items] == [page.items[0].id]
    assert (again.previous, again.next) == (None, None)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("alice", {"north"}),
        ("nora", {"north"}),
        ("rita", {"river"}),
        ("ann", {"north", "river"}),
        ("boris", {"far"}),
    ],
)
def test_a_list_stays_within_the_walls(domain: World, who: str, seen: set[str]) -> None:
    homes = {"north": domain.northside, "river": domain.riverside, "far": domain.foreign}
    names = {domain.patient(home).id: name for name, home in homes.items()}
    page = catalog.list_entities(domain.actor(who), EntityQuery("patient"))
    assert {names[row.id] for row in page.items} == seen
    assert catalog.count_entities(domain.actor(who), EntityQuery("patient")) == len(seen)
    assert catalog.counts_by_data_type(domain.actor(who))["patient"] == len(seen)


def test_a_filter_never_reaches_over_a_wall(domain: World) -> None:
    hidden = domain.patient(domain.riverside, first_name="Hidden")
    far = domain.patient(domain.foreign, first_name="Hidden")
    for home, entity in ((domain.riverside, hidden), (domain.foreign, far)):
        for query in (
            EntityQuery("patient", organization_ids=(home.id,)),
            EntityQuery("patient", organization_ids=(home.id, domain.northside.id)),
            EntityQuery("patient", search="hidden"),
            EntityQuery("patient", search=str(entity.id)),
            EntityQuery("patient", template_ids=(entity.template_id,)),
        ):
            assert catalog.list_entities(domain.actor("alice"), query).items == ()


def test_somebody_without_any_standing_sees_nothing(domain: World) -> None:
    domain.patient()
    nobody = Actor(uuid4(), domain.acme.id, "Nobody", ())
    wrong_role = Actor(uuid4(), domain.acme.id, "Wrong", (Standing(domain.northside.id, "gardener"),))
    scoped = Actor(uuid4(), domain.acme.id, "Token", (Standing(domain.northside.id, "clinician"),), scopes=frozenset())
    for actor in (nobody, wrong_role, scoped):
        assert catalog.list_entities(actor, EntityQuery("patient")).items == ()


def test_templates_and_organizations_filter(domain: World) -> None:
    north = domain.device()
    river = domain.device(domain.riverside)
    ann = domain.actor("ann")

    def ids(**filters: Any) -> set[UUID]:
        return {row.id for row in catalog.list_entities(ann, EntityQuery("device", **filters)).items}

    assert ids() == {north.id, river.id}
    assert ids(organization_ids=(domain.riverside.id,)) == {river.id}
    assert ids(organization_ids=(domain.riverside.id, domain.northside.id)) == {north.id, river.id}
    assert ids(template_ids=(domain.templates["device"].id,)) == {north.id, river.id}
    assert ids(template_ids=(domain.templates["patient"].id,)) == set()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("zoe", ["zoe"]),
        ("ZOE love", ["zoe"]),
        ("love zoe", ["zoe"]),
        ("z", ["zoe", "zoltan"]),
        ("zo", ["zoe", "zoltan"]),
        ("zoe byron", []),
        ("strasse", ["zoltan"]),
        ("STRAẞE", ["zoltan"]),
        ("élé", ["zoltan"]),
        ("lace", []),
        ("%", ["zoe", "zoltan"]),
        ("_o", []),
        ("zoe' OR 1=1 --", []),
        ("", ["zoe", "zoltan"]),
    ],
)
def test_every_word_must_begin_a_word_of_the_entity(domain: World, words: str, names: list[str]) -> None:
    known = {
        domain.patient(first_name="Zoe", last_name="Lovelace").id: "zoe",
        domain.patient(first_name="Zoltán", last_name="Straße", national_id="élé-1").id: "zoltan",
    }
    page = catalog.list_entities(domain.actor("alice"), EntityQuery("patient", search=words))
    assert sorted(known[row.id] for row in page.items) == names


def test_a_device_is_found_by_its_own_id_and_an_entity_by_its_uuid(domain: World) -> None:
    device = domain.device(key="GLU-7731-B")
    patient = domain.patient()
    alice = domain.actor("alice")
    for words in ("glu-7731-b", "7731", "GLU 7731"):
        assert [row.id for row in catalog.list_entities(alice, EntityQuery("device", search=words)).items] == [
            device.id
        ]
    for words in (str(patient.id), str(patient.id).upper(), f"ana {patient.id}"):
        found = catalog.list_entities(alice, EntityQuery("patient", search=words)).items
        assert [row.id for row in found] == [patient.id]


def test_the_beginning_of_an_id_is_no_word(domain: World) -> None:
    patient = domain.patient()
    for words in (str(patient.id)[:2], str(patient.id)[:8], f"nobody {patient.id}"):
        assert catalog.list_entities(domain.actor("alice"), EntityQuery("patient", search=words)).items == ()


@pytest.mark.parametrize("few", [0, 1, 3, 100])
def test_frequent_words_find_what_rare_ones_would(domain: World, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr("app.catalog.search.FEW", few)
    for number in range(4):
        domain.patient(first_name="Common", last_name="Odd" if number % 2 else "Even")
    alice = domain.actor("alice")
    query = EntityQuery("patient", search="common odd", page_size=1)
    pages, _ = walk(alice, query)
    assert [len(page) for page in pages] == [1, 1]
    assert catalog.count_entities(alice, query) == 2
    domain.patient(first_name="Unusual", last_name="Odd")
    never = EntityQuery("patient", search="unusual even")
    assert catalog.list_entities(alice, never).items == ()


def test_counting_stops_where_it_was_told(domain: World) -> None:
    domain.many_patients(5)
    assert catalog.count_entities(domain.actor("alice"), EntityQuery("patient"), at_most=3) == 4


def test_an_unknown_data_type_is_not_found(domain: World) -> None:
    with pytest.raises(NotFound):
        catalog.list_entities(domain.actor("alice"), EntityQuery("teapot"))


def plans(app: Flask, actor: Actor, query: EntityQuery) -> list[str]:
    """How SQLite finds the rows of a page: the plan of each statement over ``entity`` that the list runs."""
    asked: list[tuple[str, Any]] = []

    def listen(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        catalog.list_entities(actor, query)
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)
    found = []
    for statement, parameters in asked:
        if "FROM entity" in statement and "ORDER BY" in statement:
            rows = db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.append(" | ".join(row[3] for row in rows))
    return found


@pytest.mark.parametrize("who", ["alice", "ann"])
@pytest.mark.parametrize("sort", SORTS)
def test_a_page_of_a_long_list_is_read_from_an_index_in_its_order(
    app: Flask, domain: World, who: str, sort: Any
) -> None:
    domain.many_patients(3)
    index = {
        "caption": "caption", "created_at": "creation", "updated_at": "change"
    }[sort]  # fmt: skip
    actor = domain.actor(who)
    query = EntityQuery("patient", sort=sort, page_size=1)
    cursor = catalog.list_entities(actor, query).next
    for asked in (query, with_cursor(query, cursor)):
        (plan,) = plans(app, actor, asked)
        own = f"ix_entity_by_organization_{index}".replace("_creation", "")
        assert ("ix_entity_by_" + index if who == "ann" else own) + " (" in plan
        assert "TEMP B-TREE" not in plan
        assert "SCAN" not in plan


def test_a_rare_word_is_looked_up_before_the_list_is_read(app: Flask, domain: World) -> None:
    domain.many_patients(3)
    domain.patient(first_name="Unmistakable")
    (plan,) = plans(app, domain.actor("ann"), EntityQuery("patient", search="unmist"))
    assert "SCAN" not in plan
    assert "(id=?)" in plan


def test_what_one_may_filter_by_stays_within_the_walls(domain: World) -> None:
    assert [known.id for known in catalog.list_organizations(domain.actor("alice"))] == [domain.northside.id]
    everywhere = catalog.list_organizations(domain.actor("ann"))
    assert everywhere[0].is_root
    assert {domain.northside.id, domain.riverside.id} < {known.id for known in everywhere}
    assert domain.foreign.id not in {known.id for known in everywhere}
    templates = catalog.list_templates(domain.actor("boris"), "patient")
    assert [known.id for known in templates] == [domain.foreign_templates["patient"].id]
    assert {known.data_type for known in catalog.list_templates(domain.actor("alice"))} >= {"patient", "device"}
