"""What gunicorn itself writes down: never what people typed."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ops.running import ROOT, environment, until
from tests.services import tied
from tests.services.tls import free_port

BROKEN = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [])
        return [b"alive"]
    if environ["PATH_INFO"] == "/socket":
        raise OSError(5, "canary-of-a-socket")
    try:
        raise KeyError("canary-of-a-cause")
    except KeyError as cause:
        raise ValueError("canary-of-a-message") from cause
"""


@dataclass
class Server:
    """gunicorn with our settings, before an application that breaks."""

    port: int
    log: Path

    def send(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer

    def answers(self) -> bool:
        try:
            return b"alive" in self.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "broken.py").write_text(BROKEN)
    made = Server(free_port(), tmp_path / "log")
    settings = environment(PORT=str(made.port), PYTHONPATH=str(tmp_path))
    told = ["env", *(f"{name}={value}" for name, value in settings.items())]
    command = [*told, sys.executable, "-m", "gunicorn", "--config", "ops/gunicorn.conf.py", "broken:app"]
    with made.log.open("ab") as log:
        child = tied.start(command, log=log, death_signal="TERM", cwd=ROOT)
    until(made.answers, "gunicorn answers")
    yield made
    tied.stop(child)


@pytest.mark.parametrize(
    ("path", "words", "kind"),
    [("/entities", "Error handling request", "ValueError"), ("/socket", "Socket error processing request", "OSError")],
)
def test_a_fault_is_written_down_without_the_search_and_without_its_message(
    server: Server, path: str, words: str, kind: str
) -> None:
    server.send(f"GET {path}?q=canary-of-a-patient HTTP/1.1\r\nHost: x\r\nReferer: http://[\r\n\r\n".encode())
    until(lambda: words in server.log.read_text(), "the fault is written down")
    said = server.log.read_text()
    assert kind in said
    assert "broken.py:" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "request_line", ["GET /entities?q=canary-of-a-patient HTTP/banana", "GET /?q=canary of a patient HTTP/1.1"]
)
def test_a_request_that_cannot_be_read_is_not_quoted(server: Server, request_line: str) -> None:
    assert b"400 Bad Request" in server.send(f"{request_line}\r\nHost: x\r\n\r\n".encode())
    until(lambda: "Invalid request from ip=127.0.0.1" in server.log.read_text(), "the refusal is written down")
    assert "canary" not in server.log.read_text()


def test_a_server_that_cannot_start_says_which_setting_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "unset.py").write_text("raise ValueError('SECRET_KEY must hold at least 32 characters')")
    log = tmp_path / "log"
    settings = environment(PORT=str(free_port()), PYTHONPATH=str(tmp_path))
    told = ["env", *(f"{name}={value}" for name, value in settings.items())]
    with log.open("ab") as out:
        child = tied.start(
            [*told, sys.executable, "-m", "gunicorn", "--config", "ops/gunicorn.conf.py", "unset:app"],
            log=out, death_signal="TERM", cwd=ROOT,
        )  # fmt: skip
    child.wait(60)
    assert "SECRET_KEY must hold at least 32 characters" in log.read_text()
