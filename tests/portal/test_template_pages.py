"""Templates for administrators: shown with the form that they make, made, and changed without harm to what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import catalog
from app.catalog import EntityQuery
from app.extensions import db
from app.models import AuditEvent, Metric, Template, TemplateAttribute
from tests.conftest import csrf_token
from tests.factories import World
from tests.portal.signing_in import words_of

SignedIn = Callable[[str], FlaskClient]
TEMPLATES = "/admin/templates/"


def of(world: World, name: str, more: str = "") -> str:
    return f"{TEMPLATES}{world.templates[name].id}{more}"


def attribute_path(app: Flask, world: World, template: str, name: str) -> str:
    with app.app_context():
        wanted = select(TemplateAttribute.id).where(
            TemplateAttribute.template_id == world.templates[template].id, TemplateAttribute.name == name
        )
        return of(world, template, f"/attributes/{db.session.scalars(wanted).one()}")


def kept(app: Flask, world: World, template: str, name: str) -> TemplateAttribute:
    with app.app_context():
        found = db.session.get_one(Template, world.templates[template].id).attribute(name)
        assert found is not None
        return found


def send(browser: FlaskClient, path: str, form: str | None = None, **fields: Any) -> TestResponse:
    return browser.post(path, data={"csrf_token": csrf_token(browser, form or path)} | fields)


def change(browser: FlaskClient, path: str, *, confirmed: bool = True, **fields: Any) -> TestResponse:
    """Fill in an attribute's form; what is not given is left out, as an unticked box is."""
    return send(browser, path, **fields, **({"confirmed": "yes", "seen": seen(browser, path)} if confirmed else {}))


def seen(browser: FlaskClient, path: str) -> str:
    return browser.get(path).text.split('name="seen" value="')[1].split('"')[0]


def told(app: Flask) -> list[tuple[str, Any]]:
    with app.app_context():
        shaping = select(AuditEvent).where(AuditEvent.action.startswith("template."), AuditEvent.user_id.is_not(None))
        return [(one.action, one.details) for one in db.session.scalars(shaping.order_by(AuditEvent.id))]


def test_a_template_is_shown_with_its_rules_and_the_form_that_it_makes(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser = signed_in("max")
    listed = words_of(browser.get(TEMPLATES))
    assert listed.index("Patients") < listed.index("Devices") < listed.index("Templates of organizations")
    page = browser.get(of(world, "patient"))
    shown = words_of(page)
    assert "National ID PHI national_id Text on one line No two the same" in shown
    assert "Age at entry age Whole number, in years 0 to 130" in shown
    assert "Sex sex One of several choices Female, Male" in shown
    assert "Analysis file PHI analysis_file Files .csv .log .pdf .txt · At most 1 file of 5 MB" in shown
    assert "CD4 cd4 cells/µL 500 to 1500" in shown
    with app.app_context():
        patient_id = world.patient().id
        real = signed_in("alice").get(f"/entities/patient/{patient_id}/edit").text
    preview = page.text.split("<fieldset disabled", 1)[1]
    for field in (
        'id="f-attribute.first_name" name="attribute.first_name"',
        'id="f-attribute.sex" name="attribute.sex"',
    ):
        assert field in real
        assert field in preview


def test_a_template_is_made_and_records_are_kept_by_it(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    made = send(
        browser, TEMPLATES, f"{TEMPLATES}new", data_type="device", name="scale", label="Body scale",
        description="Stands in the hall.", product_model="BS-1",
    )  # fmt: skip
    page = made.location
    assert "It has no attributes yet" in words_of(browser.get(page))
    assert "Text on several lines" in words_of(browser.get(f"{page}/attributes/new"))
    new = f"{page}/attributes/new?kind=SINGLE_SELECT"
    choices = "L = Large\nSmall\r\n\r\n"
    added = send(browser, f"{page}/attributes/", new, kind="SINGLE_SELECT", name="size", label="Size", choices=choices)
    assert added.location == page
    new = f"{page}/attributes/new?kind=DECIMAL"
    numbers = {"kind": "DECIMAL", "name": "most", "label": "Most", "unit": "kg", "low": "0.5", "mandatory": "1"}
    assert send(browser, f"{page}/attributes/", new, **numbers).status_code == 303
    metric = {"kind": "numeric", "name": "mass", "label": "Mass", "unit": "kg", "normal_low": "40", "normal_high": "90"}
    assert send(browser, f"{page}/metrics/", f"{page}/metrics/new", **metric).status_code == 303
    shown = words_of(browser.get(page))
    assert "Size size One of several choices Large, Small" in shown
    assert "Most most Number, in kg Must have a value · At least 0.5" in shown
    assert "Mass mass kg 40 to 90" in shown
    with app.app_context():
        alice, template_id = world.actor("alice"), UUID(page.rsplit("/", 1)[1])
        given = {"size": "L", "most": "150"}
        device = catalog.create_entity(alice, template_id, world.northside.id, given, key="scale-1")
        assert catalog.values_of(device) == {"size": "L", "most": 150.0}
    actions = [action for action, _ in told(app)]
    assert actions == ["template.create", *["template.attribute_add"] * 2, "template.metric_add"]


def test_a_template_that_cannot_be_says_why_beside_the_field(app: Flask, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    for field, wrong in {
        "name": ("patient", "two words", "nul\0", "x" * 37),
        "label": (" ", "x" * 65, "A\0B"),
        "data_type": ("organization", "spaceship\0"),
        "description": ("x" * 1001,),
    }.items():
        for given in wrong:
            sound = {"data_type": "device", "name": "scale", "label": "Body scale"}
            refused = send(browser, TEMPLATES, f"{TEMPLATES}new", **sound | {field: given})
            assert refused.status_code == 422, given
            assert f'id="f-{field}-error"' in refused.text, given
    assert told(app) == []


def test_an_attribute_that_cannot_be_says_why_beside_the_field(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser, page = signed_in("max"), of(world, "patient", "/attributes/")
    for field, given in (
        ("name", {"name": "age"}),
        ("name", {"name": "0th"}),
        ("label", {"label": "\0"}),
        ("hint", {"hint": "x" * 301}),
        ("unique", {"kind": "BOOLEAN", "unique": "1"}),
        ("low", {"kind": "DECIMAL", "low": "nan"}),
        ("high", {"kind": "DECIMAL", "high": "1e999"}),
        ("high", {"kind": "INTEGER", "low": "3", "high": "2"}),
        ("choices", {"kind": "SINGLE_SELECT", "choices": " \n"}),
        ("choices", {"kind": "SINGLE_SELECT", "choices": "a\na = b"}),
        ("choices", {"kind": "MULTI_SELECT", "choices": "a\0"}),
        ("media_types", {"kind": "FILE", "media_types": "text/html"}),
        ("max_bytes", {"kind": "FILE", "media_types": "text/csv", "max_bytes": "-1"}),
        ("max_bytes", {"kind": "FILE", "media_types": "text/csv", "max_bytes": "1e300"}),
        ("max_files", {"kind": "IMAGE", "media_types": "image/png", "max_files": "0"}),
        ("reference_data_type", {"kind": "REFERENCE", "reference_data_type": "spaceship"}),
    ):
        sound = {"kind": "LABEL", "name": "bed", "label": "Bed", "max_files": "1"}
        refused = send(browser, page, f"{page}new?kind=LABEL", **sound | given)
        assert refused.status_code == 422, given
        assert f'id="f-{field}-error"' in refused.text, given
    unknown = send(browser, page, f"{page}new?kind=LABEL", kind="SPACESHIP\0", name="bed", label="Bed")
    assert unknown.status_code == 422
    assert told(app) == []


def test_a_change_is_said_in_words_then_made_and_told_to_programs(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser, path = signed_in("max"), attribute_path(app, world, "patient", "age")
    with app.app_context():
        world.patient(age=40)
        world.entity("patient", None, {"first_name": "Ana", "last_name": "Without"})
        before = db.session.get_one(Template, world.templates["patient"].id).updated_at
    wanted = {"label": "Age", "kind": "INTEGER", "unit": "months", "low": "0", "high": "1600", "mandatory": "1"}
    asked = change(browser, path, confirmed=False, **wanted)
    shown = words_of(asked)
    assert asked.status_code == 200
    assert "Label Age at entry Age" in shown
    assert "Unit years months. The values of 1 record are not converted" in shown
    assert "Must have a value no yes. 1 record has no value yet." in shown
    assert kept(app, world, "patient", "age").label == "Age at entry"
    assert change(browser, path, **wanted).location == of(world, "patient")
    changed = kept(app, world, "patient", "age")
    assert (changed.label, changed.unit, changed.high, changed.mandatory) == ("Age", "months", 1600.0, True)
    with app.app_context():
        assert db.session.get_one(Template, world.templates["patient"].id).updated_at > before
    [(action, details)] = told(app)
    assert action == "template.attribute_edit"
    assert details == {
        "attribute": "age",
        "before": {"label": "Age at entry", "unit": "years", "mandatory": False, "high": 130.0},
        "after": {"label": "Age", "unit": "months", "mandatory": True, "high": 1600.0},
    }
    assert "Nothing was to be changed." in words_of(browser.get(change(browser, path, **wanted).location))
    assert len(told(app)) == 1


def test_a_choice_that_was_ever_made_stays_and_another_can_go(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser, path = signed_in("max"), attribute_path(app, world, "patient", "sex")
    with app.app_context():
        patient_id = world.patient(sex="M").id
        catalog.edit_entity(world.actor("alice"), patient_id, {"sex": "F"}, seen_revision=None)
    sound = {"label": "Sex", "kind": "SINGLE_SELECT", "choices": "F = Female\nM = Male\nX = Other"}
    assert change(browser, path, **sound).status_code == 303
    gone = change(browser, path, **sound | {"choices": "F = Female\nX = Other"}, confirmed=False)
    assert gone.status_code == 422
    assert "Records have or had Male: a choice that was made cannot be taken away" in words_of(gone)
    renamed = change(browser, path, **sound | {"choices": "F = Woman\nM = Man"})
    assert renamed.status_code == 303
    assert kept(app, world, "patient", "sex").choices == [
        {"value": "F", "label": "Woman"}, {"value": "M", "label": "Man"},
    ]  # fmt: skip
    page = signed_in("alice").get(f"/entities/patient/{patient_id}")
    assert "Woman" in page.text


def test_values_that_are_kept_follow_the_mark_of_phi_to_where_they_belong(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser, path = signed_in("max"), attribute_path(app, world, "device", "serial_number")
    with app.app_context():
        named = world.device(key="GLU-A", serial_number="SN-7", firmware="4.1").id
        loaded = world.device(key="GLU-B", serial_number="SN-8").id
        alone = world.device(key="GLU-C", serial_number="").id
        before = {one: catalog.get_entity(world.actor("max"), one).revision for one in (named, loaded, alone)}
    sound = {"label": "Serial number", "kind": "LABEL"}
    asked = words_of(change(browser, path, **sound, phi="1", confirmed=False))
    assert "left out of exports without identifiers" in asked
    assert "A new version is kept of 2 records." in asked
    assert change(browser, path, **sound, phi="1").status_code == 303
    with app.app_context():
        max_ = world.actor("max")
        device = catalog.get_entity(max_, named)
        assert (device.attributes, device.phi_attributes) == ('{"firmware":"4.1"}', '{"serial_number":"SN-7"}')
        assert (device.caption, device.changed_by) == ("4.1", max_.user_id)
        assert device.document_bytes == len(device.attributes) + len(device.phi_attributes)
        assert device.revision == catalog.get_entity(max_, loaded).revision > before[named]
        assert catalog.get_entity(max_, alone).revision == before[alone]
        assert [len(one.changes) for one in catalog.history_of(max_, named)] == [0, 0]
        assert catalog.values_at(max_, device, before[named]) == {"serial_number": "SN-7", "firmware": "4.1"}
        found = catalog.list_entities(max_, EntityQuery("device", search="sn-7"))
        assert [one.id for one in found.items] == [named]
    assert told(app)[0][1]["records"] == 2
    assert change(browser, path, **sound).status_code == 303
    with app.app_context():
        device = catalog.get_entity(world.actor("max"), named)
        assert (device.caption, device.phi_attributes) == ("SN-7", "{}")
        edited = catalog.edit_entity(world.actor("alice"), named, {"serial_number": "SN-9"}, seen_revision=None)
        assert edited.caption == "SN-9"
    files = change(browser, attribute_path(app, world, "patient", "images"), label="Images", kind="IMAGE", phi="1",
                   media_types="image/png", max_files="20", max_bytes="50")  # fmt: skip
    assert files.status_code == 303
    assert kept(app, world, "patient", "images").phi is False


def test_a_type_can_be_changed_until_there_was_a_value(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser, path = signed_in("max"), attribute_path(app, world, "device", "firmware")
    missing = change(browser, path, label="Firmware", kind="SINGLE_SELECT")
    assert missing.status_code == 422
    assert 'name="choices"' in missing.text
    changed = change(browser, path, label="Firmware", kind="SINGLE_SELECT", choices="4.1")
    assert changed.status_code == 303
    assert kept(app, world, "device", "firmware").kind == "SINGLE_SELECT"
    with app.app_context():
        world.device(firmware="4.1")
    refused = change(browser, path, label="Firmware", kind="LABEL")
    assert refused.status_code == 422
    assert "Firmware has or had values, so its type cannot be changed" in words_of(refused)
    serial = attribute_path(app, world, "device", "serial_number")
    with app.app_context():
        world.device(serial_number="SN-0001")
        world.device(serial_number="sn-0001")
    refused = change(browser, serial, label="Serial number", kind="LABEL", unique="1")
    assert "Some records have the same value there." in words_of(refused)


def test_what_chartroom_itself_needs_is_only_called_otherwise(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    with app.app_context():
        wanted = select(Template).where(Template.tenant_id == world.acme.id, Template.name == "organization_user")
        template = db.session.scalars(wanted).one()
        email = template.attribute("email")
        assert email is not None
        path = f"{TEMPLATES}{template.id}/attributes/{email.id}"
    sound = {"label": "E-mail", "kind": "EMAIL", "mandatory": "1", "unique": "1"}
    for wrong in ({"kind": "LABEL"}, {"phi": "1"}):
        refused = change(browser, path, **sound | wrong)
        assert "Chartroom itself needs this attribute as it is" in words_of(refused)
        assert refused.status_code == 422
    assert change(browser, path, **{key: one for key, one in sound.items() if key != "unique"}).status_code == 422
    assert change(browser, path, **sound | {"label": "Address"}).status_code == 303


def test_two_who_change_a_template_at_once_do_not_undo_each_other(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    browser, path = signed_in("max"), attribute_path(app, world, "patient", "weight")
    sound = {"label": "Weight", "kind": "DECIMAL", "unit": "kg", "low": "0", "high": "500"}
    stale = seen(browser, path)
    assert change(browser, path, **sound | {"hint": "Without shoes"}).status_code == 303
    refused = send(browser, path, **sound, confirmed="yes", seen=stale)
    assert refused.status_code == 422
    assert "Somebody else changed this template after you opened the page." in words_of(refused)
    assert kept(app, world, "patient", "weight").hint == "Without shoes"


def test_a_metric_is_described_anew_and_its_name_stays(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    with app.app_context():
        wanted = select(Metric.id).where(Metric.template_id == world.templates["patient"].id, Metric.name == "cd4")
        path = of(world, "patient", f"/metrics/{db.session.scalars(wanted).one()}")
    sound = {"label": "CD4 cells", "unit": "cells/mm³", "normal_low": "500", "normal_high": "1500", "name": "other"}
    asked = words_of(send(browser, path, **sound))
    assert "Unit cells/µL cells/mm³. Values that are kept are not converted." in asked
    assert send(browser, path, **sound | {"normal_low": "many"}).status_code == 422
    assert send(browser, path, **sound | {"normal_low": "1501"}).status_code == 422
    assert send(browser, path, **sound, confirmed="yes").location == of(world, "patient")
    assert "CD4 cells cd4 cells/mm³ 500 to 1500" in words_of(browser.get(of(world, "patient")))
    assert [action for action, _ in told(app)] == ["template.metric_edit"]
    page = of(world, "device_log", "/metrics/")
    refused = send(browser, page, f"{page}new", kind="numeric", name="x", label="X")
    assert (refused.status_code, "Only patients, devices and sessions measure." in words_of(refused)) == (422, True)


def test_an_administrator_of_one_clinic_looks_and_changes_nothing(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    nora, path = signed_in("nora"), attribute_path(app, world, "patient", "age")
    page = nora.get(of(world, "patient"))
    assert page.status_code == 200
    assert "/attributes/" not in page.text
    for refused in (nora.get(path), nora.get(of(world, "patient", "/edit")), nora.get(f"{TEMPLATES}new")):
        assert refused.status_code == 403
    for where in (path, of(world, "patient", "/edit"), of(world, "patient", "/attributes/"), TEMPLATES):
        sent = {"label": "Mine", "kind": "INTEGER", "name": "mine", "data_type": "device", "confirmed": "yes"}
        assert send(nora, where, "/admin/people/", **sent).status_code == 403, where
    assert told(app) == []


def test_templates_of_others_do_not_exist(app: Flask, world: World, signed_in: SignedIn) -> None:
    browser = signed_in("max")
    own, foreign = world.templates["patient"].id, world.foreign_templates["patient"].id
    with app.app_context():
        theirs = db.session.get_one(Template, foreign)
        attribute_id, metric_id = theirs.attributes[0].id, theirs.metrics[0].id
    for template_id in (foreign, uuid4()):
        for more in ("", "/edit", "/attributes/new", "/metrics/new", f"/attributes/{attribute_id}"):
            assert browser.get(f"{TEMPLATES}{template_id}{more}").status_code == 404
    for more in (f"/attributes/{attribute_id}", f"/metrics/{metric_id}", f"/metrics/{2**70}"):
        assert browser.get(f"{TEMPLATES}{own}{more}").status_code == 404
        assert send(browser, f"{TEMPLATES}{own}{more}", TEMPLATES, label="Mine").status_code == 404
    words = {"label": "Renamed", "description": "Said anew"}
    assert send(browser, of(world, "patient", "/edit"), **words).location == of(world, "patient")
    assert send(browser, of(world, "patient", "/edit"), **words | {"label": "\0"}).status_code == 422
    assert [action for action, _ in told(app)] == ["template.edit"]
