"""One application full of somebody's things, and everybody who may come to its doors: asked once, looked at by many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import accounts, administration
from app.administration import AttributeSpec
from app.catalog import create_entity, get_entity_by_key, list_templates
from app.extensions import db
from app.models import Tenant, begin_writing
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter
from tests.test_doors import DOORS, INTRUDERS, UNKNOWN, Address, Things, addresses_of, ask, make_things

PLANTED = "/planted/<uuid:entity_id>"
"""A door of the tests' own, put in so that the walks are seen to find it; they pass it by otherwise."""
_OF_ONE_REQUEST = re.compile(
    r'(?P<kept>X-CSRFToken": |"X-CSRFToken": ?|name="csrf_token" value=|name="csrf-token" content=|"traceId": ?)"[^"]+"'
)
OF_ENTITIES = ("generic-entities", "v1/organizations/", "caregivers", "registration-codes")
_TENANT_HEADER = {"boris": "borealis"}


@dataclass(frozen=True)
class Answer:
    """What somebody was told, with nothing in it that is new in each request."""

    who: str
    address: Address
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.who}: {self.address.name}"

    @property
    def told(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        return self.status, self.headers, self.body

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Site:
    """The application, the ids of Alice's things, and a browser and a program of each person who came already."""

    app: Flask
    world: World
    things: Things
    children: dict[str, UUID]
    _browsers: dict[str, tuple[FlaskClient, str]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def addresses(self) -> list[Address]:
        """Every address but the planted one."""
        return [address for address in addresses_of(self.app) if address.rule.rule != PLANTED]

    def pairs(self, addresses: Iterable[Address]) -> Iterator[tuple[str, Address, Answer, Answer]]:
        """Everybody to whom a thing is not shown × every address that names it: who, and what they are told of the real
        one and of one that does not exist."""
        for address in addresses:
            if (paths := self.paths(address)) is not None:
                for who in INTRUDERS.get(DOORS[address.name].of, ("boris",)):
                    real, unknown = (self.ask(who, address, path) for path in paths)
                    yield who, address, real, unknown

    def paths(self, address: Address) -> tuple[str, str] | None:
        """The address with real ids, and with ids of nothing; None where no id stands in it."""
        particular = self.particular(address.rule)
        # A link's secret is no id: whoever has it may come in.
        nothing: dict[str, object] = {"secret": self.things.secret} | dict.fromkeys(particular, uuid4())
        real = self.things.path(self.app, address, **particular)
        unknown = UNKNOWN.path(self.app, address, **nothing)
        return None if real == unknown else (real, unknown)

    def particular(self, rule: Rule) -> dict[str, Any]:
        """Real ids where the name of the argument does not say of what it is."""
        found: dict[str, Any] = {}
        if "child_id" in rule.arguments:
            found["child_id"] = next(one for word, one in self.children.items() if word in rule.rule)
        if "template_id" in rule.arguments:
            found["template_id"] = self.world.templates["patient"].id
        if "whose" in rule.arguments:
            found["whose"] = self.children["device"]
        if "entity_id" in rule.arguments and rule.endpoint.startswith("api."):
            words = [one for one in OF_ENTITIES if f"/{one}" in rule.rule]
            if words:
                found["entity_id"] = self.children[words[0]]
        if "data_export_id" in rule.arguments:
            found["data_export_id"] = self.children["bulk export"]
        return found

    def ask(self, who: str, address: Address, path: str) -> Answer:
        """Ask as a browser, or as a program where the address is one for programs."""
        if address.rule.endpoint.startswith("api."):
            answer = self._ask_as_program(who, address, path)
        else:
            browser, token = self._browser(who)
            answer = ask(browser, address, path, token=token or None)
        with answer:
            return Answer(who, address, answer.status_code, _headers(answer), _body(answer, path))

    def _ask_as_program(self, who: str, address: Address, path: str) -> TestResponse:
        headers = {"Accept": "application/json", "X-Servitly-Tenant": _TENANT_HEADER.get(who, "acme")}
        if who != "nobody":
            headers["Authorization"] = f"Bearer {self.token(who)}"
        body: dict[str, Any] = {} if address.method in ("GET", "DELETE") else {"json": {}}
        return self.app.test_client().open(path, method=address.method, headers=headers, **body)

    def browser(self, who: str) -> FlaskClient:
        """The browser of somebody who signed in, or of nobody."""
        return self._browser(who)[0]

    def csrf(self, who: str) -> str:
        """The token that forms of somebody's browser carry."""
        return self._browser(who)[1]

    def _browser(self, who: str) -> tuple[FlaskClient, str]:
        if who not in self._browsers:
            browser = self.app.test_client()
            if who == "nobody":
                # A stranger is a new one each time, so that nothing is remembered of them.
                return browser, ""
            assert enter(browser, self.world.users[who].email).status_code == 303
            self._browsers[who] = browser, csrf_token(browser, "/entities/")
        return self._browsers[who]

    def token(self, who: str) -> str:
        """What a program of theirs signs in with."""
        if who not in self._tokens:
            with self.app.app_context():
                self._tokens[who] = accounts.sign_in_machine(self.world.users[who].email, PASSWORD).access.text
        return self._tokens[who]


def make_site(app: Flask, world: World) -> Site:
    """Fill the application's database. Every tenant may export here, so that no switch hides whose a thing is."""
    site = Site(app, world, make_things(app, world), {})
    with app.app_context():
        begin_writing()
        db.session.execute(update(Tenant).values(exports_enabled=True))
        db.session.commit()
        _add_templates(world)
        alice = world.actor("alice")
        device = get_entity_by_key(alice, "device", site.things.device_key)
        of = {one: list_templates(alice, one)[0].id for one in ("command", "registration-code")}
        site.children |= {
            "commands": create_entity(alice, of["command"], world.northside.id, {"device": {"id": str(device.id)}}).id,
            "registration-codes": create_entity(alice, of["registration-code"], world.northside.id, {}).id,
            "device": device.id,
            "generic-entities": world.log(device).id,
            "v1/organizations/": world.northside.id,
            "caregivers": world.users["alice"].id,
        }
    _by_programs(site)
    return site


def _add_templates(world: World) -> None:
    state = AttributeSpec(
        name="state", label="State", kind="SINGLE_SELECT",
        choices=tuple({"value": one, "label": one} for one in ("ACTIVE", "DONE", "CLEARED")),
    )  # fmt: skip
    device = AttributeSpec(name="device", label="Device", kind="REFERENCE", reference_data_type="device")
    patient = AttributeSpec(name="patient", label="Patient", kind="REFERENCE", reference_data_type="patient")
    start = AttributeSpec(name="started_at", label="Started", kind="DATE_TIME")
    for data_type, attributes in (
        ("usage-session", (state, device, patient, start)), ("device-alert", (state, device)),
        ("patient-alert", (state, patient)), ("command", (state, device)), ("registration-code", (state,)),
    ):  # fmt: skip
        name = data_type.replace("-", "_")
        administration.create_template(world.acme.id, data_type, name, name, attributes)


def _by_programs(site: Site) -> None:
    """Things that programs alone make, made by one of Alice's."""

    def made(path: str, **body: object) -> UUID:
        headers = {"Authorization": f"Bearer {site.token('alice')}", "X-Servitly-Tenant": "acme"}
        answer = site.app.test_client().post(path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return UUID(answer.get_json().get("_id") or answer.get_json()["id"])

    patient, device = str(site.things.entity_id), f"/device/v1/devices/{site.things.device_key}"
    of_patient = f"/organization/v1/users/patients/{patient}/alerts"
    session = {"_startTime": "2024-05-01T10:00:00Z", "_state": "DONE", "_patient": {"id": patient}}
    site.children |= {
        "patients/<uuid:patient_id>/alerts": made(f"{of_patient}/patient_alert", _state="ACTIVE"),
        "alerts": made(f"{device}/alerts/device_alert", _state="ACTIVE"),
        "usage-sessions": made(f"{device}/usage-sessions/usage-type/usage_session", **session),
        "bulk export": made("/data/dataExports", startTimestamp=1_577_836_800_000, endTimestamp=1_893_456_000_000),
    }


def _headers(answer: TestResponse) -> tuple[tuple[str, str], ...]:
    """All of them; of a cookie its name and its rules."""
    kept = []
    for name, value in answer.headers.items():
        if name.lower() == "set-cookie":
            kept.append((name, re.sub(r"=[^;]+", "=…", value, count=1)))
        elif name.lower() not in ("x-request-id", "date", "ratelimit"):
            kept.append((name, value))
    return tuple(sorted(kept))


def _body(answer: TestResponse, path: str) -> bytes:
    """The bytes, without what is drawn anew for everybody and without what was asked, should it be repeated."""
    text = answer.get_data().decode("utf-8", "surrogateescape")
    for part in sorted(path.split("/"), key=len, reverse=True):
        if len(part) > 12:
            text = text.replace(part, "asked")
    return _OF_ONE_REQUEST.sub(r'\g<kept>"…"', text).encode("utf-8", "surrogateescape")
