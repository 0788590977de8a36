"""NUL signs in addresses and forms, on PostgreSQL: it holds none, and answers a question with one by a fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import catalog, create_app, measurements
from app.actor import Actor
from app.catalog import EntityQuery
from app.errors import Invalid, NotFound
from app.extensions import db
from tests.conftest import config_for, csrf_token
from tests.factories import PASSWORD, make_world
from tests.portal.signing_in import enter, words_of
from tests.services.postgresql import PostgreSQL


@dataclass
class Ward:
    """A patient and its device, an actor that may change them, and that person's browser."""

    app: Flask
    alice: Actor
    browser: FlaskClient
    stranger: FlaskClient
    patient_id: UUID
    device_id: UUID

    def edit(self, **fields: str) -> Any:
        path = f"/entities/patient/{self.patient_id}/edit"
        with self.app.app_context():
            seen = catalog.get_entity(self.alice, self.patient_id).revision
        data = {f"attribute.{name}": value for name, value in fields.items()}
        token = csrf_token(self.browser, path)
        return self.browser.post(path, data=data | {"seen_revision": seen, "csrf_token": token})

    def values(self) -> dict[str, Any]:
        with self.app.app_context():
            return catalog.values_of(catalog.get_entity(self.alice, self.patient_id))


@pytest.fixture(scope="module")
def ward(postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Shared by the tests of this file: each of them is refused, so nothing changes."""
    url = postgresql_server.new_database()
    app = create_app(replace(config_for(tmp_path_factory.mktemp("nul")), database_url=url))
    with app.app_context():
        flask_migrate.upgrade()
        world = make_world()
        device = world.device(key="monitor")
        device_id = device.id
        patient_id = world.patient(first_name="Ana", last_name="Ruiz", device={"id": str(device_id)}).id
        alice = world.actor("alice")
        db.session.remove()
    browser = app.test_client()
    assert enter(browser).status_code == 303
    yield Ward(app, alice, browser, app.test_client(), patient_id, device_id)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    postgresql_server.drop_database(url)


@pytest.fixture
def inside(ward: Ward) -> Iterator[Ward]:
    """The ward with an application context, for tests that ask the domain and not the pages."""
    with ward.app.app_context():
        yield ward
        db.session.rollback()


def test_a_kind_with_a_nul_sign_is_no_kind(inside: Ward) -> None:
    for kind in ("patient\0", "\0", "no-such-kind"):
        with pytest.raises(NotFound):
            catalog.get_entity(inside.alice, inside.patient_id, kind)
        with pytest.raises(NotFound):
            measurements.values_table(inside.alice, inside.patient_id, data_type=kind)
        with pytest.raises(NotFound):
            catalog.list_entities(inside.alice, EntityQuery(kind))
    assert catalog.get_entity(inside.alice, inside.patient_id, "patient").id == inside.patient_id


@pytest.mark.parametrize("rest", ["", "/history", "/edit", "/chart", "/measurements", "/files/images"])
def test_the_pages_of_a_kind_with_a_nul_sign_are_not_found(ward: Ward, rest: str) -> None:
    assert ward.browser.get(f"/entities/patient/{ward.patient_id}{rest}").status_code == 200
    assert ward.browser.get(f"/entities/patient%00/{ward.patient_id}{rest}").status_code == 404


def test_a_list_or_a_file_attribute_with_a_nul_sign_in_its_name_is_refused(ward: Ward) -> None:
    assert ward.browser.get("/entities/patient%00").status_code == 404
    other = ward.browser.get(f"/entities/patient/{ward.patient_id}/files/no-such-attribute")
    assert ward.browser.get(f"/entities/patient/{ward.patient_id}/files/images%00").status_code == other.status_code
    assert other.status_code == 422


def test_nothing_refers_by_an_attribute_with_a_nul_sign(inside: Ward) -> None:
    asked = EntityQuery("patient", refers_to=inside.device_id, by_attribute="device")
    assert [row.id for row in catalog.list_entities(inside.alice, asked).items] == [inside.patient_id]
    for name in ("device\0", "\0", "\ud800"):
        nothing = replace(asked, by_attribute=name)
        assert catalog.list_entities(inside.alice, nothing).items == ()
        assert catalog.count_entities(inside.alice, nothing) == 0


@pytest.mark.parametrize(
    "said", ["refers_to={0}&by=%00", "refers_to={0}&by=device%00", "q=%00", "q=ru%00iz", "cursor=%00"]
)
def test_a_list_asked_for_with_a_nul_sign_is_answered(ward: Ward, said: str) -> None:
    page = ward.browser.get(f"/entities/patient?{said.format(ward.device_id)}", follow_redirects=True)
    assert page.status_code == 200
    assert "\0" not in page.text


def test_the_search_overlooks_a_nul_sign(inside: Ward) -> None:
    found = catalog.list_entities(inside.alice, EntityQuery("patient", search="\0 ana\0ruiz \0"))
    assert [row.id for row in found.items] == [inside.patient_id]


@pytest.mark.parametrize("name", ["mon\0itor", "monitor\0", "\0"])
def test_a_reference_with_a_nul_sign_names_no_record(ward: Ward, name: str) -> None:
    page = ward.edit(device=name)
    assert page.status_code == 422
    assert "must name a record that exists" in words_of(page)
    assert ward.values()["device"] == {"id": str(ward.device_id)}


@pytest.mark.parametrize(
    "name", ["first_name", "national_id", "sex", "age", "weight", "smoker", "born", "notes", "device"]
)
def test_no_attribute_takes_a_nul_sign(inside: Ward, name: str) -> None:
    patient = catalog.get_entity(inside.alice, inside.patient_id)
    assert patient.template.attribute(name), "the world has no such attribute"
    with pytest.raises(Invalid) as refused:
        catalog.edit_entity(inside.alice, inside.patient_id, {name: "A\0na"}, seen_revision=patient.revision)
    assert list(refused.value.fields) == [name]


def test_a_text_with_a_nul_sign_is_refused_in_words_beside_its_field(ward: Ward) -> None:
    page = ward.edit(first_name="A\0na")
    assert page.status_code == 422
    assert "has a character that cannot be kept" in words_of(page)
    assert ward.values()["first_name"] == "Ana"


def test_a_nul_sign_in_an_e_mail_address_or_password_is_a_wrong_one_or_none(ward: Ward) -> None:
    wrong = (("no\0body@example.org", PASSWORD), ("\0", PASSWORD), ("alice@example.org", PASSWORD + "\0"))
    for email, password in wrong:
        page = enter(ward.stranger, email, password)
        assert page.status_code == 422
        assert "Wrong e-mail address or password." in words_of(page)


@pytest.mark.parametrize(
    "name", ["data_types", "period", "start", "template_ids", "entity_ids", "order", "format", "max_file_mb"]
)
def test_a_report_asked_for_with_a_nul_sign_is_refused_in_words(ward: Ward, name: str) -> None:
    sent = {"data_types": "patient", "period": "creation", "start": "2024-01-01T00:00", "order": "desc"}
    sent |= {"format": "json", "request_key": str(uuid4()), "csrf_token": csrf_token(ward.browser, "/entities/")}
    for path in ("/exports/preview", "/exports/"):
        page = ward.browser.post(path, data=sent | {name: "\0" + sent.get(name, "")})
        assert page.status_code == 422
        assert f'id="f-{name}-error"' in page.text
