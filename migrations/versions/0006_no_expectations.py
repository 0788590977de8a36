"""What an export was expected to hold is counted by its plan, and by nobody before.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

EXPECTED = ("expected_rows", "expected_bytes")


def upgrade() -> None:
    for name in EXPECTED:
        op.drop_column("export", name)


def downgrade() -> None:
    for name in EXPECTED:
        op.add_column("export", sa.Column(name, sa.BigInteger(), nullable=True))
