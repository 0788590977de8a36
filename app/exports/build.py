"""The middle steps: one part's fragments, staged whole, then committed under the fence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import insert, update

from app.archive import ByteSink, Fragment, FragmentWriter
from app.exports import failpoints
from app.exports.claims import Claim, Lost, commit_part
from app.exports.heart import Heart
from app.exports.kinds import KINDS, Page
from app.exports.orders import load_layout, load_order
from app.extensions import db
from app.models import Export, ExportPart
from app.storage import storage


def build_part(claim: Claim, heart: Heart) -> None:
    """Build one part under a claim: stage its fragments, then commit what they are.

    :raises Lost: somebody else builds it now, or the export was cancelled
    """
    kind, order = load_order(claim.export_id)
    task, file_ordinal = _task(claim)
    layout = load_layout(claim.export_id, file_ordinal)
    pages = KINDS[kind].pages(order, layout, task)
    with storage.publishing(claim.staging_key) as sink:
        fragments = list(_fragments(pages, sink, bool(task.get("final")), heart))
        failpoints.reach(failpoints.BEFORE_STAGING)
        sink.commit()
    failpoints.reach(failpoints.AFTER_STAGING)
    heart.check()
    failpoints.reach(failpoints.BEFORE_PART_COMMIT)
    try:
        _commit(claim, fragments)
    except Lost:
        storage.delete(claim.staging_key)
        raise
    failpoints.reach(failpoints.AFTER_PART_COMMIT)


def _task(claim: Claim) -> tuple[dict[str, Any], int]:
    part = db.session.get_one(ExportPart, (claim.export_id, claim.ordinal), populate_existing=True)
    task, ordinal = orjson.loads(part.task), part.file_ordinal
    db.session.rollback()
    if ordinal is None:
        raise Lost
    return task, ordinal


def _fragments(pages: Iterator[Page], sink: ByteSink, closes_file: bool, heart: Heart) -> Iterator[Fragment]:
    """Each page becomes a fragment; only after the next page is asked for is it known which is the last."""
    page = next(pages)
    while True:
        heart.check()
        following = next(pages, None)
        writer = FragmentWriter(sink, final=closes_file and following is None)
        writer.write(page.data)
        yield writer.finish(page.rows)
        failpoints.reach(failpoints.MID_PART)
        if following is None:
            return
        page = following


def _commit(claim: Claim, fragments: list[Fragment]) -> None:
    rows = sum(one.rows for one in fragments)
    values = {
        "rows": rows,
        "staged_key": claim.staging_key,
        "fragments": orjson.dumps([one.to_json() for one in fragments]).decode(),
    }

    def rest() -> None:
        # This UPDATE locks the export's row, so of the parts that end together just one sees that it was the last.
        counted = db.session.execute(
            update(Export)
            .where(Export.id == claim.export_id, Export.state == "building")
            .values(
                done_parts=Export.done_parts + 1,
                done_rows=Export.done_rows + rows,
                done_bytes=Export.done_bytes + sum(one.raw_length for one in fragments),
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
