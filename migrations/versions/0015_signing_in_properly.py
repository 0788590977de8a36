"""Links that set a password once, the second step at sign-in with its recovery codes, and who has to have it.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _user_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f(f"fk_{table}_user_id_user_account"))


def upgrade() -> None:
    op.create_table(
        "sign_in_link",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("nonce", sa.String(length=43), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_by", Id(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint("kind IN ('invitation', 'reset')", name=op.f("ck_sign_in_link_kind")),
        _user_key("sign_in_link"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_link")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_sign_in_link_secret_sha256")),
    )
    op.create_index(op.f("ix_sign_in_link_user_id"), "sign_in_link", ["user_id"], unique=False)
    op.create_table(
        "second_step",
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("nonce", sa.String(length=43), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("pending_nonce", sa.String(length=43), nullable=True),
        sa.Column("pending_at", Instant(), nullable=True),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        _user_key("second_step"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_step")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        _user_key("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"], unique=False)
    op.create_table(
        "half_sign_in",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        _user_key("half_sign_in"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_half_sign_in")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_half_sign_in_secret_sha256")),
    )
    op.create_index(op.f("ix_half_sign_in_user_id"), "half_sign_in", ["user_id"], unique=False)
    with_default = sa.Column("second_step", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("sign_in_session", with_default)
    op.add_column("tenant", sa.Column("second_step_for", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("tenant", "second_step_for")
    op.drop_column("sign_in_session", "second_step")
    for table in ("half_sign_in", "recovery_code", "second_step", "sign_in_link"):
        op.drop_table(table)
    # Messages that nobody of before knows how to send.
    op.execute("DELETE FROM outbox_message WHERE kind = 'mail.link'")
