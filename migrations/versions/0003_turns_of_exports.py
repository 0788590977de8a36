"""Whose turn it is: kept with each export, so that a claim waits for nobody who writes to the tenant.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERVED = {"ix_export_tenant_served": "tenant_id", "ix_export_owner_served": "owner_id"}


def upgrade() -> None:
    op.add_column("export", sa.Column("last_served_at", Instant(), nullable=True))
    for name, whose in SERVED.items():
        op.create_index(name, "export", [whose, "last_served_at"], unique=False)
    op.drop_column("tenant", "last_served_at")
    op.drop_index("ix_export_part_state", "export_part")
    op.create_index("ix_export_part_state", "export_part", ["state", "export_id", "ordinal"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_export_part_state", "export_part")
    op.create_index("ix_export_part_state", "export_part", ["state", "not_before"], unique=False)
    op.add_column("tenant", sa.Column("last_served_at", Instant(), nullable=True))
    for name in SERVED:
        op.drop_index(name, "export")
    op.drop_column("export", "last_served_at")
