"""The real services as fixtures. Each is started when a test first asks for it, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.services.faulty import FaultyProxy, running_faulty_proxy
from tests.services.openid import OpenIDProvider, running_provider
from tests.services.postgresql import PostgreSQL, running_postgresql
from tests.services.seaweedfs import SeaweedFS, running_seaweedfs
from tests.services.tls import Certificate, TLSProxy, make_certificate, running_proxy
from tests.services.valkey import Valkey, running_valkey


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """The PostgreSQL of this test run."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def new_postgresql_database(postgresql_server: PostgreSQL) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its address; each is dropped after the test."""
    made: list[str] = []

    def new() -> str:
        made.append(postgresql_server.new_database())
        return made[-1]

    yield new
    for url in made:
        postgresql_server.drop_database(url)


@pytest.fixture
def postgresql_url(new_postgresql_database: Callable[[], str]) -> str:
    """The address of an empty database, this test's own."""
    return new_postgresql_database()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """The Valkey of this test run; for fixtures that live longer than a test. Tests take ``valkey``."""
    with running_valkey() as server:
        yield server


@pytest.fixture
def valkey(valkey_server: Valkey) -> Iterator[Valkey]:
    """A running, empty Valkey. A test may kill it; the next one finds it running and empty again."""
    valkey_server.start()
    valkey_server.forget()
    yield valkey_server
    valkey_server.start()


@pytest.fixture(scope="session")
def tls_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    return make_certificate(folder)


@pytest.fixture(scope="session")
def tls_proxy(tls_certificate: Certificate) -> Callable[[int], AbstractContextManager[TLSProxy]]:
    """``with tls_proxy(upstream_port) as proxy:`` — a real nginx that speaks TLS in front of that port."""

    def in_front_of(upstream_port: int) -> AbstractContextManager[TLSProxy]:
        return running_proxy(upstream_port, tls_certificate)

    return in_front_of


@pytest.fixture(scope="session")
def s3_server() -> Iterator[SeaweedFS]:
    """The S3 server of this test run. A test that kills it starts it again."""
    with running_seaweedfs() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: SeaweedFS) -> Iterator[str]:
    """The name of an empty bucket, this test's own; dropped after it."""
    s3_server.start()
    name = s3_server.new_bucket()
    yield name
    s3_server.start()
    s3_server.drop_bucket(name)


@pytest.fixture
def faulty_s3(s3_server: SeaweedFS) -> Iterator[FaultyProxy]:
    """A proxy in front of the S3 server of this test run, in which a test plants faults."""
    s3_server.start()
    with running_faulty_proxy(s3_server.port) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def openid_provider() -> Iterator[OpenIDProvider]:
    """The OpenID provider of this test run, for a portal at the address that tests have by default."""
    with running_provider(["http://127.0.0.1:8000/sign-in/single-sign-on/return"]) as provider:
        yield provider
