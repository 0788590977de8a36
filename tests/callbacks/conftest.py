"""A receiver of callbacks: a real server on this machine, by http or https, that keeps what it is sent."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask

from app import api, callbacks

FAST = callbacks.Settings(listed=frozenset({"127.0.0.1", "localhost"}), seconds=2.0, backoff=0.0, attempts=3)


@dataclass
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """``answers`` are given one after another, the last one for ever; an answer may be a function of the handler."""

    server: ThreadingHTTPServer
    scheme: str = "http"
    answers: list[Any] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def url(self, path: str = "/told", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


def receiver_with(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that runs until the generator goes on."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            answer = receiver.answers[0] if len(receiver.answers) == 1 else receiver.answers.pop(0)
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(server, "http" if context is None else "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiver_with()


@pytest.fixture
def listed(app: Flask) -> Callable[..., None]:
    """``listed(attempts=2)``: this machine may be called back, quickly; settings may be given."""

    def bind(**given: Any) -> None:
        settings = replace(FAST, **given)
        callbacks.bind(settings, lambda export_id: api.report_body(export_id, "https://export.example.org"))

    bind()
    return bind
