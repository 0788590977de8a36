"""A file of a program that comes in parts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import attachments, clock
from app.storage import Storage, storage
from tests.api.biot.sent import (
    LOG,
    MIB,
    PARTS,
    announce,
    announce_parts,
    fetch,
    pieces_of,
    put,
    refused,
    sent,
    state_of,
    stored_keys,
)
from tests.api.conftest import Machine


@pytest.fixture(scope="module")
def whole() -> bytes:
    """12 MiB and a little of text, no two MiB alike."""
    rough = random.Random(4).randbytes(7 * MIB).hex().encode()[: 12 * MIB + 7]
    return b"\n".join(rough[at : at + 60] for at in range(0, len(rough), 60))


def cut(content: bytes, size: int = 5 * MIB) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def put_all(client: FlaskClient, made: dict[str, Any], pieces: list[bytes]) -> list[dict[str, Any]]:
    """Send each piece to the address of its number; answers what a client names them by."""
    named = []
    for address, piece in zip(made["signedUrls"], pieces, strict=True):
        answer = put(client, address["signedUrl"], piece)
        assert answer.status_code == 200, answer.text
        named.append({"partNumber": address["partNumber"], "etag": answer.headers["ETag"]})
    return named


def small(machine: Machine, client: FlaskClient, pieces: list[bytes]) -> tuple[str, list[dict[str, Any]]]:
    made = announce_parts(machine, len(pieces))
    return made["id"], put_all(client, made, pieces)


def test_parts_are_joined_in_the_order_of_their_numbers(
    app: Flask, machine: Machine, client: FlaskClient, whole: bytes
) -> None:
    pieces = cut(whole)
    made = announce_parts(machine, len(pieces))
    assert set(made) == {"id", "name", "mimeType", "parts", "signedUrls"}
    assert [set(one) for one in made["signedUrls"]] == [{"partNumber", "signedUrl", "expirationTime"}] * 3
    named = put_all(client, made, pieces)
    assert named[0]["etag"] == f'"{hashlib.md5(pieces[0], usedforsecurity=False).hexdigest()}"'
    answer = machine.post(f"{PARTS}{made['id']}/complete", json={"parts": named[::-1]})
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert set(told) == {"id", "name", "mimeType", "signedUrl"}
    assert fetch(client, told["signedUrl"]).data == whole
    with app.app_context():
        assert (state_of(made["id"]), pieces_of(made["id"]), len(stored_keys())) == ("stored", 0, 1)


def test_parts_may_be_named_first_and_completed_with_an_empty_body(machine: Machine, client: FlaskClient) -> None:
    file_id, named = small(machine, client, [LOG])
    saved = machine.put(f"{PARTS}{file_id}", json={"parts": named})
    assert (saved.status_code, saved.data) == (200, b"")
    done = machine.post(f"{PARTS}{file_id}/complete", data=b"", content_type="application/json")
    assert done.status_code == 200, done.text
    assert fetch(client, done.get_json()["signedUrl"]).data == LOG


def test_only_parts_with_a_tag_are_joined(machine: Machine, client: FlaskClient, whole: bytes) -> None:
    file_id, named = small(machine, client, [*cut(whole)[:2], LOG])
    named[1]["etag"] = None
    done = machine.post(f"{PARTS}{file_id}/complete", json={"parts": named})
    assert fetch(client, done.get_json()["signedUrl"]).data == cut(whole)[0] + LOG


def test_no_tag_at_all_is_refused_and_nothing_is_lost(app: Flask, machine: Machine, client: FlaskClient) -> None:
    file_id, named = small(machine, client, [LOG])
    refused(machine.post(f"{PARTS}{file_id}/complete"), 400)
    refused(machine.post(f"{PARTS}{file_id}/complete", json={"parts": []}), 400)
    with app.app_context():
        assert (state_of(file_id), pieces_of(file_id)) == ("expected", 1)
    assert machine.post(f"{PARTS}{file_id}/complete", json={"parts": named}).status_code == 200


def test_what_is_complete_is_complete(machine: Machine, client: FlaskClient) -> None:
    made = announce_parts(machine, 2)
    path = f"{PARTS}{made['id']}"
    named = [{"partNumber": 1, "etag": put(client, made["signedUrls"][0]["signedUrl"], LOG).headers["ETag"]}]
    assert machine.post(f"{path}/complete", json={"parts": named}).status_code == 200
    for answer in (
        machine.post(f"{path}/complete", json={"parts": named}),
        machine.post(f"{path}/complete"),
        machine.put(path, json={"parts": named}),
        machine.post(path, json={"fromPart": 2, "toPart": 3}),
        put(client, made["signedUrls"][1]["signedUrl"], LOG),
        machine.delete(f"{path}/cancel"),
    ):
        refused(answer, 409, "ALREADY_STORED")


def test_a_cancelled_upload_leaves_nothing(app: Flask, machine: Machine, client: FlaskClient) -> None:
    made = announce_parts(machine, 2)
    path = f"{PARTS}{made['id']}"
    assert put(client, made["signedUrls"][0]["signedUrl"], LOG).status_code == 200
    gone = machine.delete(f"{path}/cancel")
    assert (gone.status_code, gone.data) == (204, b"")
    with app.app_context():
        assert (state_of(made["id"]), stored_keys()) == (None, [])
    for answer in (
        machine.delete(f"{path}/cancel"),
        machine.post(f"{path}/complete"),
        put(client, made["signedUrls"][1]["signedUrl"], LOG),
    ):
        refused(answer, 404)


def test_more_addresses_may_reach_beyond_the_first_ones(machine: Machine, client: FlaskClient, whole: bytes) -> None:
    made = announce_parts(machine, 1)
    more = machine.post(f"{PARTS}{made['id']}", json={"fromPart": 9_999, "toPart": 10_000}).get_json()
    assert [one["partNumber"] for one in more["signedUrls"]] == [9_999, 10_000]
    assert more["parts"] == 10_000
    pieces = [whole[: 5 * MIB], LOG]
    named = put_all(client, more, pieces)
    done = machine.post(f"{PARTS}{made['id']}/complete", json={"parts": named})
    assert fetch(client, done.get_json()["signedUrl"]).data == b"".join(pieces)


def test_the_address_of_parts_works_with_its_slash_and_without(machine: Machine) -> None:
    body = {"name": "log.csv", "mimeType": "text/csv", "parts": 2}
    for path in (PARTS, PARTS.rstrip("/")):
        assert len(machine.post(path, json=body).get_json()["signedUrls"]) == 2


def test_ten_thousand_parts_may_be_asked_for_and_not_one_more(machine: Machine) -> None:
    addresses = announce_parts(machine, 10_000)["signedUrls"]
    assert [one["partNumber"] for one in addresses] == list(range(1, 10_001))
    assert len({one["signedUrl"] for one in addresses}) == 10_000
    for parts in (10_001, 0, -1, "2", None, 1.5, True):
        refused(machine.post(PARTS, json={"name": "a.csv", "mimeType": "text/csv", "parts": parts}), 400)


def test_ranges_that_cannot_be_are_refused(machine: Machine) -> None:
    path = f"{PARTS}{announce_parts(machine, 1)['id']}"
    for first, last in ((0, 1), (2, 1), (1, 10_001), (None, 1), (1, None)):
        refused(machine.post(path, json={"fromPart": first, "toPart": last}), 400)


def test_a_part_sent_again_takes_the_place_of_the_first(app: Flask, machine: Machine, client: FlaskClient) -> None:
    made = announce_parts(machine, 1)
    url, path = made["signedUrls"][0]["signedUrl"], f"{PARTS}{made['id']}"
    first = put(client, url, b"first,version\n").headers["ETag"]
    assert machine.put(path, json={"parts": [{"partNumber": 1, "etag": first}]}).status_code == 200
    second = put(client, url, LOG).headers["ETag"]
    with app.app_context():
        assert (pieces_of(made["id"]), len(stored_keys())) == (1, 1)
    # The tag that was named is that of bytes that are no longer there.
    refused(machine.post(f"{path}/complete"), 400)
    refused(machine.post(f"{path}/complete", json={"parts": [{"partNumber": 1, "etag": first}]}), 400)
    done = machine.post(f"{path}/complete", json={"parts": [{"partNumber": 1, "etag": second}]})
    assert fetch(client, done.get_json()["signedUrl"]).data == LOG


def test_names_for_parts_that_never_came_or_came_otherwise_are_refused_together(
    machine: Machine, client: FlaskClient
) -> None:
    file_id, named = small(machine, client, [LOG, LOG])
    wrong = [{"partNumber": 1, "etag": "0" * 32}, named[1], {"partNumber": 7, "etag": named[0]["etag"]}]
    body = refused(machine.put(f"{PARTS}{file_id}", json={"parts": wrong}), 400)
    assert set(body["details"]) == {"parts[1]", "parts[7]"}
    refused(machine.post(f"{PARTS}{file_id}/complete"), 400)  # nothing was remembered, the right one neither
    for parts in (None, {}, [1], [{"etag": "a"}], [{"partNumber": 10_001, "etag": "a"}]):
        refused(machine.put(f"{PARTS}{file_id}", json={"parts": parts}), 400)


def test_a_part_that_breaks_off_leaves_nothing_and_may_be_sent_again(
    app: Flask, machine: Machine, client: FlaskClient
) -> None:
    made = announce_parts(machine, 1)
    url = made["signedUrls"][0]["signedUrl"]
    refused(put(client, url, LOG, environ_overrides={"CONTENT_LENGTH": str(len(LOG) + 1)}), 400)
    with app.app_context():
        assert (pieces_of(made["id"]), stored_keys()) == (0, [])
    assert put(client, url, LOG).status_code == 200


def test_a_part_before_the_last_has_five_mebibytes(machine: Machine, client: FlaskClient) -> None:
    file_id, named = small(machine, client, [LOG, LOG])
    answer = machine.post(f"{PARTS}{file_id}/complete", json={"parts": named})
    assert "Part 1 is too small" in refused(answer, 400)["message"]


def test_parts_together_are_no_larger_than_one_file_may_be(
    app: Flask, machine: Machine, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments.intake.intake, "max_bytes", len(LOG) + 10)
    made = announce_parts(machine, 2)
    first, second = (one["signedUrl"] for one in made["signedUrls"])
    assert put(client, first, LOG).status_code == 200
    refused(put(client, second, LOG), 413, "TOO_LARGE")
    assert put(client, first, LOG).status_code == 200  # in the place of itself it fits
    with app.app_context():
        assert (pieces_of(made["id"]), len(stored_keys())) == (1, 1)


def test_joined_bytes_that_are_not_what_the_name_says_are_not_kept(
    app: Flask, machine: Machine, client: FlaskClient
) -> None:
    made = announce_parts(machine, 1, "scan.png")
    named = put_all(client, made, [LOG])
    refused(machine.post(f"{PARTS}{made['id']}/complete", json={"parts": named}), 400)
    with app.app_context():
        assert (state_of(made["id"]), pieces_of(made["id"]), len(stored_keys())) == ("expected", 1, 1)


def test_a_file_comes_the_way_it_was_announced(machine: Machine, client: FlaskClient) -> None:
    single, made = announce(machine), announce_parts(machine, 1)
    for answer in (
        machine.put(f"{PARTS}{single['id']}", json={"parts": []}),
        machine.post(f"{PARTS}{single['id']}", json={"fromPart": 1, "toPart": 1}),
        machine.post(f"{PARTS}{single['id']}/complete"),
    ):
        refused(answer, 400)
    whole_url = made["signedUrls"][0]["signedUrl"].replace("/parts/1?", "?")
    refused(put(client, whole_url, LOG), 403)  # signed for a part, not for the whole


def test_an_address_is_for_one_part(machine: Machine, client: FlaskClient) -> None:
    made = announce_parts(machine, 2)
    refused(put(client, made["signedUrls"][0]["signedUrl"].replace("/parts/1?", "/parts/2?"), LOG), 403)


@pytest.mark.parametrize("who", ["boris", "rita", "adam"])
def test_somebody_elses_parts_are_unknown(
    machine: Machine, machine_of: Callable[[str], Machine], client: FlaskClient, who: str
) -> None:
    file_id, named = small(machine, client, [LOG])
    theirs, path = machine_of(who), f"{PARTS}{file_id}"
    refused(theirs.post(path, json={"fromPart": 1, "toPart": 1}), 404)
    refused(theirs.put(path, json={"parts": named}), 404)
    refused(theirs.post(f"{path}/complete", json={"parts": named}), 404)
    refused(theirs.delete(f"{path}/cancel"), 404)
    assert machine.post(f"{path}/complete", json={"parts": named}).status_code == 200


def test_parts_that_nobody_joined_are_swept_with_their_file(app: Flask, machine: Machine, client: FlaskClient) -> None:
    file_id, _ = small(machine, client, [LOG])
    kept = sent(machine)
    with app.app_context():
        attachments.sweep_files(clock.now() + timedelta(hours=23))
        assert (pieces_of(file_id), len(stored_keys())) == (1, 2)
        attachments.sweep_files(clock.now() + timedelta(hours=25))
        assert (state_of(file_id), state_of(kept), pieces_of(file_id), stored_keys()) == (None, None, 0, [])


def test_what_is_kept_stays_though_its_parts_cannot_be_dropped(
    app: Flask, machine: Machine, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id, named = small(machine, client, [LOG])
    deleted = type(storage).delete

    def fail(self: Storage, key: str) -> None:
        if key.startswith("pieces/"):
            raise RuntimeError("the process is asked to end")
        deleted(self, key)

    monkeypatch.setattr(type(storage), "delete", fail)
    answer = machine.post(f"{PARTS}{file_id}/complete", json={"parts": named})
    assert answer.status_code == 500
    monkeypatch.undo()
    told = machine.get(f"/file/v1/files/{file_id}/download").get_json()
    assert fetch(client, told["signedUrl"]).data == LOG
