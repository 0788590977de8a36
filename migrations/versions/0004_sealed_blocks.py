"""Sealed blocks of measurements, and the months that wait for being sealed: all that hold any.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQLITE = (
    # Not WITHOUT ROWID as the values are: such a table is slow where its rows are large.
    """CREATE TABLE measurement_block (
        series_id INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, revision INTEGER NOT NULL,
        count INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (series_id, start)) STRICT""",
    """CREATE TABLE measurement_unsealed (
        series_id INTEGER NOT NULL, start INTEGER NOT NULL, touched_at INTEGER NOT NULL,
        PRIMARY KEY (series_id, start)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX ix_measurement_unsealed_start ON measurement_unsealed (start)",
    """INSERT INTO measurement_unsealed
       SELECT DISTINCT series_id, CAST(strftime('%s', start / 1000, 'unixepoch', 'start of month') AS INTEGER) * 1000, 0
       FROM measurement_rollup WHERE grain = 'day'""",
)
POSTGRESQL = (
    """CREATE TABLE measurement_block (
        series_id bigint NOT NULL, start timestamptz(3) NOT NULL, stop timestamptz(3) NOT NULL,
        revision bigint NOT NULL, count integer NOT NULL, body bytea NOT NULL,
        CONSTRAINT pk_measurement_block PRIMARY KEY (series_id, start))""",
    # Bodies are read far more often than written, and numbers hardly shrink.
    "ALTER TABLE measurement_block ALTER COLUMN body SET STORAGE EXTERNAL",
    """CREATE TABLE measurement_unsealed (
        series_id bigint NOT NULL, start timestamptz(3) NOT NULL, touched_at timestamptz(3) NOT NULL,
        CONSTRAINT pk_measurement_unsealed PRIMARY KEY (series_id, start))""",
    "CREATE INDEX ix_measurement_unsealed_start ON measurement_unsealed (start)",
    """INSERT INTO measurement_unsealed
       SELECT DISTINCT series_id, date_trunc('month', start, 'UTC'), 'epoch'::timestamptz
       FROM measurement_rollup WHERE grain = 'day'""",
)


def upgrade() -> None:
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("measurement_unsealed")
    op.drop_table("measurement_block")
