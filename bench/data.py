"""The data of a run, made once and kept in a folder that is named by its sizes, the schema and how it is made."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID, uuid4

import flask_migrate
from flask import Flask
from sqlalchemy import text

from app import administration, create_app
from app.administration import AttributeSpec, MetricSpec
from app.catalog.records import NewEntity, add_entities
from app.extensions import db
from app.models import Entity, Metric, Series, Template, begin_writing, take_revision
from bench import loading
from bench.measured import METRICS_OF_A_MONITOR
from bench.patients import ATTRIBUTES
from bench.servers import ROOT, Cluster, running_postgresql
from bench.sizes import Sizes
from config import Config

SECRET = "only for this measurement, and gone with it"  # noqa: S105  guards nothing
CLINICS = 4
_MADE_BY = (
    "migrations/versions/*.py", "bench/data.py", "bench/loading.py", "bench/measured.py", "bench/patients.py",
    "app/measurements/sealing.py", "app/rows/blocks.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the data: its series, its entity and what people call it."""

    series: int
    id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a kept database holds, and whom to ask for it as."""

    tenant: UUID
    analyst: UUID
    metrics: tuple[tuple[int, str], ...]
    devices: tuple[Device, ...]
    patient_template: UUID
    values: int
    patients: int

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, written: str) -> Dataset:
        plain = json.loads(written)
        return cls(
            tenant=UUID(plain["tenant"]),
            analyst=UUID(plain["analyst"]),
            metrics=tuple((number, name) for number, name in plain["metrics"]),
            devices=tuple(Device(one["series"], UUID(one["id"]), one["key"]) for one in plain["devices"]),
            patient_template=UUID(plain["patient_template"]),
            values=plain["values"],
            patients=plain["patients"],
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A database that is at hand: an application context of this process is pushed over it."""

    name: str
    app: Flask
    config: Config
    data: Dataset
    cluster: Cluster | None

    @property
    def environment(self) -> dict[str, str]:
        """What the workers of this database are told."""
        return {
            "SECRET_KEY": SECRET,
            "DATA_DIR": str(self.config.data_dir),
            "DATABASE_URL": self.config.database_url,
            "REDIS_URL": self.config.redis_url,
            "LOG_LEVEL": "WARNING",
            "FLASK_APP": "wsgi.py",
        }

    @property
    def sqlite_file(self) -> Path:
        return self.config.data_dir / "chartroom.sqlite3"


@contextmanager
def at_hand(name: str, sizes: Sizes, cache: Path, redis_url: str) -> Iterator[Kept]:
    """The database of that name with the data in it; made first when it is not kept yet."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("another bench is running over the same data") from None
        home = cache / f"{_sizes_in_words(sizes)}-{_key()}" / name
        if not (home / "ready.json").exists():
            shutil.rmtree(home, ignore_errors=True)
            for outdated in set(cache.glob(f"{_sizes_in_words(sizes)}-*")) - {home.parent}:
                shutil.rmtree(outdated)
        # Somebody else's user runs PostgreSQL, and must be able to enter.
        home.mkdir(parents=True, exist_ok=True, mode=0o755)
        if name == "postgresql":
            with running_postgresql(home / "cluster") as cluster:
                yield from _opened(name, home, sizes, cluster.url, redis_url, cluster)
        else:
            yield from _opened(name, home, sizes, f"sqlite:///{home / 'chartroom.sqlite3'}", redis_url, None)


def _opened(name: str, home: Path, sizes: Sizes, url: str, redis_url: str, cluster: Cluster | None) -> Iterator[Kept]:
    config = Config.from_env(
        {
            "SECRET_KEY": SECRET,
            "DATA_DIR": str(home),
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
            "LOG_LEVEL": "WARNING",
        }
    )
    app = create_app(config)
    ready = home / "ready.json"
    with app.app_context():
        try:
            if not ready.exists():
                began = time.monotonic()
                made = _make(sizes)
                ready.write_text(made.to_json())
                print(f"{name}: {made.values:,} values, {made.patients:,} patients made in "
                      f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
            forget_exports(home)
            yield Kept(name, app, config, Dataset.from_json(ready.read_text()), cluster)
        finally:
            db.session.remove()
            db.engine.dispose()


def forget_exports(home: Path) -> None:
    """Take away every export, finished or not, and its files: a run that was broken off must not go on in the next."""
    begin_writing()
    for table in ("export_part", "export_file", "export", "outbox_message"):
        db.session.execute(text(f"DELETE FROM {table}"))
    db.session.commit()
    shutil.rmtree(home / "storage", ignore_errors=True)


def _sizes_in_words(sizes: Sizes) -> str:
    return f"{sizes.values}-{sizes.entities}-{sizes.devices}"


def _key() -> str:
    """What decides how data of given sizes looks: the schema, and the modules that make it."""
    made = hashlib.sha256()
    for pattern in _MADE_BY:
        for file in sorted(ROOT.glob(pattern)):
            made.update(file.read_bytes())
    return made.hexdigest()[:12]


def _make(sizes: Sizes) -> Dataset:
    # The migrations' own folder is named relative to the project's.
    os.chdir(ROOT)
    flask_migrate.upgrade()
    tenant = administration.create_tenant("bench", "Bench", exports_enabled=True)
    root = administration.root_organization(tenant.id)
    tenant_id, root_id = tenant.id, root.id
    clinics = [administration.create_organization(tenant_id, f"Clinic {n}", f"clinic-{n}").id for n in range(CLINICS)]
    analyst = administration.create_user(
        tenant_id, root_id, email="analyst@example.org", name="Analyst", password=str(uuid4()), role="analyst"
    ).id
    metrics = [MetricSpec(name=name, label=label, unit=unit) for name, label, unit, *_ in METRICS_OF_A_MONITOR]
    serial = AttributeSpec(name="serial_number", label="Serial number", kind="LABEL")
    monitor = administration.create_template(tenant_id, "device", "monitor", "Monitor", [serial], metrics).id
    patient = administration.create_template(tenant_id, "patient", "patient", "Patient", ATTRIBUTES).id
    devices = _devices(tenant_id, monitor, clinics, sizes.devices)
    known = [
        (one.id, one.name)
        for one in db.session.scalars(db.select(Metric).filter_by(template_id=monitor).order_by(Metric.id))
    ]
    db.session.rollback()
    loading.load_measurements(tenant_id, [one.series for one in devices], [one for one, _ in known], sizes)
    loading.seal_measurements()
    loading.load_patients(patient, clinics, sizes.entities)
    values, _ = loading.count_rows()
    db.session.remove()
    loading.settle()
    return Dataset(tenant_id, analyst, tuple(known), tuple(devices), patient, values, sizes.entities)


def _devices(tenant_id: UUID, template_id: UUID, clinics: list[UUID], count: int) -> list[Device]:
    begin_writing()
    template = db.session.get_one(Template, template_id)
    revision = take_revision(tenant_id)
    add_entities(
        (
            NewEntity(template, clinics[n % len(clinics)], {"serial_number": f"MON-{n:05}"}, key=f"MON-{n:05}")
            for n in range(count)
        ),
        revision=revision,
    )
    found = list(db.session.scalars(db.select(Entity).filter_by(template_id=template_id).order_by(Entity.key)))
    series = [
        Series(tenant_id=tenant_id, device_id=one.id, subject_key=Series.key_for(one.id, None, None)) for one in found
    ]
    db.session.add_all(series)
    db.session.flush()
    made = [Device(line.id, one.id, one.key) for line, one in zip(series, found, strict=True)]
    db.session.commit()
    return made
