"""What an administrator switches: why exports are off, what each role may export, which hosts are called back.

And when a session's password was last given once more, and under which right an export was asked for.

Revision ID: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Instant

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None

_OF_TENANT = (("exports_off_reason", 500), ("export_rights", 200), ("callback_hosts", 4000))


def upgrade() -> None:
    for name, length in _OF_TENANT:
        op.add_column("tenant", sa.Column(name, sa.String(length=length), server_default="", nullable=False))
    op.add_column("sign_in_session", sa.Column("proved_at", Instant(), nullable=True))
    op.add_column("export", sa.Column("made_under", sa.String(length=24), nullable=True))


def downgrade() -> None:
    op.drop_column("export", "made_under")
    op.drop_column("sign_in_session", "proved_at")
    for name, _ in reversed(_OF_TENANT):
        op.drop_column("tenant", name)
