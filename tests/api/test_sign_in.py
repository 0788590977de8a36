"""Signing in, refreshing and signing out, as BioT's clients do it: paths, bodies, codes, words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from app import accounts, clock
from app.accounts import throttle
from app.extensions import db
from app.models import Membership, begin_writing
from tests.api.conftest import Machine
from tests.factories import PASSWORD, World

LOGIN = "/ums/v2/users/login"
REFRESH = "/ums/v2/users/token/refresh"
RENEW = "/ums/v2/users/token/login"
LOGOUT = "/ums/v2/users/logout"
SELF = "/ums/v2/users/self"
SERVICE = "/ums/v2/services/accessToken"
CREDENTIALS = {"username": "alice@example.org", "password": PASSWORD}


def status_with(client: FlaskClient, token: str, scheme: str = "Bearer") -> int:
    return client.get(SELF, headers={"Authorization": f"{scheme} {token}"}).status_code


def log_in(client: FlaskClient) -> dict[str, Any]:
    answer = client.post(LOGIN, json=CREDENTIALS)
    assert answer.status_code == 200
    return answer.get_json()


def test_signing_in_answers_all_that_the_clients_read(client: FlaskClient, world: World) -> None:
    body = log_in(client)
    assert body["userId"] == str(world.users["alice"].id)
    assert body["ownerOrganizationId"] == str(world.northside.id)
    assert body["mfaRequired"] is body["passwordResetRequired"] is False
    access, refresh = (datetime.fromisoformat(body[kind]["expiration"]) for kind in ("accessJwt", "refreshJwt"))
    assert clock.now() < access < refresh
    assert body["accessJwt"]["expiration"].endswith("Z")


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer", "TOKEN"])
def test_both_schemes_carry_the_same_tokens(client: FlaskClient, scheme: str) -> None:
    assert status_with(client, log_in(client)["accessJwt"]["token"], scheme) == 200


def test_the_callers_own_account_is_told(machine: Machine, world: World) -> None:
    body = machine.get(SELF).get_json()
    assert body["username"] == world.users["alice"].email
    assert UUID(body["id"]) == world.users["alice"].id
    assert UUID(body["ownerOrganizationId"]) == world.northside.id


def test_a_token_that_may_do_nothing_else_still_learns_whose_it_is(app: Flask, world: World) -> None:
    with app.app_context():
        _, secret = accounts.issue_token(
            world.actor("max"), "narrow", ("export_data",), clock.now() + timedelta(days=1)
        )
    assert status_with(app.test_client(), secret) == 200


def test_a_wrong_password_is_401_and_says_no_more_than_an_unknown_name(client: FlaskClient) -> None:
    said = []
    for username in ("alice@example.org", "nobody@example.org"):
        answer = client.post(LOGIN, json={"username": username, "password": "wrong"})
        assert answer.status_code == 401
        said.append(answer.get_json() | {"traceId": None})
    assert said[0] == said[1]
    assert said[0]["code"] == "INVALID_CREDENTIALS"
    assert said[0]["serviceName"] == "ums"


def test_too_many_tries_are_429_with_the_time_to_wait(client: FlaskClient) -> None:
    wrong = CREDENTIALS | {"password": "wrong"}
    statuses = [client.post(LOGIN, json=wrong).status_code for _ in range(throttle.PAIR.failures)]
    assert set(statuses) == {401}
    answer = client.post(LOGIN, json=CREDENTIALS)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.get_json()["code"] == "TOO_MANY_REQUESTS"


@pytest.mark.parametrize(
    ("path", "body", "places"),
    [
        (LOGIN, {}, {"username", "password"}),
        (LOGIN, {"username": 7, "password": ["x"]}, {"username", "password"}),
        (LOGIN, {"username": "x" * 255, "password": "x" * 5000}, {"username", "password"}),
        (LOGIN, {"username": None, "password": ""}, {"username", "password"}),
        (REFRESH, {}, {"refreshToken"}),
        (RENEW, {"refreshToken": {}}, {"refreshToken"}),
        (LOGOUT, {"refreshToken": "x" * 201}, {"refreshToken"}),
        (SERVICE, {"id": "1", "secretKey": True}, {"id", "secretKey"}),
    ],
)
def test_what_is_missing_or_of_a_wrong_type_is_400_and_named(
    client: FlaskClient, path: str, body: dict[str, object], places: set[str]
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "VALIDATION_FAILED"
    assert set(answer.get_json()["details"]) == places


def test_a_refresh_gives_new_access_and_a_renewal_a_new_pair(client: FlaskClient) -> None:
    first = log_in(client)
    token = first["refreshJwt"]["token"]
    refreshed = client.post(REFRESH, json={"refreshToken": token}).get_json()
    assert refreshed["refreshJwt"] == first["refreshJwt"]
    renewed = client.post(RENEW, json={"refreshToken": token}).get_json()
    assert renewed["refreshJwt"]["token"] != token
    assert set(first) == set(refreshed) == set(renewed)
    assert {status_with(client, one["accessJwt"]["token"]) for one in (first, refreshed, renewed)} == {200}


@pytest.mark.parametrize("path", [REFRESH, RENEW])
def test_a_refresh_token_that_is_of_no_use_is_403(client: FlaskClient, path: str) -> None:
    first = log_in(client)
    spent = first["refreshJwt"]["token"]
    client.post(RENEW, json={"refreshToken": spent})
    said = set()
    for wrong in (first["accessJwt"]["token"], "nonsense", spent):
        answer = client.post(path, json={"refreshToken": wrong})
        assert answer.status_code == 403
        said.add(answer.get_json()["message"])
    assert len(said) == 1


def test_signing_out_answers_an_empty_200_and_ends_the_access_too(client: FlaskClient) -> None:
    first = log_in(client)
    for _ in range(2):
        answer = client.post(LOGOUT, json={"refreshToken": first["refreshJwt"]["token"]})
        assert (answer.status_code, answer.data) == (200, b"")
    assert status_with(client, first["accessJwt"]["token"]) == 401
    assert client.post(LOGOUT, json={"refreshToken": "never was one"}).status_code == 403


def test_a_service_account_exchanges_its_id_and_secret_for_access(
    app: Flask, client: FlaskClient, world: World
) -> None:
    with app.app_context():
        row, secret = accounts.issue_token(world.actor("ann"), "robot", ("view",), clock.now() + timedelta(days=1))
        token_id = str(row.id)
    body = client.post(SERVICE, json={"id": token_id, "secretKey": secret}).get_json()
    assert datetime.fromisoformat(body["accessTokenExpiration"]) > clock.now()
    assert status_with(client, body["accessToken"]) == 200
    for wrong in ({"id": str(uuid4()), "secretKey": secret}, {"id": token_id, "secretKey": "x"}):
        assert client.post(SERVICE, json=wrong).status_code == 401


def test_a_stale_token_does_not_keep_anybody_from_signing_in(stranger: Machine) -> None:
    assert stranger.post(LOGIN, json=CREDENTIALS).status_code == 200


def test_signing_in_sets_no_cookie(client: FlaskClient) -> None:
    assert "Set-Cookie" not in client.post(LOGIN, json=CREDENTIALS).headers


def test_a_person_without_any_role_belongs_to_the_tenants_root(
    app: Flask, client: FlaskClient, world: World, without_roles: Callable[[str], None]
) -> None:
    without_roles("adam")
    answer = client.post(LOGIN, json={"username": "adam@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.get_json()["ownerOrganizationId"] not in (str(world.northside.id), str(world.riverside.id))


@pytest.fixture
def without_roles(app: Flask, world: World) -> Callable[[str], None]:
    """Take every role from somebody."""

    def take(name: str) -> None:
        with app.app_context():
            begin_writing()
            db.session.execute(delete(Membership).where(Membership.user_id == world.users[name].id))
            db.session.commit()

    return take
