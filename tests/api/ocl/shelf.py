"""A repository to ask for, and a program that asks for it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app import exports, terminology
from app.actor import Actor
from app.terminology import Address
from tests.api.conftest import Machine
from tests.factories import World
from tests.terminology.making import concept, made, mapping

EVERYTHING = "includeConcepts=true&includeMappings=true&includeReferences=true&includeRetired=true&limit=0"
ALL_KINDS = [(owner, kind) for owner in ("orgs", "users", "user") for kind in ("sources", "collections")]


@dataclass(frozen=True)
class Shelf:
    """A repository with four concepts (one of them retired) and two mappings. ``path`` is how it is asked for.

    ``actor`` is nora, who administers Northside and owns the person's repositories; ``machine`` is her program.
    """

    app: Flask
    machine: Machine
    actor: Actor
    address: Address
    path: str

    def ask(self, method: str, rest: str = "", **more: Any) -> TestResponse:
        return self.machine.open(method, f"{self.path}{rest}", **more)

    def get(self, rest: str = "", **more: Any) -> TestResponse:
        return self.ask("GET", rest, **more)

    def release(self, version: str, **more: Any) -> TestResponse:
        answer = self.ask("POST", "versions/", json={"id": version, "released": True} | more)
        assert answer.status_code == 201, answer.text
        return answer

    def work(self) -> None:
        with self.app.app_context():
            exports.work_until_idle("test")

    def released(self, version: str) -> None:
        """Release it, and have its export made."""
        self.release(version)
        self.work()

    def taken(self, version: str) -> dict[str, Any]:
        """What ``export.json`` holds, fetched by the address that the export's leads to, without any header."""
        answer = self.get(f"{version}/export/")
        assert answer.status_code == 303, answer.text
        with self.app.test_client().get(answer.headers["Location"]) as archive:
            assert archive.status_code == 200, archive.text
            return opened(archive.get_data())


def opened(data: bytes) -> dict[str, Any]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.namelist() == ["export.json"]
    assert archive.testzip() is None
    found: dict[str, Any] = json.loads(archive.read("export.json"))
    return found


def shelf_of(app: Flask, world: World, machine: Machine, owner: str, kind: str) -> Shelf:
    """A repository of Northside's (``orgs``) or of nora's (``users``, ``user``), made and filled."""
    with app.app_context():
        nora = world.actor("nora")
        name = "northside" if owner == "orgs" else terminology.handle_of(nora)
        places = "orgs" if owner == "orgs" else "users"
        source = made(nora, Address(places, name, "sources", "LUNG"))
        for code in ("A1", "A2", "A3", "A4"):
            concept(nora, code, at=source)
        mapping(nora, "A1", "A2", at=source)
        mapping(nora, "A2", "A3", at=source)
        terminology.retire_concept(nora, source, "A4", "Nobody uses it")
        address = source
        if kind == "collections":
            address = made(nora, Address(places, name, "collections", "Starter"))
            terminology.add_references(nora, address, [source.path])
    path = f"/user/{kind}/{address.short_code}/" if owner == "user" else address.path
    return Shelf(app, machine, nora, address, path)
