"""Attaching files to an entity, by the script and by a plain form, and every way to be refused."""

from __future__ import annotations

import io
import re
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import db
from app.models import TemplateAttribute, begin_writing
from config import Config
from tests.attachments.files import CT, picture, program
from tests.factories import World
from tests.portal.cabinet import Cabinet, SignedIn, make_cabinet

PNG = picture("PNG")


@pytest.fixture
def cabinet(app: Flask, world: World, config: Config) -> Cabinet:
    return make_cabinet(app, world, config.data_dir)


@pytest.fixture
def alice(signed_in: SignedIn) -> FlaskClient:
    return signed_in("alice")


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def limit(app: Flask, world: World, attribute: str, **values: Any) -> None:
    """Change the rules of a patient's FILE or IMAGE attribute."""
    with app.app_context():
        begin_writing()
        known = next(
            row
            for row in db.session.query(TemplateAttribute).filter_by(
                template_id=world.templates["patient"].id, name=attribute
            )
        )
        for name, value in values.items():
            setattr(known, name, value)
        db.session.commit()


# Accepted


def test_the_script_gets_the_row_of_the_file_that_it_sent(cabinet: Cabinet, alice: FlaskClient) -> None:
    answer = cabinet.send_raw(alice, "scan.png", PNG)
    assert answer.status_code == 201, answer.text
    (file,) = cabinet.files()
    assert cabinet.bytes_of(file) == PNG
    assert answer.json["file"] == {
        "id": str(file.id), "name": "scan.png", "media_type": "image/png", "size": len(PNG), "sha256": file.sha256,
    }  # fmt: skip
    row = answer.json["html"]
    assert row.lstrip().startswith("<li")
    for link in (f"/files/{file.id}", f"/files/{file.id}/preview", f"/files/{file.id}/remove"):
        assert f'"{link}"' in row
    assert (answer.json["full"], answer.json["notice"]) == (None, None)
    assert row.strip() in alice.get(cabinet.path).text


def test_the_page_says_what_a_file_is(cabinet: Cabinet, alice: FlaskClient) -> None:
    assert cabinet.send_raw(alice, "CT thorax.dcm", CT.read_bytes()).status_code == 201
    page = alice.get(cabinet.path).text
    (file,) = cabinet.files()
    day = f"{file.created_at.day} {file.created_at:%b %Y}"
    assert f"DICOM · CT · 39.2 kB · {day}" in text_of(page)
    assert 'data-count-of="files-images-list">1<' in page


def test_several_files_of_a_form_are_stored_each_by_itself(cabinet: Cabinet, alice: FlaskClient) -> None:
    answer = cabinet.send_form(
        alice, [("a.png", PNG), ("scan.exe", program()), ("b.png", picture("PNG", (9, 9))), ("c.dcm", CT.read_bytes())]
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == cabinet.path
    text = text_of(alice.get(cabinet.path).text)
    assert "3 files uploaded to Ana Ruiz." in text
    assert "scan.exe was not stored: Files ending in .exe are not accepted here." in text
    assert [file.name for file in cabinet.files()] == ["a.png", "b.png", "c.dcm"]
    assert list((cabinet.data_dir / "incoming").glob("*")) == []


def test_one_file_of_a_form_is_spoken_of_as_one(cabinet: Cabinet, alice: FlaskClient) -> None:
    assert cabinet.send_form(alice, [("a.png", PNG)]).status_code == 303
    assert "1 file uploaded to Ana Ruiz." in text_of(alice.get(cabinet.path).text)


def test_a_form_larger_than_other_forms_may_be_is_read(app: Flask, cabinet: Cabinet, alice: FlaskClient) -> None:
    text = b"a line\n" * 600_000
    answer = cabinet.send_form(alice, [("large.txt", text)], attribute="analysis_file")
    assert len(text) > app.config["MAX_CONTENT_LENGTH"]
    assert answer.status_code == 303
    (file,) = cabinet.files()
    assert cabinet.bytes_of(file) == text


def test_the_history_tells_of_attaching_and_removing(cabinet: Cabinet, alice: FlaskClient) -> None:
    assert cabinet.send_raw(alice, "scan.png", PNG).status_code == 201
    (file,) = cabinet.files()
    data = {"csrf_token": cabinet.token(alice)}
    assert alice.post(f"/files/{file.id}/remove", data=data).status_code == 303
    history = text_of(alice.get(f"{cabinet.path}/history").text)
    assert "Images: attached scan.png" in history
    assert "Images: removed scan.png" in history
    assert (cabinet.events("file.attach"), cabinet.events("file.remove")) == (1, 1)


@pytest.mark.parametrize(("sent", "kept"), [
    ("x" * 300 + ".png", "x" * 124 + ".png"),
    ("../../../etc/passwd.png", "passwd.png"),
    ("..\\..\\boot.png", "boot.png"),
    ("患者.png", "患者.png"),
    ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
])  # fmt: skip
@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_name_is_made_safe_and_shown(cabinet: Cabinet, alice: FlaskClient, way: str, sent: str, kept: str) -> None:
    if way == "raw":
        answer = cabinet.send_raw(alice, sent, PNG)
        assert answer.status_code == 201
        assert answer.json["notice"] == (
            f"Its name was too long, so it is kept as {kept}." if len(sent) > 128 else None
        )
    else:
        assert cabinet.send_form(alice, [(sent, PNG)]).status_code == 303
    (file,) = cabinet.files()
    assert file.name == kept
    assert kept in alice.get(cabinet.path).text
    assert re.fullmatch(r"files/[0-9a-f-]{36}", file.storage_key)


def test_a_full_attribute_says_so_and_offers_no_form(cabinet: Cabinet, alice: FlaskClient) -> None:
    answer = cabinet.send_raw(alice, "a.txt", b"words\n", "analysis_file")
    words = "Analysis file holds one file, and there is one. Remove the present file first."
    assert answer.json["full"] == words
    page = alice.get(cabinet.path).text
    assert words in page
    assert 'id="files-analysis_file-form"' not in page
    assert 'id="files-images-form"' in page
    refused = cabinet.send_raw(alice, "b.txt", b"words\n", "analysis_file")
    assert (refused.status_code, refused.json) == (422, {"error": words})
    plain = cabinet.send_form(alice, [("b.txt", b"words\n")], "analysis_file")
    assert plain.status_code == 422
    assert f"b.txt was not stored: {words}" in plain.text
    assert [file.name for file in cabinet.files()] == ["a.txt"]


# Refused

BAD = {
    "a program called a picture": ("scan.png", program(), "images", "its content is a Windows program"),
    "a truncated DICOM file": ("ct.dcm", CT.read_bytes()[:9000], "images", "cut off|damaged|complete|truncated"),
    "nothing at all": ("empty.png", b"", "images", "This file is empty"),
    "a program": ("scan.exe", program(), "images", "Files ending in .exe are not accepted here. Accepted: "),
    "no ending": ("scan", PNG, "images", "has no ending"),
    "no name": ("..", PNG, "images", "has no name"),
    "a page that could carry script": ("x.svg", b"<svg onload='alert(1)'/>", "images", "ending in .svg"),
    "a kind that stands elsewhere": ("scan.png", PNG, "analysis_file", "ending in .png"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_bad_file_is_refused_in_words_and_leaves_nothing(
    cabinet: Cabinet, alice: FlaskClient, way: str, what: str
) -> None:
    name, content, attribute, words = BAD[what]
    if way == "raw":
        answer = cabinet.send_raw(alice, name, content, attribute)
        said = answer.json["error"]
    else:
        answer = cabinet.send_form(alice, [(name, content)], attribute)
        assert "Nothing was stored" in text_of(answer.text)
        (field,) = re.findall(r'<p class="field-error">(.*?)</p>', answer.text)
        said = text_of(field)
        assert f"{name} was not stored: " in said
        assert f'aria-describedby="files-{attribute}-form-error' in answer.text
    assert answer.status_code == 422
    assert re.search(words, said), said
    cabinet.assert_empty()


@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_file_over_the_limit_is_refused(
    app: Flask, world: World, cabinet: Cabinet, alice: FlaskClient, way: str
) -> None:
    limit(app, world, "images", max_bytes=1000)
    content = PNG + bytes(1000)
    answer = (cabinet.send_raw if way == "raw" else send_one)(*args_for(cabinet, alice, way, content))
    assert answer.status_code == (413 if way == "raw" else 422)
    assert "This file is too large: at most 1 kB are accepted here." in answer.text
    cabinet.assert_empty()


def send_one(cabinet: Cabinet, browser: FlaskClient, content: bytes) -> Any:
    return cabinet.send_form(browser, [("a.png", content)])


def args_for(cabinet: Cabinet, browser: FlaskClient, way: str, content: bytes) -> tuple[Any, ...]:
    return (browser, "a.png", content) if way == "raw" else (cabinet, browser, content)


def test_a_form_over_what_twenty_files_may_hold_is_refused_before_it_is_read(
    app: Flask, world: World, cabinet: Cabinet, alice: FlaskClient
) -> None:
    limit(app, world, "images", max_bytes=1000)
    answer = cabinet.send_form(alice, [("a.png", bytes(200_000))])
    assert answer.status_code == 413
    assert "At most 20 files of 1 kB each are accepted at once. Nothing was stored." in answer.text
    cabinet.assert_empty()


@pytest.mark.parametrize(("count", "status", "words"), [
    (21, 422, "Choose at most 20 files at once. Nothing was stored."),
    (40, 413, "At most 20 files of 50 MB each are accepted at once. Nothing was stored."),
])  # fmt: skip
def test_too_many_files_at_once_are_refused(
    cabinet: Cabinet, alice: FlaskClient, count: int, status: int, words: str
) -> None:
    answer = cabinet.send_form(alice, [(f"{number}.png", PNG) for number in range(count)])
    assert answer.status_code == status
    assert words in text_of(answer.text)
    cabinet.assert_empty()


def test_a_form_without_a_file_asks_for_one(cabinet: Cabinet, alice: FlaskClient) -> None:
    answer = cabinet.send_form(alice, [("", b"")])
    assert answer.status_code == 422
    assert "Choose a file first." in answer.text
    cabinet.assert_empty()


def test_many_long_names_refused_still_fit_into_the_cookie(cabinet: Cabinet, alice: FlaskClient) -> None:
    names = [f"{''.join(chr(0x4E00 + (number * 7919 + place * 104729) % 20000) for place in range(120))}.exe"
             for number in range(19)]  # fmt: skip
    answer = cabinet.send_form(alice, [("a.png", PNG), *((name, program()) for name in names)])
    assert answer.status_code == 303
    assert max(len(cookie) for cookie in answer.headers.getlist("Set-Cookie")) < 4093
    text = text_of(alice.get(cabinet.path).text)
    assert "1 file uploaded to Ana Ruiz." in text
    assert text.count("was not stored: ") == 4
    assert "15 more files were not stored." in text


@pytest.mark.parametrize("way", ["raw", "form"])
def test_an_attribute_that_holds_no_files_takes_none(cabinet: Cabinet, alice: FlaskClient, way: str) -> None:
    for attribute in ("sex", "nonsense"):
        answer = (
            cabinet.send_raw(alice, "a.png", PNG, attribute)
            if way == "raw"
            else cabinet.send_form(alice, [("a.png", PNG)], attribute)
        )
        assert answer.status_code == 422
        assert "this record has no such file attribute" in answer.text
    cabinet.assert_empty()


@pytest.mark.parametrize("who", ["rita", "boris"])
@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_foreign_entity_answers_as_an_unknown_one(cabinet: Cabinet, signed_in: SignedIn, who: str, way: str) -> None:
    browser = signed_in(who)
    unknown = Cabinet(cabinet.app, cabinet.world, cabinet.data_dir, uuid4(), "")
    answers = [
        place.send_raw(browser, "a.png", PNG) if way == "raw" else place.send_form(browser, [("a.png", PNG)])
        for place in (cabinet, unknown)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert text_of(answers[0].text) == text_of(answers[1].text)
    cabinet.assert_empty()


def test_another_data_type_in_the_address_is_not_found(cabinet: Cabinet, alice: FlaskClient) -> None:
    assert alice.get(f"/entities/device/{cabinet.patient_id}/files/images").status_code == 404


@pytest.mark.parametrize("way", ["raw", "form"])
def test_no_file_is_taken_without_the_pages_token(cabinet: Cabinet, alice: FlaskClient, way: str) -> None:
    answer = (
        cabinet.send_raw(alice, "a.png", PNG, headers={"X-CSRFToken": ""})
        if way == "raw"
        else cabinet.send_form(alice, [("a.png", PNG)], csrf_token="")
    )
    assert answer.status_code == 400
    assert "The form was too old" in answer.text
    cabinet.assert_empty()


def test_an_analyst_sees_files_but_may_not_attach_or_remove(cabinet: Cabinet, signed_in: SignedIn) -> None:
    assert cabinet.send_raw(signed_in("alice"), "kept.png", PNG).status_code == 201
    (file,) = cabinet.files()
    ann = signed_in("ann")
    page = ann.get(cabinet.path).text
    assert "kept.png" in page
    assert "drop-zone" not in page
    assert f"/files/{file.id}/remove" not in page
    assert cabinet.send_raw(ann, "a.png", PNG).status_code == 403
    assert cabinet.send_form(ann, [("a.png", PNG)]).status_code == 403
    assert ann.get(f"{cabinet.path}/files/images").status_code == 403
    assert ann.get(f"/files/{file.id}/remove").status_code == 403
    data = {"csrf_token": cabinet.token(ann)}
    assert ann.post(f"/files/{file.id}/remove", data=data).status_code == 403
    assert [kept.state for kept in cabinet.files()] == ["attached"]


def test_a_stranger_is_refused_before_the_body_is_read(cabinet: Cabinet, client: FlaskClient) -> None:
    class Untouched(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body of a stranger was read")

        readline = readinto = read

    for kind in ("application/octet-stream", "multipart/form-data; boundary=x"):
        answer = client.post(
            f"{cabinet.path}/files/images?name=a.png", input_stream=Untouched(), content_type=kind,
            headers={"Content-Length": "1000", "Accept": "application/json"},
        )  # fmt: skip
        assert answer.status_code == 401
    cabinet.assert_empty()


def test_another_kind_of_body_is_refused(cabinet: Cabinet, alice: FlaskClient) -> None:
    answer = cabinet.send_raw(alice, "a.png", PNG, content_type="image/png")
    assert answer.status_code == 415
    cabinet.assert_empty()


def test_no_room_for_a_form_is_said_and_leaves_nothing(cabinet: Cabinet, alice: FlaskClient) -> None:
    token = cabinet.token(alice)
    (cabinet.data_dir / "incoming").write_bytes(b"a file where the folder should be")
    answer = cabinet.send_form(alice, [("a.png", PNG)], csrf_token=token)
    assert answer.status_code == 503
    (cabinet.data_dir / "incoming").unlink()
    cabinet.assert_empty()
