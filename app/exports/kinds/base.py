"""What a kind of export is: a subject, its files, and how their bytes are made. Nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from app.actor import Actor
from app.archive import Member, PackageDescription


@dataclass(frozen=True, slots=True)
class Order:
    """An export as its workers see it: what was asked, at which snapshot, and what the plan froze."""

    export_id: UUID
    tenant_id: UUID
    params: str
    revision: int
    at: datetime
    frozen: dict[str, Any]
    part_rows: int
    fragment_rows: int


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A run of fragments of one file: ``task`` (plain JSON values) is all that its builder is told."""

    task: dict[str, Any]
    rows: int


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that the archive will hold. ``layout`` (plain JSON values) is for its builder and its description."""

    name: str
    subject: str
    media_type: str
    layout: dict[str, Any]
    parts: list[PlannedPart] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """Bytes of a file that become one fragment, and how many records they hold."""

    data: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A published file: how it was planned, and where it lies in the archive."""

    subject: str
    media_type: str
    layout: dict[str, Any]
    member: Member


class Kind(Protocol):
    """One kind. All methods are decided by their arguments and the snapshot: never by the clock or the requester."""

    def subject(self, export_id: UUID, params: str) -> str:
        """What is exported; of each subject one export may be pending."""
        ...

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """What decides the bytes and is not numbered by revisions; the actor's rights are asked here once more."""
        ...

    def may_take(self, actor: Actor, frozen: dict[str, Any]) -> None:
        """Refuse whoever may not, or may no longer, have everything that the archive holds.

        :raises Forbidden: with words for the person who asked
        """
        ...

    def files(self, order: Order) -> Iterator[PlannedFile]:
        """The files of the archive and the parts that make them, in order."""
        ...

    def pages(self, order: Order, layout: dict[str, Any], task: dict[str, Any]) -> Iterator[Page]:
        """The pages of one part, at least one; the pages of all its parts in order are the file."""
        ...

    def describe(self, order: Order, files: list[BuiltFile]) -> PackageDescription:
        """The archive's account of itself."""
        ...
