"""The services that other tests stand on are what they claim to be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa

from tests.services.postgresql import PostgreSQL
from tests.services.seaweedfs import SeaweedFS
from tests.services.tls import TLSProxy
from tests.services.valkey import Valkey

ROOT = Path(__file__).parents[2]


def test_every_postgresql_database_is_empty_and_its_own(new_postgresql_database: Callable[[], str]) -> None:
    one, other = sa.create_engine(new_postgresql_database()), sa.create_engine(new_postgresql_database())
    with one.begin() as connection:
        connection.execute(sa.text("CREATE TABLE only_here (id int)"))
    assert sa.inspect(one).get_table_names() == ["only_here"]
    assert sa.inspect(other).get_table_names() == []
    one.dispose()
    other.dispose()


def test_a_database_goes_even_with_a_connection_left_open(postgresql_server: PostgreSQL) -> None:
    url = postgresql_server.new_database()
    left_open = psycopg.connect(url.replace("+psycopg", ""))
    postgresql_server.drop_database(url)
    with psycopg.connect(postgresql_server.url(driver="")) as connection:
        names = [row[0] for row in connection.execute("SELECT datname FROM pg_database")]
    assert "postgres" in names
    assert [name for name in names if f"/{name}?" in url] == []
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")
    left_open.close()


def test_postgresql_keeps_utf8_and_never_runs_as_root(postgresql_url: str, postgresql_server: PostgreSQL) -> None:
    engine = sa.create_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT '患者' || length('患者')")) == "患者2"
    engine.dispose()
    assert (postgresql_server.home / "data").stat().st_uid != 0


def test_what_valkey_was_told_survives_a_kill(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as connection:
        connection.rpush("bells", "one", "two")
        valkey.kill()
        with pytest.raises(redis.ConnectionError):
            connection.llen("bells")
        valkey.start()
        assert connection.lrange("bells", 0, -1) == [b"one", b"two"]


@pytest.fixture
def killed_valkey(valkey_server: Valkey) -> Valkey:
    """What a test that killed Valkey, or left keys in it, leaves to the next one."""
    valkey_server.start()
    with redis.Redis.from_url(valkey_server.url) as connection:
        connection.set("left", "over")
    valkey_server.kill()
    assert not valkey_server.is_running
    return valkey_server


def test_a_test_finds_valkey_running_and_empty_whatever_the_one_before_did(
    killed_valkey: Valkey, valkey: Valkey
) -> None:
    with redis.Redis.from_url(valkey.url) as connection:
        assert connection.dbsize() == 0


class Echo(BaseHTTPRequestHandler):
    """Answers with what arrived."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arrived = {"path": self.path, "headers": dict(self.headers), "body": body.decode()}
        answer = json.dumps(arrived).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Say nothing among the tests' own lines."""


@pytest.fixture
def upstream() -> Iterator[int]:
    """The port of a server that echoes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_the_proxy_speaks_tls_and_says_what_it_forwards(
    upstream: int, tls_proxy: Callable[[int], AbstractContextManager[TLSProxy]]
) -> None:
    with tls_proxy(upstream) as proxy:
        # A client's own X-Forwarded-For comes first: whoever trusts one proxy must count from the right.
        asked = urllib.request.Request(
            f"{proxy.url}/sign-in?next=/", data="患者".encode(), headers={"X-Forwarded-For": "203.0.113.9"}
        )
        with urllib.request.urlopen(asked, context=proxy.client_context()) as answer:
            arrived = json.load(answer)
    assert (arrived["path"], arrived["body"]) == ("/sign-in?next=/", "患者")
    assert arrived["headers"]["Host"] == f"localhost:{proxy.port}"
    assert arrived["headers"]["X-Forwarded-Host"] == f"localhost:{proxy.port}"
    assert arrived["headers"]["X-Forwarded-Proto"] == "https"
    assert arrived["headers"]["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"


def test_a_stranger_does_not_trust_the_proxys_certificate(
    upstream: int, tls_proxy: Callable[[int], AbstractContextManager[TLSProxy]]
) -> None:
    refusal = pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED")
    with tls_proxy(upstream) as proxy, refusal:
        urllib.request.urlopen(proxy.url)


def test_the_s3_server_takes_no_request_that_is_not_signed_with_its_keys(s3_server: SeaweedFS, s3_bucket: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as stranger:
        urllib.request.urlopen(f"{s3_server.url}/{s3_bucket}")
    assert stranger.value.code == 403
    stranger.value.close()
    listening = {address.split(":")[0] for address in listening_addresses(s3_server.port)}
    assert listening == {"127.0.0.1"}


def test_the_s3_server_keeps_its_objects_when_it_is_killed(s3_server: SeaweedFS, s3_bucket: str) -> None:
    s3_server.client().put_object(Bucket=s3_bucket, Key="a", Body=b"x" * 100_000)
    s3_server.kill()
    assert not s3_server.is_running
    s3_server.start()
    assert s3_server.client().head_object(Bucket=s3_bucket, Key="a")["ContentLength"] == 100_000


def test_every_s3_bucket_is_empty_and_its_own(s3_server: SeaweedFS, s3_bucket: str) -> None:
    other = s3_server.new_bucket()
    s3_server.client().put_object(Bucket=other, Key="only/here", Body=b"x")
    assert s3_server.client().list_objects_v2(Bucket=s3_bucket)["KeyCount"] == 0
    s3_server.drop_bucket(other)


def listening_addresses(port: int) -> list[str]:
    """The addresses on which somebody listens at a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    hexed = [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]
    return [f"127.0.0.1:{port}" if one.startswith("0100007F:") else one for one in hexed]


STARTS_ALL_AND_WAITS = """
    import contextlib, sys, time
    from pathlib import Path
    from tests.services.postgresql import running_postgresql
    from tests.services.seaweedfs import running_seaweedfs
    from tests.services.tls import make_certificate, running_proxy
    from tests.services.valkey import running_valkey

    with contextlib.ExitStack() as stack:
        homes = [
            stack.enter_context(running()).home for running in (running_postgresql, running_valkey, running_seaweedfs)
        ]
        stack.enter_context(running_proxy(9, make_certificate(Path(sys.argv[1]))))
        print(*homes, flush=True)
        time.sleep(600)
"""


def children_of(home: str) -> list[str]:
    """The command lines of living processes that name a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it ended while we looked
            continue
        if home in command:
            found.append(command)
    return found


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_no_service_outlives_tests_that_are_killed(death: signal.Signals, tmp_path: Path) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STARTS_ALL_AND_WAITS), str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert tests.stdout is not None
    homes = tests.stdout.readline().split()
    ours = f"/tmp/chartroom-test-{tests.pid}-"  # noqa: S108  where the services live
    assert len(homes) == 3
    assert len(children_of(ours)) >= 4
    os.kill(tests.pid, death)
    # Every process that holds the pipe's other end has to be gone for the end of the pipe to come.
    tests.stdout.close()
    tests.wait()
    gone = threading.Event()
    for _ in range(200):
        if not children_of(ours):
            gone.set()
            break
        gone.wait(0.05)
    assert gone.is_set(), children_of(ours)
    if death is signal.SIGINT:
        assert [home for home in homes if Path(home).exists()] == []
