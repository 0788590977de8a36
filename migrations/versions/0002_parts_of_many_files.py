"""Parts of many files, files that are stored as they are, and plans that count by an index alone.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BY_TIME = {"ix_entity_by_creation": "created_at", "ix_entity_by_change": "updated_at"}
COUNTED = ["organization_id", "template_id", "document_bytes"]


def upgrade() -> None:
    _forget_unfinished()
    with op.batch_alter_table("export_file", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stored", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("export_part", schema=None) as batch_op:
        batch_op.drop_column("file_ordinal")
        batch_op.drop_column("raw_sha256")
    for name, time in BY_TIME.items():
        op.drop_index(name, "entity")
        op.create_index(name, "entity", ["tenant_id", "data_type", time, "id", *COUNTED], unique=False)


def downgrade() -> None:
    _forget_unfinished()
    for name, time in BY_TIME.items():
        op.drop_index(name, "entity")
        op.create_index(name, "entity", ["tenant_id", "data_type", time, "id"], unique=False)
    with op.batch_alter_table("export_part", schema=None) as batch_op:
        batch_op.add_column(sa.Column("raw_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("file_ordinal", sa.Integer(), nullable=True))
    with op.batch_alter_table("export_file", schema=None) as batch_op:
        batch_op.drop_column("stored")


def _forget_unfinished() -> None:
    """Parts planned before and after cannot be mixed: exports under way are planned anew."""
    op.execute("DELETE FROM export_part WHERE export_id IN (SELECT id FROM export WHERE state IN ('queued', 'building'))")
    op.execute("DELETE FROM export_file WHERE export_id IN (SELECT id FROM export WHERE state IN ('queued', 'building'))")
    op.execute(
        "UPDATE export SET state = 'queued', part_count = 0, done_parts = 0, done_rows = 0, done_bytes = 0,"
        " phase = 'Waiting for a worker', version = version + 1 WHERE state IN ('queued', 'building')"
    )
    # A fence that no builder of before can have: what one of them still stages is nobody's.
    op.execute(
        "INSERT INTO export_part (export_id, ordinal, step, state, fence, attempts, task, promised_rows)"
        " SELECT id, 0, 'plan', 'queued', 1000000, 0, '{}', 0 FROM export WHERE state = 'queued'"
    )
