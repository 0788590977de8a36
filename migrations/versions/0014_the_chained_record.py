"""The record is chained and append-only: places in the chain, where it ends and begins, triggers that keep it.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BEGINNING = "0" * 64
FACTS = (
    "id", "tenant_id", "at", "user_id", "via", "via_id", "address", "request_id", "action", "object_type", "object_id",
    "subject_id", "details", "row_count", "byte_count", "outcome",
)  # fmt: skip
INDEXES = {
    "ix_audit_event_at": ["tenant_id", "at", "id"],
    "ix_audit_event_person": ["user_id", "at", "id"],
    "ix_audit_event_subject": ["subject_id", "at", "id"],
}
UNSEALED = sa.text("sequence IS NULL")

ON_SQLITE = (
    f"""CREATE TRIGGER audit_event_facts BEFORE UPDATE OF {", ".join(FACTS)} ON audit_event
        BEGIN SELECT RAISE(ABORT, 'an audit event is never changed'); END""",
    """CREATE TRIGGER audit_event_sealed BEFORE UPDATE OF sequence, hash ON audit_event
        WHEN OLD.sequence IS NOT NULL BEGIN SELECT RAISE(ABORT, 'an audit event is never changed'); END""",
    """CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event
        WHEN OLD.sequence IS NULL OR OLD.sequence > (SELECT removed_through FROM audit_chain)
        BEGIN SELECT RAISE(ABORT, 'an audit event is kept until its time is over'); END""",
)
ON_POSTGRESQL = (
    """CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'an audit event is never changed'; END $$""",
    """CREATE FUNCTION audit_event_keep() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
       BEGIN
           IF OLD.sequence IS NULL OR OLD.sequence > (SELECT removed_through FROM audit_chain) THEN
               RAISE EXCEPTION 'an audit event is kept until its time is over';
           END IF;
           RETURN OLD;
       END $$""",
    f"""CREATE TRIGGER audit_event_facts BEFORE UPDATE OF {", ".join(FACTS)} ON audit_event
        FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()""",
    """CREATE TRIGGER audit_event_sealed BEFORE UPDATE OF sequence, hash ON audit_event
       FOR EACH ROW WHEN (OLD.sequence IS NOT NULL) EXECUTE FUNCTION audit_event_refuse()""",
    """CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event
       FOR EACH ROW EXECUTE FUNCTION audit_event_keep()""",
    """CREATE TRIGGER audit_event_whole BEFORE TRUNCATE ON audit_event
       FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse()""",
)


# What an event of before was about: what it was done to, or the holder of the file.
SUBJECTS_ON_SQLITE = (
    "UPDATE audit_event SET subject_id = object_id WHERE action LIKE 'entity.%'",
    """UPDATE audit_event SET subject_id = json_extract(details, '$.entity')
       WHERE action LIKE 'file.%' AND length(json_extract(details, '$.entity')) = 36""",
)
SUBJECTS_ON_POSTGRESQL = (
    "UPDATE audit_event SET subject_id = object_id::uuid WHERE action LIKE 'entity.%'",
    """UPDATE audit_event SET subject_id = (details->>'entity')::uuid
       WHERE action LIKE 'file.%' AND length(details->>'entity') = 36""",
)


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("subject_id", Id(), nullable=True))
    op.add_column("audit_event", sa.Column("sequence", sa.BigInteger(), nullable=True))
    op.add_column("audit_event", sa.Column("hash", sa.String(length=64), nullable=True))
    for name, columns in INDEXES.items():
        op.create_index(name, "audit_event", columns, unique=False)
    op.create_index("uq_audit_event_sequence", "audit_event", ["sequence"], unique=True)
    op.create_index(
        "ix_audit_event_unsealed", "audit_event", ["id"], unique=False, sqlite_where=UNSEALED, postgresql_where=UNSEALED
    )
    chain = op.create_table(
        "audit_chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("removed_through", sa.BigInteger(), nullable=False),
        sa.Column("removed_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_chain_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_chain")),
    )
    op.bulk_insert(
        chain, [{"id": 1, "sequence": 0, "hash": BEGINNING, "removed_through": 0, "removed_hash": BEGINNING}]
    )
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in SUBJECTS_ON_POSTGRESQL if postgresql else SUBJECTS_ON_SQLITE:
        op.execute(statement)
    for statement in ON_POSTGRESQL if postgresql else ON_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_event_refuse() CASCADE")
        op.execute("DROP FUNCTION audit_event_keep() CASCADE")
    else:
        for name in ("facts", "sealed", "kept"):
            op.execute(f"DROP TRIGGER audit_event_{name}")
    op.drop_table("audit_chain")
    op.drop_index("ix_audit_event_unsealed", table_name="audit_event")
    op.drop_index("uq_audit_event_sequence", table_name="audit_event")
    for name in INDEXES:
        op.drop_index(name, table_name="audit_event")
    for column in ("hash", "sequence", "subject_id"):
        op.drop_column("audit_event", column)
