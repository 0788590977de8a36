"""Files that come in parts: how many were asked for, and what is known of each.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stored_file", sa.Column("parts", sa.Integer(), nullable=True))
    op.create_table(
        "file_piece",
        sa.Column("file_id", Id(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("storage_key", sa.String(length=200), nullable=True),
        sa.Column("byte_count", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.String(length=64), nullable=True),
        sa.Column("told", sa.String(length=64), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("number BETWEEN 1 AND 10000", name=op.f("ck_file_piece_number")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["stored_file.id"], name=op.f("fk_file_piece_file_id_stored_file"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "number", name=op.f("pk_file_piece")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_file_piece_storage_key")),
    )


def downgrade() -> None:
    op.drop_table("file_piece")
    op.drop_column("stored_file", "parts")
