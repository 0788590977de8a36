"""Templates: the schema of an entity kind, its attributes and its metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.extensions import Base
from app.models.types import BigId, Id, Instant, one_of

DATA_TYPES = (
    "patient",
    "device",
    "caregiver",
    "organization-user",
    "usage-session",
    "device-alert",
    "patient-alert",
    "command",
    "generic-entity",
    "registration-code",
    "organization",
)
ATTRIBUTE_TYPES = (
    "LABEL",
    "PARAGRAPH",
    "INTEGER",
    "DECIMAL",
    "BOOLEAN",
    "SINGLE_SELECT",
    "MULTI_SELECT",
    "PHONE",
    "EMAIL",
    "DATE_TIME",
    "DATE",
    "REFERENCE",
    "LINK",
    "FILE",
    "IMAGE",
)
FILE_TYPES = ("FILE", "IMAGE")


class Template(Base):
    """What entities of one kind look like. ``name`` is the machine's word, ``label`` the person's."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("tenant_id", "name"), one_of("data_type", DATA_TYPES, "data_type"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"))
    data_type: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(36))
    label: Mapped[str] = mapped_column(String(64))
    description: Mapped[str | None] = mapped_column(String(1000))
    product_model: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(Instant, default=clock.now)

    attributes: Mapped[list[TemplateAttribute]] = relationship(
        order_by="TemplateAttribute.position", lazy="selectin", cascade="all, delete-orphan"
    )
    metrics: Mapped[list[Metric]] = relationship(order_by="Metric.id", lazy="select", cascade="all, delete-orphan")

    def attribute(self, name: str) -> TemplateAttribute | None:
        return next((known for known in self.attributes if known.name == name), None)


class TemplateAttribute(Base):
    """One attribute of a template. Whether it identifies people says :attr:`is_identifying`, not ``phi`` alone.

    ``kind`` is one of :data:`ATTRIBUTE_TYPES`; ``choices`` is ``[{"value", "label"}]`` for the select kinds; ``low``
    and ``high`` bound numbers; ``media_types``, ``max_bytes`` and ``max_files`` rule FILE and IMAGE;
    ``reference_data_type`` says what a REFERENCE points at, ``reference_label`` what the other side calls the list of
    those that point at it; ``repository_id`` is of the terminology source whose concepts' codes a LABEL's values are.
    """

    __tablename__ = "template_attribute"
    __table_args__ = (UniqueConstraint("template_id", "name"), one_of("kind", ATTRIBUTE_TYPES, "kind"))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, default=uuid4)
    template_id: Mapped[UUID] = mapped_column(Id, ForeignKey("template.id"))
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    unit: Mapped[str | None] = mapped_column(String(32))
    hint: Mapped[str | None] = mapped_column(String(300))
    choices: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    mandatory: Mapped[bool] = mapped_column(default=False)
    unique: Mapped[bool] = mapped_column(default=False)
    phi: Mapped[bool] = mapped_column(default=False)
    low: Mapped[float | None] = mapped_column(Float(53))
    high: Mapped[float | None] = mapped_column(Float(53))
    media_types: Mapped[list[str] | None] = mapped_column(JSON)
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    max_files: Mapped[int] = mapped_column(default=1)
    reference_data_type: Mapped[str | None] = mapped_column(String(32))
    reference_label: Mapped[str | None] = mapped_column(String(100))
    repository_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("repository.id"))

    @property
    def is_identifying(self) -> bool:
        """Whether its values may tell who somebody is: marked so by ``phi``, or files, whose names often say it."""
        return self.phi or self.kind in FILE_TYPES


class Metric(Base):
    """Something measured by the things of a template. Booleans are measured as 0 and 1.

    ``description`` says to people what is measured and how; the data dictionary and archives repeat it.
    """

    __tablename__ = "metric"
    __table_args__ = (
        UniqueConstraint("template_id", "name", "part"),
        one_of("kind", ("numeric", "boolean"), "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    tenant_id: Mapped[UUID] = mapped_column(Id, ForeignKey("tenant.id"), index=True)
    template_id: Mapped[UUID] = mapped_column(Id, ForeignKey("template.id"))
    name: Mapped[str] = mapped_column(String(64))
    label: Mapped[str] = mapped_column(String(100))
    unit: Mapped[str | None] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16), default="numeric")
    part: Mapped[str] = mapped_column(String(64), default="")
    normal_low: Mapped[float | None] = mapped_column(Float(53))
    normal_high: Mapped[float | None] = mapped_column(Float(53))
    description: Mapped[str | None] = mapped_column(String(1000))

    @property
    def called(self) -> str:
        """What programs and reports call it: its name, with its part before it where a thing has several."""
        return f"{self.part}.{self.name}" if self.part else self.name
