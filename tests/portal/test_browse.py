"""Home, lists, an entity's page, its history and its form, as a person meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import catalog
from app.extensions import db
from app.models import Entity, begin_writing, take_revision
from tests.conftest import csrf_token
from tests.factories import World

SignedIn = Callable[[str], FlaskClient]


@pytest.fixture
def made(app: Flask, world: World) -> Callable[..., dict[str, Any]]:
    """Make things and leave no context behind: ``made(lambda world: world.patient())`` answers plain facts."""

    def make(making: Callable[[World], Entity]) -> dict[str, Any]:
        with app.app_context():
            entity = making(world)
            return {
                "id": entity.id,
                "path": f"/entities/{entity.data_type}/{entity.id}",
                "caption": entity.caption,
                "revision": entity.revision,
            }

    return make


def links(page: str) -> list[str]:
    return [href.replace("&amp;", "&") for href in re.findall(r'href="([^"]+)"', page)]


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def captions(page: str) -> list[str]:
    """What the rows of a list are called, in their order."""
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page)


def values(app: Flask, entity_id: UUID) -> dict[str, Any]:
    with app.app_context():
        return catalog.values_of(db.session.get_one(Entity, entity_id))


def asked_of_exports(page: str) -> list[dict[str, list[str]]]:
    """What the links to the export form carry."""
    asked = [urlsplit(href) for href in links(page)]
    return [parse_qs(known.query) for known in asked if known.path == "/exports/new"]


def export_form_of(page: str) -> str:
    """Where the page's export button leads."""
    return next(href for href in links(page) if href.startswith("/exports/new?"))


class FormOnPage(HTMLParser):
    """What a browser would send for the page's form that posts to this page, as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._inside = False
        self._text: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        name = known.get("name") or ""
        if tag == "form":
            self._inside = str(known.get("action")).endswith("/edit")
        elif self._inside and tag == "input":
            self.sent[name] = known.get("value") or ""
        elif self._inside and tag == "textarea":
            self._text, self.sent[name] = name, ""
        elif self._inside and tag == "select":
            self._select, self.sent[name] = name, ""
        elif self._inside and tag == "option" and "selected" in known:
            self.sent[self._select] = known.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            # The first line end inside a text area is not part of its text.
            self.sent[self._text] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = None


def save(browser: FlaskClient, path: str, *, seen: Any = None, **fields: Any) -> Any:
    page = browser.get(f"{path}/edit").text
    present = re.search(r'name="seen_revision" value="(\d+)"', page)
    assert present, page
    data = {f"attribute.{name}": value for name, value in fields.items()}
    data["seen_revision"] = present.group(1) if seen is None else seen
    data["csrf_token"] = csrf_token(browser, f"{path}/edit")
    return browser.post(f"{path}/edit", data=data)


# Home and the index


def test_home_shows_what_changed_last_and_only_within_the_walls(made: Any, signed_in: SignedIn) -> None:
    seen = made(lambda world: world.patient(first_name="Visible"))
    made(lambda world: world.patient(world.riverside, first_name="Elsewhere"))
    page = signed_in("alice").get("/").text
    assert seen["path"] in links(page)
    assert "Elsewhere" not in page
    assert "Patients changed last" in page
    assert "You have not exported anything yet" in page


def test_home_of_an_empty_clinic_says_so(signed_in: SignedIn) -> None:
    page = signed_in("rita").get("/")
    assert page.status_code == 200
    assert "There are no records yet" in page.text


def test_the_index_counts_each_kind_that_there_is(made: Any, signed_in: SignedIn) -> None:
    for _ in range(3):
        made(lambda world: world.patient())
    text = text_of(signed_in("alice").get("/entities/").text)
    assert "Patients 3" in text
    assert "Caregivers" not in text


# Lists


def test_an_empty_list_says_what_would_be_there(signed_in: SignedIn) -> None:
    assert "There are no devices yet" in signed_in("alice").get("/entities/device").text


def test_a_search_without_a_hit_offers_the_whole_list(made: Any, signed_in: SignedIn) -> None:
    made(lambda world: world.patient())
    page = signed_in("alice").get("/entities/patient?q=nobody").text
    assert "Nothing matches" in page
    assert "/entities/patient" in links(page)


def test_a_list_is_filtered_sorted_and_paged_by_its_address_alone(made: Any, signed_in: SignedIn) -> None:
    for number in range(60):
        made(lambda world, number=number: world.patient(first_name=f"N{number:02}", last_name="Same"))
    browser = signed_in("alice")
    seen: list[str] = []
    path = "/entities/patient?q=same&sort=caption"
    while path:
        page = browser.get(path)
        assert page.status_code == 200
        seen += captions(page.text)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == [f"N{number:02} Same" for number in range(60)]
    before = re.search(r'rel="prev" href="([^"]+)"', page.text)
    assert before
    earlier = captions(browser.get(before.group(1).replace("&amp;", "&")).text)
    assert earlier == [f"N{number:02} Same" for number in range(25, 50)]


def test_a_forms_address_is_sent_to_the_canonical_one(signed_in: SignedIn, world: World) -> None:
    browser = signed_in("ann")
    sent = "/entities/patient?q=+ada++byron&template=&organization=&sort=-updated_at&size=25&junk=1&cursor="
    answer = browser.get(sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/entities/patient?q=ada+byron")
    kept = f"/entities/patient?q=ada&organization={world.northside.id}&sort=caption&size=50"
    assert browser.get(kept).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["size=0", "size=1000000", "size=x", "sort=key", "sort=--caption", "template=x", "organization=1;drop",
     "refers_to=nobody", "by=device", "cursor=%00%ff", "q=%00", "q=" + "x" * 5000, "cursor=" + "A" * 5000],
)  # fmt: skip
def test_what_cannot_be_read_in_an_address_is_left_out(signed_in: SignedIn, query: str) -> None:
    answer = signed_in("alice").get(f"/entities/patient?{query}", follow_redirects=True)
    assert answer.status_code == 200


def test_a_sort_link_turns_the_order_round(made: Any, signed_in: SignedIn) -> None:
    for name in ("Bea", "Ada"):
        made(lambda world, name=name: world.patient(first_name=name, last_name="X"))
    browser = signed_in("alice")
    first = browser.get("/entities/patient?sort=caption").text
    assert captions(first) == ["Ada X", "Bea X"]
    assert 'aria-sort="ascending"' in first
    turned = next(href for href in links(first) if href.endswith("sort=-caption"))
    assert captions(browser.get(turned).text) == ["Bea X", "Ada X"]


def test_the_export_button_carries_what_an_export_can_be_narrowed_to(signed_in: SignedIn, world: World) -> None:
    browser = signed_in("ann")
    template = world.templates["device_log"].id
    page = browser.get(f"/entities/generic-entity?template={template}").text
    expected = {"data_type": ["generic-entity"], "template_id": [str(template)]}
    assert expected.items() <= asked_of_exports(page)[0].items()
    assert "Export all records" in page
    searched = browser.get("/entities/generic-entity?q=x").text
    assert "Export these" not in searched
    assert "Export all records" in searched


def test_what_a_search_found_is_exported_one_by_one(signed_in: SignedIn, made: Callable[..., Any]) -> None:
    found = [made(lambda world, name=name: world.patient(first_name=name, last_name="Found")) for name in ("Bo", "Cy")]
    made(lambda world: world.patient(last_name="Other"))
    browser = signed_in("alice")
    page = browser.get("/entities/patient?q=found").text
    assert "Export these 2" in page
    form = browser.get(export_form_of(page)).text
    ticked = re.findall(r'name="entity_ids" value="([^"]+)" checked', form)
    assert sorted(ticked) == sorted(str(one["id"]) for one in found)
    assert re.findall(r'name="period" value="(\w+)" checked', form) == ["any"]
    assert "Export this one" in browser.get("/entities/patient?q=cy").text


def test_a_search_that_finds_more_than_fit_on_a_page_is_exported_whole(
    signed_in: SignedIn, made: Callable[..., Any]
) -> None:
    for number in range(60):
        made(lambda world, number=number: world.patient(first_name="Many", last_name=f"Found{number}"))
    made(lambda world: world.patient(first_name="Other", last_name="Found"))
    browser = signed_in("alice")
    page = browser.get("/entities/patient?q=many&sort=caption").text
    assert "Export these 60" in page
    form = browser.get(export_form_of(page)).text
    assert len(set(re.findall(r'name="entity_ids" value="([^"]+)"', form))) == 60
    assert "Export 60 records" in form
    assert "… and 10 more" in form


def test_an_export_of_what_is_no_longer_found_chooses_nothing_and_says_so(signed_in: SignedIn) -> None:
    form = signed_in("alice").get("/exports/new?data_type=patient&found=1&period=any&q=nobody", follow_redirects=True)
    assert "finds nothing any more" in form.text
    assert 'name="entity_ids"' not in form.text


def test_only_those_who_see_several_organizations_choose_among_them(signed_in: SignedIn) -> None:
    assert 'name="organization"' not in signed_in("alice").get("/entities/patient").text
    page = signed_in("ann").get("/entities/patient").text
    assert "Riverside General" in page
    assert "Far Clinic" not in page


@pytest.mark.parametrize("path", ["teapot", "Patient", "patient/x", f"patient/{UUID(int=0)}"])
def test_an_unknown_kind_or_record_is_not_found(signed_in: SignedIn, path: str) -> None:
    assert signed_in("alice").get(f"/entities/{path}").status_code == 404


# An entity's page


def test_a_page_shows_values_as_people_say_them(made: Any, signed_in: SignedIn) -> None:
    device = made(lambda world: world.device(serial_number="SN-<1>"))
    patient = made(
        lambda world: world.patient(
            first_name="Ana", last_name="Ruiz", sex="F", age=54, weight=70.0, smoker=True,
            born="1980-02-09", device={"id": str(device["id"])}, notes="one\ntwo",
        )
    )  # fmt: skip
    page = signed_in("alice").get(patient["path"]).text
    text = text_of(page)
    for words in ("Patient Ana Ruiz", "Sex Female", "54 years", "70 kg", "Smoker Yes", "9 Feb 1980", "SN-&lt;1&gt;"):
        assert words in text
    assert device["path"] in links(page)
    assert 'title="Protected health information"' in page
    expected = {"entity_id": [str(patient["id"])], "data_type": ["patient"]}
    assert expected.items() <= asked_of_exports(page)[0].items()


def test_a_device_lists_what_refers_to_it_and_links_to_all(made: Any, signed_in: SignedIn) -> None:
    with_logs = made(lambda world: world.device())

    def log(world: World) -> Entity:
        return world.log(db.session.get_one(Entity, with_logs["id"]))

    logs = [made(log) for _ in range(12)]
    browser = signed_in("alice")
    page = browser.get(with_logs["path"]).text
    assert "Device logs" in page
    assert [log["path"] in links(page) for log in logs] == [False] * 2 + [True] * 10
    everything = next(href for href in links(page) if "refers_to" in href)
    listed = browser.get(everything)
    assert listed.status_code == 200
    assert len(captions(listed.text)) == 12
    assert f'refer to <a href="{with_logs["path"]}"' in listed.text


def test_a_reference_over_a_wall_is_not_named(made: Any, signed_in: SignedIn) -> None:
    hidden = made(lambda world: world.device(world.riverside, serial_number="Secret serial"))
    patient = made(lambda world: world.patient(device={"id": str(hidden["id"])}))
    browser = signed_in("alice")
    for path in (patient["path"], f"{patient['path']}/history"):
        assert "Secret serial" not in browser.get(path).text
    assert "A record that you may not see" in browser.get(patient["path"]).text
    refers = browser.get(f"/entities/patient?refers_to={hidden['id']}").text
    assert "Secret serial" not in refers


@pytest.mark.parametrize("who", ["rita", "boris"])
@pytest.mark.parametrize("page", ["", "/edit", "/history"])
def test_a_foreign_record_answers_as_an_unknown_one(made: Any, signed_in: SignedIn, who: str, page: str) -> None:
    patient = made(lambda world: world.patient())
    browser = signed_in(who)
    foreign = browser.get(patient["path"] + page)
    unknown = browser.get(f"/entities/patient/{uuid4()}{page}")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert patient["caption"] not in foreign.text
    assert text_of(foreign.text) == text_of(unknown.text)


def test_a_link_that_a_load_brought_is_not_followed_into_a_script(
    app: Flask, world: World, made: Any, signed_in: SignedIn
) -> None:
    from app.models import TemplateAttribute

    with app.app_context():
        begin_writing()
        db.session.add(
            TemplateAttribute(
                template_id=world.templates["patient"].id, position=99, name="site", label="Site", kind="LINK"
            )
        )
        db.session.commit()
    patient = made(lambda world: world.patient(site="javascript:alert(1)"))
    page = signed_in("alice").get(patient["path"]).text
    assert "javascript:alert(1)" in page
    assert not [href for href in links(page) if href.startswith("javascript")]


# Editing


def test_an_edit_is_saved_and_told_in_the_history(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(lambda world: world.patient(age=40))
    browser = signed_in("alice")
    answer = save(browser, patient["path"], age="41", sex="M")
    assert (answer.status_code, answer.headers["Location"]) == (303, patient["path"])
    page = browser.get(patient["path"]).text
    assert "Your changes are saved." in page
    assert values(app, patient["id"])["age"] == 41
    history = text_of(browser.get(f"{patient['path']}/history").text)
    assert re.search(r"Alice changed it .* Sex: before: Female → after: Male", history)
    assert "added this record" in history


def test_the_form_as_it_is_changes_nothing(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(
        lambda world: world.patient(weight=70.25, smoker=False, born="1980-02-09", notes="a\nb", national_id='"<&>')
    )
    browser = signed_in("alice")
    form = FormOnPage()
    form.feed(browser.get(f"{patient['path']}/edit").text)
    assert form.sent["attribute.notes"] == "a\nb"
    assert form.sent["attribute.national_id"] == '"<&>'
    answer = browser.post(f"{patient['path']}/edit", data=form.sent)
    assert answer.status_code == 303
    assert "Nothing was changed." in browser.get(patient["path"]).text
    with app.app_context():
        assert db.session.get_one(Entity, patient["id"]).revision == patient["revision"]


def test_a_refused_edit_shows_the_form_again_with_what_was_typed(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(lambda world: world.patient(age=40))
    answer = save(signed_in("alice"), patient["path"], age="forty", notes="keep me", last_name="")
    assert answer.status_code == 422
    assert 'href="#f-attribute.age"' in answer.text
    assert "Age at entry must be a whole number, such as 42." in answer.text
    assert "Last name must have a value." in answer.text
    assert 'value="forty"' in answer.text
    assert "keep me" in answer.text
    assert values(app, patient["id"])["age"] == 40


def test_an_edit_meanwhile_is_refused_and_shows_both_values(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(lambda world: world.patient(age=40))
    alice, adam = signed_in("alice"), signed_in("adam")
    assert save(adam, patient["path"], age="50", sex="M").status_code == 303
    # Alice's form sends back the sex that she saw and did not touch.
    answer = save(alice, patient["path"], seen=patient["revision"], age="60", sex="F")
    assert answer.status_code == 409
    text = text_of(answer.text)
    assert "changed after you opened it" in text
    assert "Adam changed it" in text
    assert "Kept now: 50 years" in text
    form = FormOnPage()
    form.feed(answer.text)
    assert (form.sent["attribute.age"], form.sent["attribute.sex"]) == ("60", "M")
    assert text.count("Kept now") == 1
    assert values(app, patient["id"])["age"] == 50
    assert alice.post(f"{patient['path']}/edit", data=form.sent).status_code == 303
    kept = values(app, patient["id"])
    assert (kept["age"], kept["sex"]) == (60, "M")


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_a_form_without_a_readable_revision_saves_nothing(
    app: Flask, made: Any, signed_in: SignedIn, seen: str
) -> None:
    patient = made(lambda world: world.patient(age=40))
    assert save(signed_in("alice"), patient["path"], seen=seen, age="41").status_code == 409
    assert values(app, patient["id"])["age"] == 40


def test_an_analyst_sees_no_edit_button_and_may_not_post(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(lambda world: world.patient(age=40))
    browser = signed_in("ann")
    assert f"{patient['path']}/edit" not in links(browser.get(patient["path"]).text)
    assert browser.get(f"{patient['path']}/edit").status_code == 403
    token = csrf_token(browser, patient["path"])
    data = {"csrf_token": token, "seen_revision": patient["revision"], "attribute.age": "41"}
    assert browser.post(f"{patient['path']}/edit", data=data).status_code == 403
    assert values(app, patient["id"])["age"] == 40


def test_an_edit_without_a_csrf_token_is_refused(app: Flask, made: Any, signed_in: SignedIn) -> None:
    patient = made(lambda world: world.patient(age=40))
    data = {"seen_revision": patient["revision"], "attribute.age": "41"}
    assert signed_in("alice").post(f"{patient['path']}/edit", data=data).status_code == 400
    assert values(app, patient["id"])["age"] == 40


def test_fields_that_a_form_does_not_send_stay(app: Flask, made: Any, signed_in: SignedIn) -> None:
    file = {"id": str(uuid4()), "name": "a.pdf", "mimeType": "application/pdf", "size": 3}
    patient = made(lambda world: world.patient(notes="quiet", analysis_file=file))
    assert save(signed_in("alice"), patient["path"], age="77").status_code == 303
    kept = values(app, patient["id"])
    assert (kept["notes"], kept["analysis_file"], kept["age"]) == ("quiet", file, 77)


# History


def test_a_long_history_goes_on_to_older_changes(app: Flask, made: Any, signed_in: SignedIn) -> None:
    from app.catalog.records import write_values

    patient = made(lambda world: world.patient(age=0))
    with app.app_context():
        for age in range(1, 61):
            begin_writing()
            row = db.session.get_one(Entity, patient["id"])
            new = catalog.values_of(row) | {"age": age}
            write_values(row, new, revision=take_revision(row.tenant_id), changed_by=None)
            db.session.commit()
    browser = signed_in("alice")
    newest = browser.get(f"{patient['path']}/history").text
    assert "added this record" not in newest
    older = re.search(r'rel="next" href="([^"]+)"', newest)
    assert older
    rest = browser.get(older.group(1)).text
    assert newest.count("changed it") + rest.count("changed it") == 60
    assert "added this record" in rest
    assert browser.get(f"{patient['path']}/history?before=1").status_code == 200


@pytest.mark.parametrize("before", ["0", "-5", "9" * 40])
def test_a_history_from_nowhere_is_not_found(made: Any, signed_in: SignedIn, before: str) -> None:
    patient = made(lambda world: world.patient())
    assert signed_in("alice").get(f"{patient['path']}/history?before={before}").status_code == 404
