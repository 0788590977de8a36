"""Requests that never arrive as a whole, at a real server: its threads are few, and a stranger holds none of them."""

from __future__ import annotations

import select
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser.portal import Web
from tests.conftest import config_for
from tests.factories import World

PATIENCE_SECONDS = 60
MORE_THAN_THREADS = 170
DRIP_SECONDS = 0.1


@pytest.fixture(scope="module")
def web(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """gunicorn as it is served, but for shorter clocks."""
    config = replace(config_for(tmp_path_factory.mktemp("slow")), body_idle_seconds=2.0, body_seconds=3.0)
    shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
    web = Web(config, config.data_dir / "web.log")
    web.start()
    yield web
    web.stop()


def begin(web: Web, *headers: str, path: str = "/sign-in") -> socket.socket:
    """A connection on which a form was announced."""
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{web.port}",
        "Content-Type: application/x-www-form-urlencoded",
        *headers,
    ]
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE_SECONDS)
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection


def answer_on(connection: socket.socket) -> tuple[int, str]:
    """The status, and the rest until the server closes."""
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    status, _, rest = answer.decode(errors="replace").partition("\r\n")
    return int(status.split()[1]), rest


def test_half_sent_forms_are_given_up_and_the_threads_are_free_again(web: Web) -> None:
    with ExitStack() as held:
        connections = [
            held.enter_context(begin(web, "Content-Length: 1000", "Connection: close"))
            for _ in range(MORE_THAN_THREADS)
        ]
        for connection in connections:
            connection.sendall(b"em")
        # Each hangs up at its answer's end: the server waits a while for whoever does not, and for one after another.
        answers = dict.fromkeys(connections, b"")
        while any(connection.fileno() >= 0 for connection in connections):
            waiting = [connection for connection in connections if connection.fileno() >= 0]
            ready = select.select(waiting, [], [], PATIENCE_SECONDS)[0]
            assert ready, "nobody is answered"
            for connection in ready:
                if chunk := connection.recv(65536):
                    answers[connection] += chunk
                else:
                    connection.close()
        for answer in answers.values():
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"This took too long to arrive" in answer
        assert web.answers("/healthz")


def test_a_form_without_a_length_that_stops_in_the_middle_is_given_up(web: Web) -> None:
    with begin(web, "Transfer-Encoding: chunked", "Connection: close") as connection:
        connection.sendall(b"100\r\nem")
        assert answer_on(connection)[0] == 408


def test_a_form_that_comes_in_drops_is_given_up_as_a_whole(web: Web) -> None:
    with begin(web, "Content-Length: 10000", "Connection: close") as connection:
        while not select.select([connection], [], [], DRIP_SECONDS)[0]:
            connection.sendall(b"e")
        status = connection.recv(12)
    assert status == b"HTTP/1.1 408"


def test_a_sign_in_that_is_too_large_is_refused_before_it_comes(web: Web) -> None:
    with begin(web, "Content-Length: 16385", "Connection: close") as connection:
        status, said = answer_on(connection)
    assert status == 413
    assert "This is too large" in said


def test_a_person_who_is_slow_but_done_in_time_is_answered(web: Web) -> None:
    with begin(web, "Content-Length: 10", "Connection: close") as connection:
        connection.sendall(b"email")
        # The form ends after the server has begun to wait for it.
        assert not select.select([connection], [], [], DRIP_SECONDS)[0]
        connection.sendall(b"=ada%")
        status, said = answer_on(connection)
    assert status == 400
    assert "The form was too old" in said


def test_nothing_of_this_is_a_fault_in_the_log(web: Web) -> None:
    with begin(web, "Content-Length: 100", "Connection: close", path="/sign-in?next=canary") as connection:
        assert answer_on(connection)[0] == 408
    said = web.log.read_text()
    for words in ("canary", "Error handling request", "Socket error", '"level": "error"'):
        assert words not in said
