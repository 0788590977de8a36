"""Versions of a repository: HEAD, and its releases. Each is a revision; a collection's also what it draws on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import func, select

from app.actor import Actor
from app.errors import NotFound
from app.extensions import db
from app.models import Release, Repository
from app.models.terminology import NUMBERS_OF_A_REPOSITORY
from app.rows.terms import Drawn
from app.terminology.addresses import HEAD, Address, is_code
from app.terminology.drawing import Draw, counted, draws_of_heads
from app.terminology.repositories import MOST_LISTED, Listed, get_repository

UNKNOWN_VERSION = "The repository has no such version."


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a version holds; the active ones are not retired."""

    concepts: int
    active_concepts: int
    mappings: int
    active_mappings: int


@dataclass(frozen=True, slots=True)
class Version:
    """HEAD (``release`` is None) or a release of a repository: what it holds is decided by ``revision`` and ``draws``.

    ``content_changed_at`` is when its content changed last: the contract's ``lastUpdated``, from which a subscriber
    asks for what came later.
    """

    repository: Repository
    release: Release | None
    revision: int
    draws: tuple[Draw, ...]
    counts: Counts
    content_changed_at: datetime

    @property
    def id(self) -> str:
        return HEAD if self.release is None else self.release.version

    @property
    def is_head(self) -> bool:
        return self.release is None

    @property
    def is_released(self) -> bool:
        return self.release is not None and self.release.released

    @property
    def address(self) -> Address:
        return Address.of(self.repository)

    @property
    def created_at(self) -> datetime:
        return self.repository.created_at if self.release is None else self.release.created_at

    @property
    def updated_at(self) -> datetime:
        return self.repository.changed_at if self.release is None else self.release.updated_at

    @property
    def order(self) -> tuple[bool, int, datetime]:
        """Of one repository's versions the older has the lower: HEAD is the newest. (Releases of one number hold the
        same of a source, and of a collection what its sources held when they were made.)"""
        return self.is_head, self.revision, self.created_at

    def drawn(self, table: str, *, active_only: bool = False) -> tuple[Drawn, ...]:
        """Which rows of ``concept`` or ``mapping`` it holds."""
        found = []
        for draw in self.draws:
            ids = draw.ids(table)
            if ids is None or ids:
                found.append(Drawn(table, draw.repository_id, draw.revision, ids, active_only))
        return tuple(found)


def get_version(actor: Actor | None, address: Address, version: str = HEAD) -> Version:
    """HEAD or a release. Ids are compared exactly: ``v2`` is not ``v2.1``.

    :raises NotFound: there is no such repository, or no such version of it
    :raises Forbidden: it is private
    """
    return version_within(get_repository(actor, address), version)


def version_within(repository: Repository, version: str) -> Version:
    """As :func:`get_version`, of a repository at hand.

    :raises NotFound: it has no such version
    """
    return head_of(repository) if version == HEAD else version_of(find_release(repository, version))


def latest_version(actor: Actor | None, address: Address) -> Version:
    """The newest *released* version.

    :raises NotFound: there is none
    """
    repository = get_repository(actor, address)
    found = latest_versions([repository]).get(repository.id)
    if found is None:
        raise NotFound("The repository has no released version.")
    return found


def latest_versions(repositories: Sequence[Repository]) -> dict[int, Version]:
    """The newest *released* version of each repository at hand that has one, by the repository's id."""
    newest_first = Release.created_at.desc(), Release.id.desc()
    place = func.row_number().over(partition_by=Release.repository_id, order_by=newest_first).label("place")
    ids = [one.id for one in repositories]
    placed = select(Release.id, place).where(Release.repository_id.in_(ids), Release.released.is_(True)).subquery()
    newest = select(Release).join(placed, placed.c.id == Release.id).where(placed.c.place == 1)
    return {one.repository_id: version_of(one) for one in db.session.scalars(newest).unique()}


def list_versions(
    actor: Actor | None,
    address: Address,
    *,
    released: bool | None = None,
    since: datetime | None = None,
    limit: int = 25,
    offset: int = 0,
) -> Listed[Version]:
    """A repository's versions, newest first; HEAD, which is not released, is the last.

    :param released: only released ones, or only others
    :param since: only those changed at that instant or later
    """
    repository = get_repository(actor, address)
    return versions_of(repository, released=released, since=since, limit=limit, offset=offset)


def versions_of(
    repository: Repository,
    *,
    released: bool | None = None,
    since: datetime | None = None,
    limit: int = 25,
    offset: int = 0,
) -> Listed[Version]:
    """As :func:`list_versions`, of a repository at hand."""
    conditions = [Release.repository_id == repository.id]
    if released is not None:
        conditions.append(Release.released.is_(released))
    if since is not None:
        conditions.append(Release.updated_at >= since)
    total = db.session.scalar(select(func.count()).select_from(Release).where(*conditions)) or 0
    wanted = (
        select(Release)
        .where(*conditions)
        .order_by(Release.created_at.desc(), Release.id.desc())
        .limit(min(limit, MOST_LISTED))
        .offset(offset)
    )
    rows = [version_of(one) for one in db.session.scalars(wanted).unique()]
    with_head = released is not True and (since is None or repository.changed_at >= since)
    if with_head and offset <= total < offset + limit:
        rows.append(head_of(repository))
    return Listed(rows, total + with_head)


def head_of(repository: Repository) -> Version:
    """The repository as it is now."""
    return heads_of([repository])[0]


def heads_of(repositories: Sequence[Repository]) -> list[Version]:
    """Repositories at hand as they are now, in their order."""
    drawn = draws_of_heads([one for one in repositories if one.kind == "collection"])
    return [_head(one, drawn.get(one.id)) for one in repositories]


def _head(repository: Repository, drawn: tuple[tuple[Draw, ...], datetime] | None) -> Version:
    if drawn is None:
        counts = Counts(
            repository.concepts, repository.active_concepts, repository.mappings, repository.active_mappings
        )
        draws: tuple[Draw, ...] = (Draw(repository.id, repository.revision, None, None),)
        changed = repository.content_changed_at or repository.changed_at
    else:
        draws, changed = drawn
        counts = Counts(*counted(draws))
    return Version(repository, None, repository.revision, draws, counts, changed)


def version_of(release: Release) -> Version:
    """A release as a version."""
    repository = release.repository
    counts = Counts(release.concepts, release.active_concepts, release.mappings, release.active_mappings)
    if release.draws is None:
        draws: tuple[Draw, ...] = (Draw(repository.id, release.revision, None, None),)
    else:
        draws = tuple(Draw.from_plain(one) for one in orjson.loads(release.draws))
    return Version(repository, release, release.revision, draws, counts, release.content_changed_at)


def find_release(repository: Repository, version: str) -> Release:
    """
    :raises NotFound: the repository has no such release
    """
    if not is_code(version):
        raise NotFound(UNKNOWN_VERSION)
    statement = select(Release).where(Release.repository_id == repository.id, Release.version == version)
    found = db.session.scalars(statement.execution_options(populate_existing=True)).unique().one_or_none()
    if found is None:
        raise NotFound(UNKNOWN_VERSION)
    return found


def number_of(term_id: int) -> int:
    """A concept's or mapping's number within its repository."""
    return term_id % NUMBERS_OF_A_REPOSITORY
