"""A real HTTP proxy in front of a server, which answers for it, or breaks off, when it was told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

POLL_SECONDS = 0.02
ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>its own words</Message></Error>"


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` requests whose ``METHOD /path?query`` holds ``where``.

    ``answer``: the server is not asked; ``status`` and ``code`` come back. ``lose``: the server does what was asked,
    and the connection breaks before its answer. ``cut``: it breaks in the middle of the answer's body.
    """

    where: str = ""
    times: int = 1
    kind: Literal["answer", "lose", "cut"] = "answer"
    status: int = 503
    code: str = "SlowDown"


@dataclass(slots=True)
class FaultyProxy:
    """A running proxy. A test puts what is to go wrong into ``faults``, and reads ``asked`` afterwards."""

    port: int
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    deciding: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, where: str) -> int:
        """How many requests came whose ``METHOD /path?query`` holds these words."""
        return sum(where in one for one in self.asked)

    def next_fault(self, line: str) -> Fault | None:
        """The fault of this request, which is used up by it."""
        with self.deciding:
            self.asked.append(line)
            for fault in self.faults:
                if fault.times and fault.where in line:
                    fault.times -= 1
                    return fault
        return None


@contextmanager
def running_faulty_proxy(upstream_port: int) -> Iterator[FaultyProxy]:
    """Run a proxy on a private port of 127.0.0.1, forwarding everything to ``upstream_port`` there, Host unchanged."""

    class Forwarding(_Forwarding):
        upstream = upstream_port

    with _Server(("127.0.0.1", 0), Forwarding) as server:
        server.proxy = FaultyProxy(server.server_address[1])
        # It looks that often whether it shall end; each test has to wait for it.
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="faulty proxy")
        thread.start()
        try:
            yield server.proxy
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: int
    server: _Server

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.next_fault(f"{self.command} {self.path}")
        if fault is not None and fault.kind == "answer":
            self._send(fault.status, {"Content-Type": "application/xml"}, ERROR.format(code=fault.code).encode())
            return
        upstream = HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("expect", "connection"):
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            self._answer(answer, answer.read(), fault)
        finally:
            upstream.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815  http.server's names

    def _answer(self, answer: HTTPResponse, body: bytes, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "lose":
            self.close_connection = True
            return
        kept = {name: value for name, value in answer.getheaders() if name.lower() != "transfer-encoding"}
        self._send(answer.status, kept, body, cut=fault is not None)

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        announced = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", announced or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut
