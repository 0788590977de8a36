"""The first tables.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Measurements are clustered by their key: WITHOUT ROWID on SQLite (and STRICT, or a text would slip in); on PostgreSQL
# a partitioned table whose unique index carries value and batch, for index-only reads.
SQLITE_MEASUREMENTS = (
    """CREATE TABLE measurement (
        series_id INTEGER NOT NULL, time INTEGER NOT NULL, metric_id INTEGER NOT NULL,
        value REAL NOT NULL, batch INTEGER NOT NULL,
        PRIMARY KEY (series_id, time, metric_id)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE measurement_history (
        series_id INTEGER NOT NULL, time INTEGER NOT NULL, metric_id INTEGER NOT NULL, batch INTEGER NOT NULL,
        value REAL NOT NULL, superseded_by INTEGER NOT NULL,
        PRIMARY KEY (series_id, time, metric_id, batch)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE measurement_rollup (
        series_id INTEGER NOT NULL, metric_id INTEGER NOT NULL, grain TEXT NOT NULL, start INTEGER NOT NULL,
        count INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, total REAL NOT NULL,
        CONSTRAINT ck_measurement_rollup_grain CHECK (grain IN ('hour', 'day')),
        PRIMARY KEY (series_id, metric_id, grain, start)) STRICT, WITHOUT ROWID""",
)
POSTGRESQL_MEASUREMENTS = (
    """CREATE TABLE measurement (
        series_id bigint NOT NULL, time timestamptz(3) NOT NULL, metric_id bigint NOT NULL,
        value double precision NOT NULL, batch bigint NOT NULL) PARTITION BY RANGE (time)""",
    """CREATE UNIQUE INDEX uq_measurement ON measurement (series_id, time, metric_id) INCLUDE (value, batch)""",
    """CREATE TABLE measurement_pdefault PARTITION OF measurement DEFAULT""",
    """CREATE TABLE measurement_history (
        series_id bigint NOT NULL, time timestamptz(3) NOT NULL, metric_id bigint NOT NULL, batch bigint NOT NULL,
        value double precision NOT NULL, superseded_by bigint NOT NULL,
        CONSTRAINT pk_measurement_history PRIMARY KEY (series_id, time, metric_id, batch))""",
    """CREATE TABLE measurement_rollup (
        series_id bigint NOT NULL, metric_id bigint NOT NULL, grain varchar(8) NOT NULL,
        start timestamptz(3) NOT NULL, count integer NOT NULL, low double precision NOT NULL,
        high double precision NOT NULL, total double precision NOT NULL,
        CONSTRAINT ck_measurement_rollup_grain CHECK (grain IN ('hour', 'day')),
        CONSTRAINT pk_measurement_rollup PRIMARY KEY (series_id, metric_id, grain, start))""",
)


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_MEASUREMENTS if on_sqlite else POSTGRESQL_MEASUREMENTS:
        op.execute(statement)
    op.create_table('tenant',
    sa.Column('id', Id(), nullable=False),
    sa.Column('slug', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('exports_enabled', sa.Boolean(), nullable=False),
    sa.Column('retention_days', sa.Integer(), nullable=False),
    sa.Column('requests_per_minute', sa.Integer(), nullable=False),
    sa.Column('demonstration_notice', sa.String(length=2000), nullable=True),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', Instant(), nullable=False),
    sa.Column('last_served_at', Instant(), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.CheckConstraint('retention_days BETWEEN 1 AND 3650', name=op.f('ck_tenant_retention_days')),
    sa.CheckConstraint('revision >= 0', name=op.f('ck_tenant_revision')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenant')),
    sa.UniqueConstraint('slug', name=op.f('uq_tenant_slug'))
    )
    op.create_table('audit_event',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('tenant_id', Id(), nullable=True),
    sa.Column('at', Instant(), nullable=False),
    sa.Column('user_id', Id(), nullable=True),
    sa.Column('via', sa.String(length=16), nullable=False),
    sa.Column('via_id', Id(), nullable=True),
    sa.Column('address', sa.String(length=64), nullable=True),
    sa.Column('request_id', sa.String(length=64), nullable=True),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('object_type', sa.String(length=32), nullable=True),
    sa.Column('object_id', sa.String(length=108), nullable=True),
    sa.Column('details', sa.JSON(), nullable=True),
    sa.Column('row_count', sa.BigInteger(), nullable=True),
    sa.Column('byte_count', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.CheckConstraint("outcome IN ('done', 'refused', 'failed')", name=op.f('ck_audit_event_outcome')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_audit_event_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event'))
    )
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.create_index('ix_audit_event_object', ['object_type', 'object_id'], unique=False)
        batch_op.create_index('ix_audit_event_tenant', ['tenant_id', 'id'], unique=False)

    op.create_table('organization',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('short_code', sa.String(length=100), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('is_root', sa.Boolean(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_organization_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organization')),
    sa.UniqueConstraint('short_code', name=op.f('uq_organization_short_code'))
    )
    with op.batch_alter_table('organization', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_organization_tenant_id'), ['tenant_id'], unique=False)
        batch_op.create_index('uq_organization_root', ['tenant_id'], unique=True, sqlite_where=sa.text('is_root = 1'), postgresql_where=sa.text('is_root'))

    op.create_table('outbox_message',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('kind', sa.String(length=64), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('due_at', Instant(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('delivered_at', Instant(), nullable=True),
    sa.Column('last_error', sa.String(length=500), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_outbox_message_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_message'))
    )
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_message_due', ['delivered_at', 'due_at'], unique=False)

    op.create_table('template',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('data_type', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=36), nullable=False),
    sa.Column('label', sa.String(length=64), nullable=False),
    sa.Column('description', sa.String(length=1000), nullable=True),
    sa.Column('product_model', sa.String(length=100), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('updated_at', Instant(), nullable=False),
    sa.CheckConstraint("data_type IN ('patient', 'device', 'caregiver', 'organization-user', 'usage-session', 'device-alert', 'patient-alert', 'command', 'generic-entity', 'registration-code', 'organization')", name=op.f('ck_template_data_type')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_template_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_template')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_template_tenant_id_name'))
    )
    op.create_table('user_account',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('handle', sa.String(length=64), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('password_hash', sa.String(length=255), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_user_account_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_account')),
    sa.UniqueConstraint('email', name=op.f('uq_user_account_email')),
    sa.UniqueConstraint('handle', name=op.f('uq_user_account_handle'))
    )
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_user_account_tenant_id'), ['tenant_id'], unique=False)

    op.create_table('api_token',
    sa.Column('id', Id(), nullable=False),
    sa.Column('user_id', Id(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('prefix', sa.String(length=16), nullable=False),
    sa.Column('secret_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('scopes', sa.String(length=300), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('expires_at', Instant(), nullable=False),
    sa.Column('last_used_at', Instant(), nullable=True),
    sa.Column('ended_at', Instant(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_api_token_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_token')),
    sa.UniqueConstraint('prefix', name=op.f('uq_api_token_prefix'))
    )
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_token_user_id'), ['user_id'], unique=False)

    op.create_table('export',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('owner_id', Id(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('request_key', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('params', sa.Text(), nullable=False),
    sa.Column('frozen', sa.Text(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('phase', sa.String(length=100), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=True),
    sa.Column('snapshot_revision', sa.BigInteger(), nullable=True),
    sa.Column('snapshot_at', Instant(), nullable=True),
    sa.Column('expected_rows', sa.BigInteger(), nullable=True),
    sa.Column('expected_bytes', sa.BigInteger(), nullable=True),
    sa.Column('promised_rows', sa.BigInteger(), nullable=True),
    sa.Column('done_rows', sa.BigInteger(), nullable=False),
    sa.Column('done_bytes', sa.BigInteger(), nullable=False),
    sa.Column('part_count', sa.Integer(), nullable=False),
    sa.Column('done_parts', sa.Integer(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('requested_at', Instant(), nullable=False),
    sa.Column('started_at', Instant(), nullable=True),
    sa.Column('finished_at', Instant(), nullable=True),
    sa.Column('expires_at', Instant(), nullable=True),
    sa.Column('deadline', Instant(), nullable=False),
    sa.Column('archive_key', sa.String(length=200), nullable=True),
    sa.Column('archive_bytes', sa.BigInteger(), nullable=True),
    sa.Column('archive_sha256', sa.String(length=64), nullable=True),
    sa.CheckConstraint("(state = 'ready') = (archive_key IS NOT NULL)", name=op.f('ck_export_ready_has_archive')),
    sa.CheckConstraint("state <> 'failed' OR reason IS NOT NULL", name=op.f('ck_export_failed_has_reason')),
    sa.CheckConstraint("state IN ('queued', 'building', 'ready', 'failed', 'cancelled', 'expired')", name=op.f('ck_export_state')),
    sa.ForeignKeyConstraint(['owner_id'], ['user_account.id'], name=op.f('fk_export_owner_id_user_account')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_export_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_export')),
    sa.UniqueConstraint('owner_id', 'request_key', name=op.f('uq_export_owner_id_request_key'))
    )
    with op.batch_alter_table('export', schema=None) as batch_op:
        batch_op.create_index('ix_export_owner', ['owner_id', 'requested_at', 'id'], unique=False)
        batch_op.create_index('ix_export_state', ['state', 'expires_at'], unique=False)
        batch_op.create_index('ix_export_tenant', ['tenant_id', 'requested_at', 'id'], unique=False)
        batch_op.create_index('uq_export_pending_subject', ['kind', 'subject'], unique=True, sqlite_where=sa.text("state IN ('queued', 'building')"), postgresql_where=sa.text("state IN ('queued', 'building')"))

    op.create_table('location',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('organization_id', Id(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_location_organization_id_organization')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_location_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_location'))
    )
    with op.batch_alter_table('location', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_location_organization_id'), ['organization_id'], unique=False)

    op.create_table('membership',
    sa.Column('id', Id(), nullable=False),
    sa.Column('user_id', Id(), nullable=False),
    sa.Column('organization_id', Id(), nullable=False),
    sa.Column('role', sa.String(length=32), nullable=False),
    sa.CheckConstraint("role IN ('clinician', 'analyst', 'administrator')", name=op.f('ck_membership_role')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_membership_organization_id_organization')),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_membership_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_membership')),
    sa.UniqueConstraint('user_id', 'organization_id', 'role', name=op.f('uq_membership_user_id_organization_id_role'))
    )
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_membership_organization_id'), ['organization_id'], unique=False)

    op.create_table('metric',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('template_id', Id(), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('label', sa.String(length=100), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('part', sa.String(length=64), nullable=False),
    sa.Column('normal_low', sa.Float(precision=53), nullable=True),
    sa.Column('normal_high', sa.Float(precision=53), nullable=True),
    sa.CheckConstraint("kind IN ('numeric', 'boolean')", name=op.f('ck_metric_kind')),
    sa.ForeignKeyConstraint(['template_id'], ['template.id'], name=op.f('fk_metric_template_id_template')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_metric_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_metric')),
    sa.UniqueConstraint('template_id', 'name', 'part', name=op.f('uq_metric_template_id_name_part'))
    )
    with op.batch_alter_table('metric', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_metric_tenant_id'), ['tenant_id'], unique=False)

    op.create_table('sign_in_session',
    sa.Column('id', Id(), nullable=False),
    sa.Column('user_id', Id(), nullable=False),
    sa.Column('secret_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('seen_at', Instant(), nullable=False),
    sa.Column('ended_at', Instant(), nullable=True),
    sa.Column('address', sa.String(length=64), nullable=True),
    sa.Column('user_agent', sa.String(length=300), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_sign_in_session_user_id_user_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_session')),
    sa.UniqueConstraint('secret_sha256', name=op.f('uq_sign_in_session_secret_sha256'))
    )
    with op.batch_alter_table('sign_in_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_session_user_id'), ['user_id'], unique=False)

    op.create_table('template_attribute',
    sa.Column('id', Id(), nullable=False),
    sa.Column('template_id', Id(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('label', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('unit', sa.String(length=32), nullable=True),
    sa.Column('hint', sa.String(length=300), nullable=True),
    sa.Column('choices', sa.JSON(), nullable=True),
    sa.Column('mandatory', sa.Boolean(), nullable=False),
    sa.Column('unique', sa.Boolean(), nullable=False),
    sa.Column('phi', sa.Boolean(), nullable=False),
    sa.Column('low', sa.Float(precision=53), nullable=True),
    sa.Column('high', sa.Float(precision=53), nullable=True),
    sa.Column('media_types', sa.JSON(), nullable=True),
    sa.Column('max_bytes', sa.BigInteger(), nullable=True),
    sa.Column('max_files', sa.Integer(), nullable=False),
    sa.Column('reference_data_type', sa.String(length=32), nullable=True),
    sa.Column('reference_label', sa.String(length=100), nullable=True),
    sa.CheckConstraint("kind IN ('LABEL', 'PARAGRAPH', 'INTEGER', 'DECIMAL', 'BOOLEAN', 'SINGLE_SELECT', 'MULTI_SELECT', 'PHONE', 'EMAIL', 'DATE_TIME', 'DATE', 'REFERENCE', 'LINK', 'FILE', 'IMAGE')", name=op.f('ck_template_attribute_kind')),
    sa.ForeignKeyConstraint(['template_id'], ['template.id'], name=op.f('fk_template_attribute_template_id_template')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_template_attribute')),
    sa.UniqueConstraint('template_id', 'name', name=op.f('uq_template_attribute_template_id_name'))
    )
    op.create_table('entity',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('data_type', sa.String(length=32), nullable=False),
    sa.Column('template_id', Id(), nullable=False),
    sa.Column('organization_id', Id(), nullable=False),
    sa.Column('location_id', Id(), nullable=True),
    sa.Column('key', sa.String(length=108), nullable=False),
    sa.Column('caption', sa.String(length=300), nullable=False),
    sa.Column('attributes', sa.Text(), nullable=False),
    sa.Column('phi_attributes', sa.Text(), nullable=False),
    sa.Column('document_bytes', sa.Integer(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('updated_at', Instant(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('changed_by', Id(), nullable=True),
    sa.CheckConstraint("data_type IN ('patient', 'device', 'caregiver', 'organization-user', 'usage-session', 'device-alert', 'patient-alert', 'command', 'generic-entity', 'registration-code', 'organization')", name=op.f('ck_entity_data_type')),
    sa.ForeignKeyConstraint(['location_id'], ['location.id'], name=op.f('fk_entity_location_id_location')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_entity_organization_id_organization')),
    sa.ForeignKeyConstraint(['template_id'], ['template.id'], name=op.f('fk_entity_template_id_template')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_entity_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entity')),
    sa.UniqueConstraint('tenant_id', 'data_type', 'key', name=op.f('uq_entity_tenant_id_data_type_key'))
    )
    with op.batch_alter_table('entity', schema=None) as batch_op:
        batch_op.create_index('ix_entity_by_caption', ['tenant_id', 'data_type', 'caption', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_change', ['tenant_id', 'data_type', 'updated_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_creation', ['tenant_id', 'data_type', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_organization', ['organization_id', 'data_type', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_organization_caption', ['organization_id', 'data_type', 'caption', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_organization_change', ['organization_id', 'data_type', 'updated_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_by_template', ['template_id', 'updated_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_revision', ['tenant_id', 'revision'], unique=False)

    op.create_table('entity_history',
    sa.Column('id', Id(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('superseded_by', sa.BigInteger(), nullable=False),
    sa.Column('superseded_at', Instant(), nullable=False),
    sa.Column('deleted_by', Id(), nullable=True),
    sa.Column('deleted', sa.Boolean(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('data_type', sa.String(length=32), nullable=False),
    sa.Column('template_id', Id(), nullable=False),
    sa.Column('organization_id', Id(), nullable=False),
    sa.Column('location_id', Id(), nullable=True),
    sa.Column('key', sa.String(length=108), nullable=False),
    sa.Column('caption', sa.String(length=300), nullable=False),
    sa.Column('attributes', sa.Text(), nullable=False),
    sa.Column('phi_attributes', sa.Text(), nullable=False),
    sa.Column('document_bytes', sa.Integer(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('updated_at', Instant(), nullable=False),
    sa.Column('changed_by', Id(), nullable=True),
    sa.ForeignKeyConstraint(['location_id'], ['location.id'], name=op.f('fk_entity_history_location_id_location')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_entity_history_organization_id_organization')),
    sa.ForeignKeyConstraint(['template_id'], ['template.id'], name=op.f('fk_entity_history_template_id_template')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_entity_history_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', 'revision', name=op.f('pk_entity_history'))
    )
    with op.batch_alter_table('entity_history', schema=None) as batch_op:
        batch_op.create_index('ix_entity_history_by_change', ['tenant_id', 'data_type', 'updated_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_history_by_creation', ['tenant_id', 'data_type', 'created_at', 'id'], unique=False)
        batch_op.create_index('ix_entity_history_superseded', ['tenant_id', 'superseded_by'], unique=False)

    op.create_table('export_file',
    sa.Column('export_id', Id(), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('media_type', sa.String(length=100), nullable=False),
    sa.Column('layout', sa.Text(), nullable=False),
    sa.Column('promised_rows', sa.BigInteger(), nullable=True),
    sa.Column('rows', sa.BigInteger(), nullable=True),
    sa.Column('raw_bytes', sa.BigInteger(), nullable=True),
    sa.Column('crc32', sa.BigInteger(), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=True),
    sa.Column('compressed_bytes', sa.BigInteger(), nullable=True),
    sa.Column('data_offset', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['export_id'], ['export.id'], name=op.f('fk_export_file_export_id_export')),
    sa.PrimaryKeyConstraint('export_id', 'ordinal', name=op.f('pk_export_file'))
    )
    op.create_table('export_part',
    sa.Column('export_id', Id(), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('file_ordinal', sa.Integer(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('not_before', Instant(), nullable=True),
    sa.Column('lease_until', Instant(), nullable=True),
    sa.Column('beat_at', Instant(), nullable=True),
    sa.Column('worker', sa.String(length=120), nullable=True),
    sa.Column('task', sa.Text(), nullable=False),
    sa.Column('promised_rows', sa.BigInteger(), nullable=False),
    sa.Column('rows', sa.BigInteger(), nullable=True),
    sa.Column('staged_key', sa.String(length=200), nullable=True),
    sa.Column('fragments', sa.Text(), nullable=True),
    sa.Column('raw_sha256', sa.String(length=64), nullable=True),
    sa.Column('last_error', sa.String(length=500), nullable=True),
    sa.CheckConstraint("state IN ('queued', 'building', 'done')", name=op.f('ck_export_part_state')),
    sa.CheckConstraint("step IN ('plan', 'build', 'publish')", name=op.f('ck_export_part_step')),
    sa.ForeignKeyConstraint(['export_id'], ['export.id'], name=op.f('fk_export_part_export_id_export')),
    sa.PrimaryKeyConstraint('export_id', 'ordinal', name=op.f('pk_export_part'))
    )
    with op.batch_alter_table('export_part', schema=None) as batch_op:
        batch_op.create_index('ix_export_part_state', ['state', 'not_before'], unique=False)

    op.create_table('entity_value',
    sa.Column('entity_id', Id(), nullable=False),
    sa.Column('attribute', sa.String(length=64), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('text', sa.String(length=200), nullable=True),
    sa.Column('number', sa.Float(precision=53), nullable=True),
    sa.Column('time', Instant(), nullable=True),
    sa.ForeignKeyConstraint(['entity_id'], ['entity.id'], name=op.f('fk_entity_value_entity_id_entity'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('entity_id', 'attribute', name=op.f('pk_entity_value'))
    )
    with op.batch_alter_table('entity_value', schema=None) as batch_op:
        batch_op.create_index('ix_entity_value_number', ['tenant_id', 'attribute', 'number'], unique=False)
        batch_op.create_index('ix_entity_value_text', ['tenant_id', 'attribute', 'text'], unique=False)
        batch_op.create_index('ix_entity_value_time', ['tenant_id', 'attribute', 'time'], unique=False)

    op.create_table('entity_word',
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('data_type', sa.String(length=32), nullable=False),
    sa.Column('word', sa.String(length=64).with_variant(sa.String(length=64, collation='C'), 'postgresql'), nullable=False),
    sa.Column('entity_id', Id(), nullable=False),
    sa.ForeignKeyConstraint(['entity_id'], ['entity.id'], name=op.f('fk_entity_word_entity_id_entity'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'data_type', 'word', 'entity_id', name=op.f('pk_entity_word'))
    )
    with op.batch_alter_table('entity_word', schema=None) as batch_op:
        batch_op.create_index('ix_entity_word_entity', ['entity_id', 'word'], unique=False)

    op.create_table('reference',
    sa.Column('entity_id', Id(), nullable=False),
    sa.Column('attribute', sa.String(length=64), nullable=False),
    sa.Column('target_id', Id(), nullable=False),
    sa.ForeignKeyConstraint(['entity_id'], ['entity.id'], name=op.f('fk_reference_entity_id_entity'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['target_id'], ['entity.id'], name=op.f('fk_reference_target_id_entity')),
    sa.PrimaryKeyConstraint('entity_id', 'attribute', name=op.f('pk_reference'))
    )
    with op.batch_alter_table('reference', schema=None) as batch_op:
        batch_op.create_index('ix_reference_target', ['target_id', 'attribute'], unique=False)

    op.create_table('series',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('device_id', Id(), nullable=True),
    sa.Column('patient_id', Id(), nullable=True),
    sa.Column('session_id', Id(), nullable=True),
    sa.Column('subject_key', sa.String(length=120), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.ForeignKeyConstraint(['device_id'], ['entity.id'], name=op.f('fk_series_device_id_entity')),
    sa.ForeignKeyConstraint(['patient_id'], ['entity.id'], name=op.f('fk_series_patient_id_entity')),
    sa.ForeignKeyConstraint(['session_id'], ['entity.id'], name=op.f('fk_series_session_id_entity')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_series_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_series'))
    )
    with op.batch_alter_table('series', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_series_device_id'), ['device_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_series_patient_id'), ['patient_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_series_session_id'), ['session_id'], unique=False)
        batch_op.create_index('uq_series_subject', ['tenant_id', 'subject_key'], unique=True)

    op.create_table('stored_file',
    sa.Column('id', Id(), nullable=False),
    sa.Column('tenant_id', Id(), nullable=False),
    sa.Column('organization_id', Id(), nullable=False),
    sa.Column('entity_id', Id(), nullable=True),
    sa.Column('attribute', sa.String(length=64), nullable=True),
    sa.Column('name', sa.String(length=128), nullable=False),
    sa.Column('media_type', sa.String(length=100), nullable=False),
    sa.Column('byte_count', sa.BigInteger(), nullable=True),
    sa.Column('sha256', sa.String(length=64), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('storage_key', sa.String(length=200), nullable=False),
    sa.Column('preview_key', sa.String(length=200), nullable=True),
    sa.Column('modality', sa.String(length=16), nullable=True),
    sa.Column('page_count', sa.Integer(), nullable=True),
    sa.Column('uploaded_by', Id(), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('removed_at', Instant(), nullable=True),
    sa.Column('removed_revision', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('expected', 'stored', 'attached', 'refused', 'removed')", name=op.f('ck_stored_file_state')),
    sa.ForeignKeyConstraint(['entity_id'], ['entity.id'], name=op.f('fk_stored_file_entity_id_entity'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_stored_file_organization_id_organization')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_stored_file_tenant_id_tenant')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_file')),
    sa.UniqueConstraint('storage_key', name=op.f('uq_stored_file_storage_key'))
    )
    with op.batch_alter_table('stored_file', schema=None) as batch_op:
        batch_op.create_index('ix_stored_file_entity', ['entity_id', 'attribute', 'created_at'], unique=False)
        batch_op.create_index('ix_stored_file_state', ['state', 'created_at'], unique=False)




def downgrade() -> None:
    for table in ("measurement_rollup", "measurement_history", "measurement"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        # What an interrupted run of partition-measurements left; the partitions went with their table.
        op.execute("DROP FUNCTION IF EXISTS measurement_next_note()")
        op.execute("DROP TABLE IF EXISTS measurement_next, measurement_next_key")
    with op.batch_alter_table('stored_file', schema=None) as batch_op:
        batch_op.drop_index('ix_stored_file_state')
        batch_op.drop_index('ix_stored_file_entity')

    op.drop_table('stored_file')
    with op.batch_alter_table('series', schema=None) as batch_op:
        batch_op.drop_index('uq_series_subject')
        batch_op.drop_index(batch_op.f('ix_series_session_id'))
        batch_op.drop_index(batch_op.f('ix_series_patient_id'))
        batch_op.drop_index(batch_op.f('ix_series_device_id'))

    op.drop_table('series')
    with op.batch_alter_table('reference', schema=None) as batch_op:
        batch_op.drop_index('ix_reference_target')

    op.drop_table('reference')
    with op.batch_alter_table('entity_word', schema=None) as batch_op:
        batch_op.drop_index('ix_entity_word_entity')

    op.drop_table('entity_word')
    with op.batch_alter_table('entity_value', schema=None) as batch_op:
        batch_op.drop_index('ix_entity_value_time')
        batch_op.drop_index('ix_entity_value_text')
        batch_op.drop_index('ix_entity_value_number')

    op.drop_table('entity_value')
    with op.batch_alter_table('export_part', schema=None) as batch_op:
        batch_op.drop_index('ix_export_part_state')

    op.drop_table('export_part')
    op.drop_table('export_file')
    with op.batch_alter_table('entity_history', schema=None) as batch_op:
        batch_op.drop_index('ix_entity_history_superseded')
        batch_op.drop_index('ix_entity_history_by_creation')
        batch_op.drop_index('ix_entity_history_by_change')

    op.drop_table('entity_history')
    with op.batch_alter_table('entity', schema=None) as batch_op:
        batch_op.drop_index('ix_entity_revision')
        batch_op.drop_index('ix_entity_by_template')
        batch_op.drop_index('ix_entity_by_organization_change')
        batch_op.drop_index('ix_entity_by_organization_caption')
        batch_op.drop_index('ix_entity_by_organization')
        batch_op.drop_index('ix_entity_by_creation')
        batch_op.drop_index('ix_entity_by_change')
        batch_op.drop_index('ix_entity_by_caption')

    op.drop_table('entity')
    op.drop_table('template_attribute')
    with op.batch_alter_table('sign_in_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_session_user_id'))

    op.drop_table('sign_in_session')
    with op.batch_alter_table('metric', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_metric_tenant_id'))

    op.drop_table('metric')
    with op.batch_alter_table('membership', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_membership_organization_id'))

    op.drop_table('membership')
    with op.batch_alter_table('location', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_location_organization_id'))

    op.drop_table('location')
    with op.batch_alter_table('export', schema=None) as batch_op:
        batch_op.drop_index('uq_export_pending_subject', sqlite_where=sa.text("state IN ('queued', 'building')"), postgresql_where=sa.text("state IN ('queued', 'building')"))
        batch_op.drop_index('ix_export_tenant')
        batch_op.drop_index('ix_export_state')
        batch_op.drop_index('ix_export_owner')

    op.drop_table('export')
    with op.batch_alter_table('api_token', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_token_user_id'))

    op.drop_table('api_token')
    with op.batch_alter_table('user_account', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_user_account_tenant_id'))

    op.drop_table('user_account')
    op.drop_table('template')
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_message_due')

    op.drop_table('outbox_message')
    with op.batch_alter_table('organization', schema=None) as batch_op:
        batch_op.drop_index('uq_organization_root', sqlite_where=sa.text('is_root = 1'), postgresql_where=sa.text('is_root'))
        batch_op.drop_index(batch_op.f('ix_organization_tenant_id'))

    op.drop_table('organization')
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_event_tenant')
        batch_op.drop_index('ix_audit_event_object')

    op.drop_table('audit_event')
    op.drop_table('tenant')
