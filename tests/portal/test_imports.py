"""The pages of imports: send, choose columns, look, load, cancel, the list; every refusal in words."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from app import imports
from app.extensions import db
from app.models import StoredFile
from tests.conftest import csrf_token
from tests.factories import World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
TABLE = b"time,cd4,cd8\n2024-03-01T08:00:00Z,700.5,300\n2024-03-01T08:01:00Z,710,\nyesterday,1,2\n"
CHOSEN = {
    "encoding": "utf-8", "delimiter": "comma", "heading": "1", "layout": "wide", "time": "0", "time_kind": "iso",
    "decimal": "point", "column-1": "cd4", "column-2": "cd8",
}  # fmt: skip


@dataclass
class Counter:
    """Alice's browser, at the page of the device ``GLU-9``."""

    app: Flask
    browser: FlaskClient
    device_id: UUID

    @property
    def path(self) -> str:
        return f"/measurements/imports/for/{self.device_id}"

    @property
    def token(self) -> str:
        return csrf_token(self.browser, "/entities/")

    def form(self, name: str, content: bytes, path: str | None = None) -> TestResponse:
        data = {"csrf_token": self.token, "file": [FileStorage(io.BytesIO(content), filename=name)] if name else []}
        boundary, body = encode_multipart(data)
        kind = f"multipart/form-data; boundary={boundary}"
        return self.browser.post(path or self.path, data=body, content_type=kind)

    def raw(self, name: str, content: bytes, path: str | None = None) -> TestResponse:
        headers = {"Accept": "application/json", "X-CSRFToken": self.token}
        return self.browser.post(
            path or self.path, query_string={"name": name}, data=content, headers=headers,
            content_type="application/octet-stream", environ_overrides={"CONTENT_LENGTH": str(len(content))},
        )  # fmt: skip

    def sent(self, content: bytes = TABLE, path: str | None = None) -> str:
        """The page of an import that was just sent."""
        answer = self.form("night.csv", content, path)
        assert answer.status_code == 303, answer.text
        return answer.location.removesuffix("/columns")

    def post(self, path: str, **fields: str) -> TestResponse:
        return self.browser.post(path, data={"csrf_token": self.token} | fields)

    def work(self) -> None:
        with self.app.app_context():
            imports.work_until_idle()
            db.session.remove()


@pytest.fixture
def counter(app: Flask, world: World, signed_in: SignedIn) -> Counter:
    with app.app_context():
        device_id = world.device(key="GLU-9").id
    return Counter(app, signed_in("alice"), device_id)


def test_a_file_goes_from_the_device_s_page_into_its_series(counter: Counter) -> None:
    page = counter.browser.get(f"/entities/device/{counter.device_id}")
    assert f'href="{counter.path}"' in page.text
    assert "Take in measurements of" in counter.browser.get(counter.path).text
    here = counter.sent()
    chosen = counter.browser.get(f"{here}/columns")
    assert '<option value="cd4" selected>' in chosen.text
    assert "CD4 700.5 cells/µL 1 Mar 2024, 08:00:00 UTC" in words_of(chosen)
    assert "yesterday" in words_of(chosen)
    assert counter.post(f"{here}/columns", go="check", **CHOSEN).location == here
    assert "Looking at every line" in counter.browser.get(here).text
    for strange in ("", "?n=-9", f"?n={'9' * 30}", "?n=%00&seen=%ff"):
        assert "hx-get" in counter.browser.get(f"{here}/status{strange}").text
    counter.work()
    checked = counter.browser.get(here)
    assert "hx-get" not in checked.text
    for words in ("3 values can be taken in. Nothing is stored yet.", "4 time yesterday The time cannot be read"):
        assert words in words_of(checked), words
    with counter.browser.get(f"{here}/refused") as listed:
        assert listed.text.splitlines()[1].startswith('4,"time","yesterday"')
        assert 'filename="night - refused values.csv"' in listed.headers["Content-Disposition"]
    assert counter.post(f"{here}/load").location == here
    counter.work()
    loaded = counter.browser.get(here)
    assert "3 values taken in." in words_of(loaded)
    assert "Refused values 1" in words_of(loaded)
    assert f'href="/entities/device/{counter.device_id}/measurements"' in loaded.text
    assert "700.5" in counter.browser.get(f"/entities/device/{counter.device_id}").text
    again = counter.sent()
    assert "The very same file was loaded before" in words_of(counter.browser.get(f"{again}/columns"))
    counter.post(f"{again}/columns", go="check", **CHOSEN)
    counter.work()
    counter.post(f"{again}/load")
    counter.work()
    assert "Nothing changed. All 3 values of the file were there already." in words_of(counter.browser.get(again))
    listed = words_of(counter.browser.get("/measurements/imports/"))
    assert "Nothing changed: 3 values there already" in listed
    assert "3 added" in listed


@pytest.mark.parametrize("send", [Counter.form, Counter.raw])
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bomb.csv", b"PK\x03\x04" + b"\x00" * 50, "This is no CSV file but a ZIP archive or an Excel workbook"),
        ("night.xlsx", TABLE, "Measurements are taken in from text files"),
        ("empty.csv", b"", "empty"),
        ("nul.csv", b"time,cd4\n\x00,1\n", "NUL bytes"),
        ("wide.csv", b"," * 99_999 + b"\n1\n", "100,000 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_words_and_leaves_nothing(
    counter: Counter, send: Callable[..., TestResponse], name: str, content: bytes, words: str
) -> None:
    answer = send(counter, name, content)
    assert answer.status_code == 422
    assert words in (answer.get_json()["error"] if answer.is_json else words_of(answer))
    with counter.app.app_context():
        assert db.session.query(StoredFile).count() == 0


def test_without_a_file_the_form_asks_for_one(counter: Counter) -> None:
    answer = counter.form("", b"")
    assert (answer.status_code, "Choose a file first." in answer.text) == (422, True)


def test_a_script_is_told_where_to_go_on_and_pieces_make_one_file(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = counter.raw("night.csv", TABLE)
    assert told.status_code == 201
    assert f'data-goes-to="{told.get_json()["url"]}"' in told.get_json()["html"]
    monkeypatch.setattr("app.attachments.PIECE_BYTES", 50)
    monkeypatch.setattr("app.attachments.pieces.LEAST_PIECE", 50)
    headers = {"Accept": "application/json", "X-CSRFToken": counter.token}
    begun = counter.browser.post(
        f"{counter.path}/pieces", query_string={"name": "night.csv", "size": len(TABLE)}, headers=headers
    ).get_json()
    here = f"{counter.path}/pieces/{begun['id']}"
    for number in range(begun["pieces"], 0, -1):
        piece = TABLE[50 * (number - 1) : 50 * number]
        kind = "application/octet-stream"
        assert (
            counter.browser.put(f"{here}/{number}", data=piece, headers=headers, content_type=kind).status_code == 200
        )
    assert counter.browser.get(here).get_json()["received"] == list(range(1, begun["pieces"] + 1))
    done = [counter.browser.post(f"{here}/complete", headers=headers).get_json()["url"] for _ in range(2)]
    assert done[0] == done[1]
    assert "700.5" in counter.browser.get(done[0]).text


def test_columns_are_refused_field_by_field_and_what_was_chosen_stays(counter: Counter) -> None:
    here = counter.sent(b"when;cd4\n03/04/2024 10:00;3,5\n05/06/2024 10:00;4,5\n")
    page = words_of(counter.browser.get(f"{here}/columns"))
    assert "Days and months cannot be told apart in this file: 03/04/2024 10:00 , 05/06/2024 10:00" in page
    chosen = {"encoding": "utf-8", "delimiter": "semicolon", "heading": "1", "layout": "wide", "time": "0"}
    answer = counter.post(f"{here}/columns", go="check", decimal="comma", **chosen)
    assert answer.status_code == 422
    for words in ("Choose how the time is written.", "Choose a metric for at least one column."):
        assert words in words_of(answer), words
    chosen |= {"time_kind": "mdy", "decimal": "comma", "column-1": "cd4"}
    answer = counter.post(f"{here}/columns", go="check", **chosen)
    assert "Choose it." in words_of(answer)
    assert '<option value="mdy" selected>' in answer.text
    shown = counter.post(f"{here}/preview", zone="Europe/Berlin", **chosen)
    assert "CD4 3.5 cells/µL 4 Mar 2024, 09:00:00 UTC" in words_of(shown)
    assert "<html" not in shown.text
    read = counter.post(f"{here}/columns", go="read", **(chosen | {"delimiter": "comma"}))
    assert (read.status_code, "when;cd4" in read.text) == (200, True)
    for wrong in ({"delimiter": "#"}, {"heading": "99"}, {"encoding": "klingon"}):
        answer = counter.post(f"{here}/columns", go="read", **(chosen | wrong))
        assert (answer.status_code, "There is a problem" in answer.text) == (422, True)


def test_several_devices_need_a_column_that_names_them(counter: Counter) -> None:
    here = counter.sent(b"time,cd4,which\n2024-03-01T08:00:00Z,1,GLU-9\n", "/measurements/imports/for/several")
    chosen = CHOSEN | {"column-2": ""}
    answer = counter.post(f"{here}/columns", go="check", **chosen)
    assert "Choose the column with the device&#39;s ID." in answer.text
    shown = counter.post(f"{here}/preview", **(chosen | {"device": "2"}))
    assert "2 GLU-9 CD4 1 cells/µL 1 Mar 2024, 08:00:00 UTC" in words_of(shown)


def test_an_import_is_cancelled_after_one_more_question(counter: Counter) -> None:
    here = counter.sent()
    assert "Cancel this import?" in counter.browser.get(f"{here}/cancel").text
    assert counter.post(f"{here}/cancel").location == here
    assert "Nothing was stored." in counter.browser.get(here).text
    assert counter.browser.get(f"{here}/columns").location == here
    assert counter.browser.get(f"{here}/refused").status_code == 410
    assert "nothing to load" in counter.browser.get(counter.post(f"{here}/load").location).text


def test_those_who_only_look_see_the_list_and_cannot_send(counter: Counter, signed_in: SignedIn) -> None:
    here = counter.sent()
    ann, nora = signed_in("ann"), signed_in("nora")
    empty = words_of(ann.get("/measurements/imports/"))
    assert "You may not take in measurements Clinicians and administrators may." in empty
    assert "Imports of measurements</a>" not in ann.get("/").text
    assert ann.get(counter.path).status_code == 403
    assert ann.get(here).status_code == 404
    assert counter.browser.get("/measurements/imports/for/nobody").status_code == 404
    assert "Alice" in nora.get("/measurements/imports/").text
    assert nora.get(f"{here}/columns").status_code == 403
