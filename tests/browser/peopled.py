"""What the portal of the browser tests holds, so that its pages are full: made through the domain's own functions."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update

from app import accounts, administration, attachments, callbacks, catalog, clock, exports, imports, terminology
from app.administration import AttributeSpec
from app.demonstration.sources.documents import one_page_pdf
from app.exports import ReportParams
from app.exports.settling import fail_export
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import AuditEvent, Entity, Export, ExportPart, Metric, Template, begin_writing
from tests.attachments.files import CT, ULTRASOUND
from tests.factories import PASSWORD, World
from tests.terminology import making
from tests.terminology.making import LUNG, STARTER

DISK_FULL = "The disk was full."
"""Why an export failed that a test has tried again; the other stays as it is."""
FAR_AWAY = datetime(2999, 1, 1, tzinfo=UTC)
ALL_PATIENTS = ReportParams(("patient",), start=datetime(2000, 1, 1, tzinfo=UTC))
NOTES = "Follow-up every twelve weeks.\nPrefers to be called in the afternoon."
SUMMARY = ["Admitted for observation after a change of medication.", "Discharged home in good condition."] * 12
LOG_LINES = b"2024-03-01T08:00:00Z started\n2024-03-01T08:00:02Z self test passed\n"


@dataclass
class Contents:
    """Ids of what is there. ``exports``: one of alice's by each state; ``hollow``: the e-mail of who sees nothing."""

    patient: UUID
    bare_patient: UUID
    device: UUID
    log: UUID
    pdf: UUID
    image: UUID
    token: UUID
    delivery: UUID
    exports: dict[str, UUID] = field(default_factory=dict)
    imports: dict[str, UUID] = field(default_factory=dict)
    hollow: str = "hanna@example.org"
    person: UUID | None = None
    event: int = 0
    link: str = ""
    organization: UUID | None = None
    location: UUID | None = None
    template: UUID | None = None
    attribute: UUID | None = None
    metric: int = 0


def fill(world: World) -> Contents:
    """Fill the current application's database. No worker may be running yet."""
    device = world.device(key="GLU-2044", serial_number="SN-2044", firmware="4.1.0").id
    patient = add_patient(world, "Elena", "Marsh", device)
    bare = world.patient(first_name="Otto", last_name="Quill").id
    for name in ("Vega", "Lindqvist", "Okafor", "Haddad", "Mori", "Petrov", "Silva", "Novak"):
        world.patient(first_name="Noor", last_name=name, age=30 + len(name))
    world.patient(world.riverside, first_name="Rosa", last_name="Elsewhere")
    world.patient(world.foreign, first_name="Fred", last_name="Foreign")
    log = world.log(world.device(firmware="3.9.2"), title="Morning start")
    log_id = log.id
    _measure(
        world, "device", [datetime(2024, 3, 1, tzinfo=UTC) + timedelta(minutes=10 * n) for n in range(900)], device
    )
    _attach(world, log_id, "txt_log_file", "start.log", LOG_LINES)
    files = {file.attribute: file.id for file in attachments.list_files(world.actor("alice"), _entity(world, patient))}
    entity = _entity(world, patient)
    catalog.edit_entity(world.actor("adam"), patient, {"weight": "63"}, seen_revision=entity.revision)
    contents = Contents(
        patient, bare, device, log_id, files["analysis_file"], files["images"],
        _tokens(world), _told(world), _exports(world),
    )  # fmt: skip
    contents.imports = _imports(world, world.device(key="GLU-3044", serial_number="SN-3044").id)
    _add_hollow_tenant(contents)
    _shelve(world)
    _diagnose(world, patient)
    contents.person = world.users["alice"].id
    contents.link = _invited(world)
    _administer(world, contents)
    exports.open_archive(world.actor("alice"), contents.exports["ready"]).stream.close()
    taken = select(AuditEvent.id).where(AuditEvent.action == "export.download")
    contents.event = db.session.scalar(taken) or 0
    return contents


def _imports(world: World, device: UUID) -> dict[str, UUID]:
    """A file of alice's that was looked at, with lines that are refused, and one that is loaded."""
    alice, columns = world.actor("alice"), imports.Columns(time=0, time_kind="iso", metrics={1: "cd4", 2: "cd8"})
    made = {}
    for state in ("checked", "done"):
        rows = [f"2024-03-08T10:{n:02}:00Z,{700 + n},{300 + n}" for n in range(60)]
        text = "\n".join(["time,cd4,cd8", *rows, "tomorrow,1,2", "2024-03-08T11:00:00Z,many,"]).encode()
        made[state] = imports.receive_file(alice, device, "ward round.csv", io.BytesIO(text), len(text)).id
        imports.request_check(alice, made[state], imports.Writing(), columns)
        imports.work_until_idle()
    imports.request_load(alice, made["done"])
    imports.work_until_idle()
    return made


def _shelve(world: World) -> None:
    """A source of Northside's with a release and changes since, and a collection that draws on it."""
    alice = world.actor("alice")
    making.made(alice, name="Lung terms", full_name="Terms of the lung clinic", supported_locales=("en", "fr"))
    making.concept(alice, "A15", "Respiratory tuberculosis")
    making.concept(alice, "A15.1", "Tuberculosis of lung", parents=["A15"])
    making.concept(alice, "B20", "Asthma, severe")
    making.released(alice, "1.0")
    making.renamed(alice, "A15.1", "Tuberculosis of lung, confirmed by culture only")
    making.concept(alice, "C1", "Sarcoidosis")
    making.mapping(alice, "A15", "C1")
    terminology.retire_concept(alice, LUNG, "B20", "Use J45")
    making.made(alice, STARTER, name="Starter set")
    terminology.add_references(alice, STARTER, [LUNG.of_concept("A15")], cascade=True)
    making.released(alice, "1", at=STARTER)


def _diagnose(world: World, patient: UUID) -> None:
    """Patients have diagnoses, which are codes of that source."""
    source = terminology.get_repository(world.actor("max"), LUNG).id
    spec = AttributeSpec(name="diagnosis", label="Diagnosis", kind="LABEL", repository_id=source)
    administration.add_attribute(world.actor("max"), world.templates["patient"].id, spec)
    catalog.edit_entity(world.actor("adam"), patient, {"diagnosis": "A15.1"}, seen_revision=None)


def _tokens(world: World) -> UUID:
    """Tokens of alice's in each state, and a program that signed in as her; the id of the one that is live."""
    alice, a_day = world.actor("alice"), timedelta(days=1)
    ended, _ = accounts.issue_token(alice, "Spring audit", ("view",), clock.now() + a_day)
    accounts.end_token(alice, ended.id)
    accounts.sign_in_machine(world.users["alice"].email, PASSWORD, address="192.0.2.17")
    live, secret = accounts.issue_token(alice, "Nightly report", ("view", "export_data"), clock.now() + 30 * a_day)
    accounts.actor_for_token(secret)
    return live.id


def add_patient(world: World, first_name: str, last_name: str, device: UUID | None = None) -> UUID:
    """A patient of Northside with attributes, measurements and files."""
    values: dict[str, object] = {"device": {"id": str(device)}} if device else {}
    patient = world.patient(
        first_name=first_name, last_name=last_name, age=54, weight=61.5, smoker=False, born="1970-02-11", notes=NOTES,
        **values,
    ).id  # fmt: skip
    _measure(world, "patient", [datetime(2022, 1, 5, tzinfo=UTC) + timedelta(days=30 * n) for n in range(24)], patient)
    _attach(world, patient, "analysis_file", "Discharge summary.pdf", one_page_pdf("Discharge summary", SUMMARY))
    _attach(world, patient, "images", "CT thorax 2024-03-11.dcm", CT.read_bytes())
    _attach(world, patient, "images", "US Doppler.dcm", ULTRASOUND.read_bytes())
    return patient


def _entity(world: World, entity_id: UUID) -> Entity:
    return catalog.get_entity(world.actor("adam"), entity_id)


def ask(world: World, who: str, params: ReportParams = ALL_PATIENTS) -> UUID:
    """Ask for a report as the form does."""
    return exports.request_export(world.actor(who), "report", params, request_key=str(uuid4())).id


def _invited(world: World) -> str:
    """Somebody who was invited and has not come yet; the secret of their link."""
    invited = administration.invite_person(
        world.actor("max"), "Ines Ferro", "ines@example.org", world.northside.id, ("clinician", "analyst")
    )
    assert invited.link.url is not None
    return invited.link.url.rsplit("/", 1)[1]


def _administer(world: World, contents: Contents) -> None:
    """A clinic with two wards, and the template of patients with an attribute and a metric."""
    contents.organization = world.northside.id
    for name in ("Dialysis", "Ward 3"):
        contents.location = administration.create_location(world.northside.id, name).id
    template = db.session.get_one(Template, world.templates["patient"].id)
    sex = template.attribute("sex")
    assert sex is not None
    contents.template, contents.attribute, contents.metric = template.id, sex.id, template.metrics[0].id


def _add_hollow_tenant(contents: Contents) -> None:
    tenant = administration.create_tenant("hollow", "Hollow Hospital", exports_enabled=True)
    root = administration.root_organization(tenant.id)
    administration.create_user(
        tenant.id, root.id, email=contents.hollow, name="Hanna", password=PASSWORD, role="administrator"
    )


def _measure(world: World, template: str, moments: Sequence[datetime], entity_id: UUID) -> None:
    tenant_id = world.acme.id
    metrics = db.session.scalars(select(Metric.id).where(Metric.template_id == world.templates[template].id)).all()
    begin_writing()
    of = {"patient_id": entity_id} if template == "patient" else {"device_id": entity_id}
    series_id = series_for(tenant_id, **of).id
    db.session.commit()
    times = [int(moment.timestamp() * 1000) for moment in moments]
    for place, metric_id in enumerate(metrics):
        values = [round(640 + 240 * place + 160 * math.sin(n / 4 + place), 1) for n in range(len(times))]
        load_measurements(tenant_id, series_id, metric_id, times, values)


def _attach(world: World, entity_id: UUID, attribute: str, name: str, content: bytes) -> UUID:
    actor = world.actor("alice")
    reception = attachments.begin_upload(actor, entity_id, attribute, name, len(content))
    return attachments.receive(actor, reception, io.BytesIO(content)).id


def _told(world: World) -> UUID:
    """Callbacks of alice's in two states, of which none is ever answered; the id of the one that is still tried."""
    alice, found = world.actor("alice"), UUID(int=0)
    for ends in (True, False):
        export = exports.request_export(
            alice, "report", ALL_PATIENTS, request_key=str(uuid4()), label="nightly",
            callback_url="https://hooks.invalid/chartroom",
        )  # fmt: skip
        exports.cancel_export(alice, export.id)
        found = callbacks.list_deliveries(alice, limit=1)[0].id
        callbacks.deliver_due()
        if ends:
            callbacks.end_delivery(alice, found)
    return found


def _exports(world: World) -> dict[str, UUID]:
    """One export of each state. The pending ones stand still: their parts are for a far later day."""
    made = {"expired": ask(world, "alice")}
    exports.work_until_idle("filling")
    exports.expire_exports(clock.now() + timedelta(days=400))
    made["ready"] = ask(world, "alice", ReportParams(("patient", "device"), start=ALL_PATIENTS.start, with_files=True))
    exports.work_until_idle("filling")
    for reason in (DISK_FULL, "Its worker stopped answering 8 times."):
        made["failed"] = ask(world, "alice")
        begin_writing()
        fail_export(made["failed"], reason)
        db.session.commit()
    made["cancelled"] = exports.cancel_export(world.actor("alice"), ask(world, "alice")).id
    for state in ("queued", "building"):
        made[state] = ask(world, "alice")
        _hold(made[state])
    _show_as_building(made["building"])
    states = dict(db.session.execute(select(Export.id, Export.state).where(Export.id.in_(made.values()))).all())
    assert {state: states[export_id] for state, export_id in made.items()} == {state: state for state in made}
    return made


def _hold(export_id: UUID) -> None:
    begin_writing()
    db.session.execute(update(ExportPart).where(ExportPart.export_id == export_id).values(not_before=FAR_AWAY))
    db.session.commit()


def _show_as_building(export_id: UUID) -> None:
    begin_writing()
    db.session.execute(
        update(Export).where(Export.id == export_id).values(
            state="building", phase="Collecting records", started_at=clock.now(), promised_rows=2001,
            done_rows=1240, done_bytes=1_830_000, part_count=8, done_parts=5, deadline=FAR_AWAY,
        )
    )  # fmt: skip
    db.session.commit()
