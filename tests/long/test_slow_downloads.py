"""Sixty-four downloads that are taken in sips, at a real server, and the pages that others open meanwhile."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles

import pytest

from tests.api.biot.large import Content, Served, send_through_the_portal, serving
from tests.factories import World

pytestmark = pytest.mark.long

DOWNLOADS = 64
CONTENT = Content(24_000_000)
SIP = 8192
PAGES = 60
TIMES_SLOWER = 3.0
"""Generous: the machine may do something else meanwhile. Without room for slow downloads no page is answered at all."""


@pytest.fixture
def served(peopled_sqlite: tuple[Path, World], tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, peopled_sqlite, CONTENT.size) as made:
        send_through_the_portal(made, CONTENT)
        yield made


def p95(served: Served) -> float:
    """Seconds that a page takes, but for the slowest of twenty; each over a connection of its own."""
    took = []
    for _ in range(PAGES):
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", served.web.port, timeout=30)
        connection.request("GET", "/entities/patient", headers=served.as_browser | {"Accept": "text/html"})
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        connection.close()
        took.append(time.perf_counter() - began)
    return quantiles(took, n=20)[-1]


@contextmanager
def sipping(served: Served, path: str) -> Iterator[list[socket.socket]]:
    """So many downloads that have begun and go on for as long as this is open, a sip of each in turn."""
    with ExitStack() as held:
        taken = []
        for _ in range(DOWNLOADS):
            one = held.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(30)
            one.connect(("127.0.0.1", served.web.port))
            one.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {served.as_browser['Cookie']}\r\n\r\n".encode()
            )
            taken.append(one)
        for one in taken:
            assert one.recv(SIP).startswith(b"HTTP/1.1 200 "), "a download waits for the others"
        ended = threading.Event()
        thread = threading.Thread(target=_sip, args=(taken, ended))
        thread.start()
        try:
            yield taken
        finally:
            ended.set()
            thread.join()


def _sip(taken: list[socket.socket], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for one in taken:
            one.recv(SIP)


def test_sixty_four_slow_downloads_leave_the_pages_as_quick_as_they_were(served: Served) -> None:
    [file] = served.cabinet.files()
    p95(served)
    before = p95(served)
    with sipping(served, f"/files/{file.id}") as taken:
        meanwhile = p95(served)
        assert all(one.recv(SIP) for one in taken), "each goes on"
    after = p95(served)
    assert meanwhile < TIMES_SLOWER * max(before, after), (before, meanwhile, after)
