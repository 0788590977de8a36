"""The erasure itself: one transaction for every row, then the bytes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, or_, select

from app import clock, imports, record
from app.accounts import require_proof
from app.actor import Actor
from app.catalog.records import write_values
from app.catalog.values import values_of
from app.erasure.traces import Traces, batches, find_traces, mentioning, without
from app.errors import Invalid
from app.exports.holding import drop_bytes, holders, withdraw
from app.extensions import db
from app.models import (
    Entity,
    EntityHistory,
    EntityValue,
    EntityWord,
    Export,
    ExportFile,
    FilePiece,
    Measurement,
    MeasurementBlock,
    MeasurementHistory,
    MeasurementRollup,
    MeasurementUnsealed,
    OutboxMessage,
    Reference,
    Revision,
    Series,
    StoredFile,
    take_revision,
    writing,
)
from app.storage import StorageFault, StorageRefused, storage

log = logging.getLogger(__name__)

PROOF = "A patient is erased for good."
CONFIRMATION = "Type it exactly as it stands above, to confirm that it is this one."
WITHDRAWN = "A patient was erased for good, so what was made before is withdrawn. You can ask for it again."


@dataclass(frozen=True, slots=True)
class Erased:
    """What went."""

    caption: str
    entities: int
    files: int
    archives: int


def erase_patient(actor: Actor, patient_id: UUID, *, typed: str) -> Erased:
    """Erase a patient with everything that is theirs: this cannot be undone.

    Gone are all versions of the patient and of the records that belong to it, what it is found by, its files with
    their bytes, its measurements; references to it in other records, in their earlier versions too. Every archive that
    may hold it is withdrawn, every export on its way that may is cancelled, every export whose parameters name it is
    deleted. What files of measurements said where it was is forgotten, and those that wait are cancelled. What remains
    is that it was done: ids and counts in the record, no value.

    :param typed: what the patient is called, typed by the person who does it
    :raises NotFound: there is no such patient, and never was, or the actor may not know
    :raises Forbidden: the actor does not administer the patient's organization
    :raises Invalid: what was typed is not what the patient is called
    :raises ProofNeeded: the actor's session was not proved of late
    """
    require_proof(actor, PROOF)
    with writing():
        _overwrite_what_goes()
        # The tenant is locked from here on: nobody adds anything to what is being erased.
        revision = take_revision(actor.tenant_id)
        traces = find_traces(actor, patient_id)
        if typed.strip() != traces.caption.strip():
            raise Invalid(fields={"typed": CONFIRMATION})
        keys = traces.keys_of_files()
        words = traces.words()
        archives = _end_exports(actor, traces, words)
        keys += imports.withdraw_imports(actor, traces.organizations, traces.since, words)
        erased = Erased(traces.caption, len(traces.ids), len(traces.files), len(archives))
        _cut_references(traces, revision, actor.user_id)
        _forget_measurements(traces)
        _forget_files(traces)
        _forget_entities(traces)
        _note(actor, traces, revision, erased)
        db.session.commit()
    _drop(keys, archives)
    _drop([], _end_late_exports(actor, traces, words, revision))
    _forget_log_of_writes()
    return erased


def _note(actor: Actor, traces: Traces, revision: Revision, erased: Erased) -> None:
    details: dict[str, Any] = {
        "revision": revision.number, "records": erased.entities, "files": erased.files,
        "series": len(traces.series), "exports": erased.archives,
    }  # fmt: skip
    record.note(actor, "entity.erase", "patient", traces.patient_id, details=details, row_count=erased.entities)


def _end_late_exports(actor: Actor, traces: Traces, words: set[str], revision: Revision) -> dict[UUID, str | None]:
    """Archive keys of what was asked for and planned while the rows went, and so with them.

    What is planned from here on holds nothing of them, and what is built of an earlier plan finds them gone.
    """
    with writing():
        # The rows of its files are gone, and so is whatever named one of them.
        ended = _end_exports(actor, replace(traces, files=[]), words, before=revision.number)
        db.session.commit()
    return ended


def _end_exports(actor: Actor, traces: Traces, words: set[str], before: int | None = None) -> dict[UUID, str | None]:
    """Archive keys by export of what is withdrawn; what names the patient is deleted besides.

    :param before: see :func:`app.exports.holding.holders`
    """
    ended: dict[UUID, str | None] = {}
    for export in list(holders(traces.tenant_id, traces.patient_id, traces.organizations, traces.since, before)):
        ended[export.id] = withdraw(export, WITHDRAWN)
    for export in _naming(traces, words):
        key = withdraw(export, WITHDRAWN)
        ended[export.id] = ended.get(export.id) or key
        _empty(export)
    for export_id in ended:
        record.note(actor, "export.withdraw", "export", export_id)
    return ended


def _naming(traces: Traces, words: set[str]) -> list[Export]:
    """Exports, ended ones too, that were asked for with the patient's id or values, or name one of the files."""
    folded = [one.casefold() for one in words]
    labels = re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in folded))
    asked = [orjson.dumps(one).decode() for one in folded] + [str(one) for one in traces.ids]
    found = {
        export.id: export
        for export in db.session.scalars(select(Export).where(Export.tenant_id == traces.tenant_id))
        if _names(export, labels, asked)
    }
    for file in traces.files:
        named = or_(ExportFile.layout.contains(file.storage_key), ExportFile.layout.contains(str(file.id)))
        of_tenant = select(Export).join(ExportFile).where(Export.tenant_id == traces.tenant_id, named)
        found |= {export.id: export for export in db.session.scalars(of_tenant)}
    return list(found.values())


def _names(export: Export, labels: re.Pattern[str], asked: Iterable[str]) -> bool:
    if export.label and labels.search(export.label.casefold()):
        return True
    said = f"{export.params} {export.frozen or ''}".casefold()
    return any(one in said for one in asked)


def _empty(export: Export) -> None:
    """Leave nothing of what was asked; the row itself goes with the next upkeep, as every deleted one does."""
    export.deleted_at = export.deleted_at or clock.now()
    export.request_key = f"erased {export.id}"
    export.params, export.frozen, export.label, export.callback_url = "{}", None, None, None
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.object_id == export.id))
    db.session.flush()


def _cut_references(traces: Traces, revision: Revision, changed_by: UUID) -> None:
    for entity_id in sorted(traces.referring):
        entity = db.session.get_one(Entity, entity_id)
        write_values(entity, without(values_of(entity), traces.ids), revision=revision, changed_by=changed_by)
    for past in list(mentioning(traces.tenant_id, traces.ids)):
        if past.id in traces.ids:
            continue
        plain, personal = (without(orjson.loads(text), traces.ids) for text in (past.attributes, past.phi_attributes))
        past.attributes, past.phi_attributes = orjson.dumps(plain).decode(), orjson.dumps(personal).decode()
        past.document_bytes = len(past.attributes.encode()) + len(past.phi_attributes.encode())
    db.session.flush()


def _forget_measurements(traces: Traces) -> None:
    for some in batches(traces.series):
        for kept in (Measurement, MeasurementHistory, MeasurementRollup, MeasurementBlock, MeasurementUnsealed):
            _delete(kept, kept.series_id.in_(some))
        _delete(Series, Series.id.in_(some))


def _forget_files(traces: Traces) -> None:
    for some in batches(file.id for file in traces.files):
        _delete(FilePiece, FilePiece.file_id.in_(some))
        _delete(StoredFile, StoredFile.id.in_(some))


def _forget_entities(traces: Traces) -> None:
    for some in batches(traces.ids):
        for kept in (EntityValue, EntityWord, Reference):
            _delete(kept, kept.entity_id.in_(some))
        _delete(EntityHistory, EntityHistory.id.in_(some))
    # Records that belong to the patient refer to each other: their rows go when no reference is left.
    for some in batches(traces.ids):
        _delete(Entity, Entity.id.in_(some))


def _delete(kept: Any, condition: Any) -> None:
    db.session.execute(delete(kept).where(condition).execution_options(synchronize_session=False))


def _overwrite_what_goes() -> None:
    """SQLite leaves the bytes of deleted rows in its file unless it is told to overwrite them."""
    if db.engine.dialect.name == "sqlite":
        db.session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _forget_log_of_writes() -> None:
    """SQLite's log of writes still has the rows as they were: it is brought into the file and cut."""
    if db.engine.dialect.name == "sqlite":
        db.session.rollback()
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _drop(keys: list[str], archives: dict[UUID, str | None]) -> None:
    """The rows are gone: bytes that a store does not let go now are swept later, as those that no row names are."""
    try:
        for key in keys:
            storage.delete(key)
        for export_id, archive_key in archives.items():
            drop_bytes(export_id, archive_key)
    except (StorageFault, StorageRefused):
        log.exception("bytes of an erased patient could not all be deleted; they are swept later")
