"""A patient's life in the portal and its worker, at the most talkative setting: no log line knows who it was."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app import accounts, administration, create_app, exports, imports
from app.exports.builders import kept_builder
from app.extensions import db
from app.models import Entity, begin_writing
from tests.conftest import SECRET, compiled_pages, config_for, csrf_token
from tests.factories import PASSWORD, World
from tests.portal.cabinet import Cabinet
from tests.portal.signing_in import enter
from tests.portal.test_imports import CHOSEN, Counter

CANARY = "zyxcanary"
"""In every value that says something of a person, and in everything that somebody types."""
EXPORT = {
    "data_types": "patient", "period": "creation", "start": "2000-01-01T00:00", "end": "", "order": "desc",
    "format": "json", "with_files": "on",
}  # fmt: skip


@dataclass
class Life:
    """Somebody's browser, the patient, and every secret that was made on the way."""

    app: Flask
    world: World
    data_dir: Path
    browser: FlaskClient
    patient: UUID
    device: UUID
    secrets: set[str] = field(default_factory=lambda: {SECRET, PASSWORD})

    def post(self, path: str, **fields: Any) -> Any:
        token = csrf_token(self.browser, "/entities/")
        self.secrets.add(token)
        return self.browser.post(path, data={"csrf_token": token} | fields)

    def work(self) -> None:
        with self.app.app_context():
            exports.work_until_idle("canaries")
            imports.work_until_idle()
            db.session.remove()


@pytest.fixture
def life(peopled_sqlite: tuple[Path, World], tmp_path: Path) -> Iterator[Life]:
    config = replace(config_for(tmp_path), log_level="DEBUG")
    shutil.copy(peopled_sqlite[0], tmp_path / "chartroom.sqlite3")
    # One that is kept from an earlier test speaks where that one listened.
    kept_builder.end()
    app, world = create_app(config), peopled_sqlite[1]
    app.jinja_env.bytecode_cache = compiled_pages
    with app.app_context():
        who = {name: CANARY + name for name in ("first_name", "last_name", "national_id", "notes")}
        patient, device = world.patient(**who).id, world.device(key="GLU-9").id
    browser = app.test_client()
    yield Life(app, world, tmp_path, browser, patient, device)
    kept_builder.end()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def comes_and_fails_to(life: Life) -> None:
    """Wrong ways to sign in, and at last the right one."""
    enter(life.browser, f"{CANARY}@example.org", f"{CANARY} is my password")
    enter(life.browser, "alice@example.org", f"{CANARY} is my password")
    life.browser.get(f"/sign-in/link/{CANARY}{'x' * 30}")
    assert enter(life.browser).status_code == 303
    cookie = life.browser.get_cookie("session") or life.browser.get_cookie("chartroom")
    life.secrets |= {cookie.value} if cookie else set()


def is_looked_at_and_changed(life: Life) -> None:
    path = f"/entities/patient/{life.patient}"
    for address in (
        path,
        f"{path}/history",
        f"{path}/chart",
        f"/entities/patient?q={CANARY}",
        f"/entities/?q={CANARY}",
    ):
        assert life.browser.get(address).status_code == 200
    seen = re.search(r'name="seen_revision"[^>]*value="(\d+)"', life.browser.get(f"{path}/edit").text)
    assert seen
    for value, status in ((f"{CANARY}\0", 422), (CANARY * 200, 422), (f"{CANARY} again", 303)):
        fields = {"attribute.last_name": value, "attribute.age": CANARY if status == 422 else "41"}
        assert life.post(f"{path}/edit", seen_revision=seen[1], **fields).status_code == status
    for broken in (
        f"/entities/{CANARY}",
        f"{path}?cursor={CANARY}",
        f"/entities/patient?cursor={CANARY}",
        f"/{CANARY}",
    ):
        assert life.browser.get(broken, headers={"Referer": f"http://[{CANARY}"}).status_code < 500


def gets_files(life: Life) -> None:
    cabinet = Cabinet(life.app, life.world, life.data_dir, life.patient, CANARY)
    kept = cabinet.send_raw(life.browser, f"{CANARY} letter.txt", CANARY.encode(), "analysis_file")
    assert kept.status_code == 201, kept.text
    for name, content in (
        (f"{CANARY}.png", CANARY.encode()),
        (f"{CANARY}.exe", b"MZ"),
        (f"{CANARY}.pdf", b"%PDF-" * 99),
    ):
        assert 400 <= cabinet.send_raw(life.browser, name, content, "analysis_file").status_code < 500
    [file] = cabinet.files()
    with life.browser.get(f"/files/{file.id}") as sent:
        assert CANARY in sent.text


def is_measured(life: Life) -> None:
    counter = Counter(life.app, life.browser, life.device)
    table = f"time,cd4,cd8,{CANARY}\n2024-03-01T08:00:00Z,700.5,300,{CANARY}\n{CANARY},1,2,3\n".encode()
    assert 400 <= counter.form(f"{CANARY}.csv", CANARY.encode() + b"\0").status_code < 500
    answer = counter.form(f"{CANARY}.csv", table)
    here = answer.location.removesuffix("/columns")
    assert counter.post(f"{here}/columns", go="check", **CHOSEN).status_code == 303
    life.work()
    assert counter.post(f"{here}/load").status_code == 303
    life.work()
    assert "2 values taken in" in re.sub(r"<[^>]+>", "", life.browser.get(here).text)


def is_exported(life: Life) -> None:
    """Once well, and once with a record of which the database holds half."""
    for preview in (EXPORT, EXPORT | {"start": CANARY}):
        life.post("/exports/preview", **preview)
    asked = life.post("/exports/", **EXPORT, request_key=str(uuid4()), label=CANARY)
    assert asked.status_code == 303, asked.text
    life.work()
    with life.browser.get(f"{asked.location}/archive") as archive:
        assert archive.status_code == 200
    with life.app.app_context():
        begin_writing()
        half = f'{{"first_name": "{CANARY}'
        damaged = update(Entity).where(Entity.id == life.patient).values(phi_attributes=half, caption=CANARY)
        assert db.session.execute(damaged).rowcount == 1
        db.session.commit()
    asked = life.post("/exports/", **EXPORT, request_key=str(uuid4()))
    life.work()
    with life.app.app_context():
        export = exports.get_export(life.world.actor("alice"), UUID(asked.location.rsplit("/", 1)[1]))
        assert export.state == "building", "it was tried, and will be again"


def is_asked_for_by_programs(life: Life) -> None:
    with life.app.app_context():
        pair = accounts.sign_in_machine("alice@example.org", PASSWORD)
        invited = administration.invite_person(
            life.world.actor("max"), CANARY, f"{CANARY}@example.org", life.world.northside.id, ("clinician",)
        )
    link = (invited.link.url or "").rsplit("/", 1)[1]
    life.secrets |= {pair.access.text, pair.refresh.text, link}
    life.browser.get(f"/sign-in/link/{link}")
    ours = {"Authorization": f"Bearer {pair.access.text}"}
    wrong = {"Authorization": f"Bearer {CANARY}"}
    program = life.app.test_client()
    login = {"username": f"{CANARY}@example.org", "password": f"{CANARY} is my password"}
    assert program.post("/ums/v2/users/login", json=login).status_code == 401
    patients = "/organization/v1/users/patients"
    for body in ({"data": f'{{"{CANARY}": '}, {"json": {CANARY: CANARY}}, {"json": {"_name": {"firstName": CANARY}}}):
        assert 400 <= program.post(patients, headers=ours, **body).status_code < 500
    program.get(patients, headers=ours, query_string={"searchRequest": f'{{"freeTextSearch": "{CANARY}"}}'})
    assert program.get(patients, headers=wrong).status_code == 401


def told_of(said: str, needles: set[str]) -> list[str]:
    """The lines in which a needle stands, whatever its case."""
    return [line for line in said.splitlines() if any(one.lower() in line.lower() for one in needles)]


STEPS: tuple[Callable[[Life], None], ...] = (
    comes_and_fails_to, is_looked_at_and_changed, gets_files, is_measured, is_asked_for_by_programs, is_exported,
)  # fmt: skip


def test_no_log_line_of_a_whole_life_holds_a_value_or_a_secret(life: Life, capfd: pytest.CaptureFixture[str]) -> None:
    for step in STEPS:
        step(life)
    heard = capfd.readouterr()
    said = heard.err + heard.out
    lines = [json.loads(line) for line in heard.err.splitlines() if line.startswith("{")]
    assert {"app.exports.work", "chartroom.request"} <= {line.get("logger") for line in lines}
    assert sum(line.get("event") == "request" for line in lines) > 40
    assert any("exception" in line for line in lines), "the export that failed left its frames"
    assert len(life.secrets) >= 6
    assert told_of(said, {CANARY} | {one for one in life.secrets if len(one) > 10}) == []


def test_a_planted_line_with_a_name_or_a_secret_is_found(life: Life, capfd: pytest.CaptureFixture[str]) -> None:
    with life.app.app_context():
        structlog.get_logger("planted").info("looked at", patient=f"Ms. {CANARY.title()}")
        structlog.get_logger("planted").debug("signed in with %s", PASSWORD)
    assert len(told_of(capfd.readouterr().err, {CANARY} | life.secrets)) == 2
