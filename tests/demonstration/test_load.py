"""The demonstration in the database: complete, walled, honest about itself, and loaded once."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import flask_migrate
import numpy as np
import pytest
from flask import Flask
from sqlalchemy import func, select

from app import attachments, create_app, measurements, terminology
from app.access import Permission, allows, visible_entities
from app.accounts import actor_for_user
from app.accounts.passwords import matches
from app.actor import Actor
from app.catalog.values import values_of
from app.demonstration.credentials import UnreadableCredentials
from app.demonstration.identity import record_id
from app.demonstration.load import Load, load_demonstration, load_devices
from app.demonstration.settling import settle
from app.demonstration.sources.devices import devices
from app.demonstration.sources.waveforms import resting_ecg
from app.demonstration.terminology import ICD, STARTER
from app.extensions import db
from app.models import (
    Entity,
    EntityHistory,
    Measurement,
    MeasurementRollup,
    Metric,
    Reference,
    Series,
    StoredFile,
    Template,
    TemplateAttribute,
    Tenant,
    User,
)
from app.storage import StorageSettings, storage
from tests.conftest import config_for

CLINICIAN, COLLEAGUE = "amara.okafor@acme.example.org", "jonas.lindqvist@acme.example.org"
ANALYST, ADMINISTRATOR = "mei.tanaka@acme.example.org", "robin.castellanos@acme.example.org"
STRANGER = "ines.ferreira@borealis.example.org"


class Loaded:
    """A deployment with the demonstration in it."""

    def __init__(self, app: Flask, credentials: Path, load: Load) -> None:
        self.app, self.credentials, self.load = app, credentials, load

    def users(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.credentials.read_text())["users"]
        return found


@pytest.fixture(scope="module")
def loaded(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """A load that was broken off after the devices, and then finished by the next call."""
    home = tmp_path_factory.mktemp("demonstration")
    shutil.copy(migrated_sqlite, home / "chartroom.sqlite3")
    app = create_app(config_for(home))
    credentials = home / "demo-credentials.json"
    with app.app_context():
        load_devices(settle(credentials))
    with app.app_context():
        load = load_demonstration(credentials)
    yield Loaded(app, credentials, load)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def here(loaded: Loaded) -> Iterator[Loaded]:
    """The same, with this test's own application context and this application's storage."""
    storage.bind(StorageSettings.local(loaded.credentials.parent / "storage"))
    with loaded.app.app_context():
        yield loaded


def actor(email: str) -> Actor:
    return actor_for_user(db.session.scalars(select(User.id).where(User.email == email)).one())


def count_of(actor_email: str, data_type: str) -> int:
    seen = visible_entities(actor(actor_email)).where(Entity.data_type == data_type).subquery()
    return db.session.scalars(select(func.count()).select_from(seen)).one()


def fingerprint() -> str:
    """What the whole database holds, in one word."""
    digest = hashlib.sha256()
    # As the driver gives them: a quarter of a million rows of terminology are many to make objects of.
    driver = db.session.connection().connection.driver_connection
    for table in sorted(db.metadata.tables.values(), key=lambda known: known.name):
        key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
        rows = driver.execute(f'SELECT * FROM "{table.name}" ORDER BY {key}')
        while some := rows.fetchmany(10_000):
            digest.update(repr(some).encode())
    return digest.hexdigest()


def test_a_load_that_broke_off_was_finished_by_the_next(loaded: Loaded) -> None:
    assert loaded.load.changed
    assert [line.split()[1:3] for line in loaded.load.lines] == [
        ["trial", "patients"],
        ["invented", "patients"],
        ["attached", "files"],
        ["with", "two"],
    ]


def test_icd_10_has_two_releases_and_is_ahead_of_them_and_people_draw_on_it(here: Loaded) -> None:
    clinician = actor(CLINICIAN)
    versions = terminology.list_versions(clinician, ICD).rows
    assert [one.id for one in versions] == ["2019", "2016", "HEAD"]
    assert [one.counts.concepts for one in versions][::2] == [12_542, 12_542]
    counts = terminology.diff(clinician, ICD, "2019").counts
    assert counts == {("concept", "changed"): 1, ("concept", "retired"): 1}
    assert terminology.latest_version(clinician, STARTER).counts.concepts > 5
    leading = terminology.mappings_of(clinician, ICD, "A15.1").leading_to
    assert [one.json["owner_type"] for one in leading] == ["User"]
    source = terminology.get_repository(clinician, ICD).id
    coded = select(Template.name).join(Template.attributes).where(TemplateAttribute.repository_id == source)
    assert sorted(db.session.scalars(coded)) == ["patient", "trial_patient"]


def test_a_second_load_changes_nothing_and_says_so(here: Loaded) -> None:
    before, file_before = fingerprint(), here.credentials.read_bytes()
    objects = {kept.key for kept in storage.list_()}
    again = load_demonstration(here.credentials)
    assert not again.changed
    assert again.lines == ()
    assert fingerprint() == before
    assert here.credentials.read_bytes() == file_before
    assert {kept.key for kept in storage.list_()} == objects


def test_everybody_is_there_with_the_role_of_the_file_and_its_password_fits(here: Loaded) -> None:
    content = json.loads(here.credentials.read_text())
    assert content["tenant"] == "acme"
    assert stat.S_IMODE(here.credentials.stat().st_mode) == 0o600
    assert [(user["role"], user["organization"]) for user in here.users()] == [
        ("clinician", "Northside HIV Clinic"),
        ("clinician", "Riverside General"),
        ("analyst", "Acme Health"),
        ("administrator", "Acme Health"),
        ("administrator", "Fjord Practice"),
    ]
    for user in here.users():
        assert len(user["password"]) >= 16
        known = db.session.scalars(select(User).where(User.email == user["email"])).one()
        assert matches(user["password"], known.password_hash)
        assert [membership.role for membership in known.memberships] == [user["role"]]
        assert [membership.organization.name for membership in known.memberships] == [user["organization"]]
    assert len({user["password"] for user in here.users()}) == 5


def test_exports_are_on_for_one_tenant_only_and_both_name_their_sources(here: Loaded) -> None:
    tenants = {tenant.slug: tenant for tenant in db.session.scalars(select(Tenant))}
    assert {slug: tenant.exports_enabled for slug, tenant in tenants.items()} == {"acme": True, "borealis": False}
    for tenant in tenants.values():
        assert tenant.demonstration_notice is not None
        for source in ("Study 175", "lifelines", "Synthea", "pydicom"):
            assert source in tenant.demonstration_notice


def test_each_sees_what_their_organization_and_tenant_hold(here: Loaded) -> None:
    assert count_of(CLINICIAN, "patient") == 2139 + 2
    assert count_of(COLLEAGUE, "patient") == 4
    assert count_of(ANALYST, "patient") == 2139 + 6
    assert count_of(STRANGER, "patient") == 1
    assert count_of(CLINICIAN, "device") + count_of(COLLEAGUE, "device") == count_of(ANALYST, "device") == 158
    assert count_of(STRANGER, "device") == 1
    assert count_of(ANALYST, "generic-entity") == 480
    assert allows(actor(CLINICIAN), Permission.ATTACH)
    assert not allows(actor(ANALYST), Permission.ATTACH)
    assert allows(actor(ADMINISTRATOR), Permission.MANAGE)


def test_every_record_satisfies_its_template(here: Loaded) -> None:
    """Mandatory values are there, choices are known, numbers within their bounds, references point at their kind."""
    templates = {template.id: template for template in db.session.scalars(select(Template))}
    kinds = dict(db.session.execute(select(Entity.id, Entity.data_type)).all())
    assert _faults(templates, {str(key): kind for key, kind in kinds.items()}) == []


def test_records_were_made_and_changed_in_the_past_at_many_times(here: Loaded) -> None:
    for data_type, least in (("patient", 2_000), ("device", 159), ("generic-entity", 400)):
        created, updated = (
            db.session.scalars(select(func.count(column.distinct())).where(Entity.data_type == data_type)).one()
            for column in (Entity.created_at, Entity.updated_at)
        )
        assert min(created, updated) >= least, data_type
    assert db.session.scalars(select(func.count()).where(Entity.created_at > Entity.updated_at)).one() == 0


@pytest.mark.parametrize("email", [CLINICIAN, COLLEAGUE, ANALYST])
def test_the_device_records_that_anybody_may_export_weigh_more_than_50_kilobytes(here: Loaded, email: str) -> None:
    """50,000 bytes is the smallest size that an export is split at: everybody must be able to see a split."""
    seen = visible_entities(actor(email)).where(Entity.data_type == "device").subquery()
    assert db.session.scalars(select(func.sum(seen.c.document_bytes))).one() > 50_000


def test_a_trial_patient_has_their_counts_and_a_missing_one_is_not_there(here: Loaded) -> None:
    assert counts_of("ACTG-10059") == {("cd4", 162.0), ("cd4", 218.0), ("cd8", 392.0), ("cd8", 564.0)}


def counts_of(code: str) -> set[tuple[str, float]]:
    rows = db.session.execute(
        select(Metric.name, Measurement.value)
        .join(Series, Series.id == Measurement.series_id)
        .join(Metric, Metric.id == Measurement.metric_id)
        .where(Series.patient_id == record_id("trial_patient", code))
    )
    return set(rows.all())


def test_the_electrocardiogram_is_kept_sample_by_sample(here: Loaded) -> None:
    ecg = resting_ecg()
    session = db.session.get_one(Entity, record_id("ecg_session", ecg.path.name))
    series = db.session.scalars(select(Series).where(Series.session_id == session.id)).one()
    rows = db.session.execute(
        select(Measurement.value)
        .join(Metric, Metric.id == Measurement.metric_id)
        .where(Measurement.series_id == series.id, Metric.name == "ecg_V3")
        .order_by(Measurement.time)
    )
    kept = np.array([row.value for row in rows])
    assert np.array_equal(kept, ecg.millivolts[:, ecg.leads.index("V3")])
    assert series.device_id == record_id("device", "ECG-EL250-0017")
    assert values_of(session)["patient"] == {"id": str(series.patient_id)}


def test_roll_ups_count_every_value_that_was_loaded(here: Loaded) -> None:
    values = db.session.scalars(select(func.count()).select_from(Measurement)).one()
    days = db.session.scalars(select(func.sum(MeasurementRollup.count)).where(MeasurementRollup.grain == "day")).one()
    assert days == values > 130_000


def test_a_patient_of_each_kind_has_something_to_chart(here: Loaded) -> None:
    trial = db.session.get_one(Entity, record_id("trial_patient", "ACTG-10056"))
    assert [(line.metric.name, line.count) for line in measurements.summary_of(actor(CLINICIAN), trial)] == [
        ("cd4", 3),
        ("cd8", 2),
    ]
    invented = db.session.scalars(
        select(Entity)
        .join(Template, Template.id == Entity.template_id)
        .where(Template.name == "patient", Entity.caption == "Jazmine Hickle")
    ).one()
    lines = {line.metric.name: line for line in measurements.summary_of(actor(COLLEAGUE), invented)}
    assert lines["heart_rate"].count > 30
    assert {"systolic_pressure", "diastolic_pressure", "body_weight", "body_temperature"} <= lines.keys()


def test_references_can_be_followed_from_both_sides(here: Loaded) -> None:
    known = {device.device_id for device in devices()}
    pointing = dict(
        db.session.execute(
            select(Entity.key, func.count())
            .join(Reference, Reference.target_id == Entity.id)
            .where(Entity.data_type == "device", Reference.attribute == "device")
            .group_by(Entity.key)
        ).all()
    )
    assert pointing.keys() <= known
    assert pointing["ECG-EL250-0017"] == 61
    assert pointing["LAB-CYTO-0003"] == 60


def test_images_of_three_modalities_have_previews_and_the_bytes_of_their_source(here: Loaded) -> None:
    files = db.session.scalars(select(StoredFile).where(StoredFile.attribute == "images")).all()
    assert {file.modality for file in files} == {"CT", "MR", "US"}
    for file in files:
        assert file.state == "attached"
        assert file.preview_key is not None
        with storage.open(file.preview_key) as preview:
            assert preview.read(12)[8:] == b"WEBP"
        with storage.open(file.storage_key) as content:
            assert hashlib.sha256(content.read()).hexdigest() == file.sha256


def test_files_of_every_kind_are_attached_and_analysis_files_are_left_to_visitors(here: Loaded) -> None:
    held = db.session.execute(
        select(StoredFile.attribute, StoredFile.media_type, func.count()).group_by(
            StoredFile.attribute, StoredFile.media_type
        )
    )
    assert {(attribute, media_type): number for attribute, media_type, number in held} == {
        ("images", "application/dicom"): 6,
        ("documents", "application/pdf"): 5,
        ("documents", "text/csv"): 3,
        ("txt_log_file", "text/plain"): 12,
        ("recording", "application/dicom"): 1,
    }


def test_an_attached_file_is_in_its_record_and_its_history_names_who_attached_it(here: Loaded) -> None:
    patient = db.session.get_one(Entity, record_id("trial_patient", "ACTG-10056"))
    names = [file["name"] for file in values_of(patient)["images"]]
    assert names == ["CT thoracic spine.dcm", "MR small field.dcm", "US lymph node Doppler.dcm"]
    assert [file.name for file in attachments.list_files(actor(CLINICIAN), patient, "images")] == names
    earlier = select(func.count()).where(EntityHistory.id == patient.id)
    assert db.session.scalars(earlier).one() == 5
    assert patient.changed_by == actor(CLINICIAN).user_id


def test_a_file_that_somebody_removed_does_not_come_back(here: Loaded) -> None:
    patient = db.session.get_one(Entity, record_id("trial_patient", "ACTG-10059"))
    doctor = actor(CLINICIAN)
    (head,) = attachments.list_files(doctor, patient, "images")
    attachments.remove_file(doctor, head.id)
    assert not load_demonstration(here.credentials).changed
    assert attachments.list_files(doctor, patient, "images") == []


def test_lost_credentials_are_made_anew_and_old_passwords_end(here: Loaded) -> None:
    before = {user["email"]: user["password"] for user in here.users()}
    here.credentials.unlink()
    assert load_demonstration(here.credentials).changed
    for user in here.users():
        known = db.session.scalars(select(User).where(User.email == user["email"])).one()
        assert matches(user["password"], known.password_hash)
        assert not matches(before[user["email"]], known.password_hash)
    assert stat.S_IMODE(here.credentials.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", ["", "[]", '{"users": 3}', '{"users": [{"email": "a@example.org"}]}', '{"users": []}']
)
def test_a_credentials_file_that_is_not_ours_is_refused_and_kept(here: Loaded, tmp_path: Path, content: str) -> None:
    foreign = tmp_path / "demo-credentials.json"
    foreign.write_text(content)
    before = fingerprint()
    with pytest.raises(UnreadableCredentials, match="move it away"):
        load_demonstration(foreign)
    assert foreign.read_text() == content
    assert fingerprint() == before


def _faults(templates: dict[object, Template], kinds: dict[str, str]) -> list[tuple[str, str]]:
    faults = []
    for entity in db.session.scalars(select(Entity)):
        values = values_of(entity)
        faults += [
            (entity.caption, attribute.name)
            for attribute in templates[entity.template_id].attributes
            if not _fits(attribute, values.get(attribute.name), kinds)
        ]
    return faults


def _fits(attribute: TemplateAttribute, value: object, kinds: dict[str, str]) -> bool:
    if value is None:
        return not attribute.mandatory
    if attribute.kind == "SINGLE_SELECT":
        return value in [choice["value"] for choice in attribute.choices or []]
    if attribute.kind == "REFERENCE":
        return isinstance(value, dict) and kinds[value["id"]] == attribute.reference_data_type
    if isinstance(value, bool):
        return attribute.kind == "BOOLEAN"
    if attribute.kind in {"INTEGER", "DECIMAL"}:
        low, high = attribute.low, attribute.high
        return isinstance(value, int | float) and (low is None or value >= low) and (high is None or value <= high)
    return attribute.kind != "BOOLEAN"


@pytest.mark.long
def test_it_loads_into_postgresql_too(new_postgresql_database: Callable[[], str], tmp_path: Path) -> None:
    app = create_app(replace(config_for(tmp_path), database_url=new_postgresql_database()))
    with app.app_context():
        flask_migrate.upgrade()
        credentials = tmp_path / "demo-credentials.json"
        assert len(load_demonstration(credentials).lines) == 6
        assert not load_demonstration(credentials).changed
        assert count_of(ANALYST, "patient") == 2139 + 6
        assert counts_of("ACTG-10059") == {("cd4", 162.0), ("cd4", 218.0), ("cd8", 392.0), ("cd8", 564.0)}
        db.session.remove()
        db.engine.dispose()
