"""Codes of a terminology in records: an administrator points an attribute at a source, people read what codes mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from app import administration, catalog, terminology
from app.administration import AttributeSpec
from app.extensions import db
from app.models import TemplateAttribute, begin_writing
from app.portal import browse
from app.terminology import Address, RepositoryFacts
from tests.catalog.test_codes import shelve
from tests.conftest import csrf_token
from tests.factories import World
from tests.portal.signing_in import words_of
from tests.terminology.making import LUNG

SignedIn = Callable[[str], FlaskClient]
SHELF = f"/terminology{LUNG.path}"
CODES = f"{SHELF}codes"


@dataclass
class Ward:
    """A patient of Northside with a diagnosis, another whose code is retired since, one whose code never was one."""

    app: Flask
    world: World
    template: UUID
    attribute: UUID
    source: int
    patients: tuple[UUID, UUID, UUID]

    @property
    def form(self) -> str:
        return f"/admin/templates/{self.template}/attributes/{self.attribute}"

    def page(self, number: int, more: str = "") -> str:
        return f"/entities/patient/{self.patients[number]}{more}"

    @contextmanager
    def asking(self) -> Iterator[list[str]]:
        """What the database is asked about concepts meanwhile."""
        asked: list[str] = []

        def listen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            if "JOIN concept ON" in statement:
                asked.append(statement)

        with self.app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", listen)
        try:
            yield asked
        finally:
            event.remove(engine, "before_cursor_execute", listen)


@pytest.fixture
def ward(app: Flask, world: World) -> Ward:
    with app.app_context():
        source, template = shelve(world), world.templates["patient"].id
        patients = tuple(world.patient().id for _ in range(3))
        spec = AttributeSpec(name="diagnosis", label="Diagnosis", kind="LABEL")
        attribute = administration.add_attribute(world.actor("max"), template, spec)
        # Lists show the first few attributes.
        begin_writing()
        db.session.get_one(TemplateAttribute, attribute).position = -1
        db.session.commit()
        for patient, code in zip(patients, ("A15.1", "B20", "A99.X"), strict=True):
            catalog.edit_entity(world.actor("alice"), patient, {"diagnosis": code}, seen_revision=None)
        db.session.remove()
        return Ward(app, world, template, attribute, source, patients)  # type: ignore[arg-type]


def point(ward: Ward, repository_id: int | None) -> None:
    """As a load would: without a look at what is there."""
    with ward.app.app_context():
        begin_writing()
        db.session.get_one(TemplateAttribute, ward.attribute).repository_id = repository_id
        db.session.commit()
        db.session.remove()


def send(browser: FlaskClient, path: str, form: str, **fields: Any) -> TestResponse:
    return browser.post(path, data={"csrf_token": csrf_token(browser, form)} | fields)


def test_an_administrator_points_an_attribute_at_a_source_once_all_its_values_are_codes_of_it(
    ward: Ward, signed_in: SignedIn
) -> None:
    browser = signed_in("max")
    assert f'<option value="{ward.source}">Lung terms</option>' in browser.get(ward.form).text
    fields = {"kind": "LABEL", "label": "Diagnosis", "repository_id": str(ward.source)}
    refused = send(browser, ward.form, ward.form, **fields)
    assert refused.status_code == 422
    assert "1 record has a value there that is no code of Lung terms." in words_of(refused)
    assert f'<option value="{ward.source}" selected>' in refused.text
    with ward.app.app_context():
        catalog.edit_entity(ward.world.actor("alice"), ward.patients[2], {"diagnosis": ""}, seen_revision=None)
    asked = words_of(send(browser, ward.form, ward.form, **fields))
    assert "Codes of none Lung terms" in asked.replace("→", "")
    assert "The values of 2 records stay as they are; new ones are codes." in asked
    seen = browser.get(ward.form).text.split('name="seen" value="')[1].split('"')[0]
    assert send(browser, ward.form, ward.form, **fields, confirmed="yes", seen=seen).status_code == 303
    assert "Codes of Lung terms" in words_of(browser.get(f"/admin/templates/{ward.template}"))
    assert f'<option value="{ward.source}" selected>' in browser.get(ward.form).text
    wrong = send(browser, ward.form, ward.form, **fields | {"repository_id": "nonsense"})
    assert "Choose one of the sources of terminology that you may see." in words_of(wrong)


def test_a_record_says_what_its_code_means_and_that_it_is_retired_or_gone(ward: Ward, signed_in: SignedIn) -> None:
    point(ward, ward.source)
    browser = signed_in("alice")
    page = browser.get(ward.page(0))
    assert f'<a href="{SHELF}concepts/A15.1">A15.1 Tuberculosis of lung</a>' in page.text
    assert page.text.count("A15.1 Tuberculosis of lung") == 2, "among the attributes, and in the history"
    assert "B20 Wheezing (retired)" in words_of(browser.get(ward.page(1)))
    assert "A99.X (not in Lung terms now)" in words_of(browser.get(ward.page(2)))
    assert "B20 Wheezing (retired)" in words_of(browser.get(ward.page(1, "/history")))
    listed = words_of(browser.get("/entities/patient"))
    assert all(one in listed for one in ("A15.1 Tuberculosis of lung", "B20 Wheezing (retired)", "A99.X (not in"))


def test_a_page_asks_once_what_all_its_codes_mean_and_not_at_all_without_any(
    ward: Ward, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in("alice")
    pages = ("/entities/patient", ward.page(0), ward.page(0, "/edit"), ward.page(0, "/history"))
    for expected, source in ((0, None), (1, ward.source)):
        point(ward, source)
        for page in pages:
            with ward.asking() as asked:
                assert browser.get(page).status_code == 200
            assert len(asked) == expected, page
    codes_among = browse.codes_among
    # The planted fault: each value asked for by itself.
    monkeypatch.setattr(browse, "codes_among", lambda actor, kept: [codes_among(actor, [one]) for one in kept][-1])
    with ward.asking() as asked:
        browser.get("/entities/patient")
    assert len(asked) == 3


def test_whoever_may_not_see_the_source_reads_the_code_alone_and_still_enters_codes(
    ward: Ward, signed_in: SignedIn
) -> None:
    with ward.app.app_context():
        alice, adam = ward.world.actor("alice"), ward.world.actor("adam")
        own = Address("users", terminology.handle_of(adam), "sources", "Own")
        terminology.create_repository(adam, own, RepositoryFacts("Adam's own", public_access="None"))
        names = [{"name": "A secret name", "locale": "en"}]
        terminology.create_concept(adam, own, terminology.ConceptWish("A15.1", names))
        hidden = terminology.get_repository(adam, own).id
    point(ward, hidden)
    browser, edit = signed_in("alice"), ward.page(0, "/edit")
    assert "Diagnosis A15.1 First name" in words_of(browser.get(ward.page(0)))
    form = browser.get(edit)
    assert 'value="A15.1"' in form.text
    assert "secret" not in browser.get(ward.page(0)).text + form.text
    assert "Adam" not in words_of(browser.get(ward.page(0))) + words_of(form)
    assert "codes.js" not in form.text
    assert "data-code-field" not in form.text
    with ward.app.app_context():
        revision = catalog.get_entity(alice, ward.patients[0]).revision
    refused = send(browser, edit, edit, seen_revision=revision, **{"attribute.diagnosis": "X"})
    assert "Diagnosis cannot be X: there is no such code in the terminology that it draws on." in words_of(refused)
    administrator = signed_in("max")
    assert "Codes of a terminology that you may not see" in words_of(
        administrator.get(f"/admin/templates/{ward.template}")
    )
    kept = {"kind": "LABEL", "label": "Its diagnosis", "repository_id": str(hidden)}
    seen = administrator.get(ward.form).text.split('name="seen" value="')[1].split('"')[0]
    assert send(administrator, ward.form, ward.form, **kept, confirmed="yes", seen=seen).status_code == 303
    with ward.app.app_context():
        wanted = select(TemplateAttribute.label, TemplateAttribute.repository_id)
        assert tuple(db.session.execute(wanted.where(TemplateAttribute.id == ward.attribute)).one()) == (
            "Its diagnosis",
            hidden,
        )


def test_the_form_suggests_codes_says_what_is_chosen_and_is_a_plain_field_without_a_script(
    ward: Ward, signed_in: SignedIn
) -> None:
    point(ward, ward.source)
    browser, edit = signed_in("alice"), ward.page(0, "/edit")
    form = browser.get(edit).text
    assert f'hx-get="{CODES}"' in form
    assert 'id="f-attribute.diagnosis-meaning" role="status">Tuberculosis of lung</p>' in form
    assert "A code of Lung terms. Type it, or words of its name." in form
    for query, said, options in (
        ("tuberc lung", "1 code is found. Choose one, or say more.", ["A15.1"]),
        ("J45", "Asthma", ["J45"]),
        ("wheez", "No code in use is found by “wheez”.", []),
        ("B20", "Wheezing (retired)", []),
        ("", "", []),
    ):
        found = browser.get(CODES, query_string={"q": query}).text
        assert f'data-said="{said}"' in found
        assert [one.split('"')[0] for one in found.split('data-code="')[1:]] == options
    with ward.app.app_context():
        revision = catalog.get_entity(ward.world.actor("alice"), ward.patients[0]).revision
    refused = send(browser, edit, edit, seen_revision=revision, **{"attribute.diagnosis": "B20"})
    assert refused.status_code == 422
    assert "Diagnosis cannot be B20: it was retired in Lung terms." in words_of(refused)
    assert 'role="status">Wheezing (retired)</p>' in refused.text
    saved = send(browser, edit, edit, seen_revision=revision, **{"attribute.diagnosis": "j45"})
    assert saved.status_code == 303
    assert "J45 Asthma" in words_of(browser.get(ward.page(0)))
