"""Who somebody is at the OpenID provider by which they sign in.

Revision ID: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_identity",
        sa.Column("id", Id(), nullable=False),
        sa.Column("user_id", Id(), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_sign_in_identity_user_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_sign_in_identity_issuer_subject")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_sign_in_identity_user_id_issuer")),
    )


def downgrade() -> None:
    op.drop_table("sign_in_identity")
