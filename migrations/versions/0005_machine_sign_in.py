"""Sign-in for machines: kinds of tokens, families that end together, refresh tokens that are spent.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = "kind IN ('personal', 'access', 'refresh')"


def upgrade() -> None:
    op.add_column("api_token", sa.Column("kind", sa.String(length=16), nullable=True))
    op.add_column("api_token", sa.Column("family_id", Id(), nullable=True))
    op.add_column("api_token", sa.Column("address", sa.String(length=64), nullable=True))
    op.add_column("api_token", sa.Column("spent_at", Instant(), nullable=True))
    op.execute("UPDATE api_token SET kind = 'personal', family_id = id")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=16), nullable=False)
        batch_op.alter_column("family_id", existing_type=Id(), nullable=False)
        batch_op.create_check_constraint(op.f("ck_api_token_kind"), KINDS)
        batch_op.create_index(op.f("ix_api_token_family_id"), ["family_id"], unique=False)


def downgrade() -> None:
    # What a sign-in gave would become tokens that somebody made.
    op.execute("DELETE FROM api_token WHERE kind <> 'personal'")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_api_token_family_id"))
        batch_op.drop_constraint(op.f("ck_api_token_kind"), type_="check")
        batch_op.drop_column("spent_at")
        batch_op.drop_column("address")
        batch_op.drop_column("family_id")
        batch_op.drop_column("kind")
