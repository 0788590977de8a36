"""Releases and their exports: one row, one revision, one archive for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from sqlalchemy import event

from app import exports, terminology
from app.errors import AlreadyRunning, Duplicate, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import Export, Repository
from app.terminology import Address, ReleaseFacts, TermAddress
from tests.factories import World
from tests.terminology.making import (
    LUNG,
    STARTER,
    concept,
    content,
    exported,
    made,
    mapping,
    released,
    renamed,
)

OTHER = Address("orgs", "northside", "sources", "OTHER")


def test_an_export_is_the_content_of_its_release_key_for_key_whatever_came_later(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    for number in range(25):
        concept(alice, f"A{number}", f"Asthma “{number}” \\ % ' ü 肺")
    concept(alice, "A9.1", parents=["A9"])
    for number in range(12):
        mapping(alice, f"A{number}", "A20")
    terminology.retire_concept(alice, LUNG, "A3", "Nobody uses it")
    released(alice, "v2", work=False)
    renamed(alice, "A4", "Renamed before the export was made")
    terminology.delete_concept(alice, LUNG, "A24")
    concept(alice, "A99")
    exports.work_until_idle("test")
    export = exported(alice, "v2")
    assert float(export.pop("export_time").removesuffix("secs")) >= 2
    told = content(alice, "v2")
    assert list(export) == list(told)
    assert export == told
    assert [one["id"] for one in export["concepts"]][:3] == ["A0", "A1", "A2"]
    assert (len(export["concepts"]), len(export["mappings"])) == (26, 12)
    assert {one["id"] for one in export["concepts"]} >= {"A3", "A24"}
    found = exports.release_export(alice, LUNG, "v2")
    assert found is not None
    assert found.name.startswith("LUNG_v2.")
    assert found.expires_at is None


def test_versions_that_begin_alike_are_not_taken_for_each_other(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    released(alice, "v2.1", work=False)
    with pytest.raises(NotFound):
        terminology.get_version(alice, LUNG, "v2")
    released(alice, "v2")
    assert exported(alice, "v2")["id"] == "v2"
    assert exported(alice, "v2")["previous_version_url"] == f"{LUNG.path}v2.1/"
    exports.delete_release(alice, LUNG, "v2")
    assert exported(alice, "v2.1")["id"] == "v2.1"
    listed = terminology.list_versions(alice, LUNG)
    assert [one.id for one in listed.rows] == ["v2.1", "HEAD"]
    assert terminology.latest_version(alice, LUNG).id == "v2.1"


def test_an_empty_source_has_an_export_of_empty_arrays(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    released(alice, "1")
    export = exported(alice, "1")
    assert (export["concepts"], export["mappings"], export["source"]["type"]) == ([], [], "Source")


def test_one_export_serves_everybody_who_may_view_and_nobody_else(domain: World) -> None:
    alice, rita, boris = (domain.actor(name) for name in ("alice", "rita", "boris"))
    made(alice)
    concept(alice, "A1")
    released(alice, "1")
    assert exported(rita, "1") == exported(alice, "1")
    asked = exports.request_release_export(rita, LUNG, "1")
    assert not asked.made
    with pytest.raises(NotFound):
        exports.release_export(boris, LUNG, "1")
    with pytest.raises(Forbidden):
        exports.delete_release_export(rita, LUNG, "1")
    for end in (exports.cancel_export, exports.delete_export):
        with pytest.raises(Forbidden):
            end(alice, asked.export.id)
    terminology.update_repository(alice, LUNG, terminology.RepositoryFacts("Lung", public_access="None"))
    with pytest.raises(Forbidden):
        exports.release_export(rita, LUNG, "1")
    with pytest.raises(NotFound):
        exports.get_export(rita, asked.export.id)


def test_an_export_can_be_deleted_asked_for_again_and_made_anew(domain: World) -> None:
    nora = domain.actor("nora")
    made(nora)
    concept(nora, "A1")
    released(nora, "1", work=False)
    with pytest.raises(AlreadyRunning):
        exports.request_release_export(nora, LUNG, "1")
    with pytest.raises(AlreadyRunning):
        exports.delete_release_export(nora, LUNG, "1")
    exports.work_until_idle("test")
    before = exports.release_export(nora, LUNG, "1")
    assert before is not None
    sums = [one.sha256 for one in before.files]
    exports.delete_release_export(nora, LUNG, "1")
    assert exports.release_export(nora, LUNG, "1") is None
    with pytest.raises(NotFound):
        exports.delete_release_export(nora, LUNG, "1")
    assert exports.request_release_export(nora, LUNG, "1").made
    exports.work_until_idle("test")
    assert exports.request_release_export(nora, LUNG, "1", force=True).made
    exports.work_until_idle("test")
    again = exports.release_export(nora, LUNG, "1")
    assert again is not None
    assert [one.sha256 for one in again.files] == sums
    assert exported(nora, "1")["concepts"][0]["id"] == "A1"


def test_only_members_release_and_ids_that_mean_something_else_are_refused(domain: World) -> None:
    alice, rita = domain.actor("alice"), domain.actor("rita")
    made(alice, public_access="Edit")
    concept(rita, "A1")
    with pytest.raises(Forbidden):
        exports.release_version(rita, LUNG, ReleaseFacts("1"))
    for wrong in ("HEAD", "latest", "export", "a b", "a/b", "", "..", "x" * 41):
        with pytest.raises(Invalid):
            exports.release_version(alice, LUNG, ReleaseFacts(wrong))
    released(alice, "1")
    with pytest.raises(Duplicate):
        exports.release_version(alice, LUNG, ReleaseFacts("1"))
    with pytest.raises(Invalid):
        exports.release_export(alice, LUNG, "HEAD")
    with pytest.raises(Invalid):
        exports.delete_release(alice, LUNG, "HEAD")
    assert db.session.query(Export).count() == 1


def test_what_is_said_anew_of_a_release_is_said_by_its_export_too(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    released(alice, "1")
    exports.edit_release(alice, LUNG, "1", released=False, description="Withdrawn")
    exports.work_until_idle("test")
    export = exported(alice, "1")
    assert (export["released"], export["description"]) == (False, "Withdrawn")
    with pytest.raises(NotFound):
        terminology.latest_version(alice, LUNG)


def test_a_collection_freezes_what_it_draws_on_and_tells_what_came_and_went(either: World) -> None:
    alice = either.actor("alice")
    made(alice)
    made(alice, STARTER)
    for code in ("A1", "A2", "A3"):
        concept(alice, code)
    concept(alice, "A1.1", parents=["A1"])
    link = mapping(alice, "A1", "A2")
    added = terminology.add_references(alice, STARTER, [LUNG.of_concept("A1")], cascade=True)
    assert added == 2
    terminology.add_references(alice, STARTER, [LUNG.of_mapping(link.code)])
    released(alice, "1", at=STARTER)
    before = terminology.get_version(alice, STARTER, "1")
    renamed(alice, "A1", "Another name")
    terminology.add_references(alice, STARTER, [LUNG.of_concept("A2")])
    terminology.remove_references(alice, STARTER, [LUNG.of_concept("A1.1")])
    export = exported(alice, "1", at=STARTER)
    export.pop("export_time")
    assert export == content(alice, "1", at=STARTER)
    assert [one["id"] for one in export["concepts"]] == ["A1", "A1.1"]
    assert export["concepts"][0]["display_name"] == "The concept A1"
    assert len(export["references"]) == 3
    since = content(alice, at=STARTER, since=before.content_changed_at, deleted=True)
    assert {one["id"] for one in since["concepts"]} >= {"A1", "A2"}
    assert [one["id"] for one in since["deleted_concepts"]] == ["A1.1"]
    assert terminology.get_version(alice, STARTER).counts.concepts == 2


def test_a_diff_of_a_collection_tells_what_its_sources_changed_and_what_came_and_left(either: World) -> None:
    alice = either.actor("alice")
    made(alice), made(alice, OTHER), made(alice, STARTER)
    for code in ("A1", "A2", "A3", "A4"):
        concept(alice, code)
    concept(alice, "B1", at=OTHER)
    released(alice, "1", work=False)
    terminology.add_references(alice, STARTER, [LUNG.of_concept(code) for code in ("A1", "A2", "A3")])
    released(alice, "1", at=STARTER, work=False)
    assert terminology.diff(alice, STARTER, "1").page.total == 0
    renamed(alice, "A1", "Renamed"), renamed(alice, "A4", "Nobody draws on it yet")
    terminology.remove_references(alice, STARTER, [LUNG.of_concept("A2")])
    terminology.add_references(alice, STARTER, [OTHER.path])
    found = terminology.diff(alice, STARTER, "1")
    assert [(one.home, one.code, one.outcome) for one in found.page.rows] == [
        (LUNG, "A1", "changed"), (LUNG, "A2", "deleted"), (OTHER, "B1", "added"),
    ]  # fmt: skip
    assert found.page.rows[0].fields[0].after == "Renamed"
    assert terminology.preview_release(alice, STARTER).counts == found.counts
    # From a source's concepts now to all of an older release of it: what was renamed since is as it was again.
    released(alice, "2", at=STARTER, work=False)
    terminology.remove_references(alice, STARTER, [LUNG.of_concept("A1"), LUNG.of_concept("A3")])
    terminology.add_references(alice, STARTER, [LUNG.of_version("1")])
    told = {one.code: one.outcome for one in terminology.diff(alice, STARTER, "2").page.rows}
    assert told == {"A1": "changed", "A2": "added", "A4": "added"}
    with pytest.raises(Invalid):
        terminology.diff(alice, STARTER, "2", "1")


def test_an_answer_that_is_sent_after_its_session_ended_says_all_it_should(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    concept(alice, "A1")
    found = terminology.get_content(alice, LUNG)
    # Whoever looked at the content before (for what one person wrote, say) let go of the repository's row.
    assert len(found.concepts) == 1
    pieces = terminology.content_json(found)
    db.session.remove()
    told = orjson.loads(b"".join(pieces))
    assert (told["owner"], [one["id"] for one in told["concepts"]]) == ("northside", ["A1"])


def test_a_collection_may_draw_on_a_release_and_then_it_must_stay(domain: World) -> None:
    alice = domain.actor("alice")
    made(alice)
    made(alice, STARTER)
    concept(alice, "A1")
    released(alice, "1")
    concept(alice, "A2")
    terminology.add_references(alice, STARTER, [LUNG.of_version("1")])
    assert [one["id"] for one in content(alice, at=STARTER)["concepts"]] == ["A1"]
    for refused in (LUNG.of_concept("A2"), "/orgs/nobody/sources/X/", "nonsense", STARTER.path):
        with pytest.raises(Invalid):
            terminology.add_references(alice, STARTER, [refused])
    with pytest.raises(Invalid, match="collection"):
        exports.delete_release(alice, LUNG, "1")
    terminology.remove_references(alice, STARTER, [LUNG.of_version("1")])
    exports.delete_release(alice, LUNG, "1")
    assert content(alice, at=STARTER)["concepts"] == []


def test_a_list_asks_the_database_as_often_for_many_repositories_as_for_one(domain: World) -> None:
    alice = domain.actor("alice")
    for number in range(3):
        at = made(alice, Address("orgs", "northside", "sources", f"S{number}"))
        for version in ("2", "1"):
            released(alice, version, at=at, work=False)
    rows = terminology.list_repositories(alice).rows
    assert len(rows) == 3

    def statements(some: Sequence[Repository]) -> int:
        asked: list[Any] = []

        def listen(*given: Any) -> None:
            asked.append(given)

        event.listen(db.engine, "before_cursor_execute", listen)
        try:
            details = terminology.repository_details(some)
            newest = terminology.latest_versions(some)
        finally:
            event.remove(db.engine, "before_cursor_execute", listen)
        assert [one["versions"] for one in details] == [3] * len(some)
        assert [newest[one.id].id for one in some] == ["1"] * len(some)
        return len(asked)

    assert 0 < statements(rows[:1]) == statements(rows)


def test_addresses_are_read_exactly() -> None:
    assert Address.parse("/orgs/WHO/sources/ICD-10") == Address("orgs", "WHO", "sources", "ICD-10")
    found = TermAddress.find("/orgs/WHO/sources/ICD-10/2019/concepts/A15.1/2/")
    assert found == TermAddress(Address("orgs", "WHO", "sources", "ICD-10"), "2019", "concepts", "A15.1")
    for wrong in ("/sources/ICD-10/", "/orgs/a b/c/", "/orgs//sources/x/"):
        with pytest.raises(NotFound):
            Address.parse(wrong)
