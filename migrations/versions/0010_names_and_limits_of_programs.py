"""Longer names of exports; tokens with a limit of requests of their own.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LONGEST = 128
LONGEST_BEFORE = 36


def upgrade() -> None:
    _measure_labels(LONGEST_BEFORE, LONGEST)
    op.add_column("api_token", sa.Column("requests_per_minute", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.execute("UPDATE export SET label = substr(label, 1, 36)")
    op.drop_column("api_token", "requests_per_minute")
    _measure_labels(LONGEST, LONGEST_BEFORE)


def _measure_labels(before: int, after: int) -> None:
    # SQLite does not count the characters of a text, and would build the table anew to be told another number.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("export", "label", existing_type=sa.String(before), type_=sa.String(after))
