"""How many calls a minute holds: for a tenant, for a token, in Valkey and without it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from app import accounts, administration, clock, create_app
from app.accounts import Terms, bind_requests, count_request
from app.errors import Invalid, NotFound
from config import Config
from tests.api.conftest import Machine
from tests.api.servitly.client import Client
from tests.factories import World
from tests.services.valkey import Valkey, running_valkey

TERMS = Terms("acme", 2_000, "a token", None)
LIMITS = re.compile(r'"(tenant|token)";r=(\d+);t=(\d+)')


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with running_valkey() as running:
        yield running


@pytest.fixture
def counted(valkey: Valkey, request: pytest.FixtureRequest) -> None:
    """Requests are counted in a Valkey that runs, under names of this test's own."""
    bind_requests(valkey.url, request.node.name)


def limit(app: Flask, world: World, per_minute: int) -> None:
    with app.app_context():
        administration.limit_requests(world.acme.id, per_minute)


@pytest.mark.parametrize("where", ["in Valkey", "in memory"])
def test_of_three_thousand_requests_in_a_minute_two_thousand_are_let_in(
    valkey: Valkey, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    bind_requests(valkey.url if where == "in Valkey" else "unix:///nowhere/valkey.sock", where)
    found = [count_request(TERMS) for _ in range(3_000)]
    assert [one.is_refused for one in found] == [False] * 2_000 + [True] * 1_000
    assert [found[place].remaining for place in (0, 1, 1_999, 2_000)] == [1_999, 1_998, 0, 0]
    assert all(1 <= one.seconds <= 60 for one in found)
    assert any("counted by each process alone" in one for one in caplog.messages) is (where == "in memory")


def test_the_minute_slides(counted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    three, beginning = replace(TERMS, tenant_limit=3), time.time()

    def at(seconds: int) -> bool:
        monkeypatch.setattr(time, "time", lambda: beginning + seconds)
        return not count_request(three).is_refused

    # No fixed minute would let in what is let in here, and no more.
    assert [at(one) for one in (0, 30, 50, 55, 59)] == [True, True, True, False, False]
    assert [at(one) for one in (61, 62, 89)] == [True, False, False]
    assert [at(one) for one in (91, 92, 111, 112)] == [True, False, True, False]


def test_a_refused_call_is_told_when_to_ask_again_and_counts_nowhere(
    app: Flask, client_of: Callable[..., Client], world: World, counted: None, valkey: Valkey
) -> None:
    bind_requests(valkey.url, "face")
    limit(app, world, 3)
    alices, ritas = client_of("alice"), client_of("rita")
    for left, client in ((2, alices), (1, ritas), (0, alices)):
        answer = client.open("GET")
        assert answer.status_code == 200
        assert answer.headers["RateLimit-Policy"] == '"tenant";q=3;w=60'
        told = LIMITS.fullmatch(answer.headers["RateLimit"])
        assert told
        assert told.groups()[:2] == ("tenant", str(left))
    for client in (alices, ritas):
        answer = client.schedule()
        assert answer.status_code == 429
        assert list(answer.json) == ["message"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.headers["RateLimit"].startswith('"tenant";r=0;t=')


def test_a_call_without_the_tenants_header_counts_too(app: Flask, alices: Client, world: World, counted: None) -> None:
    limit(app, world, 2)
    statuses = [alices.open("GET", headers={"X-Servitly-Tenant": ""}).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_a_tokens_own_limit_holds_for_all_that_comes_of_it_and_takes_nothing_from_the_others(
    app: Flask, client_of: Callable[..., Client], world: World, counted: None
) -> None:
    limit(app, world, 6)
    with app.app_context():
        row, secret = accounts.issue_token(
            world.actor("max"), "nightly", ("view", "export_data"), clock.now() + timedelta(days=1)
        )
        token_id = row.id
        administration.limit_token(world.acme.id, row.prefix, 2)
        access = accounts.access_for_token(token_id, secret).text
    both = [Client(app, Machine(app.test_client(), one)) for one in (secret, access)]
    assert [one.open("GET").status_code for one in both * 4] == [200, 200] + [429] * 6
    answer = both[0].open("GET")
    assert answer.headers["RateLimit-Policy"] == '"token";q=2;w=60'
    ritas = client_of("rita")
    assert [ritas.open("GET").status_code for _ in range(5)] == [200] * 4 + [429]


def test_what_the_tenants_limit_refuses_costs_a_token_nothing_of_its_own(
    counted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginning = time.time()
    small, others = replace(TERMS, tenant_limit=3, token_limit=2), replace(TERMS, tenant_limit=3)
    assert [count_request(others).is_refused for _ in range(3)] == [False] * 3
    refused = [count_request(small) for _ in range(4)]
    assert [(one.of, one.is_refused) for one in refused] == [("tenant", True)] * 4
    # A minute later the tenant's are free, and no refused call was kept against the token.
    monkeypatch.setattr(time, "time", lambda: beginning + 59)
    assert count_request(replace(small, tenant_limit=9)).remaining == 1


def test_while_valkey_is_away_calls_are_counted_in_memory_and_go_on(
    config: Config, app: Flask, alices: Client, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with running_valkey() as own:
        create_app(replace(config, redis_url=own.url))
        limit(app, world, 2)
        assert alices.open("GET").status_code == 200
        own.kill()
        with caplog.at_level(logging.WARNING):
            statuses = [alices.open("GET").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert sum("counted by each process alone" in one for one in caplog.messages) == 1


def test_limits_are_set_at_the_shell(app: Flask, world: World) -> None:
    with app.app_context():
        row, _ = accounts.issue_token(world.actor("max"), "nightly", ("view",), clock.now() + timedelta(days=1))
        token_id, prefix = row.id, row.prefix
        run = app.test_cli_runner().invoke
        assert run(args=["limit-requests", "acme", "500"]).output == "acme may make 500 requests a minute.\n"
        assert run(args=["limit-requests", "acme", "7", "--token", prefix]).exit_code == 0
        assert run(args=["limit-requests", "nowhere", "5"]).exit_code == 1
        terms = accounts.terms_of(replace(world.actor("max"), via="token", via_id=token_id))
        assert terms == Terms("acme", 500, str(token_id), 7)
        administration.limit_token(world.acme.id, prefix, None)
        assert accounts.terms_of(replace(world.actor("max"), via="token", via_id=token_id)).token_limit is None
        for tenant_id, known in ((world.borealis.id, prefix), (world.acme.id, "0" * 16)):
            with pytest.raises(NotFound):
                administration.limit_token(tenant_id, known, 7)
        with pytest.raises(Invalid):
            administration.limit_requests(world.acme.id, 0)
