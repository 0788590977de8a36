"""What a kind of export is: a subject, its files, and how their bytes are made. Nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection

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
    frozen: dict[str, Any] = field(hash=False)
    part_rows: int
    fragment_rows: int


@dataclass(frozen=True, slots=True)
class PlannedFragment:
    """A run of a file's records that is compressed by itself.

    ``task`` (plain JSON values) is all that the kind's recipe is made of; ``rows`` are promised: records, or values of
    measurements.
    """

    rows: int
    task: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that the archive will hold. ``layout`` (plain JSON values) is for its recipes and its description.

    A ``stored`` file is compressed in itself (Parquet): the archive keeps it as it is, made of one fragment. In a file
    that ``counts_values`` the rows promised are values of measurements, of which many weigh as much as one record.
    """

    name: str
    subject: str
    media_type: str
    layout: dict[str, Any]
    fragments: list[PlannedFragment] = field(default_factory=list)
    stored: bool = False
    counts_values: bool = False


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A published file: how it was planned, and where it lies in the archive."""

    subject: str
    media_type: str
    layout: dict[str, Any]
    member: Member


class Kind(Protocol):
    """One kind. All methods are decided by their arguments and the snapshot: never by the clock or the requester."""

    called: str
    """What its archives' names begin with."""

    shared: bool
    """Nobody's own: it lives as long as what it is of (no retention), and is cancelled and deleted with it alone."""

    fingerprinted: bool
    """Whether each file's own SHA-256 is told. Of a file that several builders wrote it is learned by inflating it."""

    longest_label: int
    """Characters that what the requester calls one may have."""

    def subject(self, export_id: UUID, tenant_id: UUID, params: str) -> str:
        """What is exported; of each subject one export may be pending."""
        ...

    def check(self, actor: Actor, params: Any) -> None:
        """Refuse what cannot be exported, or not by this actor.

        :raises Forbidden: ``reason`` is ``permission`` or ``exports_disabled``
        :raises Invalid: with a sentence for each field that is wrong
        """
        ...

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """What decides the bytes and is not numbered by revisions; the actor's rights are asked here once more."""
        ...

    def confirm(self, actor: Actor, params: Any) -> None:
        """Ask the actor, before it is asked for, to show once more that it is they, where what it holds wants that.

        :raises ProofNeeded: nothing was changed
        """
        ...

    def may_take(self, actor: Actor, frozen: dict[str, Any], params: str) -> None:
        """Refuse whoever may not, or may no longer, have everything that the archive holds.

        :raises Forbidden: with words for the person who asked
        """
        ...

    def files(self, order: Order, snapshot: Connection) -> Iterator[PlannedFile]:
        """The files of the archive and the fragments that make them, in order; at least one fragment for each.

        :param snapshot: a read transaction in which ``order.revision`` is the newest one: what it reads from the
            current tables and the roll-ups is the state at that revision, so nothing need be looked up in the history
        """
        ...

    def recipe(
        self, order: Order, layout: dict[str, Any], task: dict[str, Any], *, first: bool, last: bool
    ) -> dict[str, Any]:
        """What the builder is told to make one fragment: plain values, see :mod:`app.builder`.

        :param first: the fragment is the first of its file; ``last`` likewise
        """
        ...

    def describe(self, order: Order, files: list[BuiltFile]) -> PackageDescription | None:
        """The archive's account of itself; ``None`` where a contract wants the files alone."""
        ...
