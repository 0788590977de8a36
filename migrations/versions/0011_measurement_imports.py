"""Measurements that people bring in files.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "measurement_import",
        sa.Column("id", Id(), nullable=False),
        sa.Column("tenant_id", Id(), nullable=False),
        sa.Column("owner_id", Id(), nullable=False),
        sa.Column("device_id", Id(), nullable=True),
        sa.Column("several", sa.Boolean(), nullable=False),
        sa.Column("file_id", Id(), nullable=True),
        sa.Column("file_name", sa.String(length=128), nullable=False),
        sa.Column("byte_count", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("mapping", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("refused_key", sa.String(length=200), nullable=True),
        sa.Column("refused_bytes", sa.BigInteger(), nullable=True),
        sa.Column("done_bytes", sa.BigInteger(), nullable=False),
        sa.Column("steps_done", sa.Integer(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("corrected", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("not_before", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'checking', 'checked', 'loading', 'done', 'failed', 'cancelled')",
            name=op.f("ck_measurement_import_state"),
        ),
        sa.CheckConstraint(
            "state <> 'failed' OR reason IS NOT NULL", name=op.f("ck_measurement_import_failed_has_reason")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_measurement_import_tenant_id_tenant")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_measurement_import_owner_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["entity.id"], name=op.f("fk_measurement_import_device_id_entity"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["stored_file.id"], name=op.f("fk_measurement_import_file_id_stored_file"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement_import")),
    )
    op.create_index("ix_measurement_import_tenant", "measurement_import", ["tenant_id", "created_at", "id"])
    op.create_index("ix_measurement_import_state", "measurement_import", ["state", "created_at"])
    op.create_index("ix_measurement_import_sha256", "measurement_import", ["tenant_id", "sha256"])


def downgrade() -> None:
    op.drop_table("measurement_import")
