"""A gigabyte into a real server and out of it again: it arrives whole, and nobody's memory grows with it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.models import TemplateAttribute, begin_writing
from app.storage import storage
from tests.browser.portal import Web
from tests.conftest import config_for, csrf_token
from tests.factories import PASSWORD, World
from tests.faults.processes import parent_of, until
from tests.portal.cabinet import Cabinet, make_cabinet

pytestmark = pytest.mark.long

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000
MOST_MEGABYTES = 300
"""Of any process at its peak: a fixed base of libraries, and nothing of the file."""
TAIL = 1_000
PATIENCE_SECONDS = 900
FORM_HEAD = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="log.csv"\r\n\r\n'
FORM_END = b"\r\n--edge--\r\n"
FILLER = b"2024-03-01T08:00:00.000Z,SN-0001,4.2,mmol/L\r\n" * 25_000


def csv_text(size: int) -> Iterator[bytes]:
    """A device's log of exactly that many bytes, a megabyte at a time; no two megabytes are the same."""
    for start in range(0, size, MEGABYTE):
        head = f"{start:020d},患者\r\n".encode()
        yield (head + FILLER)[: min(MEGABYTE, size - start)]


@dataclass
class Seen:
    """What kind of process it is, and its greatest resident memory until now."""

    kind: str
    megabytes: float


class Watch:
    """Looks at every process below ours, all the time, for those whose command line says one of ``kinds``."""

    def __init__(self, *kinds: str) -> None:
        self.seen: dict[int, Seen] = {}
        self._kinds = kinds
        self._over = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def peaks(self, kind: str) -> list[float]:
        """The peak of each process of the kind, in MB."""
        return [seen.megabytes for seen in self.seen.values() if seen.kind == kind]

    def _look(self) -> None:
        while not self._over.wait(0.03):
            below = {os.getpid()}
            # A child's id is usually above its parent's; one that is not is found at the next look.
            for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
                try:
                    if parent_of(pid) in below:
                        below.add(pid)
                        self._note(pid)
                except (FileNotFoundError, ProcessLookupError, KeyError):  # it ended meanwhile
                    continue

    def _note(self, pid: int) -> None:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        kind = next((one for one in self._kinds if one in command), None)
        status = Path(f"/proc/{pid}/status").read_text()
        peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), None)
        if kind and peak:
            self.seen[pid] = Seen(kind, int(peak) * 1024 / MEGABYTE)


@dataclass
class Sender:
    """Alice at the server, with no browser that would hold a body in memory."""

    web: Web
    cookie: str
    token: str

    def post(self, path: str, size: int, body: Iterable[bytes], kind: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=PATIENCE_SECONDS)
        connection.putrequest("POST", path)
        named = {"Content-Length": str(size), "Content-Type": kind, "X-CSRFToken": self.token}
        for name, value in {**named, "Accept": "application/json", "Cookie": self.cookie}.items():
            connection.putheader(name, value)
        connection.endheaders()
        for piece in body:
            connection.send(piece)
        answer = connection.getresponse()
        with answer:
            said = answer.status, answer.read()
        connection.close()
        return said

    def last_bytes(self, path: str, how_many: int) -> tuple[int, str | None, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=PATIENCE_SECONDS)
        connection.request("GET", path, headers={"Range": f"bytes=-{how_many}", "Cookie": self.cookie})
        answer = connection.getresponse()
        with answer:
            said = answer.status, answer.getheader("Content-Range"), answer.read()
        connection.close()
        return said


@pytest.fixture(scope="module")
def served(
    peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Flask, Web, Path]]:
    """The application, and gunicorn over the same data, where an analysis file may have a gigabyte."""
    config = replace(config_for(tmp_path_factory.mktemp("gigabyte")), max_upload_bytes=GIGABYTE)
    shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
    app = create_app(config)
    with app.app_context():
        template = peopled_sqlite[1].templates["patient"].id
        begin_writing()
        attribute = db.session.scalars(
            select(TemplateAttribute).where(
                TemplateAttribute.template_id == template, TemplateAttribute.name == "analysis_file"
            )
        ).one()
        attribute.max_bytes = 2 * GIGABYTE
        db.session.commit()
    web = Web(config, config.data_dir / "web.log")
    web.start()
    yield app, web, config.data_dir
    web.stop()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    # pytest keeps the folders of three runs: too much of these.
    shutil.rmtree(config.data_dir)


@pytest.fixture
def cabinet(served: tuple[Flask, Web, Path], world: World) -> Cabinet:
    return make_cabinet(served[0], world, served[2])


@pytest.fixture
def alice(served: tuple[Flask, Web, Path], world: World, cabinet: Cabinet) -> Sender:
    app, web, _ = served
    browser = app.test_client()
    form = {"email": world.users["alice"].email, "password": PASSWORD, "csrf_token": csrf_token(browser, "/sign-in")}
    assert browser.post("/sign-in", data=form).status_code == 303
    token = cabinet.token(browser)
    cookie = browser.get_cookie("chartroom")
    assert cookie is not None
    return Sender(web, f"chartroom={cookie.value}", token)


@pytest.fixture
def watch() -> Watch:
    return Watch("decoders.child", "gunicorn")


def assert_flat(watch: Watch) -> None:
    """Every process stayed below the bound; the master, its two workers and a decoder were all looked at."""
    assert len(watch.peaks("gunicorn")) >= 3
    assert watch.peaks("decoders.child")
    assert [seen for seen in watch.seen.values() if seen.megabytes >= MOST_MEGABYTES] == []


def test_a_gigabyte_arrives_whole_and_no_process_holds_it(cabinet: Cabinet, alice: Sender, watch: Watch) -> None:
    digest, last = hashlib.sha256(), b""

    def body() -> Iterator[bytes]:
        nonlocal last
        for piece in csv_text(GIGABYTE):
            digest.update(piece)
            last = piece[-TAIL:]
            yield piece

    with watch.looking():
        status, said = alice.post(
            f"{cabinet.path}/files/analysis_file?name=log.csv", GIGABYTE, body(), "application/octet-stream"
        )
        assert status == 201, said
        kept = json.loads(said)["file"]
        tail = alice.last_bytes(f"/files/{kept['id']}", TAIL)
    assert (kept["size"], kept["sha256"], kept["media_type"]) == (GIGABYTE, digest.hexdigest(), "text/csv")
    assert tail == (206, f"bytes {GIGABYTE - TAIL}-{GIGABYTE - 1}/{GIGABYTE}", last)
    assert stored(cabinet) == (GIGABYTE, digest.hexdigest())
    assert_flat(watch)


def stored(cabinet: Cabinet) -> tuple[int, str]:
    """The length and the SHA-256 of the bytes that storage holds for the cabinet's one file."""
    (file,) = [file for file in cabinet.files() if file.entity_id == cabinet.patient_id]
    length, digest = 0, hashlib.sha256()
    with cabinet.inside(), storage.open(file.storage_key) as stream:
        while piece := stream.read(MEGABYTE):
            length += len(piece)
            digest.update(piece)
    return length, digest.hexdigest()


def test_one_byte_above_the_limit_is_refused_before_it_comes_when_it_is_announced(
    cabinet: Cabinet, alice: Sender
) -> None:
    path = f"{cabinet.path}/files/analysis_file?name=log.csv"
    status, said = alice.post(path, GIGABYTE + 1, [], "application/octet-stream")
    assert status == 413
    assert "This file is too large: at most 1 GB are accepted here." in json.loads(said)["error"]
    cabinet.assert_empty()


def test_one_byte_above_the_limit_at_the_end_of_a_form_is_refused_and_leaves_nothing(
    cabinet: Cabinet, alice: Sender, watch: Watch
) -> None:
    """A form announces its own length alone, so that the file is too long shows only when all of it is there."""

    def body() -> Iterator[bytes]:
        yield FORM_HEAD
        yield from csv_text(GIGABYTE + 1)
        yield FORM_END

    size = len(FORM_HEAD) + GIGABYTE + 1 + len(FORM_END)
    with watch.looking():
        path, kind = f"{cabinet.path}/files/analysis_file", "multipart/form-data; boundary=edge"
        status, said = alice.post(path, size, body(), kind)
    assert status == 422
    assert "log.csv was not stored: This file is too large: at most 1 GB are accepted here." in said.decode()
    cabinet.assert_empty()
    assert len(watch.peaks("gunicorn")) >= 3
    assert watch.peaks("decoders.child") == []  # what is refused for its size is not looked at
    assert max(watch.peaks("gunicorn")) < MOST_MEGABYTES


def test_the_watch_sees_a_decoder_that_would_hold_its_file(watch: Watch) -> None:
    hungry = "held = b'x' * 400_000_000; print(len(held), flush=True); input()"
    with (
        watch.looking(),
        subprocess.Popen(
            [sys.executable, "-c", hungry, "decoders.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child,
    ):
        assert child.stdout is not None
        child.stdout.readline()
        until(lambda: max(watch.peaks("decoders.child"), default=0) >= MOST_MEGABYTES, "the watch saw it")
        child.communicate(b"\n")
    with pytest.raises(AssertionError):
        assert_flat(watch)
