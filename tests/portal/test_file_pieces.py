"""A large file in pieces, as upload.js sends it: begun, broken off, gone on with, finished, given up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import attachments
from tests.factories import World
from tests.portal.cabinet import Cabinet, make_cabinet

SignedIn = Callable[[str], FlaskClient]
MIB = 1024 * 1024
LIMIT = 5_000_000


@pytest.fixture
def cabinet(app: Flask, world: World, config: Any) -> Cabinet:
    return make_cabinet(app, world, Path(config.data_dir))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of 1 MiB, so that a file the test world's templates take has several."""
    monkeypatch.setattr("app.attachments.finishing.PIECE_BYTES", MIB)
    monkeypatch.setattr("app.attachments.PIECE_BYTES", MIB)
    monkeypatch.setattr("app.attachments.pieces.LEAST_PIECE", MIB)
    return MIB


def text(size: int) -> bytes:
    return b"".join(b"%019d\n" % number for number in range(size // 20 + 1))[:size]


class Sender:
    """Alice's browser with the script in it."""

    def __init__(self, browser: FlaskClient, cabinet: Cabinet, attribute: str = "analysis_file") -> None:
        self.browser = browser
        self.path = f"{cabinet.path}/files/{attribute}/pieces"
        self.headers = {"Accept": "application/json", "X-CSRFToken": cabinet.token(browser)}

    def ask(self, method: str, path: str = "", **more: Any) -> TestResponse:
        return self.browser.open(f"{self.path}{path}", method=method, headers=self.headers, **more)

    def begin(self, name: str, size: int) -> TestResponse:
        return self.ask("POST", query_string={"name": name, "size": size})

    def put(self, file_id: str, number: int, content: bytes, **more: Any) -> TestResponse:
        return self.ask("PUT", f"/{file_id}/{number}", data=content, content_type="application/octet-stream", **more)

    def begun(self, name: str, content: bytes) -> tuple[str, list[bytes]]:
        told = self.begin(name, len(content)).get_json()
        pieces = [content[at : at + told["piece_bytes"]] for at in range(0, len(content), told["piece_bytes"])]
        assert told["pieces"] == len(pieces)
        return told["id"], pieces


@pytest.fixture
def alice(signed_in: SignedIn, cabinet: Cabinet, small_pieces: int) -> Sender:
    return Sender(signed_in("alice"), cabinet)


def test_pieces_become_the_file_that_was_cut_whatever_order_they_come_in(alice: Sender, cabinet: Cabinet) -> None:
    content = text(3 * MIB + 5)
    file_id, pieces = alice.begun("log.csv", content)
    for number in (4, 2, 1, 3):
        assert alice.put(file_id, number, pieces[number - 1]).status_code == 200
    answer = alice.ask("POST", f"/{file_id}/complete")
    assert answer.status_code == 201, answer.text
    told = answer.get_json()
    assert (told["file"]["size"], told["file"]["media_type"]) == (len(content), "text/csv")
    assert f"/files/{file_id}" in told["html"]
    assert "holds one file" in told["full"]
    (file,) = cabinet.files()
    assert (file.state, cabinet.bytes_of(file)) == ("attached", content)


def test_what_broke_off_goes_on_with_the_pieces_that_are_missing(alice: Sender, cabinet: Cabinet) -> None:
    content = text(3 * MIB)
    file_id, pieces = alice.begun("log.csv", content)
    assert alice.put(file_id, 1, pieces[0]).status_code == 200
    cut = alice.put(file_id, 2, pieces[1][:100], environ_overrides={"CONTENT_LENGTH": str(MIB)})
    assert cut.status_code == 422
    assert alice.ask("GET", f"/{file_id}").get_json() == {"state": "expected", "received": [1]}
    for number in (2, 3):
        assert alice.put(file_id, number, pieces[number - 1]).status_code == 200
    assert alice.ask("POST", f"/{file_id}/complete").status_code == 201
    (file,) = cabinet.files()
    assert cabinet.bytes_of(file) == content


def test_an_answer_that_was_lost_is_given_again(alice: Sender, cabinet: Cabinet) -> None:
    file_id, pieces = alice.begun("log.csv", text(MIB))
    alice.put(file_id, 1, pieces[0])
    first, second = (alice.ask("POST", f"/{file_id}/complete") for _ in range(2))
    assert first.get_json() == second.get_json()
    assert alice.ask("GET", f"/{file_id}").get_json() == {"state": "attached", "received": []}
    assert len(cabinet.files()) == 1
    assert cabinet.events("file.attach") == 1


def test_what_is_given_up_leaves_nothing(alice: Sender, cabinet: Cabinet) -> None:
    file_id, pieces = alice.begun("log.csv", text(2 * MIB))
    alice.put(file_id, 1, pieces[0])
    assert alice.ask("DELETE", f"/{file_id}").status_code == 204
    cabinet.assert_empty()
    assert alice.put(file_id, 2, pieces[1]).status_code == 404


@pytest.mark.parametrize(
    ("name", "size", "status", "words"),
    [
        ("log.csv", LIMIT + 1, 413, "at most 5 MB"),
        ("scan.png", MIB, 422, "not accepted here"),
        ("log", MIB, 422, "no ending"),
        ("log.csv", 0, 422, "size"),
        ("log.csv", "many", 422, "size"),
        ("log.csv", "-1", 422, "size"),
        ("log.csv", "9" * 40, 422, "size"),
    ],
)
def test_what_may_not_come_is_refused_before_its_first_piece(
    alice: Sender, cabinet: Cabinet, name: str, size: Any, status: int, words: str
) -> None:
    answer = alice.begin(name, size)
    assert answer.status_code == status
    assert words in answer.get_json()["error"]
    cabinet.assert_empty()


def test_pieces_that_are_not_what_the_name_says_leave_nothing(signed_in: SignedIn, cabinet: Cabinet) -> None:
    alice = Sender(signed_in("alice"), cabinet, "images")
    file_id, pieces = alice.begun("scan.png", text(MIB))
    alice.put(file_id, 1, pieces[0])
    assert alice.ask("POST", f"/{file_id}/complete").status_code == 422
    cabinet.assert_empty()


def test_a_place_that_was_filled_meanwhile_takes_no_second_file(alice: Sender, cabinet: Cabinet) -> None:
    file_id, pieces = alice.begun("log.csv", text(MIB))
    alice.put(file_id, 1, pieces[0])
    assert cabinet.send_raw(alice.browser, "quick.csv", b"1,2\n", "analysis_file").status_code == 201
    answer = alice.ask("POST", f"/{file_id}/complete")
    assert answer.status_code == 422
    assert "there is one" in answer.get_json()["error"]
    assert [file.name for file in cabinet.files()] == ["quick.csv"]


def test_a_lie_about_the_size_does_not_get_past_the_templates_bound(alice: Sender, cabinet: Cabinet) -> None:
    file_id = alice.begin("log.csv", MIB).get_json()["id"]
    for number in range(1, 7):
        assert alice.put(file_id, number, text(MIB)).status_code == 200
    assert alice.ask("POST", f"/{file_id}/complete").status_code == 413
    cabinet.assert_empty()


def test_a_piece_is_no_larger_than_was_said(alice: Sender, cabinet: Cabinet) -> None:
    file_id, _ = alice.begun("log.csv", text(2 * MIB))
    assert alice.put(file_id, 1, text(MIB + 2)).status_code == 413
    assert alice.ask("GET", f"/{file_id}").get_json()["received"] == []


def test_an_upload_is_its_senders_alone(alice: Sender, signed_in: SignedIn, cabinet: Cabinet) -> None:
    file_id, pieces = alice.begun("log.csv", text(MIB))
    adam = Sender(signed_in("adam"), cabinet)
    for answer in (
        adam.put(file_id, 1, pieces[0]),
        adam.ask("GET", f"/{file_id}"),
        adam.ask("POST", f"/{file_id}/complete"),
        adam.ask("DELETE", f"/{file_id}"),
    ):
        assert answer.status_code == 404
    assert alice.put(file_id, 1, pieces[0]).status_code == 200


def test_the_pieces_that_the_portal_asks_for_are_large_enough_to_be_joined() -> None:
    assert attachments.PIECE_BYTES >= attachments.LEAST_PIECE
