"""Terminology's pages: browse, search, compare, release, take, edit, retire; every refusal in words."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from app import exports, terminology
from app.exports.settling import fail_export
from app.extensions import db
from app.models import begin_writing
from app.terminology import Address, MappingWish
from tests.conftest import csrf_token
from tests.factories import World
from tests.terminology import making
from tests.terminology.making import LUNG, STARTER

SignedIn = Callable[[str], FlaskClient]
HERE = f"/terminology{LUNG.path}"


@dataclass
class Library:
    """Alice's browser, and a source of Northside's: A15 above A15.1, released as 1.0 and then changed."""

    app: Flask
    world: World
    signed_in: SignedIn
    browser: FlaskClient

    def get(self, path: str = "", who: FlaskClient | None = None, **more: object) -> TestResponse:
        return (who or self.browser).get(path if path.startswith("/") else HERE + path, **more)

    def post(self, path: str, who: FlaskClient | None = None, **fields: object) -> TestResponse:
        browser = who or self.browser
        data = {"csrf_token": csrf_token(browser, "/entities/")} | fields
        return browser.post(path if path.startswith("/") else HERE + path, data=data)

    def work(self) -> None:
        with self.app.app_context():
            exports.work_until_idle("pages")
            db.session.remove()


@pytest.fixture
def library(app: Flask, world: World, signed_in: SignedIn) -> Library:
    with app.app_context():
        alice = world.actor("alice")
        making.made(alice, name="Lung terms", supported_locales=("en", "fr"))
        making.concept(alice, "A15", "Respiratory tuberculosis")
        making.concept(alice, "A15.1", "Tuberculosis of lung", parents=["A15"])
        making.concept(alice, "B20", "Asthma <severe>")
        making.released(alice, "1.0")
        making.concept(alice, "C1", "Sarcoidosis")
        making.renamed(alice, "A15.1", "Tuberculosis of lung, by culture")
        terminology.retire_concept(alice, LUNG, "B20", "Use J45")
        making.mapping(alice, "A15.1", "C1")
        db.session.remove()
    return Library(app, world, signed_in, signed_in("alice"))


def words_of(answer: TestResponse) -> str:
    main = answer.text.partition("<main")[2] or f">{answer.text}"
    text = html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2]))
    return re.sub(r"\s+([,:.])", r"\1", " ".join(text.split()))


def test_repositories_are_browsed_from_the_navigation_and_searched_all_at_once(library: Library) -> None:
    page = library.get("/terminology/")
    assert '<a class="nav-link active" href="/terminology/" aria-current="page">Terminology' in page.text
    assert "Lung terms Source Northside Clinic 4 concepts (1 retired), 1 mapping" in words_of(page)
    found = library.get("/terminology/?q=tuberc")
    assert f'href="{HERE}concepts/A15.1"' in found.text
    assert "2 are found by “tuberc”." in words_of(found)
    part = library.get("/terminology/found?q=a15.1")
    assert "<html" not in part.text
    assert 'hx-swap-oob="innerHTML:#found-said">1 is found by' in part.text
    assert "Nothing is found by “zzz”" in words_of(library.get("/terminology/found?q=zzz"))
    assert "Lung terms" in words_of(library.get("/terminology/?owner=orgs/northside&kind=sources"))
    assert "There are no repositories yet" in words_of(library.get("/terminology/?kind=collections"))


def test_a_repository_s_page_shows_what_it_holds_and_takes_its_releases(library: Library) -> None:
    page = library.get()
    said = words_of(page)
    assert "Holds now 4 concepts (1 retired), 1 mapping" in said
    assert "1.0" in said
    assert "Ready Download 1.0" in said
    assert f'href="{HERE}concepts/A15"' in page.text
    assert f'href="{HERE}concepts/A15.1"' not in page.text, "A15.1 stands below A15"
    assert "Asthma &lt;severe&gt;" in page.text
    inside = library.get("?q=sarc")
    assert f'href="{HERE}concepts/C1"' in inside.text
    archive = re.search(r'href="(/exports/[^"]+/archive)"', page.text)
    assert archive
    with library.get(archive[1]) as taken:
        assert taken.content_type == "application/zip"
        assert "LUNG_1.0." in taken.headers["Content-Disposition"]


def test_a_repository_s_page_asks_once_for_the_repository_and_once_for_all_exports(library: Library) -> None:
    def asked() -> list[str]:
        statements: list[str] = []

        def listen(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            statements.append(" ".join(statement.split()))

        with library.app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", listen)
        try:
            assert library.get().status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        return statements

    with_one = asked()
    with library.app.app_context():
        for version in ("1.1", "1.2"):
            making.released(library.world.actor("alice"), version)
        db.session.remove()
    assert len(with_one) == len(asked())
    assert len([one for one in with_one if " FROM repository " in one and "repository.short_code = " in one]) == 1
    assert len([one for one in with_one if " FROM export " in one and "export.id IN" in one]) == 1


def test_a_release_is_previewed_made_and_its_export_polled_until_it_can_be_taken(library: Library) -> None:
    form = library.get("release")
    counts = "since 1.0 Change Concepts Mappings Added 1 1 Changed 1 0 Retired 1 0"
    assert counts in words_of(form)
    for wrong, why in (("1.0", "There is a release 1.0 already"), ("", "Use 1 to 40"), ("HEAD", "something else")):
        refused = library.post("release", version=wrong, description="kept words")
        assert refused.status_code == 422
        assert why in words_of(refused)
        assert "kept words" in refused.text
    made = library.post("release", version="2.0", description="With sarcoidosis")
    assert made.location == f"{HERE}releases/2.0"
    page = library.get(made.location)
    assert "LUNG 2.0" not in words_of(page)
    assert "Lung terms 2.0 is released. Its export is being made." in words_of(page)
    poll = re.search(r'hx-get="([^"]+)"', page.text)
    assert poll
    library.work()
    done = library.get(html.unescape(poll[1]))
    assert "hx-get" not in done.text
    assert "Download LUNG_2.0." in words_of(done)
    assert 'hx-swap-oob="innerHTML:#export-said">The export of 2.0 is ready to be downloaded.' in done.text
    assert 'id="pending-exports" hx-swap-oob="true" hidden>0<' in done.text
    assert "Nothing changed since 2.0" in words_of(library.get("release"))
    assert counts in words_of(library.get(made.location))


def test_lists_of_exports_lead_to_the_release_that_an_export_belongs_to(library: Library) -> None:
    library.post("release", version="2.0")
    for path in ("/", "/exports/", "/exports/?whose=all"):
        page = library.get(path, library.signed_in("max") if "all" in path else None)
        assert "Release LUNG_2.0, export.json" in words_of(page), path
    link = re.search(r'href="(/exports/[0-9a-f-]{36})"', library.get("/exports/").text)
    assert link
    assert library.get(link[1]).location == f"{HERE}releases/2.0"
    assert library.get(f"/exports/new?again={link[1].rpartition('/')[2]}").location == link[1]


def test_an_export_that_failed_says_why_and_is_made_again(library: Library) -> None:
    library.post("release", version="2.0")
    with library.app.app_context():
        export = exports.release_export(library.world.actor("alice"), LUNG, "2.0")
        assert export
        begin_writing()
        fail_export(export.id, "Its worker stopped answering 8 times.")
        db.session.commit()
    page = library.get("releases/2.0")
    assert "It could not be made. Its worker stopped answering 8 times." in words_of(page)
    assert "Failed See why" in words_of(library.get())
    viewer = library.signed_in("ann")
    assert library.post("releases/2.0/export", viewer).location == f"{HERE}releases/2.0"
    assert "The export is being made already." in words_of(library.get(library.post("releases/2.0/export").location))
    library.work()
    assert "Download LUNG_2.0." in words_of(library.get("releases/2.0"))
    assert "The export is there already." in words_of(library.get(library.post("releases/2.0/export").location))


def test_what_changed_is_told_field_by_field_and_turned_round_when_asked_the_wrong_way(library: Library) -> None:
    page = library.get("changes?older=1.0&newer=HEAD")
    said = words_of(page)
    assert "Added C1 Sarcoidosis" in said
    assert "Shown as: before: Tuberculosis of lung → after: Tuberculosis of lung, by culture" in said
    assert "Retired B20 Asthma <severe> Reason: after: Use J45" in said
    assert "Added Mapping 7: A15.1 → C1" in said or re.search(r"Added Mapping \d+: A15\.1 → C1", said)
    only = words_of(library.get("changes?older=1.0&newer=HEAD&what=retired"))
    assert "Retired B20" in only
    assert "Added C1" not in only
    assert "Nothing was deleted between these two." in words_of(library.get("changes?older=1.0&what=deleted"))
    turned = library.get("changes?older=HEAD&newer=1.0")
    assert turned.status_code == 303
    assert "older=1.0&newer=HEAD" in turned.location
    assert "Nothing changed" in words_of(library.get("changes?older=1.0&newer=1.0"))
    assert library.get("changes?older=0.9").status_code == 404
    with library.app.app_context():
        terminology.create_repository(
            library.world.actor("alice"), Address("users", library.world.users["alice"].handle, "sources", "Mine"),
            terminology.RepositoryFacts("Mine"),
        )  # fmt: skip
    empty = f"/terminology/users/{library.world.users['alice'].handle}/sources/Mine/"
    assert "There is nothing to compare yet" in words_of(library.get(f"{empty}changes"))
    assert "Nothing is released yet" in words_of(library.get(empty))
    assert "There are no concepts yet" in words_of(library.get(empty))


def test_a_concept_s_page_shows_names_relatives_mappings_and_what_became_of_it(library: Library) -> None:
    said = words_of(library.get("concepts/A15.1"))
    assert "Names 1 name English Tuberculosis of lung, by culture" in said
    assert "Stands below A15 Respiratory tuberculosis" in said
    assert "From it SAME-AS C1 Sarcoidosis in LUNG" in said
    assert "To it SAME-AS A15.1" in words_of(library.get("concepts/C1"))
    assert "Stands above 1 concept A15.1" in words_of(library.get("concepts/A15"))
    assert "changed it" in said
    then = words_of(library.get("concepts/A15.1?release=1.0"))
    assert "This is A15.1 as the release 1.0 has it." in then
    assert "English Tuberculosis of lung full name" in then
    assert "Retired: Use J45" in words_of(library.get("concepts/B20"))
    assert library.get("concepts/C1?release=1.0").status_code == 404
    assert library.get("concepts/nothing").status_code == 404
    with library.app.app_context():
        making.concept(library.world.actor("alice"), "D1", "Short-lived")
        terminology.delete_concept(library.world.actor("alice"), LUNG, "D1")
    assert library.get("concepts/D1").status_code == 404
    gone = words_of(library.get("concepts/D1/history"))
    assert "Short-lived was deleted" in gone
    assert "added it" in gone


def test_a_concept_is_added_edited_retired_and_taken_back(library: Library) -> None:
    row = {"names": "1", "name-0": "Pleurisy", "name-0-locale": "en", "name-0-preferred": "1", "descriptions": "0"}
    made = library.post("new-concept", code="E1", concept_class="Diagnosis", parents="A15, C1", **row)
    assert made.location == f"{HERE}concepts/E1"
    assert "There is a concept E1 already." in words_of(library.post("new-concept", code="E1", **row))
    assert "There is no concept Z9" in words_of(library.post("new-concept", code="E2", parents="Z9", **row))
    form = library.get("concepts/E1/edit")
    names = form.text.count('class="word-row"')
    more = library.post("concepts/E1/edit", more="name", seen="1", **row)
    assert more.status_code == 200
    assert more.text.count('class="word-row"') == names - 1, "a row beside the one that was sent, no description"
    uuid = re.search(r'name="name-0-uuid" value="(\d+)"', form.text)
    assert uuid
    two = row | {"names": "2", "name-0-uuid": uuid[1], "name-1": "Pleurésie", "name-1-locale": "fr"}
    saved = library.post("concepts/E1/edit", seen="1", parents="A15", comment="In French too", **two)
    assert saved.status_code == 303, words_of(saved)
    page = words_of(library.get("concepts/E1"))
    assert "French Pleurésie" in page
    assert "“In French too”" in page
    assert "Stands below: taken away before: C1" in page
    late = library.post("concepts/E1/edit", seen="1", **two | {"name-0": "My own words"})
    assert late.status_code == 409
    assert "Somebody else changed this concept while you did." in words_of(late)
    assert "My own words" in late.text
    empty = library.post("concepts/E1/edit", seen="2", names="1", descriptions="0", **{"name-0": ""})
    assert empty.status_code == 422
    assert "Give it at least one name." in words_of(empty)
    assert "1 mapping from it or to it stays in use." in words_of(library.get("concepts/C1/retire"))
    assert library.post("concepts/E1/retire", reason="Too vague").status_code == 303
    assert "Retired: Too vague" in words_of(library.get("concepts/E1"))
    assert words_of(library.get("concepts/E1/history")).count("Too vague") == 1
    assert library.get("concepts/E1/retire").status_code == 303
    library.post("concepts/E1/restore")
    assert "took it back into use" in words_of(library.get("concepts/E1"))


def test_an_edit_keeps_what_is_longer_than_one_would_type(library: Library) -> None:
    name, text, parents = (
        "Long " * 900,
        "Line\nafter line\n" * 2_000,
        [f"P{number}-{'x' * 200}" for number in range(11)],
    )
    with library.app.app_context():
        alice = library.world.actor("alice")
        for code in parents:
            making.concept(alice, code)
        words = {"descriptions": [{"description": text.strip()}], "parents": parents}
        making.concept(alice, "LONG", name.strip(), **words)
        db.session.remove()
    form = library.get("concepts/LONG/edit").text
    sent = {"seen": "1", "names": "1", "descriptions": "1", "parents": ", ".join(parents), "external_id": "new"}
    for what, kept in (("name", name), ("description", text)):
        uuid = re.search(rf'name="{what}-0-uuid" value="(\d+)"', form)
        assert uuid
        # As a browser sends it: with two signs at the end of each line.
        sent |= {f"{what}-0": kept.strip().replace("\n", "\r\n"), f"{what}-0-uuid": uuid[1], f"{what}-0-locale": "en"}
    sent["name-0-type"] = "FULLY_SPECIFIED"
    assert library.post("concepts/LONG/edit", **sent).status_code == 303
    with library.app.app_context():
        now, before = terminology.concept_history(library.world.actor("alice"), LUNG, "LONG")
        said = {key: value for key, value in now.json.items() if value != before.json[key]}
    assert said["external_id"] == "new"
    assert not {"names", "descriptions", "display_name", "parent_concept_urls"} & set(said)


def test_a_concept_is_mapped_by_the_address_of_a_page_or_to_a_code_elsewhere(library: Library) -> None:
    target = f"http://localhost{HERE}concepts/C1?release=1.0"
    assert library.post("concepts/A15/map", map_type="NARROWER-THAN", target=target).status_code == 303
    elsewhere = {"to_source_name": "SNOMED CT", "to_concept_code": "154283005", "to_concept_name": "Lung TB"}
    assert library.post("concepts/A15/map", map_type="SAME-AS", target="", **elsewhere).status_code == 303
    page = library.get("concepts/A15")
    assert "NARROWER-THAN C1 Sarcoidosis in LUNG" in words_of(page)
    assert "SAME-AS 154283005 Lung TB in SNOMED CT" in words_of(page)
    for fields, why in (
        ({"map_type": "SAME-AS", "target": "/nowhere/"}, "names no concept that you may see"),
        ({"map_type": "SAME-AS"}, "It leads nowhere"),
        ({"map_type": "", "target": target}, "Use 1 to 100 characters."),
    ):
        refused = library.post("concepts/A15/map", **fields)
        assert refused.status_code == 422
        assert why in words_of(refused)
    retire = re.search(r'action="([^"]+/mappings/[^"]+/retire)"', page.text)
    assert retire
    assert library.post(retire[1]).location == f"{HERE}concepts/A15"
    library.post(retire[1].replace("retire", "restore"))
    assert "Restore" not in words_of(library.get("concepts/A15"))


def test_a_repository_is_made_described_and_kept_private(library: Library) -> None:
    assert "Alice (you)" in words_of(library.get("/terminology/new"))
    fields = {
        "kind": "sources", "owner": "orgs/northside", "short_code": "WARD", "name": "Ward", "default_locale": "en",
        "repository_type": "Dictionary", "public_access": "None", "supported_locales": "fr, pt-BR",
    }  # fmt: skip
    made = library.post("/terminology/", **fields)
    assert made.location == "/terminology/orgs/northside/sources/WARD/"
    assert "Languages English, French, Portuguese (pt-BR)" in words_of(library.get(made.location))
    for change, why in (
        ({}, "The owner has a repository of that id."),
        ({"short_code": "a b"}, "Use 1 to 60"),
        ({"owner": "orgs/riverside"}, "Choose whose it is to be."),
        ({"kind": "shelf"}, "Choose what it is to be."),
        ({"name": "", "short_code": "X"}, "Give it a name"),
    ):
        refused = library.post("/terminology/", **fields | change)
        assert refused.status_code == 422
        assert why in words_of(refused)
    private = library.get(made.location, library.signed_in("rita"))
    assert private.status_code == 403
    assert "This repository is private." in words_of(private)
    seen = re.search(r'name="seen" value="([^"]+)"', library.get(f"{made.location}edit").text)
    assert seen
    fields = fields | {"name": "Ward round", "description": "What we say", "seen": seen[1]}
    assert library.post(f"{made.location}edit", **fields).status_code == 303
    assert "Ward round" in words_of(library.get(made.location))
    many = ", ".join(f"x-{number}" for number in range(200))
    late = library.post(f"{made.location}edit", **fields | {"name": "Mine"})
    assert late.status_code == 409
    assert "Somebody else changed this repository while you did." in words_of(late)
    assert 'value="Mine"' in late.text
    assert "Ward round" in words_of(library.get(made.location))
    again = re.search(r'name="seen" value="([^"]+)"', late.text)
    assert again
    fields |= {"seen": again[1], "name": "Mine"}
    refused = library.post(f"{made.location}edit", **fields | {"supported_locales": many})
    assert refused.status_code == 422
    assert "These are too many languages" in words_of(refused)
    assert library.post(f"{made.location}edit", **fields).status_code == 303
    assert "Mine" in words_of(library.get(made.location))


def test_a_collection_draws_on_sources_and_says_what_it_no_longer_draws_on(library: Library) -> None:
    with library.app.app_context():
        making.made(library.world.actor("alice"), STARTER, name="Starter set")
    here = f"/terminology{STARTER.path}"
    assert "It draws on nothing yet" in words_of(library.get(here))
    assert "It is the first release" in words_of(library.get(f"{here}release"))
    page_url = f"http://localhost{HERE}concepts/A15"
    added = library.post(f"{here}references", expressions=page_url, cascade="1")
    assert "2 references added." in words_of(library.get(added.location))
    assert "A15.1" in words_of(library.get(here))
    # However much is pasted, the last of it is read, too.
    long = f"{page_url}?{'from=a-table&' * 2_000}\n/orgs/northside/sources/NONE/"
    refused = library.post(f"{here}references", expressions=long)
    assert refused.status_code == 422
    assert "it names nothing that you may see" in words_of(refused)
    assert library.post(f"{here}references", expressions=" ").status_code == 422
    library.post(f"{here}release", version="1")
    library.post(f"{here}references/remove", expression=LUNG.of_concept("A15"))
    changed = library.get(f"{here}changes?older=1")
    assert "References removed 1" in words_of(changed)
    assert "Deleted A15 Respiratory tuberculosis in LUNG" in words_of(changed)
    assert f'href="{HERE}concepts/A15/history"' in changed.text
    assert "Since 1:" in words_of(library.get(f"{here}release"))
    assert library.get(f"{here}concepts/A15.1").location == f"{HERE}concepts/A15.1"
    assert "Nothing was ticked" in words_of(library.get(library.post(f"{here}references/remove").location))
    assert library.get(f"{here}new-concept").status_code == 403
    assert library.get("references").location == HERE


def test_a_release_is_deleted_only_when_its_id_is_typed(library: Library) -> None:
    assert "whoever relies on 1.0, a person or a program, no longer finds it" in words_of(
        library.get("releases/1.0/delete")
    )
    refused = library.post("releases/1.0/delete", confirmed="yes")
    assert refused.status_code == 422
    assert "Type 1.0 to say that you mean it." in words_of(refused)
    assert library.post("releases/1.0/delete", confirmed="1.0").location == HERE
    page = words_of(library.get())
    assert "The release 1.0 and its export are deleted." in page
    assert "Nothing is released yet" in page
    assert library.get("releases/1.0").status_code == 404
    assert library.get("releases/HEAD").status_code == 404


def test_whoever_may_only_look_sees_no_button_and_is_refused_in_words(library: Library) -> None:
    viewer = library.signed_in("ann")
    pages = ("", "releases/", "releases/1.0", "concepts/A15", "changes?older=1.0")
    for path in pages:
        page = library.get(path, viewer)
        assert page.status_code == 200
        for way in ("/edit", "/new-concept", '/release"', "/delete", "/retire", '/map"', "/restore"):
            assert way not in page.text.partition("<main")[2], (path, way)
    assert "New repository" not in words_of(library.get("/terminology/", viewer))
    for path in ("release", "edit", "new-concept", "concepts/A15/edit", "concepts/A15/retire", "concepts/A15/map",
                 "releases/1.0/delete"):  # fmt: skip
        refused = library.get(path, viewer)
        assert refused.status_code == 403, path
        assert "You may not do this" in words_of(refused)
    fields = {"version": "9", "confirmed": "1.0", "names": "1", "name-0": "No"}
    for path in ("release", "edit", "concepts/A15/edit", "concepts/A15/restore", "releases/1.0/delete"):
        assert library.post(path, viewer, **fields).status_code == 403, path
    with library.app.app_context():
        assert terminology.list_versions(library.world.actor("alice"), LUNG).total == 2


def test_a_mapping_from_elsewhere_is_shown_but_not_to_be_retired_here(library: Library) -> None:
    with library.app.app_context():
        rita = library.world.actor("rita")
        theirs = making.made(rita, Address("orgs", "riverside", "sources", "Theirs"))
        making.concept(rita, "T1", "Consumption", at=theirs)
        terminology.create_mapping(
            rita, theirs, MappingWish("SAME-AS", theirs.of_concept("T1"), LUNG.of_concept("A15"), code="m1")
        )
    page = library.get("concepts/A15")
    assert "To it SAME-AS T1 Consumption in Theirs" in words_of(page)
    assert "mappings/m1" not in page.text
