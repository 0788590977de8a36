"""Terminology: repositories, concepts and mappings with their history, references of collections, releases.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.models.types import Id, Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_WITH_DOCUMENTS = ("concept", "concept_history", "mapping", "mapping_history")


def upgrade() -> None:
    op.create_table(
        "repository",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant_id", Id(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("organization_id", Id(), nullable=True),
        sa.Column("user_id", Id(), nullable=True),
        sa.Column("short_code", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("full_name", sa.String(length=500), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("repository_type", sa.String(length=100), nullable=False),
        sa.Column("public_access", sa.String(length=8), nullable=False),
        sa.Column("open_to_world", sa.Boolean(), nullable=False),
        sa.Column("default_locale", sa.String(length=35), nullable=False),
        sa.Column("supported_locales", sa.String(length=500), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("concepts", sa.BigInteger(), nullable=False),
        sa.Column("active_concepts", sa.BigInteger(), nullable=False),
        sa.Column("mappings", sa.BigInteger(), nullable=False),
        sa.Column("active_mappings", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("content_changed_at", Instant(), nullable=True),
        sa.Column("details_changed_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("kind IN ('source', 'collection')", name=op.f("ck_repository_kind")),
        sa.CheckConstraint("public_access IN ('View', 'Edit', 'None')", name=op.f("ck_repository_public_access")),
        sa.CheckConstraint("(organization_id IS NULL) <> (user_id IS NULL)", name=op.f("ck_repository_one_owner")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_repository_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_repository_tenant_id_tenant")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_repository_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository")),
        sa.UniqueConstraint(
            "organization_id", "kind", "short_code", name=op.f("uq_repository_organization_id_kind_short_code")
        ),
        sa.UniqueConstraint("user_id", "kind", "short_code", name=op.f("uq_repository_user_id_kind_short_code")),
    )
    op.create_index("ix_repository_tenant", "repository", ["tenant_id", "kind", "short_code"], unique=False)

    op.create_table(
        "concept",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("concept_class", sa.String(length=100), nullable=False),
        sa.Column("datatype", sa.String(length=100), nullable=False),
        sa.Column("at_top", sa.Boolean(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_bytes", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", Id(), nullable=True),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name=op.f("fk_concept_repository_id_repository")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concept")),
        sa.UniqueConstraint("repository_id", "code", name=op.f("uq_concept_repository_id_code")),
    )
    op.create_index(
        "ix_concept_plan", "concept", ["repository_id", "id", "revision", "retired", "document_bytes"], unique=False
    )
    op.create_index("ix_concept_revision", "concept", ["repository_id", "revision"], unique=False)
    op.create_index("ix_concept_top", "concept", ["repository_id", "at_top", "code"], unique=False)

    op.create_table(
        "concept_history",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("concept_class", sa.String(length=100), nullable=False),
        sa.Column("datatype", sa.String(length=100), nullable=False),
        sa.Column("at_top", sa.Boolean(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_bytes", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("changed_by", Id(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", Instant(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("deleted_by", Id(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_concept_history_repository_id_repository")
        ),
        sa.PrimaryKeyConstraint("id", "revision", name=op.f("pk_concept_history")),
    )
    op.create_index("ix_concept_history_code", "concept_history", ["repository_id", "code"], unique=False)
    op.create_index("ix_concept_history_revision", "concept_history", ["repository_id", "revision"], unique=False)
    op.create_index(
        "ix_concept_history_superseded", "concept_history", ["repository_id", "superseded_by"], unique=False
    )

    op.create_table(
        "mapping",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("map_type", sa.String(length=100), nullable=False),
        sa.Column("from_url", sa.String(length=600), nullable=False),
        sa.Column("from_code", sa.String(length=255), nullable=False),
        sa.Column("to_url", sa.String(length=600), nullable=True),
        sa.Column("to_code", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_bytes", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", Id(), nullable=True),
        sa.ForeignKeyConstraint(["repository_id"], ["repository.id"], name=op.f("fk_mapping_repository_id_repository")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping")),
        sa.UniqueConstraint("repository_id", "code", name=op.f("uq_mapping_repository_id_code")),
    )
    op.create_index("ix_mapping_from", "mapping", ["from_url"], unique=False)
    op.create_index(
        "ix_mapping_plan", "mapping", ["repository_id", "id", "revision", "retired", "document_bytes"], unique=False
    )
    op.create_index("ix_mapping_revision", "mapping", ["repository_id", "revision"], unique=False)
    op.create_index("ix_mapping_to", "mapping", ["to_url"], unique=False)

    op.create_table(
        "mapping_history",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("map_type", sa.String(length=100), nullable=False),
        sa.Column("from_url", sa.String(length=600), nullable=False),
        sa.Column("from_code", sa.String(length=255), nullable=False),
        sa.Column("to_url", sa.String(length=600), nullable=True),
        sa.Column("to_code", sa.String(length=255), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=255), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("document_bytes", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("changed_by", Id(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", Instant(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("deleted_by", Id(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_mapping_history_repository_id_repository")
        ),
        sa.PrimaryKeyConstraint("id", "revision", name=op.f("pk_mapping_history")),
    )
    op.create_index("ix_mapping_history_code", "mapping_history", ["repository_id", "code"], unique=False)
    op.create_index("ix_mapping_history_revision", "mapping_history", ["repository_id", "revision"], unique=False)
    op.create_index(
        "ix_mapping_history_superseded", "mapping_history", ["repository_id", "superseded_by"], unique=False
    )

    op.create_table(
        "repository_release",
        sa.Column("id", Id(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("draws", sa.Text(), nullable=True),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("previous_version", sa.String(length=40), nullable=True),
        sa.Column("concepts", sa.BigInteger(), nullable=False),
        sa.Column("active_concepts", sa.BigInteger(), nullable=False),
        sa.Column("mappings", sa.BigInteger(), nullable=False),
        sa.Column("active_mappings", sa.BigInteger(), nullable=False),
        sa.Column("content_changed_at", Instant(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("updated_by", sa.String(length=64), nullable=False),
        sa.Column("extras", sa.Text(), nullable=False),
        sa.Column("export_id", Id(), nullable=True),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name=op.f("fk_repository_release_export_id_export"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_repository_release_repository_id_repository")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository_release")),
        sa.UniqueConstraint("export_id", name=op.f("uq_repository_release_export_id")),
        sa.UniqueConstraint("repository_id", "version", name=op.f("uq_repository_release_repository_id_version")),
    )
    op.create_index(
        "ix_repository_release_created", "repository_release", ["repository_id", "created_at", "id"], unique=False
    )

    op.create_table(
        "collection_reference",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("collection_id", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("release_id", Id(), nullable=True),
        sa.Column("concept_id", sa.BigInteger(), nullable=True),
        sa.Column("mapping_id", sa.BigInteger(), nullable=True),
        sa.Column("expression", sa.String(length=700), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("added_at", Instant(), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.CheckConstraint("concept_id IS NULL OR mapping_id IS NULL", name=op.f("ck_collection_reference_one_target")),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["repository.id"], name=op.f("fk_collection_reference_collection_id_repository")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["repository_release.id"],
            name=op.f("fk_collection_reference_release_id_repository_release"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["repository.id"], name=op.f("fk_collection_reference_source_id_repository")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection_reference")),
    )
    op.create_index("ix_collection_reference", "collection_reference", ["collection_id", "superseded_by"], unique=False)

    op.create_table(
        "concept_word",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "word", sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("concept_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["concept_id"], ["concept.id"], name=op.f("fk_concept_word_concept_id_concept"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("repository_id", "word", "concept_id", name=op.f("pk_concept_word")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_concept_word_concept", "concept_word", ["concept_id", "word"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        # A document of two kilobytes is read with its row: put elsewhere and compressed, it would cost far more.
        for table in _WITH_DOCUMENTS:
            op.execute(f"ALTER TABLE {table} SET (toast_tuple_target = 8160)")


def downgrade() -> None:
    # Exports of releases mean nothing without them; of their kind nothing before knows what to do.
    for table in ("export_part", "export_file"):
        op.execute(f"DELETE FROM {table} WHERE export_id IN (SELECT id FROM export WHERE kind = 'repository')")  # noqa: S608
    op.drop_table("concept_word")
    op.drop_table("collection_reference")
    op.drop_table("repository_release")
    op.execute("DELETE FROM export WHERE kind = 'repository'")
    for table in (*_WITH_DOCUMENTS, "repository"):
        op.drop_table(table)
