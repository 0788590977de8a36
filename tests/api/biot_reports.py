"""What tests of reports ask for, and how they read it back."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from app import exports
from tests.api.conftest import Machine

REPORTS = "/dms/v1/data/reports"
EXPORT = f"{REPORTS}/export"
PERIOD = {"from": "2024-01-01T00:00:00.000Z", "to": "2030-01-01T00:00:00Z"}
CREATED = {"_creationTime": PERIOD}


def query(data_type: str, wanted: Any = CREATED, **more: Any) -> dict[str, Any]:
    return {"dataType": data_type, "filter": wanted, **more}


def body(*queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"queries": list(queries) or [query("patient")], "outputMetadata": {"exportFormat": "JSON"}, **more}


def created(machine: Machine, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A new report, in progress."""
    answer = machine.post(EXPORT, json=body(*queries, **more))
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def completed(machine: Machine, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A new report, made by a worker of the test's own."""
    report = created(machine, *queries, **more)
    with machine.client.application.app_context():
        exports.work_until_idle("test")
    answer = machine.get(f"{REPORTS}/{report['id']}")
    assert answer.json["status"] == "COMPLETED", answer.text
    return dict(answer.json)


def path_of(address: str) -> str:
    """The part of an absolute address behind the host."""
    return address.removeprefix("http://localhost")


def fetched(machine: Machine, address: str, **more: Any) -> TestResponse:
    """A file as clients fetch it: without a token, to its end."""
    return machine.client.get(path_of(address), buffered=True, **more)


def rows_of(machine: Machine, report: dict[str, Any], data_type: str) -> list[Any]:
    """All rows of a data type, file by file, fetched as clients do: without a token."""
    rows: list[Any] = []
    for address in report["fileOutput"]["filesLocation"][data_type]["paths"]:
        answer = fetched(machine, address)
        assert answer.status_code == 200, answer.text
        rows += answer.json
    return rows
