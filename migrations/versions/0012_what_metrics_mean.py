"""What each metric means, in words.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("metric", sa.Column("description", sa.String(length=1000), nullable=True))


def downgrade() -> None:
    op.drop_column("metric", "description")
