"""Whole terminologies loaded: once, again, changed, cut off; what was exported loaded into another repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import exports, terminology
from app.actor import Actor
from app.errors import Duplicate, Invalid
from app.extensions import db
from app.models import Concept, Repository
from app.terminology import Address, ReleaseFacts, RepositoryFacts
from app.terminology.sources import ICD10, ICD10CM, OCLExport, open_terminology, release_as
from app.terminology.sources.coded import Classification, Code
from tests.factories import World
from tests.terminology.making import LUNG, concept, exported, made, mapping

COPY = Address("users", "rita", "sources", "Copy")
CODES = [
    Code("X", "The lung", "", "Chapter"),
    Code("J45", "Asthma", "X", "Diagnosis", ("Wheeze",)),
    Code("J46", "Status asthmaticus", "X", "Diagnosis"),
]


def loaded(actor: Actor, codes: list[Code], version: str | None = None, at: Address = LUNG, **more: Any) -> Any:
    release = None if version is None else ReleaseFacts(version)
    return exports.import_terminology(actor, at, Classification(RepositoryFacts("Lung"), codes), release, **more)


def test_a_second_load_changes_what_differs_retires_what_is_missing_and_is_a_second_release(either: World) -> None:
    alice = either.actor("alice")
    assert (loaded(alice, CODES, "1").added, loaded(alice, CODES, "1").is_nothing) == (3, True)
    assert terminology.get_repository(alice, LUNG).revision == 1
    changed = [CODES[0], Code("J45", "Asthma!", "X", "Diagnosis"), Code("J47", "Bronchiectasis", "J45", "Diagnosis")]
    with pytest.raises(Duplicate):
        loaded(alice, changed, "1")
    found = loaded(alice, changed, "2")
    # J45 says something else, and has a child now; X has J46 below it still.
    assert (found.added, found.changed, found.retired, found.versions) == (1, 1, 1, ["2"])
    told = {one.code: one.outcome for one in terminology.diff(alice, LUNG, "1", "2").page.rows}
    assert told == {"J45": "changed", "J46": "retired", "J47": "added"}
    assert [one.code for one in terminology.search_concepts(alice, "bronch")] == ["J47"]
    assert terminology.search_concepts(alice, "wheeze") == []
    exports.work_until_idle("test")
    assert [one["id"] for one in exported(alice, "1")["concepts"]] == ["X", "J45", "J46"]
    assert exported(alice, "1")["concepts"][1]["names"][1]["name"] == "Wheeze"
    assert loaded(alice, changed[:2], missing="delete").deleted == 2
    counts = terminology.get_version(alice, LUNG).counts
    assert (counts.concepts, counts.active_concepts) == (2, 2)
    # What was deleted comes back as what it was.
    assert loaded(alice, changed).added == 1
    assert [one.version for one in terminology.concept_history(alice, LUNG, "J47")] == [2, 1]


BROKEN = [
    [*CODES, CODES[1]],
    [*CODES, Code("J48", " ", "X", "Diagnosis")],
    [*CODES, Code("J48", "Lost", "nobody", "Diagnosis")],
    [Code("A", "a", "B", "Diagnosis"), Code("B", "b", "A", "Diagnosis")],
    [*CODES, Code("a/b", "Slash", "X", "Diagnosis")],
]


@pytest.mark.parametrize("codes", BROKEN)
def test_a_terminology_with_a_fault_leaves_nothing_behind(domain: World, codes: list[Code]) -> None:
    with pytest.raises(Invalid):
        loaded(domain.actor("alice"), codes, "1")
    assert db.session.query(Repository).count() == 0


class _CutOff(Classification):
    """Whoever reads it dies in the midst."""

    def concepts(self) -> Any:
        yield next(super().concepts())
        raise KeyboardInterrupt


def test_a_load_that_is_cut_off_leaves_nothing_behind(domain: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = domain.actor("alice")
    with pytest.raises(KeyboardInterrupt):
        exports.import_terminology(alice, LUNG, _CutOff(RepositoryFacts("Lung"), CODES))

    def dies(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.terminology.loading._write_words", dies)
    with pytest.raises(KeyboardInterrupt):
        loaded(alice, CODES, "1")
    assert (db.session.query(Repository).count(), db.session.query(Concept).count()) == (0, 0)


def test_what_was_exported_and_loaded_elsewhere_is_exported_alike(either: World, tmp_path: Path) -> None:
    alice, rita = either.actor("alice"), either.actor("rita")
    made(alice, supported_locales=("en", "de"), details={"website": "https://example.org/", "extras": {"a": 1}})
    concept(alice, "A1", extras={"note": "ü"}, external_id="x", descriptions=[{"description": "d", "locale": "de"}])
    concept(alice, "A2", parents=["A1"])
    concept(alice, "A3"), concept(alice, "A4", parents=["A1"])
    terminology.delete_concept(alice, LUNG, "A3")
    terminology.retire_concept(alice, LUNG, "A4", "Out of use")
    mapping(alice, "A1", "A2", sort_weight=2.5, extras={"b": None})
    terminology.create_mapping(
        alice, LUNG,
        terminology.MappingWish("SAME-AS", LUNG.of_concept("A2"), to_concept_code="7", to_source_name="SNOMED CT"),
    )  # fmt: skip
    exports.release_version(alice, LUNG, ReleaseFacts("1", "The first", released=False, extras={"b": 2}))
    exports.work_until_idle("test")
    first = exported(alice, "1")
    path = tmp_path / "export.json"
    path.write_bytes(orjson.dumps(first))
    found = exports.import_terminology(rita, COPY, told := open_terminology(str(path)), release_as(told, "1"))
    assert found.added == 5
    exports.work_until_idle("test")
    second = exported(rita, "1", at=COPY)
    assert _comparable(first) == _comparable(second)
    assert (second["description"], second["released"], second["extras"]) == ("The first", False, {"a": 1, "b": 2})
    own = {"id", "uuid", "short_code", "url", "versions_url", "owner", "owner_url", "owner_type", "created_by",
           "updated_by", "created_on", "updated_on", "concepts_url", "mappings_url"}  # fmt: skip
    snapshots = [{key: value for key, value in one["source"].items() if key not in own} for one in (first, second)]
    assert snapshots[0] == snapshots[1]
    assert second["concepts"][1]["parent_concept_urls"] == [COPY.of_concept("A1")]
    assert second["mappings"][0]["to_concept_url"] == COPY.of_concept("A2")
    assert exports.import_terminology(rita, COPY, OCLExport(path), ReleaseFacts("1")).is_nothing


@pytest.mark.parametrize("missing", ["retire", "keep"])
def test_what_a_load_leaves_in_the_source_keeps_its_place_in_the_hierarchy(
    domain: World, tmp_path: Path, missing: str
) -> None:
    alice, rita = domain.actor("alice"), domain.actor("rita")
    whole = [*CODES, Code("J45.0", "Allergic", "J45", "Diagnosis")]
    loaded(alice, whole)
    fewer = [CODES[0], Code("J45.0", "Allergic", "X", "Diagnosis")]
    assert loaded(alice, fewer, "1", missing=missing).retired == (2 if missing == "retire" else 0)
    assert loaded(alice, fewer, missing=missing).is_nothing
    # Parents and children name each other, so that what was exported can be loaded and is exported alike.
    assert [one.code for one in terminology.relatives_of(alice, LUNG, "X").children] == ["J45.0", "J45", "J46"]
    assert terminology.relatives_of(alice, LUNG, "J45").children == ()
    exports.work_until_idle("test")
    first, path = exported(alice, "1"), tmp_path / "export.json"
    path.write_bytes(orjson.dumps(first))
    exports.import_terminology(rita, COPY, OCLExport(path), ReleaseFacts("1"))
    exports.work_until_idle("test")
    assert _comparable(exported(rita, "1", at=COPY)) == _comparable(first)


OWN = ("url", "uri", "owner", "owner_name", "owner_type", "source", "short_code", "created_by", "updated_by",
       "from_source_name", "from_source_owner", "from_source_owner_type", "to_source_owner", "to_source_owner_type",
       "version_created_by", "version_updated_by", "export_time")  # fmt: skip


def _comparable(export: Any, *, top: bool = True) -> Any:
    """Without owner, addresses and times; of the version itself also without its row's id."""
    if isinstance(export, list):
        return [_comparable(one, top=False) for one in export]
    if not isinstance(export, dict):
        return export
    skipped = {*OWN, "uuid"} if top else {*OWN}
    if export.get("to_concept_url") is not None:
        skipped.add("to_source_name")
    return {
        key: _comparable(value, top=False)
        for key, value in export.items()
        if key not in skipped and not key.endswith(("_on", "_url", "_urls"))
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"type": "Source Version"}', b"PK\x03\x04"])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    with pytest.raises(Invalid):
        OCLExport(path)


def test_an_export_of_another_server_that_leaves_keys_out_is_loaded(domain: World, tmp_path: Path) -> None:
    names = [{"name": "Asthma", "locale": "en", "locale_preferred": True, "name_type": None}]
    row = {"id": "A1", "concept_class": "Diagnosis", "datatype": "N/A", "names": names, "retired": False,
           "version": "8d492026"}  # fmt: skip
    path = tmp_path / "export.json"
    told = {"type": "Source", "name": "Lung", "concepts": [row], "mappings": []}
    path.write_text(json.dumps(told))
    assert exports.import_terminology(domain.actor("alice"), LUNG, OCLExport(path)).added == 1


ROW: dict[str, Any] = {
    "id": "A1", "concept_class": "Diagnosis", "datatype": "N/A", "names": [{"name": "Asthma"}], "retired": "false",
}  # fmt: skip
LINK: dict[str, Any] = {
    "id": "7", "map_type": "SAME-AS", "retired": False, "from_concept_url": "/orgs/x/sources/y/concepts/A1/",
    "from_concept_code": "A1", "to_concept_code": "B1", "to_source_name": "SNOMED CT",
}  # fmt: skip


def _told_as(path: Path, rows: list[Any], links: list[Any], **more: Any) -> OCLExport:
    path.write_bytes(orjson.dumps({"type": "Source", "name": "Lung", "concepts": rows, "mappings": links} | more))
    return OCLExport(path)


def test_what_earlier_servers_wrote_otherwise_is_read_all_the_same(domain: World, tmp_path: Path) -> None:
    alice, numbered = domain.actor("alice"), {**ROW, "id": "A2", "uuid": "1"}
    told = _told_as(tmp_path / "export.json", [ROW, numbered], [LINK], supported_locales="en, fr,")
    assert exports.import_terminology(alice, LUNG, told).added == 3
    assert terminology.get_repository(alice, LUNG).supported_locales == "en,fr"
    assert terminology.get_version(alice, LUNG).counts.active_concepts == 2
    assert _told_as(tmp_path / "export.json", [], [], supported_locales="").facts.supported_locales == ("en",)


WRONG_ROWS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"names": ["Asthma"]}, {}, {}), ({"names": "Asthma"}, {}, {}), ({"descriptions": [1]}, {}, {}),
    ({"concept_class": 3}, {}, {}), ({"extras": ["a"]}, {}, {}), ({"parent_concept_urls": [1]}, {}, {}),
    ({"child_concept_urls": "A1"}, {}, {}), ({"id": ".."}, {}, {}), ({}, {"id": "a/b"}, {}),
    ({}, {"map_type": None}, {}),
    ({}, {"to_concept_code": "B\0"}, {}), ({}, {"to_concept_code": None}, {}), ({}, {"from_concept_url": None}, {}),
    ({}, {"to_concept_url": "/" + "x" * 600}, {}), ({}, {"sort_weight": "first"}, {}), ({}, {}, {"extras": ["a"]}),
    ({}, {}, {"supported_locales": [f"x-{number}" for number in range(200)]}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "link", "more"), WRONG_ROWS)
def test_an_export_that_cannot_be_kept_is_refused_whole(
    domain: World, tmp_path: Path, row: dict[str, Any], link: dict[str, Any], more: dict[str, Any]
) -> None:
    path = tmp_path / "export.json"
    with pytest.raises(Invalid):
        exports.import_terminology(
            domain.actor("alice"), LUNG, _told_as(path, [ROW | row], [LINK | link], **more), ReleaseFacts("1")
        )
    assert db.session.query(Repository).count() == 0


def test_icd_10_has_its_codes_and_one_top_for_each_chapter() -> None:
    codes = list(ICD10().codes)
    assert len(codes) == len({one.code for one in codes}) == 12_542
    assert sum(not one.parent for one in codes) == 22
    assert next(one.title for one in codes if one.code == "A15.1").startswith("Tuberculosis of lung")


def test_icd_10_cm_has_its_codes_each_time_they_are_read_also_those_of_seventh_characters() -> None:
    whole = ICD10CM()
    codes = {one.code: one for one in whole.codes}
    assert len(codes) == sum(1 for _ in whole.codes) == 98_505
    assert sum(not one.parent for one in codes.values()) == 22
    fracture = codes["S72.001A"]
    assert fracture.parent == "S72.001"
    assert fracture.title.endswith("neck of right femur, initial encounter for closed fracture")
    assert (codes["B99-B99"].parent, codes["B99"].parent) == ("1", "B99-B99")
