"""Terminology: repositories, their concepts and mappings with every earlier version, references, releases."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base, db
from app.models.organization import Organization
from app.models.tenant import Revision
from app.models.types import MILLISECOND, BigId, Id, Instant, one_of
from app.models.user import User

REPOSITORY_KINDS = ("source", "collection")
PUBLIC_ACCESS = ("View", "Edit", "None")
REPOSITORY_LENGTH = 60
VERSION_LENGTH = 40
CODE_LENGTH = 255
LOCALES_LENGTH = 500
NUMBERS_OF_A_REPOSITORY = 10**9
"""The id of a concept or mapping is its repository's id times this, plus its number: so a repository's rows lie
together, in the order in which they came to be."""


class Repository(Base):
    """A source (concepts and mappings of its own) or a collection (references to those of sources), of an owner.

    ``revision`` numbers every change of its content and details; ``changed_at`` is when the newest one came to be,
    ``content_changed_at`` the newest of its content. The four counters are of what it holds now. ``details`` is a JSON
    object of the facts that nothing but its description shows. ``open_to_world`` is the operator's alone to set: then
    strangers may look at lists.
    """

    __tablename__ = "repository"
    __table_args__ = (
        one_of("kind", REPOSITORY_KINDS, "kind"),
        one_of("public_access", PUBLIC_ACCESS, "public_access"),
        CheckConstraint("(organization_id IS NULL) <> (user_id IS NULL)", name="one_owner"),
        UniqueConstraint("organization_id", "kind", "short_code"),
        UniqueConstraint("user_id", "kind", "short_code"),
        Index("ix_repository_tenant", "tenant_id", "kind", "short_code"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    kind: Mapped[str] = mapped_column(String(16))
    organization_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("organization.id"))
    user_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("user_account.id"))
    short_code: Mapped[str] = mapped_column(String(REPOSITORY_LENGTH))
    name: Mapped[str] = mapped_column(String(255))
    full_name: Mapped[str] = mapped_column(String(500), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    repository_type: Mapped[str] = mapped_column(String(100), default="Dictionary")
    public_access: Mapped[str] = mapped_column(String(8), default="View")
    open_to_world: Mapped[bool] = mapped_column(default=False)
    default_locale: Mapped[str] = mapped_column(String(35), default="en")
    supported_locales: Mapped[str] = mapped_column(String(LOCALES_LENGTH), default="en")
    details: Mapped[str] = mapped_column(Text, default="{}")
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    last_number: Mapped[int] = mapped_column(BigInteger, default=0)
    concepts: Mapped[int] = mapped_column(BigInteger, default=0)
    active_concepts: Mapped[int] = mapped_column(BigInteger, default=0)
    mappings: Mapped[int] = mapped_column(BigInteger, default=0)
    active_mappings: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    changed_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    content_changed_at: Mapped[datetime | None] = mapped_column(Instant)
    details_changed_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    created_by: Mapped[str] = mapped_column(String(64))
    updated_by: Mapped[str] = mapped_column(String(64))

    organization: Mapped[Organization | None] = relationship(lazy="joined")
    user: Mapped[User | None] = relationship(lazy="joined")


class VersionedContent:
    """The columns that a current concept or mapping and its earlier versions share.

    ``document`` is its JSON as every export and answer carries it, ready made; ``document_bytes`` its length in UTF-8.
    ``checksum`` is of what it says, without owner, addresses and times. ``revision`` is the repository's number at
    which this version came to be.
    """

    repository_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("repository.id"))
    code: Mapped[str] = mapped_column(String(CODE_LENGTH))
    retired: Mapped[bool] = mapped_column(default=False)
    document: Mapped[str] = mapped_column(Text)
    document_bytes: Mapped[int] = mapped_column(Integer)
    checksum: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer, default=1)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    revision: Mapped[int] = mapped_column(BigInteger)
    changed_by: Mapped[UUID | None] = mapped_column(Id)


class Superseded:
    """What an earlier version has besides: it held from ``revision`` until just before ``superseded_by``."""

    superseded_by: Mapped[int] = mapped_column(BigInteger)
    superseded_at: Mapped[datetime] = mapped_column(Instant)
    deleted: Mapped[bool] = mapped_column(default=False)
    """The change that superseded this version was its removal."""
    deleted_by: Mapped[UUID | None] = mapped_column(Id)


class ConceptFacts(VersionedContent):
    """What lists and searches show of a concept without reading its document."""

    display_name: Mapped[str] = mapped_column(Text)
    concept_class: Mapped[str] = mapped_column(String(100))
    datatype: Mapped[str] = mapped_column(String(100))
    at_top: Mapped[bool] = mapped_column(default=True)
    """It stands below none."""


class MappingFacts(VersionedContent):
    """Where a mapping leads from and to. ``to_url`` is empty when its target is not of this deployment."""

    map_type: Mapped[str] = mapped_column(String(100))
    from_url: Mapped[str] = mapped_column(String(600))
    from_code: Mapped[str] = mapped_column(String(CODE_LENGTH))
    to_url: Mapped[str | None] = mapped_column(String(600))
    to_code: Mapped[str] = mapped_column(String(CODE_LENGTH))


# What a plan counts is in the index too, so that it need not look at the rows.
_PLANNED = ("revision", "retired", "document_bytes")


class Concept(ConceptFacts, Base):
    """A concept of a source, as it is now."""

    __tablename__ = "concept"
    __table_args__ = (
        UniqueConstraint("repository_id", "code"),
        Index("ix_concept_plan", "repository_id", "id", *_PLANNED),
        Index("ix_concept_revision", "repository_id", "revision"),
        Index("ix_concept_top", "repository_id", "at_top", "code"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)


class ConceptHistory(ConceptFacts, Superseded, Base):
    """A concept's version that is no longer current."""

    __tablename__ = "concept_history"
    __table_args__ = (
        Index("ix_concept_history_code", "repository_id", "code"),
        Index("ix_concept_history_revision", "repository_id", "revision"),
        Index("ix_concept_history_superseded", "repository_id", "superseded_by"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Mapping(MappingFacts, Base):
    """A mapping of a source, as it is now."""

    __tablename__ = "mapping"
    __table_args__ = (
        UniqueConstraint("repository_id", "code"),
        Index("ix_mapping_plan", "repository_id", "id", *_PLANNED),
        Index("ix_mapping_revision", "repository_id", "revision"),
        Index("ix_mapping_from", "from_url"),
        Index("ix_mapping_to", "to_url"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)


class MappingHistory(MappingFacts, Superseded, Base):
    """A mapping's version that is no longer current."""

    __tablename__ = "mapping_history"
    __table_args__ = (
        Index("ix_mapping_history_code", "repository_id", "code"),
        Index("ix_mapping_history_revision", "repository_id", "revision"),
        Index("ix_mapping_history_superseded", "repository_id", "superseded_by"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class ConceptWord(Base):
    """A word by which a concept is found as it is now: case-folded, of its code and its names."""

    __tablename__ = "concept_word"
    __table_args__ = (Index("ix_concept_word_concept", "concept_id", "word"), {"sqlite_with_rowid": False})

    repository_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # Compared by code points: a word's beginning is looked up as a range.
    word: Mapped[str] = mapped_column(
        String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    )
    concept_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("concept.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class CollectionReference(Base):
    """What a collection draws on: a whole source, a concept or a mapping of it.

    Of the source as it is now, or as ``release_id`` froze it. ``revision`` and ``superseded_by`` are the collection's
    own: a reference that was removed stays, for what was released before.
    """

    __tablename__ = "collection_reference"
    __table_args__ = (
        Index("ix_collection_reference", "collection_id", "superseded_by"),
        CheckConstraint("concept_id IS NULL OR mapping_id IS NULL", name="one_target"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    collection_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("repository.id"))
    source_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("repository.id"))
    release_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("repository_release.id"))
    concept_id: Mapped[int | None] = mapped_column(BigInteger)
    mapping_id: Mapped[int | None] = mapped_column(BigInteger)
    expression: Mapped[str] = mapped_column(String(700))
    revision: Mapped[int] = mapped_column(BigInteger)
    added_at: Mapped[datetime] = mapped_column(Instant)
    added_by: Mapped[str] = mapped_column(String(64))
    superseded_by: Mapped[int | None] = mapped_column(BigInteger)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class Release(Base):
    """A released version: one row that names a revision, however much the repository holds.

    ``draws`` (JSON text, a collection's alone) is what its references came to: ``[[source's id, revision, concepts'
    ids or null for all, mappings' ids or null], …]``. ``snapshot`` is the repository's own description as it was, as
    JSON. ``export_id`` is the one export that everybody takes.
    """

    __tablename__ = "repository_release"
    __table_args__ = (
        UniqueConstraint("repository_id", "version"),
        Index("ix_repository_release_created", "repository_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    repository_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("repository.id"))
    version: Mapped[str] = mapped_column(String(VERSION_LENGTH))
    description: Mapped[str] = mapped_column(Text, default="")
    released: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    draws: Mapped[str | None] = mapped_column(Text)
    snapshot: Mapped[str] = mapped_column(Text)
    previous_version: Mapped[str | None] = mapped_column(String(VERSION_LENGTH))
    concepts: Mapped[int] = mapped_column(BigInteger)
    active_concepts: Mapped[int] = mapped_column(BigInteger)
    mappings: Mapped[int] = mapped_column(BigInteger)
    active_mappings: Mapped[int] = mapped_column(BigInteger)
    content_changed_at: Mapped[datetime] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[str] = mapped_column(String(64))
    updated_by: Mapped[str] = mapped_column(String(64))
    extras: Mapped[str] = mapped_column(Text, default="{}")
    export_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("export.id", ondelete="SET NULL"), unique=True)

    repository: Mapped[Repository] = relationship(lazy="joined")


def take_repository_revision(repository_id: int) -> Revision:
    """Take the repository's next revision inside the writing transaction; see :func:`app.models.take_revision`.

    Its row stays locked until the commit: commits are in the order of revisions, and their instants rise strictly.
    """
    counted = db.session.execute(
        update(Repository)
        .where(Repository.id == repository_id)
        .values(revision=Repository.revision + 1)
        .returning(Repository.revision, Repository.changed_at)
        .execution_options(synchronize_session=False)
    ).one()
    at = max(clock.now(), counted.changed_at + MILLISECOND)
    db.session.execute(
        update(Repository)
        .where(Repository.id == repository_id)
        .values(changed_at=at)
        .execution_options(synchronize_session=False)
    )
    return Revision(counted.revision, at)
