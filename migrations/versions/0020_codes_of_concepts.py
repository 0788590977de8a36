"""An attribute whose values are codes of a terminology source.

Revision ID: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KEY = "fk_template_attribute_repository_id_repository"


def upgrade() -> None:
    with op.batch_alter_table("template_attribute", schema=None) as batch_op:
        batch_op.add_column(sa.Column("repository_id", sa.BigInteger(), nullable=True))
        batch_op.create_foreign_key(op.f(_KEY), "repository", ["repository_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("template_attribute", schema=None) as batch_op:
        batch_op.drop_constraint(op.f(_KEY), type_="foreignkey")
        batch_op.drop_column("repository_id")
