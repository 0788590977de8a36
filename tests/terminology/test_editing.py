"""Repositories, concepts and mappings: made, changed, retired, removed, refused; their history and their relatives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from app import terminology
from app.errors import Duplicate, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import begin_writing, take_repository_revision
from app.terminology import Address, ChangedMeanwhile, ConceptWish, MappingWish, RepositoryFacts
from tests.factories import World
from tests.locks import wait_until_somebody_waits
from tests.terminology.making import LUNG, STARTER, concept, content, made, mapping, released, renamed

OF_ALICE = Address("users", "alice", "sources", "Mine")
NAMES = [{"name": "Asthma"}]


def test_a_concepts_versions_are_all_kept_and_each_says_who_when_and_why(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    first = concept(alice, "A1", "Asthma", descriptions=[{"description": "Of the lung", "locale": "de"}])
    second = terminology.edit_concept(
        alice, LUNG, "A1", ConceptWish("A1", [{"name": "Asma", "locale": "es"}], extras={"a": [1]}), "Translated"
    )
    terminology.retire_concept(alice, LUNG, "A1", "Twice there")
    terminology.delete_concept(alice, LUNG, "A1")
    with pytest.raises(NotFound):
        terminology.get_concept(alice, LUNG, "A1")
    again = concept(alice, "A1", "Asthma again")
    history = terminology.concept_history(alice, LUNG, "A1")
    assert [one.version for one in history] == [4, 3, 2, 1]
    assert [one.deleted for one in history] == [False, True, False, False]
    assert again.id == first.id
    assert second.json["update_comment"] == "Translated"
    assert history[1].json["retire_reason"] == "Twice there"
    assert history[1].json["retired"] is True
    assert second.json["previous_version_url"] == f"{LUNG.of_concept('A1')}1/"
    assert second.json["created_on"] == first.json["created_on"] < second.json["updated_on"]
    assert (first.json["display_name"], second.json["display_locale"]) == ("Asthma", "es")


def test_a_change_of_another_version_than_the_one_that_was_seen_is_refused(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    seen = concept(alice, "A1").version
    renamed(alice, "A1", "Somebody else's")
    wish = ConceptWish("A1", [{"name": "Mine"}])
    with pytest.raises(ChangedMeanwhile):
        terminology.edit_concept(alice, LUNG, "A1", wish, seen=seen)
    assert terminology.get_concept(alice, LUNG, "A1").json["display_name"] == "Somebody else's"
    assert terminology.edit_concept(alice, LUNG, "A1", wish, seen=seen + 1).version == seen + 2


def test_what_says_the_same_already_makes_no_new_version(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    term = concept(alice, "A1")
    again = terminology.edit_concept(alice, LUNG, "A1", terminology.wish_of(term))
    assert again == term
    assert terminology.get_repository(alice, LUNG).revision == 1


def test_parents_and_children_name_each_other_and_circles_are_refused(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    concept(alice, "A")
    concept(alice, "B", parents=["A"])
    concept(alice, "C", parents=["B"])
    family = terminology.relatives_of(alice, LUNG, "C")
    assert [one.code for one in family.ancestors] == ["A", "B"]
    assert [one.code for one in terminology.relatives_of(alice, LUNG, "A").children] == ["B"]
    assert [one.code for one in terminology.top_of(terminology.get_repository(alice, LUNG))] == ["A"]
    for above in (["C"], ["A"], ["nobody"]):
        with pytest.raises(Invalid):
            terminology.edit_concept(alice, LUNG, "A", ConceptWish("A", NAMES, parents=above))
    with pytest.raises(Invalid, match="below"):
        terminology.delete_concept(alice, LUNG, "B")
    terminology.edit_concept(alice, LUNG, "C", ConceptWish("C", NAMES, parents=["A"]))
    assert [one.code for one in terminology.relatives_of(alice, LUNG, "A").children] == ["B", "C"]
    assert terminology.relatives_of(alice, LUNG, "B").children == ()
    terminology.delete_concept(alice, LUNG, "B")
    assert [one.code for one in terminology.relatives_of(alice, LUNG, "A").children] == ["C"]


def test_mappings_are_found_from_both_ends_and_may_leave_the_house_but_not_lead_nowhere(domain: World) -> None:
    alice, rita = domain.actor("alice"), domain.actor("rita")
    made(alice)
    made(alice, OF_ALICE, public_access="None")
    concept(alice, "A1"), concept(alice, "L1", at=OF_ALICE)
    inside = terminology.create_mapping(
        alice, OF_ALICE, MappingWish("SAME-AS", OF_ALICE.of_concept("L1"), LUNG.of_concept("A1"))
    )
    outside = terminology.create_mapping(
        alice, LUNG,
        MappingWish("NARROWER", LUNG.of_concept("A1"), to_concept_code="195967001", to_source_name="SNOMED CT"),
    )  # fmt: skip
    assert outside.json["to_concept_url"] is None
    assert inside.json["to_source_name"] == "LUNG"
    both = terminology.mappings_of(alice, LUNG, "A1")
    assert ([one.code for one in both.leading_from], [one.code for one in both.leading_to]) == (
        [outside.code], [inside.code],
    )  # fmt: skip
    assert terminology.mappings_of(rita, LUNG, "A1").leading_to == ()
    nowhere: list[dict[str, Any]] = [
        {},
        {"to_concept_url": LUNG.of_concept("unknown")},
        {"to_concept_code": "1"},
        {"to_concept_url": LUNG.path},
    ]
    for wrong in nowhere:
        with pytest.raises(Invalid):
            terminology.create_mapping(alice, LUNG, MappingWish("SAME-AS", LUNG.of_concept("A1"), **wrong))
    with pytest.raises(Invalid, match="Mappings"):
        terminology.delete_concept(alice, LUNG, "A1")
    terminology.retire_mapping(alice, LUNG, outside.code)
    wish = terminology.wish_of_mapping(outside)
    edited = terminology.edit_mapping(alice, LUNG, outside.code, MappingWish(**{**_plain(wish), "map_type": "BROADER"}))
    assert (edited.retired, edited.json["map_type"]) == (True, "BROADER")
    terminology.restore_mapping(alice, LUNG, outside.code)
    terminology.delete_mapping(alice, LUNG, outside.code)
    assert [one.version for one in terminology.mapping_history(alice, LUNG, outside.code)] == [4, 3, 2, 1]


def _plain(wish: MappingWish) -> dict[str, Any]:
    return {name: getattr(wish, name) for name in MappingWish.__dataclass_fields__}


def test_who_may_look_who_may_edit_and_who_may_not_even_know(domain: World) -> None:
    alice, rita, ann, boris = (domain.actor(name) for name in ("alice", "rita", "ann", "boris"))
    made(alice)
    concept(alice, "A1")
    assert terminology.get_concept(rita, LUNG, "A1").code == "A1"
    for stranger in (rita, ann):
        with pytest.raises(Forbidden):
            renamed(stranger, "A1", "Mine now")
        with pytest.raises(Forbidden):
            terminology.create_repository(stranger, Address("orgs", "northside", "sources", "X"), RepositoryFacts("X"))
    refusals = []
    for address in (LUNG, Address("orgs", "northside", "sources", "unknown"), Address("orgs", "no", "sources", "X")):
        with pytest.raises(NotFound) as refused:
            terminology.get_repository(boris, address)
        refusals.append(refused.value.message)
    assert len(set(refusals)) == 1
    with pytest.raises(NotFound):
        terminology.get_repository(None, LUNG)
    terminology.open_to_world(LUNG, True)
    assert terminology.get_repository(None, LUNG).short_code == "LUNG"
    assert terminology.list_repositories(None, owner_kind="orgs", owner="northside").total == 1
    terminology.open_to_world(LUNG, False)
    with pytest.raises(NotFound):
        terminology.get_repository(None, LUNG)
    with pytest.raises(NotFound):
        terminology.open_to_world(OF_ALICE, True)
    made(alice, OF_ALICE, public_access="None")
    with pytest.raises(Forbidden):
        terminology.get_repository(rita, OF_ALICE)
    assert [one.short_code for one in terminology.list_repositories(rita).rows] == ["LUNG"]
    assert [one.short_code for one in terminology.list_repositories(alice, search="mi").rows] == ["Mine"]
    with pytest.raises(Duplicate):
        made(alice)


WRONG: list[dict[str, Any]] = [
    {"code": "a b"}, {"code": "a/b"}, {"code": ""}, {"names": []}, {"names": [{"name": " "}]},
    {"names": [{"name": "a\0b"}]}, {"names": [{"name": "\ud800"}]}, {"concept_class": ""}, {"datatype": "x" * 101},
    {"names": [{"name": "a", "locale": 3}]}, {"extras": {"x": "y" * 2_000_000}}, {"parents": ["nobody"]},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_concept_that_cannot_be_kept_is_refused_and_nothing_changes(domain: World, wrong: dict[str, Any]) -> None:
    alice = domain.actor("alice")
    made(alice)
    with pytest.raises(Invalid):
        terminology.create_concept(alice, LUNG, ConceptWish(**({"code": "A1", "names": NAMES} | wrong)))
    assert terminology.get_repository(alice, LUNG).revision == 0


def test_what_cannot_be_a_name_is_not_even_looked_for(postgresql_app: tuple[Flask, World]) -> None:
    (app, world), code = postgresql_app, "a\0b"
    with app.app_context():
        alice = world.actor("alice")
        made(alice), made(alice, STARTER)
        asked: list[Callable[[], object]] = [
            lambda: terminology.list_repositories(alice, owner_kind="orgs", owner=code),
            lambda: terminology.get_repository(alice, Address("orgs", code, "sources", "LUNG")),
            lambda: terminology.get_repository(alice, Address("orgs", "northside", "sources", code)),
            lambda: terminology.get_version(alice, LUNG, code),
            lambda: terminology.get_concept(alice, LUNG, code),
            lambda: terminology.concept_history(alice, LUNG, code),
            lambda: terminology.retire_concept(alice, LUNG, code),
            lambda: concept(alice, "A1", parents=[code]),
            lambda: terminology.add_references(alice, STARTER, [LUNG.of_concept(code)]),
            lambda: terminology.add_references(alice, STARTER, [LUNG.of_concept(code)], cascade=True),
        ]
        for ask in asked:
            with pytest.raises((NotFound, Invalid)):
                ask()
        source = terminology.get_repository(alice, LUNG).id
        assert terminology.read_codes(alice, [source], [code]).concepts == {}


def test_two_who_change_a_repository_at_once_do_not_undo_or_repeat_each_other(
    postgresql_app: tuple[Flask, World],
) -> None:
    (app, world), came = postgresql_app, []
    with app.app_context():
        alice = world.actor("alice")
        made(alice), made(alice, STARTER), concept(alice, "A1")
        seen = terminology.get_repository(alice, STARTER).details_changed_at

    def describe() -> str:
        return terminology.update_repository(alice, STARTER, RepositoryFacts("Told anew"), seen=seen).name

    def refer() -> str:
        return str(terminology.add_references(alice, STARTER, [LUNG.of_concept("A1")]))

    def outcome(deed: Callable[[], str]) -> str:
        with app.app_context():
            try:
                return deed()
            except ChangedMeanwhile:
                return "Changed meanwhile"

    for deed in (describe, refer):
        with app.app_context(), ThreadPoolExecutor(2) as pool:
            begin_writing()
            take_repository_revision(terminology.get_repository(alice, STARTER).id)
            both = [pool.submit(outcome, deed) for _ in range(2)]
            wait_until_somebody_waits(2)
            db.session.rollback()
            came.append(sorted(one.result(timeout=30) for one in both))
    assert came == [["Changed meanwhile", "Told anew"], ["0", "1"]]


def test_content_is_filtered_and_paged_and_counted(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    for number in range(12):
        concept(alice, f"A{number:02}")
    for number in range(4):
        mapping(alice, f"A{number:02}", "A11")
    terminology.retire_concept(alice, LUNG, "A05")
    at = terminology.get_version(alice, LUNG).content_changed_at
    renamed(alice, "A07", "Changed")
    page = content(alice, retired=False, limit=4, offset=3)
    assert [one["id"] for one in page["concepts"]] == ["A03", "A04", "A06", "A07"]
    assert len(page["mappings"]) == 1
    held = terminology.get_content(alice, LUNG, wish=terminology.Wish(concepts=True, mappings=True, retired=True))
    assert (held.concept_count, held.mapping_count) == (12, 4)
    since = terminology.get_content(alice, LUNG, wish=terminology.Wish(concepts=True, retired=True, since=at))
    assert since.concept_count == 2
    assert [one["id"] for one in content(alice, since=at)["concepts"]] == ["A05", "A07"]
    assert content(alice, limit=5, offset=500)["concepts"] == []
    assert [one["id"] for one in content(alice, since=at, limit=1, offset=1)["concepts"]] == ["A07"]


def test_a_diff_tells_what_was_added_changed_retired_restored_and_deleted(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    for code in ("A1", "A2", "A3", "A4", "A5", "A6"):
        concept(alice, code)
    terminology.retire_concept(alice, LUNG, "A4")
    released(alice, "1", work=False)
    renamed(alice, "A1", "First name"), renamed(alice, "A1", "Second name")
    terminology.retire_concept(alice, LUNG, "A2")
    terminology.delete_concept(alice, LUNG, "A3")
    terminology.restore_concept(alice, LUNG, "A4")
    terminology.delete_concept(alice, LUNG, "A5")
    concept(alice, "A5", "The concept A5, again")
    concept(alice, "B1"), concept(alice, "B2")
    terminology.delete_concept(alice, LUNG, "B2")
    mapping(alice, "A1", "B1")
    released(alice, "2", work=False)
    renamed(alice, "A6", "Later")
    found = terminology.diff(alice, LUNG, "1", "2")
    told = {(one.table, one.code): one.outcome for one in found.page.rows}
    link = next(one.code for one in found.page.rows if one.table == "mapping")
    assert told == {
        ("concept", "A1"): "changed", ("concept", "A2"): "retired", ("concept", "A3"): "deleted",
        ("concept", "A4"): "restored", ("concept", "A5"): "changed", ("concept", "B1"): "added",
        ("mapping", link): "added",
    }  # fmt: skip
    changes = {change.name: change for change in found.page.rows[0].fields}
    assert changes["display_name"].before == "The concept A1"
    assert changes["display_name"].after == "Second name"
    assert "version_url" not in changes
    assert [one.code for one in terminology.diff(alice, LUNG, "1", "2", what="deleted").page.rows] == ["A3"]
    assert terminology.preview_release(alice, LUNG).counts == {("concept", "changed"): 1}
    assert terminology.diff(alice, LUNG, "2", "2").page.total == 0
    with pytest.raises(Invalid):
        terminology.diff(alice, LUNG, "2", "1")


def test_a_search_finds_beginnings_of_words_and_codes_of_what_one_may_view(either: World) -> None:
    alice, rita = either.actor("alice"), either.actor("rita")
    made(alice)
    made(alice, OF_ALICE, public_access="None")
    concept(alice, "A15.1", "Tuberculosis of lung, confirmed by culture only")
    concept(alice, "A15.10", "Another one")
    concept(alice, "B1", "Tuberculose pulmonaire à bacilles")
    concept(alice, "L1", "Tubercle", at=OF_ALICE)
    terminology.retire_concept(alice, LUNG, "B1")

    def found(actor: Any, text: str, address: Address | None = None) -> list[str]:
        return [one.code for one in terminology.search_concepts(actor, text, address)]

    assert found(alice, "tuberc") == ["A15.1", "L1", "B1"]
    assert found(rita, "TUBERC") == ["A15.1", "B1"]
    assert found(alice, "a15.1") == ["A15.1", "A15.10"]
    assert found(alice, "lung tuberc", LUNG) == ["A15.1"]
    assert found(alice, "À") == ["B1"]
    for nothing in ("", "  ", "zzz", "%", "lung zzz"):
        assert found(alice, nothing) == []
    renamed(alice, "A15.1", "Renamed")
    assert found(rita, "tuberc") == ["B1"]


def test_a_collection_holds_nothing_of_its_own(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice, STARTER)
    with pytest.raises(Invalid):
        concept(alice, "A1", at=STARTER)
    with pytest.raises(Invalid):
        terminology.create_mapping(alice, STARTER, MappingWish("SAME-AS", LUNG.of_concept("A1"), to_concept_url="/x/"))
    made(alice)
    with pytest.raises(Invalid):
        terminology.add_references(alice, LUNG, [LUNG.path])
