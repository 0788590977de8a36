"""Ranges, conditions and headers of downloads, as RFC 9110 has them; asked of a small application over HTTP."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import sending
from app.sending import PIECE

DATA = bytes(range(256)) * 4
CHANGED = datetime(2024, 3, 1, 8, 0, 0, 250_000, tzinfo=UTC)
CHANGED_IN_HTTP = "Fri, 01 Mar 2024 08:00:00 GMT"
TAG = hashlib.sha256(DATA).hexdigest()
LATER = CHANGED + timedelta(days=1)


class Watched(io.BytesIO):
    """A stream that remembers how much was read at once."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.largest = max(self.largest, len(data))
        return data


class Server:
    """One download at ``/``, made anew for each request; ``stream`` is the last one that was opened."""

    def __init__(self) -> None:
        self.app = Flask("sending")
        self.app.add_url_rule("/", "download", self._download)
        self.app.add_url_rule("/begins", "begins", self._begins)
        self.data = DATA
        self.options: dict[str, Any] = {"modified_at": CHANGED, "sha256_hex": TAG}
        self.name = "report.zip"
        self.disposition = "attachment"
        self.stream = Watched(b"")

    def _download(self) -> Any:
        self.stream = Watched(self.data)
        opened = sending.Opened(self.stream, len(self.data), self.name, "application/zip", TAG, **self.options)
        return sending.send_download(opened, disposition=self.disposition)

    def _begins(self) -> str:
        return str(sending.begins_download(sending.Representation(len(self.data), TAG, CHANGED)))

    def get(self, method: str = "GET", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with self.app.test_client().open("/", method=method, headers=named) as response:
            response.get_data()
        assert self.stream.closed
        return response

    def begins(self, method: str = "GET", **headers: str) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # A HEAD has no body to look into, so its answer is computed in a context of its own.
        with self.app.test_request_context("/begins", method=method, headers=named):
            return self._begins() == "True"


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_whole_is_sent_with_everything_that_a_client_needs_to_check_and_resume_it(server: Server) -> None:
    response = server.get()
    assert (response.status_code, response.data) == (200, DATA)
    assert response.headers["Content-Length"] == str(len(DATA))
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == f'"{TAG}"'
    assert response.headers["Last-Modified"] == CHANGED_IN_HTTP
    digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert response.headers["Content-Disposition"] == 'attachment; filename="report.zip"'
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_a_name_in_another_alphabet_arrives_and_one_with_folders_and_line_ends_does_no_harm(server: Server) -> None:
    server.name = "患者.zip"
    assert "filename*=UTF-8''%E6%82%A3%E8%80%85.zip" in server.get().headers["Content-Disposition"]
    server.name = "../../etc/pass\r\nSet-Cookie: x=1"
    response = server.get()
    assert "Set-Cookie" not in response.headers
    assert "/" not in response.headers["Content-Disposition"]


def test_a_download_may_be_shown_inline_when_its_view_says_so(server: Server) -> None:
    server.disposition = "inline"
    assert server.get().headers["Content-Disposition"].startswith("inline;")


def test_a_large_stream_goes_out_in_pieces_and_never_at_once(server: Server) -> None:
    server.data = bytes(PIECE * 3 + 17)
    response = server.get()
    assert len(response.data) == len(server.data)
    assert server.stream.largest == PIECE


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 1024),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=1000-9999", 1000, 1024),
        ("bytes=1023-1023", 1023, 1024),
        ("bytes=-1", 1023, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-99999", 0, 1024),
        ("Bytes = 5-6", 5, 7),
        ("bytes=, 5-6 ,", 5, 7),
        ("bytes=1000-" + "9" * 5000, 1000, 1024),
    ],
)
def test_one_range_is_answered_with_just_those_bytes(server: Server, wanted: str, first: int, end: int) -> None:
    response = server.get(Range=wanted)
    assert (response.status_code, response.data) == (206, DATA[first:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/1024"
    assert response.headers["Content-Length"] == str(end - first)
    assert response.headers["ETag"] == f'"{TAG}"'
    # The digest is of the whole representation, so that a download put together from ranges can be checked.
    assert response.headers["Repr-Digest"] == server.get().headers["Repr-Digest"]


@pytest.mark.parametrize("wanted", ["bytes=1024-", "bytes=1024-2000", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_a_range_beyond_the_end_is_refused_with_the_size(server: Server, wanted: str) -> None:
    response = server.get(Range=wanted)
    assert (response.status_code, response.data) == (416, b"")
    assert response.headers["Content-Range"] == "bytes */1024"
    assert "Content-Disposition" not in response.headers


@pytest.mark.parametrize("wanted", ["bytes=0-", "bytes=-5", "bytes=0-0"])
def test_no_range_of_an_empty_file_can_be_had_but_the_file_can(server: Server, wanted: str) -> None:
    server.data = b""
    assert server.get(Range=wanted).headers["Content-Range"] == "bytes */0"
    assert server.get().status_code == 200


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,4-5", "bytes=-1,-2", "bytes=9-3", "bytes=-", "bytes=", "bytes=a-b", "bytes=٣-٤", "lines=1-2", "1-2"],
)
def test_several_ranges_and_what_is_no_range_are_answered_with_the_whole(server: Server, wanted: str) -> None:
    response = server.get(Range=wanted)
    assert (response.status_code, response.data) == (200, DATA)
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f'"{TAG}"', 206),
        (f'W/"{TAG}"', 200),
        ('"another"', 200),
        (TAG, 200),
        (CHANGED_IN_HTTP, 206),
        ("Fri, 01 Mar 2024 08:00:01 GMT", 200),
        ("Fri, 01 Mar 2024 07:59:59 GMT", 200),
        ("yesterday", 200),
    ],
)
def test_a_range_counts_only_if_nothing_changed_since_the_first_part(
    server: Server, turn: Callable[[datetime], None], given: str, status: int
) -> None:
    turn(LATER)
    response = server.get(Range="bytes=1000-", If_Range=given)
    assert response.status_code == status
    assert response.data == (DATA[1000:] if status == 206 else DATA)


def test_a_date_is_no_strong_validator_within_the_same_second(server: Server, turn: Callable[[datetime], None]) -> None:
    turn(CHANGED)
    assert server.get(Range="bytes=1000-", If_Range=CHANGED_IN_HTTP).status_code == 200


def test_a_date_never_lets_a_range_count_when_the_time_of_change_is_unknown(server: Server) -> None:
    server.options["modified_at"] = None
    response = server.get(Range="bytes=1000-", If_Range=CHANGED_IN_HTTP)
    assert response.status_code == 200
    assert "Last-Modified" not in response.headers


@pytest.mark.parametrize("given", [f'"{TAG}"', f'W/"{TAG}"', f'"x", "{TAG}"', "*"])
def test_who_has_it_already_is_told_so(server: Server, given: str) -> None:
    response = server.get(If_None_Match=given)
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == f'"{TAG}"'
    assert server.get("HEAD", If_None_Match=given).status_code == 304


def test_the_tag_outweighs_the_date(server: Server) -> None:
    assert server.get(If_Modified_Since=CHANGED_IN_HTTP).status_code == 304
    assert server.get(If_Modified_Since="Fri, 01 Mar 2024 07:59:59 GMT").status_code == 200
    assert server.get(If_None_Match='"x"', If_Modified_Since=CHANGED_IN_HTTP).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_Match": f'"{TAG}"'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"another"'}, 412),
        ({"If_Match": f'W/"{TAG}"'}, 412),
        ({"If_Unmodified_Since": CHANGED_IN_HTTP}, 200),
        ({"If_Unmodified_Since": "Fri, 01 Mar 2024 07:59:59 GMT"}, 412),
        ({"If_Match": f'"{TAG}"', "If_Unmodified_Since": "Fri, 01 Mar 2024 07:59:59 GMT"}, 200),
    ],
)
def test_who_wants_only_the_very_same_is_refused_another(server: Server, headers: dict[str, str], status: int) -> None:
    response = server.get(**headers)
    assert response.status_code == status
    assert response.data == (DATA if status == 200 else b"")


def test_a_head_says_what_a_get_would_and_sends_and_reads_nothing(server: Server) -> None:
    response = server.get("HEAD", Range="bytes=0-5")
    whole = server.get()
    assert (response.status_code, response.data) == (200, b"")
    for name in ("Content-Length", "ETag", "Repr-Digest", "Accept-Ranges", "Content-Disposition", "Last-Modified"):
        assert response.headers[name] == whole.headers[name]
    server.get("HEAD")
    assert server.stream.largest == 0


def test_a_client_that_goes_away_leaves_no_open_stream(server: Server) -> None:
    server.data = bytes(PIECE * 4)
    response = server.app.test_client().get("/")
    next(iter(response.response))
    assert not server.stream.closed
    response.close()
    assert server.stream.closed


def test_a_stream_that_cannot_be_sent_is_closed_all_the_same(server: Server) -> None:
    server.options["sha256_hex"] = "no hexadecimal digits"
    server.app.testing = True
    with pytest.raises(ValueError, match="hex"):
        server.app.test_client().get("/")
    assert server.stream.closed


def test_bytes_that_end_too_early_break_the_answer(server: Server) -> None:
    with server.app.test_request_context("/"):
        short = sending.send_download(sending.Opened(io.BytesIO(b"1234"), 9, "a", "text/plain", "t"))
        with pytest.raises(OSError, match="end before"):
            b"".join(short.iter_encoded())
        short.close()


def test_what_begins_a_download_is_what_the_record_keeps(server: Server) -> None:
    assert server.begins()
    assert server.begins(Range="bytes=0-99")
    assert server.begins(Range="bytes=0-99", If_Range=f'"{TAG}"')
    assert server.begins(Range="bytes=500-")
    assert server.begins(Range="bytes=500-", If_Range='"something older"')
    assert not server.begins(Range="bytes=500-", If_Range=f'"{TAG}"')
    assert not server.begins(Range="bytes=5000-")
    assert not server.begins(If_None_Match=f'"{TAG}"')
    assert not server.begins("HEAD")


class Chunks:
    """Chunks that remember whether they were closed, as a generator over an open file would have to be."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = iter(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.pieces)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def chunked() -> Iterator[tuple[FlaskClient, Chunks]]:
    app, chunks = Flask("chunks"), Chunks(b"one ", b"two")
    app.testing = True

    @app.get("/")
    def download() -> Any:
        encoding = "gzip" if sending.accepts_gzip() else None
        return sending.send_chunks(chunks, size=7, name="a.csv", media_type="text/csv", etag="tag", encoding=encoding)

    yield app.test_client(), chunks
    assert chunks.closed


def test_chunks_are_sent_with_their_length_and_no_promise_of_ranges(chunked: tuple[FlaskClient, Chunks]) -> None:
    with chunked[0].get("/", headers={"Range": "bytes=0-1"}) as response:
        assert (response.status_code, response.data) == (200, b"one two")
        assert response.headers["Content-Length"] == "7"
        assert response.headers["Accept-Ranges"] == "none"
        assert "Accept-Encoding" in response.headers["Vary"]
        assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("headers", [{"If-None-Match": '"tag"'}, {"If-Match": '"x"'}])
def test_conditions_hold_for_chunks_too(chunked: tuple[FlaskClient, Chunks], headers: dict[str, str]) -> None:
    response = chunked[0].get("/", headers=headers)
    assert (response.status_code, response.data) == (304 if "If-None-Match" in headers else 412, b"")


def test_a_head_of_chunks_sends_none(chunked: tuple[FlaskClient, Chunks]) -> None:
    response = chunked[0].head("/")
    assert (response.data, response.headers["Content-Length"]) == (b"", "7")


@pytest.mark.parametrize(
    ("accepted", "framed"),
    [("gzip", True), ("gzip, deflate, br", True), ("*", True), ("identity", False), ("", False),
     ("gzip;q=0", False), ("gzip;q=0.5, identity;q=1", False), ("gzip;q=1, identity;q=0.5", True)],
)  # fmt: skip
def test_gzip_is_sent_to_those_who_want_it(chunked: tuple[FlaskClient, Chunks], accepted: str, framed: bool) -> None:
    with chunked[0].get("/", headers={"Accept-Encoding": accepted}) as response:
        assert response.headers.get("Content-Encoding") == ("gzip" if framed else None)


def test_a_generator_that_holds_a_file_lets_go_of_it_even_if_nothing_is_sent() -> None:
    stream = io.BytesIO(gzip.compress(b"x"))

    def pieces() -> Iterator[bytes]:
        with stream:
            yield stream.read()

    with Flask("head").test_request_context("/", method="HEAD"):
        sending.send_chunks(pieces(), size=21, name="a", media_type="text/plain", etag="t")
    assert stream.closed
