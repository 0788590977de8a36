"""What cannot be read is refused in BioT's shape, whatever it is; and what only looks odd is accepted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import errors
from app.api import bearer, parse
from app.api.biot import answers, present
from app.api.biot.searching import Search, search_request
from app.api.parse import DEEPEST, Fields, json_body, read_instant
from app.errors import Invalid
from tests.api.conftest import Machine
from tests.factories import PASSWORD

LOGIN = "/ums/v2/users/login"
GOOD = json.dumps({"username": "alice@example.org", "password": PASSWORD})
KEYS = {"code", "message", "serviceName", "traceId", "details"}


def refused(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The refusal's body, after a look at its shape and its headers."""
    body = answer.get_json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert set(body) == KEYS
    assert body["message"]
    assert body["details"] is None or isinstance(body["details"], dict)
    assert body["traceId"] == answer.headers["X-Request-ID"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in answer.headers
    return body


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  ", b"{", b"[]", b'"text"', b"null", b"7", b"\xff\xfe", b'{"a": NaN}', b'{"username": "\\ud800"}',
        b'{"username": "a\\u0000b", "password": "x"}', b'{"a\\u0000": 1}', b"[" * 5000, b'{"a":' * 3000,
        b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_400(client: FlaskClient, body: bytes) -> None:
    refused(client.post(LOGIN, data=body, content_type="application/json"), 400, "VALIDATION_FAILED")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense", ";"]
)
def test_a_body_of_another_kind_is_415(client: FlaskClient, kind: str) -> None:
    refused(client.post(LOGIN, data=GOOD, content_type=kind), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json", None]
)
def test_json_is_taken_by_each_of_its_names_and_without_one(client: FlaskClient, kind: str | None) -> None:
    assert client.post(LOGIN, data=GOOD, content_type=kind).status_code == 200


def test_a_large_body_of_a_stranger_is_413(client: FlaskClient) -> None:
    body = json.dumps({"username": "x" * bearer.STRANGERS_BYTES})
    refused(client.post(LOGIN, data=body, content_type="application/json"), 413, "TOO_LARGE")


def test_fields_that_nobody_asked_for_are_no_fault(client: FlaskClient) -> None:
    body = json.loads(GOOD) | {"more": [{"x": None}], "": 1}
    assert client.post(LOGIN, json=body).status_code == 200


@pytest.mark.parametrize("path", ["/ums/v2/users/nobody", "/dms", "/dms/", "/file/v1/x%00", "/device//", "/settings/é"])
def test_an_unknown_address_is_404_for_strangers_and_others_alike(
    client: FlaskClient, machine: Machine, path: str
) -> None:
    for answer in (client.get(path), machine.get(path)):
        refused(answer, 404, "NOT_FOUND")


def test_another_method_is_405_and_names_those_that_are_known(machine: Machine) -> None:
    answer = machine.delete(LOGIN)
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_an_address_of_the_portal_keeps_the_portals_page(client: FlaskClient) -> None:
    answer = client.get("/umsx")
    assert answer.status_code == 404
    assert "What you can do" in answer.text


def test_a_fault_of_ours_is_a_500_without_a_word_about_it(app: Flask, machine: Machine) -> None:
    def fail() -> None:
        raise RuntimeError("a patient's name")

    app.view_functions["api.biot.sign_in.own_account"] = fail
    answer = machine.get("/ums/v2/users/self")
    refused(answer, 500, "INTERNAL_ERROR")
    assert "patient" not in answer.text


def test_a_json_body_with_a_get_is_not_looked_at(machine: Machine) -> None:
    for body in (b"{}", b"nonsense"):
        answer = machine.get("/ums/v2/users/self", data=body, content_type="application/json")
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "service", ["ums", "dms", "file", "organization", "device", "generic-entity", "settings", "measurement"]
)
def test_each_service_says_that_it_is_well_to_anybody(client: FlaskClient, service: str) -> None:
    answer = client.get(f"/{service}/system/healthCheck")
    assert answer.status_code == 200
    assert answer.get_json()["version"] == "1.0"


@pytest.mark.parametrize("service", ["organization", "device", "generic-entity"])
def test_a_prefix_that_a_client_doubled_is_forgiven(client: FlaskClient, service: str) -> None:
    assert client.get(f"/organization/{service}/system/healthCheck").status_code == 200
    body = refused(client.get(f"/organization/{service}/nowhere"), 404, "NOT_FOUND")
    assert body["serviceName"] == service
    assert client.get(f"/device/{service}/system/healthCheck").status_code == 404


@pytest.mark.parametrize("host", ["http://localhost", "https://export.example.org:8443"])
def test_absolute_addresses_name_the_host_that_the_client_used(app: Flask, host: str) -> None:
    with app.test_request_context("/dms/v1/data/reports", base_url=host):
        assert present.absolute("/file/x?y=1") == f"{host}/file/x?y=1"


@pytest.mark.parametrize(
    "text",
    [
        "2023-04-02T13:13:05.703Z", "2023-04-02T13:13:05.703000+00:00", "2023-04-02T13:13:05.703000+0000",
        "2023-04-02T13:13:05.703000", "2023-04-02T15:13:05.703999+0200", "2023-04-02T13:13:05.703123456Z",
        " 2023-04-02T13:13:05.703Z ",
    ],
)  # fmt: skip
def test_times_are_read_in_every_form_that_clients_send(text: str) -> None:
    assert read_instant(text) == datetime(2023, 4, 2, 13, 13, 5, 703_000, UTC)
    assert present.instant(read_instant(text)) == "2023-04-02T13:13:05.703Z"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2023", "2023-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 99]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        read_instant(text)


def test_a_time_without_milliseconds_gets_them_and_an_absent_one_stays_absent() -> None:
    assert present.instant(datetime(2023, 4, 2, tzinfo=UTC)) == "2023-04-02T00:00:00.000Z"
    assert present.instant(None) is None


def test_every_fault_of_a_body_is_named_by_its_place() -> None:
    fields = Fields({"name": 1, "size": True, "id": "x", "on": "yes", "queries": [{"at": "noon"}, 3], "sub": []})
    fields.text("name", most=3)
    fields.integer("size", least=0, most=9)
    fields.uuid("id")
    fields.switch("on")
    for query in fields.objects("queries", most=5):
        query.instant("at", required=True)
        query.text("kind", most=9, required=True)
    assert fields.object("sub") is None
    fields.text("missing", most=1, required=True)
    with pytest.raises(Invalid) as found:
        fields.check()
    assert set(found.value.fields) == {
        "name", "size", "id", "on", "queries[0].at", "queries[0].kind", "queries[1]", "sub", "missing",
    }  # fmt: skip


def search(app: Flask, **asked: Any) -> Search:
    with app.test_request_context("/x", query_string={"searchRequest": json.dumps(asked)}):
        return search_request()


def test_an_absent_search_is_everything_on_its_first_page(app: Flask) -> None:
    with app.test_request_context("/x"):
        assert search_request() == Search() == Search({}, (), None, 100, 0)


def test_null_and_empty_operators_say_nothing(app: Flask) -> None:
    given = {
        "_name": {"eq": None, "in": [], "notIn": [], "filter": {}, "like": "x"},
        "_id": {"eq": None},
        "_gone": None,
        "$OR": {"filter": {"a": {"eq": 1}, "b": {"not": None}}},
    }
    assert search(app, filter=given).filters == {"_name": {"like": "x"}, "$OR": {"filter": {"a": {"eq": 1}}}}


def test_a_search_is_answered_with_its_page(app: Flask) -> None:
    found = search(app, limit=2, page=3, sort=[{"prop": "_name"}], freeTextSearch=" ward 3 ")
    assert (found.offset, found.sort, found.text) == (6, (("_name", "DESC"),), "ward 3")
    assert found.page([1], 7) == {
        "data": [1],
        "metadata": {
            "page": {"totalResults": 7, "page": 3, "limit": 2},
            "sort": [{"prop": "_name", "order": "DESC"}],
            "filter": {},
            "freeTextSearch": "ward 3",
        },
    }


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "10"}, "limit"),
        ({"page": -1}, "page"),
        ({"page": 1001, "limit": 100}, "page"),
        ({"sort": {}}, "sort"),
        ({"sort": [{"prop": "a", "order": "UP"}]}, "sort[0].order"),
        ({"sort": [{"order": "ASC"}]}, "sort[0].prop"),
        ({"filter": []}, "filter"),
        ({"filter": {"a": "b"}}, "filter.a"),
        ({"filter": {"a": {"equals": 1}}}, "filter.a.equals"),
        ({"filter": {"a": {"in": "b"}}}, "filter.a.in"),
        ({"filter": {"a": {"eq": {"b": 1}}}}, "filter.a.eq"),
        ({"filter": {"a": {"lt": True}}}, "filter.a.lt"),
        ({"filter": {"a": {"isNull": "yes"}}}, "filter.a.isNull"),
        ({"filter": {"$OR": {"filter": {"b": {"like": 1}}}}}, "filter.$OR.filter.b.like"),
        ({"freeTextSearch": 7}, "freeTextSearch"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_by_its_place(app: Flask, asked: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as found:
        search(app, **asked)
    assert set(found.value.fields) == {place}


def test_a_body_that_may_be_empty_is_an_empty_object(app: Flask) -> None:
    with app.test_request_context("/x", method="POST", content_type="application/json"):
        assert json_body(required=False) == {}


def test_a_reference_carries_the_six_keys_that_the_clients_require() -> None:
    template_id, organization_id = uuid4(), uuid4()
    template = present.template_of(template_id, "device", "Device")
    told = present.reference("GLU-1", "GLU-1", organization_id, template)
    assert set(told) == {"id", "name", "organizationId", "templateId", "templateName", "template"}
    assert (told["templateId"], told["organizationId"]) == (str(template_id), str(organization_id))


def test_every_kind_of_no_has_a_code() -> None:
    kinds = [known for known in vars(errors).values() if isinstance(known, type) and issubclass(known, errors.Refusal)]
    assert len(kinds) > 5
    for kind in kinds:
        assert kind is errors.Refusal or any(issubclass(kind, known) for known, _, _ in answers.STATUSES), kind


def test_a_body_of_very_many_values_is_refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MOST_VALUES", 10)
    body = {"username": "alice@example.org", "password": PASSWORD, "more": [0] * 10}
    refused(client.post(LOGIN, json=body), 400, "VALIDATION_FAILED")
