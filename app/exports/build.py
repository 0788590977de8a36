"""The middle steps: one part's fragments, made and staged by a builder, then committed under the fence."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from app.builder.hired import Builder, BuilderFault, Built, Ordered
from app.errors import Refusal
from app.exports import failpoints
from app.exports.builders import kept_builder
from app.exports.claims import Claim, Lost, commit_part, is_done
from app.exports.heart import Heart
from app.exports.kinds import KINDS
from app.exports.orders import load_order
from app.extensions import db
from app.models import Export, ExportFile, ExportPart
from app.storage import storage


def build_part(claim: Claim, heart: Heart) -> None:
    """Build one part under a claim: have its fragments staged, then commit what they are.

    :raises Lost: somebody else builds it now, or the export was cancelled
    :raises Unavailable: storage or database do not answer
    :raises Refusal: it cannot be built, in words
    :raises BuilderFault: the builder broke or died
    """
    ordered = _ordered(claim)
    built = _staged(kept_builder.here(), claim, ordered, heart)
    failpoints.reach(failpoints.AFTER_STAGING)
    heart.check()
    failpoints.reach(failpoints.BEFORE_PART_COMMIT)
    try:
        _commit(claim, built)
    except Lost:
        if not is_done(claim):
            storage.delete(claim.staging_key)
        raise
    failpoints.reach(failpoints.AFTER_PART_COMMIT)


def _staged(builder: Builder, claim: Claim, ordered: list[Ordered], heart: Heart) -> list[Built]:
    built: list[Built] = []
    settled = False
    try:
        for one in builder.build(claim.staging_key, ordered, claim.for_log):
            heart.check()
            built.append(one)
            failpoints.reach(failpoints.MID_PART)
        settled = True
        failpoints.reach(failpoints.BEFORE_STAGING)
        heart.check()
        builder.commit()
    except Lost:
        # What it is making is nobody's any more.
        builder.drop() if settled else builder.end()
        raise
    except (Refusal, BuilderFault):
        # Its own answer: it waits for the next order already.
        raise
    except BaseException:
        # It may still wait for a word on this order, and would take the next order for that.
        builder.end()
        raise
    return built


def _ordered(claim: Claim) -> list[Ordered]:
    """What the builder is told, fragment by fragment. No transaction stays open."""
    kind, order = load_order(claim.export_id)
    part = db.session.get_one(ExportPart, (claim.export_id, claim.ordinal), populate_existing=True)
    runs = orjson.loads(part.task)["runs"]
    if not runs:
        raise Lost
    files = {
        file.ordinal: (orjson.loads(file.layout), file.stored)
        for file in db.session.execute(
            select(ExportFile.ordinal, ExportFile.layout, ExportFile.stored).where(
                ExportFile.export_id == claim.export_id, ExportFile.ordinal.between(runs[0][0], runs[-1][0])
            )
        )
    }
    made = []
    for ordinal, begin, tasks in runs:
        layout, stored = files[ordinal]
        for number, task in enumerate(tasks, start=begin):
            first, last = number == 0, number == layout["fragments"] - 1
            recipe = KINDS[kind].recipe(order, layout, task, first=first, last=last)
            made.append(Ordered(ordinal, recipe, first, last, stored))
    db.session.rollback()
    return made


def _commit(claim: Claim, built: list[Built]) -> None:
    rows = sum(one.fragment.rows for one in built)
    values = {"rows": rows, "staged_key": claim.staging_key, "fragments": orjson.dumps(_by_file(built)).decode()}

    def rest() -> None:
        # This UPDATE locks the export's row, so of the parts that end together just one sees that it was the last.
        counted = db.session.execute(
            update(Export)
            .where(Export.id == claim.export_id, Export.state == "building")
            .values(
                done_parts=Export.done_parts + 1,
                done_rows=Export.done_rows + rows,
                done_bytes=Export.done_bytes + sum(one.fragment.raw_length for one in built),
                phase="Writing records",
                version=Export.version + 1,
            )
            .returning(Export.done_parts, Export.part_count),
            execution_options={"synchronize_session": False},
        ).first()
        if counted is None:
            raise Lost
        if counted.done_parts == counted.part_count:
            db.session.execute(
                insert(ExportPart),
                [{"export_id": claim.export_id, "ordinal": counted.part_count + 1, "step": "publish"}],
            )

    commit_part(claim, values, rest)


def _by_file(built: list[Built]) -> list[list[Any]]:
    fragments: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    whole: dict[int, str | None] = {}
    for one in built:
        fragments[one.file].append(one.fragment.to_json())
        whole[one.file] = one.raw_sha256
    return [[file, own, whole[file]] for file, own in fragments.items()]
