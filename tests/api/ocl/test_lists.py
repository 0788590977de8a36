"""Repositories, versions, content, concepts and mappings: what is listed, paged, filtered and shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask

from app import terminology
from app.terminology import Address
from tests.api.conftest import Machine
from tests.api.ocl.shelf import ALL_KINDS, EVERYTHING, Shelf, opened, shelf_of
from tests.factories import World
from tests.terminology.making import LUNG, concept, renamed

MachineOf = Callable[[str], Machine]


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [one["id"] for one in rows]


@pytest.mark.parametrize(("owner", "kind"), ALL_KINDS)
@pytest.mark.parametrize("edition", ["", "/v1"])
def test_every_owners_repositories_are_listed_and_shown(
    app: Flask, world: World, machine_of: MachineOf, owner: str, kind: str, edition: str
) -> None:
    root = shelf_of(app, world, machine_of("nora"), owner, kind)
    shelf = Shelf(app, root.machine, root.actor, root.address, f"{edition}{root.path}")
    shelf.release("v1", description="The first")
    listed = shelf.machine.get(shelf.path.removesuffix(f"{shelf.address.short_code}/"))
    assert ids(listed.json) == [shelf.address.short_code]
    assert listed.headers["num_found"] == "1"
    whole = shelf.get().json
    assert (whole["id"], whole["url"], whole["version"]) == (shelf.address.short_code, shelf.address.path, "HEAD")
    for version in ("v1", "latest"):
        told = shelf.get(f"{version}/").json
        assert (told["id"], told["released"], told["description"]) == ("v1", True, "The first")
        assert ids(shelf.get(f"{version}/concepts/").json) == ["A1", "A2", "A3"]
        assert len(shelf.get(f"{version}/mappings/?includeRetired=1").json) == 2
    assert ids(shelf.get("versions/").json) == ["v1", "HEAD"]
    assert shelf.get("references/").status_code == (200 if kind == "collections" else 404)
    assert shelf.get("v1/references/?limit=1").status_code == (200 if kind == "collections" else 404)
    assert shelf.get("v1/expansions/").status_code == (200 if kind == "collections" else 404)
    if kind == "collections":
        version = shelf.get("v1/").json
        expansion = shelf.machine.get(version["expansion_url"]).json
        assert shelf.machine.get(version["expansions_url"]).json == [expansion]
        assert (expansion["url"], expansion["active_concepts"]) == (
            version["expansion_url"], version["active_concepts"],
        )  # fmt: skip
        assert shelf.get("HEAD/expansions/HEAD/").json["mnemonic"] == "HEAD"
        assert shelf.get("v1/expansions/v2/").status_code == 404


def test_repositories_are_found_by_what_their_names_hold(shelf: Shelf) -> None:
    ask = shelf.machine.get
    assert ids(ask("/sources/").json) == ids(ask("/sources/?q=un").json) == ["LUNG"]
    assert ask("/sources/?q=zebra").json == ask("/collections/").json == []
    assert ask("/sources/?verbose=true").json[0]["versions_url"] == f"{LUNG.path}versions/"


def test_a_slash_that_is_missing_is_301_to_a_path_with_it(shelf: Shelf) -> None:
    for place in ("versions?limit=1&released=true", "v1/export", "concepts/A1"):
        answer = shelf.get(place)
        assert answer.status_code == 301
        path, _, query = place.partition("?")
        assert answer.headers["Location"] == f"{shelf.path}{path}/" + (f"?{query}" if query else "")
    assert shelf.machine.get("/orgs/northside//sources/LUNG").headers["Location"].startswith("/orgs/northside/sources")
    assert shelf.ask("POST", "versions", json={"id": "1"}).status_code == 308


def test_both_schemes_carry_the_token(shelf: Shelf) -> None:
    for scheme in ("Token", "Bearer", "token"):
        answer = shelf.get(headers={"Authorization": f"{scheme} {shelf.machine.token}"})
        assert answer.status_code == 200


def test_versions_are_listed_newest_first_in_pages(shelf: Shelf) -> None:
    for version in ("v1", "v2", "v3"):
        shelf.release(version, released=version != "v2")
    first = shelf.get("versions/?limit=1&released=TRUE")
    assert ids(first.json) == ["v3"]
    told = {name: first.headers[name] for name in ("num_found", "num_returned", "pages", "page_number")}
    assert told == {"num_found": "2", "num_returned": "1", "pages": "2", "page_number": "1"}
    assert "previous" not in first.headers
    following = urlsplit(first.headers["next"])
    assert (following.scheme, following.netloc, following.path) == ("http", "localhost", f"{shelf.path}versions/")
    second = shelf.machine.get(f"{following.path}?{following.query}")
    assert ids(second.json) == ["v1"]
    assert "page=1" in second.headers["previous"]
    assert "next" not in second.headers
    assert shelf.get("versions/?page=9").json == []
    assert ids(shelf.get("versions/?released=false").json) == ["v2", "HEAD"]
    assert ids(shelf.get("versions/?released=perhaps&processing=true").json) == ["v3", "v2", "v1", "HEAD"]
    row = first.json[0]
    assert {"created_at", "updated_at"} < set(row)
    assert "created_on" in shelf.get("versions/?verbose=true").json[0]
    assert set(shelf.get("versions/?brief=true").json[0]) == {
        "id", "version_url", "type", "short_code", "released", "name", "description",
    }  # fmt: skip
    assert shelf.get("versions/?includeSummary=true").json[0]["summary"] == {"active_concepts": 3, "active_mappings": 2}
    assert shelf.ask("HEAD", "versions/").headers["num_found"] == "4"


def test_content_comes_by_flags_limit_and_offset(shelf: Shelf) -> None:
    assert not {"concepts", "mappings", "summary"} & set(shelf.get().json)
    assert ids(shelf.get("?includeConcepts=True").json["concepts"]) == ["A1", "A2", "A3"]
    everything = shelf.get(f"?{EVERYTHING}&includeSummary=1").json
    assert ids(everything["concepts"]) == ["A1", "A2", "A3", "A4"]
    assert everything["summary"] == {"active_concepts": 3, "active_mappings": 2}
    assert everything["concepts"][0]["names"][0]["name"] == "The concept A1"
    page = shelf.get("?includeConcepts=true&includeMappings=true&limit=2&offset=1")
    assert (ids(page.json["concepts"]), len(page.json["mappings"])) == (["A2", "A3"], 1)
    assert page.headers["num_found"] == "3"
    first = shelf.get("?includeConcepts=true&limit=2")
    assert "offset=2" in first.headers["next"]
    assert (first.headers["num_returned"], first.headers["pages"]) == ("2", "2")
    # From an offset within a page, too, there is a page before, and another one only where something is left.
    second = shelf.get("?includeConcepts=true&limit=2&offset=1")
    assert ("next" in second.headers, "offset=0" in second.headers["previous"]) == (False, True)
    with shelf.app.app_context():
        whose = terminology.handle_of(shelf.actor)
    hers = shelf.get(f"?includeConcepts=true&updatedBy={whose}&limit=2&offset=1")
    assert (ids(hers.json["concepts"]), hers.headers["num_found"]) == (["A2", "A3"], "3")
    assert shelf.get(f"?{EVERYTHING}&updatedBy=nobody").json["mappings"] == []
    for all_of_it in ("limit=0", "limit=1000000"):
        assert len(shelf.get(f"?includeConcepts=true&{all_of_it}").json["concepts"]) == 3


def test_what_changed_and_what_left_since_then_is_told_at_once(app: Flask, shelf: Shelf) -> None:
    shelf.released("v1")
    since = shelf.get("v1/export/").headers["lastUpdated"]
    # Every answer says from when on to ask the next time, and has its keys in the contract's order.
    assert {shelf.get(place).headers["lastUpdated"] for place in ("", "v1/", "?includeConcepts=1")} == {since}
    plain, whole = (shelf.get(place).text for place in ("v1/", "v1/?includeConcepts=1"))
    assert whole.startswith(plain[:-1])
    nothing = f"includeConcepts=true&includeMappings=true&updatedSince={since}0&includeRetired=true"
    with app.app_context():
        head = terminology.get_version(shelf.actor, shelf.address)
        later = head.content_changed_at + timedelta(milliseconds=1)
        told = shelf.get(f"?{nothing.replace(since + '0', later.strftime('%Y-%m-%dT%H:%M:%S.%fZ'))}").json
        assert (told["concepts"], told["mappings"]) == ([], [])
        assert "deleted_concepts" not in told
        renamed(shelf.actor, "A2", "Renamed")
        terminology.delete_concept(shelf.actor, LUNG, "A4")
    asked = f"includeConcepts=true&includeRetired=true&includeDeleted=true&updatedSince={later:%Y-%m-%dT%H:%M:%S.%fZ}"
    told = shelf.get(f"?{asked}").json
    assert ids(told["concepts"]) == ["A2"]
    assert (ids(told["deleted_concepts"]), told["deleted_mappings"]) == (["A4"], [])
    assert ids(shelf.get(f"concepts/?{asked}").json) == ["A2"]
    # A repository of which nothing changed lately is there all the same.
    assert shelf.get("?updatedSince=2099-01-01").status_code == 200


@pytest.mark.parametrize(
    "text",
    ["2020-01-01", "2020-01-01T00:00:00Z", "20200101T000000Z", "2020-01-01 00:00:00", "2020-01-01T02:00:00+02:00",
     "Wed, 01 Jan 2020 00:00:00 GMT", ""],
)  # fmt: skip
def test_updated_since_is_read_in_many_forms(shelf: Shelf, text: str) -> None:
    answer = shelf.machine.get(shelf.path, query_string={"includeConcepts": "true", "updatedSince": text})
    assert len(answer.json["concepts"]) == 3
    assert shelf.get(f"?includeConcepts=true&updatedSince={text}").status_code == 200


def test_any_json_comes_zipped_for_whoever_asks_so(shelf: Shelf) -> None:
    for place in ("", "versions/", f"?{EVERYTHING}", "concepts/A1/"):
        plain, zipped = shelf.get(place), shelf.get(place, headers={"Compress": "true"})
        assert zipped.headers["Content-Type"] == "application/zip"
        assert opened(zipped.get_data()) == plain.json
    assert shelf.get("nowhere/", headers={"Compress": "true"}).headers["Content-Type"] == "application/json"


def test_concepts_and_mappings_are_shown_with_what_their_urls_promise(app: Flask, shelf: Shelf) -> None:
    shelf.released("v1")
    with app.app_context():
        renamed(shelf.actor, "A1", "Renamed")
        concept(shelf.actor, "A1.1", parents=["A1"])
    now = shelf.get("concepts/A1/").json
    assert (now["display_name"], now["version"]) == ("Renamed", shelf.get("concepts/A1/versions/").json[0]["version"])
    assert shelf.get("v1/concepts/A1/").json["display_name"] == "The concept A1"
    assert shelf.get("v1/concepts/A1.1/").status_code == 404
    for name in ("url", "version_url", "previous_version_url", "mappings_url", "extras_url", "source_url"):
        assert shelf.machine.get(now[name]).status_code == 200, name
    assert shelf.machine.get(now["previous_version_url"]).json["version"] == str(int(now["version"]) - 1)
    [link] = shelf.get("concepts/A1/mappings/").json
    assert link["to_concept_code"] == "A2"
    assert len(shelf.get("concepts/A2/mappings/?includeInverseMappings=true").json) == 2
    assert ids(shelf.get("concepts/A1/?includeMappings=true").json["mappings"]) == [link["id"]]
    for place in (
        link["url"],
        link["version_url"],
        f"{link['url']}versions/",
        f"{shelf.path}v1/mappings/{link['id']}/",
    ):
        assert shelf.machine.get(place).status_code == 200, place
    for missing in ("concepts/A1/99/", "mappings/99/", "mappings/1/99/", "concepts/Z/mappings/"):
        assert shelf.get(missing).status_code == 404, missing


def test_a_repository_that_is_open_to_the_world_may_be_read_without_a_token(app: Flask, shelf: Shelf) -> None:
    shelf.released("v1")
    nobody = app.test_client()
    readable = ("", "versions/", "v1/", f"?{EVERYTHING}", "concepts/", "concepts/A1/", "v1/mappings/", "latest/")
    assert {nobody.get(f"{shelf.path}{place}").status_code for place in readable} == {401}
    owners = ("/orgs/northside/", "/orgs/riverside/", "/orgs/nobody/", "/users/nora/", "/users/nobody/")
    # Nobody learns by asking who there is.
    refused = {(nobody.get(f"{owner}sources/").status_code, nobody.get(f"{owner}sources/").text) for owner in owners}
    assert [status for status, _ in refused] == [401]
    with app.app_context():
        open_to_the_world(shelf.address)
    assert [nobody.get(f"{owner}sources/").status_code for owner in owners] == [200, 401, 401, 401, 401]
    assert {nobody.get(f"{shelf.path}{place}").status_code for place in readable} == {200}
    assert ids(nobody.get("/orgs/northside/sources/").json) == ["LUNG"]
    assert nobody.get(f"{shelf.path}v1/export/").status_code == 401
    assert nobody.get("/user/sources/").status_code == 401
    assert nobody.get(shelf.path, headers={"Authorization": "Token nonsense"}).json == {"detail": "Invalid token."}


def open_to_the_world(address: Address) -> None:
    terminology.open_to_world(address, True)
