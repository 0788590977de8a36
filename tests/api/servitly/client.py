"""A program that asks for data exports as the contract says, and opens what it gets."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app import exports
from tests.api.conftest import Machine

PATH = "/data/dataExports"
OURS = ("datapackage.json", "README.txt")
START, END = 1_577_836_800_000, 1_893_456_000_000
"""2020 to 2030."""


@dataclass(frozen=True)
class Client:
    """A machine that says in each request which tenant it belongs to."""

    app: Flask
    machine: Machine
    tenant: str = "acme"

    def open(self, method: str, path: str = "", **more: Any) -> TestResponse:
        headers = {"X-Servitly-Tenant": self.tenant} | more.pop("headers", {})
        return self.machine.open(method, f"{PATH}{path}", headers=headers, **more)

    def schedule(self, **more: Any) -> TestResponse:
        """Every measurement of ten years, but for what is said otherwise."""
        return self.open("POST", json={"startTimestamp": START, "endTimestamp": END} | more)

    def show(self, export_id: str) -> TestResponse:
        return self.open("GET", f"/{export_id}")

    def made(self, **more: Any) -> Archive:
        """Schedule, let a worker make it, and fetch it by its address, without any header."""
        answer = self.schedule(**more)
        assert answer.status_code == 201, answer.text
        self.work()
        bean = self.show(answer.json["id"]).json
        assert bean["state"] == "COMPLETED", bean
        return self.fetched(bean["url"])

    def fetched(self, url: str) -> Archive:
        with self.app.test_client().get(url) as answer:
            assert answer.status_code == 200, answer.text
            assert answer.mimetype == "application/zip"
            return Archive(zipfile.ZipFile(io.BytesIO(answer.get_data())))

    def work(self) -> None:
        with self.app.app_context():
            exports.work_until_idle("test")


class Archive:
    """What was fetched. ``tables`` are its CSV files by name: their rows, the header's first."""

    def __init__(self, opened: zipfile.ZipFile) -> None:
        assert opened.testzip() is None
        members = {name: opened.read(name) for name in opened.namelist()}
        self.package = json.loads(members["datapackage.json"])
        self.read_me = members["README.txt"].decode()
        self.raw = {name: data for name, data in members.items() if name not in OURS}
        self.tables = {
            name: list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
            for name, data in self.raw.items()
        }
