"""The JSON face's addresses × {no token, a wrong one, a browser's cookie}. Of other people's things, see
tests/security/test_matrix.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api import CONTRACTS, bearer
from tests.api.conftest import Machine
from tests.test_doors import DOORS, Address, Things, addresses_of, things, walked

__all__ = ["things"]


def asked(machine: Machine, address: Address, path: str, **more: Any) -> TestResponse:
    body = {} if address.method in ("GET", "DELETE") else {"json": {}}
    return machine.open(address.method, path, **body, **more)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer ", "Basic YTpi", "Bearer \xff", "Token x", "unknown"])
def test_every_address_refuses_whoever_shows_no_token_of_ours(
    app: Flask, things: Things, stranger: Machine, header: str | None
) -> None:
    shown = stranger.token if header == "unknown" else header
    walked_any = False
    for address, door in walked(app, machines=True):
        if door.needs == "nobody":
            continue
        headers = {"Authorization": f"Token {shown}" if header == "unknown" else shown or ""}
        answer = asked(stranger, address, things.path(app, address), headers=headers)
        assert answer.status_code == 401, address.name
        assert answer.json.get("message") or answer.json["detail"], address.name
        assert answer.headers.getlist("WWW-Authenticate") == ["Bearer", "Token"]
        walked_any = True
    assert walked_any


def test_the_portals_cookie_opens_nothing_here(
    app: Flask, signed_in: Callable[[str], FlaskClient], things: Things
) -> None:
    browser = signed_in("alice")
    assert browser.get("/entities/").status_code == 200
    for address, door in walked(app, machines=True):
        if door.needs != "nobody":
            answer = browser.open(things.path(app, address), method=address.method)
            assert answer.status_code == 401, address.name


def test_the_addresses_that_are_open_to_strangers_are_those_that_are_named(app: Flask) -> None:
    named = {address.rule.endpoint for address, door in walked(app, machines=True) if door.needs == "nobody"}
    assert named == bearer.OPEN


def test_no_address_of_a_contract_is_one_of_the_portals(app: Flask) -> None:
    for address in addresses_of(app):
        of_contract = any(contract.owns(address.rule.rule) for contract in CONTRACTS)
        assert of_contract is address.rule.endpoint.startswith("api."), address.name
        assert address.name in DOORS
