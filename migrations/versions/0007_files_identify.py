"""Attached files count as identifying: their values move to where such values are kept. Only texts change.

Revision ID: 0007
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from app.models.types import Id

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 1_000
FILE_TYPES = ("FILE", "IMAGE")

ATTRIBUTE = sa.table(
    "template_attribute",
    sa.column("template_id", Id()), sa.column("position"), sa.column("name"), sa.column("kind"),
    sa.column("phi", sa.Boolean()),
)  # fmt: skip
HELD = [
    sa.table(
        name,
        sa.column("id", Id()), sa.column("revision"), sa.column("template_id", Id()), sa.column("attributes"),
        sa.column("phi_attributes"), sa.column("document_bytes"),
    )
    for name in ("entity", "entity_history")
]  # fmt: skip


def upgrade() -> None:
    _move("attributes", "phi_attributes", moved=ATTRIBUTE.c.kind.in_(FILE_TYPES))


def downgrade() -> None:
    _move("phi_attributes", "attributes", moved=ATTRIBUTE.c.kind.in_(FILE_TYPES) & ~ATTRIBUTE.c.phi)


def _move(source: str, target: str, *, moved: sa.ColumnElement[bool]) -> None:
    """Move the values of some attributes from one text of each version to the other, batch by batch."""
    connection = op.get_bind()
    orders: dict[Any, dict[str, int]] = {}
    for template_id, name, position in connection.execute(
        sa.select(ATTRIBUTE.c.template_id, ATTRIBUTE.c.name, ATTRIBUTE.c.position)
    ):
        orders.setdefault(template_id, {})[name] = position
    names: dict[Any, set[str]] = {}
    for template_id, name in connection.execute(sa.select(ATTRIBUTE.c.template_id, ATTRIBUTE.c.name).where(moved)):
        names.setdefault(template_id, set()).add(name)
    for table in HELD if names else ():
        change = (
            sa.update(table)
            .where(table.c.id == sa.bindparam("one"), table.c.revision == sa.bindparam("at"))
            .values({text: sa.bindparam(f"new_{text}") for text in (source, target, "document_bytes")})
        )
        for rows in _batches(connection, table, table.c[source], names):
            found = [_changed(row, source, target, names[row.template_id], orders[row.template_id]) for row in rows]
            if changes := [one for one in found if one is not None]:
                connection.execute(change, changes)


def _batches(
    connection: sa.Connection, table: sa.TableClause, text: sa.ColumnElement[str], names: Mapping[Any, set[str]]
) -> Iterator[list[Any]]:
    """Versions whose text may hold one of the names, in the order of their keys."""
    some = sorted(set().union(*names.values()))
    held = sa.or_(*(text.contains(f'"{name}":', autoescape=True) for name in some))
    wanted = sa.select(table).where(table.c.template_id.in_(list(names)), held).order_by(table.c.id, table.c.revision)
    last = None
    while True:
        beyond = sa.true() if last is None else sa.tuple_(table.c.id, table.c.revision) > sa.tuple_(
            sa.literal(last.id, Id()), sa.literal(last.revision)
        )  # fmt: skip
        rows = list(connection.execute(wanted.where(beyond).limit(ROWS_AT_ONCE)))
        if rows:
            yield rows
            last = rows[-1]
        if len(rows) < ROWS_AT_ONCE:
            return


def _changed(
    row: Any, source: str, target: str, names: set[str], order: Mapping[str, int]
) -> dict[str, Any] | None:
    """The row's two texts with the values moved, in the template's order; None when there is none to move."""
    held = orjson.loads(getattr(row, source))
    if not names & held.keys():
        return None
    rest = {name: value for name, value in held.items() if name not in names}
    more = orjson.loads(getattr(row, target)) | {name: value for name, value in held.items() if name in names}
    more = dict(sorted(more.items(), key=lambda pair: order.get(pair[0], len(order))))
    texts = orjson.dumps(rest), orjson.dumps(more)
    return {
        "one": row.id,
        "at": row.revision,
        f"new_{source}": texts[0].decode(),
        f"new_{target}": texts[1].decode(),
        "new_document_bytes": sum(map(len, texts)),
    }
