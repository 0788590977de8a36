"""Large files into a real server, cut at random points and gone on with; what its processes held meanwhile."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from app import create_app
from app.extensions import db
from app.models import TemplateAttribute, begin_writing
from tests.api.biot.sent import PARTS, UPLOAD
from tests.browser.portal import Web
from tests.conftest import config_for, csrf_token
from tests.factories import PASSWORD, World
from tests.faults.processes import parent_of
from tests.portal.cabinet import Cabinet, make_cabinet

MEGABYTE = 1_000_000
MOST_GROWN = 50
"""Megabytes by which no process of the server may grow while a file comes, however large that is."""
PIECE = 8 * 1024 * 1024
PATIENCE_SECONDS = 900
_FILLER = b"2024-03-01T08:00:00.000Z,SN-0001,4.2,mmol/L\n" * 25_000


@dataclass(frozen=True)
class Content:
    """A device's log of exactly that many bytes, any stretch of which can be had; no two megabytes are the same."""

    size: int

    def stretch(self, start: int, end: int) -> Iterator[bytes]:
        while start < min(end, self.size):
            number, within = divmod(start, MEGABYTE)
            block = (f"{number:020d},x\n".encode() + _FILLER)[:MEGABYTE]
            piece = block[within : min(MEGABYTE, within + end - start, within + self.size - start)]
            yield piece
            start += len(piece)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for piece in self.stretch(0, self.size):
            digest.update(piece)
        return digest.hexdigest()

    def pieces(self) -> list[tuple[int, int]]:
        return [(start, min(self.size, start + PIECE)) for start in range(0, self.size, PIECE)]


class Memory:
    """The server's processes, and how much each has grown at its peak since this was made."""

    def __init__(self, web: Web) -> None:
        assert web._child is not None
        below = {web._child.pid}
        for pid in sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            try:
                if parent_of(pid) in below:
                    below.add(pid)
            except (FileNotFoundError, ProcessLookupError, KeyError):
                continue
        # The peak is counted from now on.
        for pid in below:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = {pid: _peak(pid) for pid in below}

    def grown(self) -> dict[int, float]:
        """Megabytes, by process."""
        return {pid: _peak(pid) - before for pid, before in self._before.items()}

    def assert_flat(self) -> None:
        assert len(self._before) >= 3  # the master and its two workers
        assert max(self.grown().values()) < MOST_GROWN, self.grown()


def _peak(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MEGABYTE


class Served:
    """A server whose analysis files may be large, and alice at it: as a program and as a browser."""

    def __init__(self, web: Web, world: World, cabinet: Cabinet) -> None:
        self.web, self.world, self.cabinet = web, world, cabinet
        self.chance = random.Random(2024)
        self._token = ""

    def sign_in(self) -> None:
        """Both ways."""
        email = self.world.users["alice"].email
        told = self.json("POST", "/ums/v2/users/login", {"username": email, "password": PASSWORD})
        self._token = told["accessJwt"]["token"]
        browser = self.cabinet.app.test_client()
        form = {"email": email, "password": PASSWORD, "csrf_token": csrf_token(browser, "/sign-in")}
        assert browser.post("/sign-in", data=form).status_code == 303
        token = self.cabinet.token(browser)  # which is kept in the cookie
        cookie = browser.get_cookie("chartroom")
        assert cookie is not None
        self.as_browser = {
            "Cookie": f"chartroom={cookie.value}",
            "X-CSRFToken": token,
            "Accept": "application/json",
        }

    def json(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """One JSON request, by default as the program."""
        told = headers or {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = self._connection()
        connection.request(method, path, None if body is None else json.dumps(body), told)
        answer = connection.getresponse()
        with answer:
            said = answer.read()
        connection.close()
        assert answer.status < 300, said
        return json.loads(said) if said else None

    def put(
        self, url: str, content: Content, start: int, end: int, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """A stretch, whole; answers the status and the tag."""
        connection = self._begin(url, end - start, headers)
        for piece in content.stretch(start, end):
            connection.send(piece)
        answer = connection.getresponse()
        with answer:
            said = answer.read()
        connection.close()
        assert answer.status == 200, said
        return answer.status, answer.getheader("ETag") or json.loads(said)["etag"]

    def cut(self, url: str, content: Content, start: int, end: int, headers: dict[str, str] | None = None) -> None:
        """A stretch that breaks off at a random point."""
        connection = self._begin(url, end - start, headers)
        for piece in content.stretch(start, self.chance.randrange(start, end)):
            connection.send(piece)
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def sha256_of(self, url: str, headers: dict[str, str] | None = None) -> str:
        connection = self._connection()
        connection.request("GET", _path(url), headers=headers or {})
        digest = hashlib.sha256()
        with connection.getresponse() as answer:
            assert answer.status == 200
            while piece := answer.read(MEGABYTE):
                digest.update(piece)
        connection.close()
        return digest.hexdigest()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=PATIENCE_SECONDS)

    def _begin(self, url: str, length: int, headers: dict[str, str] | None) -> http.client.HTTPConnection:
        connection = self._connection()
        connection.putrequest("PUT", _path(url))
        for name, value in {"Content-Length": str(length), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@contextmanager
def serving(home: Path, peopled: tuple[Path, World], size: int) -> Iterator[Served]:
    """gunicorn over the test world, where an analysis file may have that many bytes."""
    config = replace(config_for(home), max_upload_bytes=size)
    shutil.copy(peopled[0], config.data_dir / "chartroom.sqlite3")
    app = create_app(config)
    with app.app_context():
        template = peopled[1].templates["patient"].id
        begin_writing()
        wanted = TemplateAttribute.template_id == template, TemplateAttribute.name == "analysis_file"
        db.session.scalars(select(TemplateAttribute).where(*wanted)).one().max_bytes = size
        db.session.commit()
    web = Web(config, config.data_dir / "web.log")
    web.start()
    try:
        served = Served(web, peopled[1], make_cabinet(app, peopled[1], config.data_dir))
        served.sign_in()
        yield served
    finally:
        web.stop()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        shutil.rmtree(config.data_dir)


def send_in_one(served: Served, content: Content) -> None:
    """Through one signed address; cut twice, and then whole."""
    made = served.json("POST", UPLOAD, {"name": "log.csv", "mimeType": "text/csv"})
    memory = Memory(served.web)
    for _ in range(2):
        served.cut(made["signedUrl"], content, 0, content.size)
    served.put(made["signedUrl"], content, 0, content.size)
    told = served.json("GET", f"/file/v1/files/{made['id']}/download")
    assert served.sha256_of(told["signedUrl"]) == content.sha256()
    memory.assert_flat()


def send_in_parts(served: Served, content: Content) -> None:
    """Through the signed addresses of parts, some of which break off and are sent again."""
    stretches = content.pieces()
    memory = Memory(served.web)
    made = served.json("POST", PARTS, {"name": "log.csv", "mimeType": "text/csv", "parts": len(stretches)})
    breaking = set(served.chance.sample(range(len(stretches)), min(3, len(stretches))))
    named = []
    for place, (start, end) in enumerate(stretches):
        url = made["signedUrls"][place]["signedUrl"]
        if place in breaking:
            served.cut(url, content, start, end)
        named.append({"partNumber": place + 1, "etag": served.put(url, content, start, end)[1]})
    told = served.json("POST", f"{PARTS}{made['id']}/complete", {"parts": named})
    assert served.sha256_of(told["signedUrl"]) == content.sha256()
    memory.assert_flat()


def send_through_the_portal(served: Served, content: Content) -> None:
    """As upload.js does: in pieces, some of which break off, gone on with by asking what has come."""
    memory, headers = Memory(served.web), served.as_browser
    base = f"{served.cabinet.path}/files/analysis_file/pieces"
    begun = served.json("POST", f"{base}?name=log.csv&size={content.size}", headers=headers)
    assert begun["piece_bytes"] == PIECE
    place, stretches = f"{base}/{begun['id']}", content.pieces()
    breaking = set(served.chance.sample(range(len(stretches)), min(3, len(stretches))))
    while True:
        received = served.json("GET", place, headers=headers)["received"]
        missing = [number for number in range(1, len(stretches) + 1) if number not in received]
        if not missing:
            break
        for number in missing:
            start, end = stretches[number - 1]
            if number - 1 in breaking:
                breaking.remove(number - 1)
                served.cut(f"{place}/{number}", content, start, end, headers)
                break
            served.put(f"{place}/{number}", content, start, end, headers)
    file = served.json("POST", f"{place}/complete", headers=headers)["file"]
    assert (file["size"], file["sha256"]) == (content.size, content.sha256())
    assert served.sha256_of(f"/files/{file['id']}", headers) == content.sha256()
    memory.assert_flat()
