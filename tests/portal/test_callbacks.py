"""The callbacks page, and an export's request as a program would send it."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import accounts, callbacks, exports
from app.exports import ReportParams, ReportQuery
from tests.conftest import csrf_token
from tests.factories import BEGINNING, PASSWORD, World

SignedIn = Callable[[str], FlaskClient]
TOLD = "https://hooks.invalid/chartroom?key=1"


def asked(app: Flask, world: World, params: ReportParams, **more: str) -> UUID:
    with app.app_context():
        alice = world.actor("alice")
        return exports.request_export(alice, "report", params, request_key=uuid4().hex, **more).id


@pytest.fixture
def delivery(app: Flask, world: World) -> UUID:
    """Of a cancelled export of alice's, whose receiver cannot be found."""
    export_id = asked(app, world, ReportParams(("patient",), start=BEGINNING), callback_url=TOLD)
    with app.app_context():
        exports.cancel_export(world.actor("alice"), export_id)
        callbacks.deliver_due()
        return callbacks.list_deliveries(world.actor("alice"))[0].id


def test_whoever_was_told_nothing_has_an_empty_page(signed_in: SignedIn) -> None:
    page = signed_in("alice").get("/account/callbacks/").text
    assert "No callbacks" in page
    assert "whsec_" in page


def test_the_page_shows_address_tries_and_what_was_answered(signed_in: SignedIn, delivery: UUID) -> None:
    page = signed_in("alice").get("/account/callbacks/").text
    for words in ("Cancelled", "hooks.invalid/chartroom", "Waiting", "The host&#39;s name has no address."):
        assert words in page, words
    shown = signed_in("alice").get(f"/account/callbacks/{delivery}").text
    assert "Try no more" in shown
    assert "Send again now" in shown


def test_an_administrator_sees_whose_it_is_and_others_nothing(signed_in: SignedIn, delivery: UUID) -> None:
    assert "Alice" in signed_in("max").get("/account/callbacks/").text
    assert "No callbacks" in signed_in("adam").get("/account/callbacks/").text
    assert signed_in("adam").get(f"/account/callbacks/{delivery}").status_code == 404


def test_tries_can_be_ended_and_begun_again_by_hand(signed_in: SignedIn, delivery: UUID) -> None:
    browser, path = signed_in("alice"), f"/account/callbacks/{delivery}"
    token = csrf_token(browser, path)
    ended = browser.post(f"{path}/end", data={"csrf_token": token}, follow_redirects=True).text
    assert "Given up" in ended
    assert "Try no more" not in ended
    again = browser.post(f"{path}/again", data={"csrf_token": token}, follow_redirects=True).text
    assert "It is sent again within a few seconds." in again
    assert "Waiting" in again


PLAIN = ReportParams(("patient", "device"), start=BEGINNING, order="asc", max_file_bytes=60_000)
SEVERAL = ReportParams.of_queries(
    [ReportQuery("patient", start=BEGINNING), ReportQuery("device", period="modification", start=BEGINNING,
                                                          sorted_by="creation")], "csv"
)  # fmt: skip


def program_on(page: str, name: str) -> str | None:
    found = re.search(rf'<pre[^>]*id="as-{name}"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return html.unescape(found[1]) if found else None


@pytest.mark.parametrize("params", [PLAIN, SEVERAL])
def test_the_request_on_an_exports_page_is_the_very_one_that_makes_it(
    app: Flask, world: World, signed_in: SignedIn, params: ReportParams
) -> None:
    export_id = asked(app, world, params, label="it's nightly")
    page = signed_in("alice").get(f"/exports/{export_id}").text
    words = shlex.split((program_on(page, "curl") or "").replace("\\\n", ""))
    sent = json.loads(words[words.index("-d") + 1])
    with app.app_context():
        token = accounts.sign_in_machine(world.users["alice"].email, PASSWORD).access.text
    told = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().post("/dms/v1/data/reports/export", json=sent, headers=told)
    assert answer.status_code == 201
    with app.app_context():
        first, second = (exports.get_export(world.actor("alice"), one) for one in (export_id, UUID(answer.json["id"])))
        assert (first.params, first.label) == (second.params, second.label)


def test_the_python_on_the_page_asks_for_the_same(
    app: Flask, world: World, signed_in: SignedIn, tmp_path: Path
) -> None:
    page = signed_in("alice").get(f"/exports/{asked(app, world, PLAIN)}").text
    text = program_on(page, "python") or ""
    body = text.partition("wanted = ")[2].partition("\nasking")[0]
    script = tmp_path / "wanted.py"
    script.write_text(f"import json\nprint(json.dumps({body}))")
    said = subprocess.run([sys.executable, script], env=dict(os.environ), text=True, capture_output=True, check=True)
    words = shlex.split((program_on(page, "curl") or "").replace("\\\n", ""))
    assert json.loads(said.stdout) == json.loads(words[words.index("-d") + 1])
    compile(text, "asking", "exec")


@pytest.mark.parametrize(
    "params",
    [
        ReportParams(("patient",), start=BEGINNING, format="parquet"),
        ReportParams(("patient",), start=BEGINNING, with_files=True),
        ReportParams(("patient",), start=BEGINNING, without_phi=True),
        ReportParams(("patient",), start=BEGINNING, format="csv", for_spreadsheets=True),
        ReportParams(("patient",), start=BEGINNING, period="modification"),
    ],
)
def test_what_programs_cannot_ask_for_has_no_request_to_copy(
    app: Flask, world: World, signed_in: SignedIn, params: ReportParams
) -> None:
    page = signed_in("alice").get(f"/exports/{asked(app, world, params)}").text
    assert "As a program asks for it" not in page


def test_a_report_of_several_queries_is_told_in_words_and_can_be_asked_for_again(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    export_id = asked(app, world, SEVERAL)
    browser = signed_in("alice")
    page = browser.get(f"/exports/{export_id}").text
    assert "Query 1" in page
    assert "Query 2: last changed" in page
    assert "this form has one period for all" in browser.get(f"/exports/new?again={export_id}").text
