"""Callbacks: where to tell of an export's end, what each try came to. Exports that are called something, or deleted.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They were posted for everybody and delivered to nobody: nobody had said where to.
    op.execute("DELETE FROM outbox_message WHERE kind = 'export.settled'")
    op.add_column("export", sa.Column("label", sa.String(length=36), nullable=True))
    op.add_column("export", sa.Column("callback_url", sa.String(length=2000), nullable=True))
    op.add_column("export", sa.Column("deleted_at", Instant(), nullable=True))
    op.add_column("outbox_message", sa.Column("object_id", Id(), nullable=True))
    op.add_column("outbox_message", sa.Column("given_up_at", Instant(), nullable=True))
    op.create_index("ix_outbox_message_object", "outbox_message", ["object_id", "created_at"], unique=False)
    op.create_table(
        "callback_try",
        sa.Column("id", Id(), nullable=False),
        sa.Column("message_id", Id(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["outbox_message.id"],
            name=op.f("fk_callback_try_message_id_outbox_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_try")),
    )
    op.create_index("ix_callback_try_message", "callback_try", ["message_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("callback_try")
    op.drop_index("ix_outbox_message_object", table_name="outbox_message")
    op.drop_column("outbox_message", "given_up_at")
    op.drop_column("outbox_message", "object_id")
    op.drop_column("export", "deleted_at")
    op.drop_column("export", "callback_url")
    op.drop_column("export", "label")
