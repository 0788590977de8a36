"""Reports found by what they are: conditions joined by and, or, not; sorted; page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import selectinload

from app import clock
from app.access import visible_exports
from app.actor import Actor
from app.errors import Invalid, NotFound
from app.exports.params import ReportParams
from app.exports.requests import get_export
from app.extensions import db
from app.models import Export, ExportFile, Organization
from app.models.types import Instant
from app.models.user import Membership

KIND = "report"
EXPRESSIBLE_FORMATS = ("json", "csv")
FILES_AT_ONCE = 20_000
OPERATORS = ("eq", "in", "like", "lt", "lte", "gt", "gte", "null")
NAMES = ("id", "label", "state", "callback_url", "max_file_bytes", "requested_at", "changed_at", "owner_id",
         "organization_id")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """``operator`` of :data:`OPERATORS` on a fact of :data:`NAMES`; ``value`` is of the fact's own type, for ``in`` a
    list of such, for ``null`` whether it shall be absent.
    """

    name: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions, and groups of them: ``all``, ``any`` or ``none`` must hold. No member at all always holds."""

    how: str = "all"
    members: tuple[Condition | Conditions, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportSearch:
    """What to look for. ``sort`` holds (name, whether descending); ``text`` words of which one must occur."""

    conditions: Conditions = Conditions()
    sort: tuple[tuple[str, bool], ...] = ()
    text: str | None = None
    limit: int = 100
    offset: int = 0


def find_reports(actor: Actor, search: ReportSearch) -> tuple[Sequence[Export], int]:
    """The reports that the actor may see and that a contract can express: one page of them, and how many there are.

    Their files are loaded with them.

    :raises Invalid: the page's reports have more files than fit into one answer
    """
    wanted = visible_exports(actor).where(Export.kind == KIND, _format().in_(EXPRESSIBLE_FORMATS))
    wanted = wanted.where(_all_of(search.conditions))
    if search.text:
        wanted = wanted.where(or_(*(_mentions(word) for word in search.text.split()[:20])))
    total = db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    columns = {name: _column(name) for name, _ in search.sort}
    order = [columns[name].desc() if descending else columns[name].asc() for name, descending in search.sort]
    page = wanted.order_by(*order, Export.requested_at.desc(), Export.id).limit(search.limit).offset(search.offset)
    _refuse_too_many_files(page.with_only_columns(Export.id), search.limit)
    return db.session.scalars(page.options(selectinload(Export.files), selectinload(Export.owner))).all(), int(total)


def get_report(actor: Actor, export_id: UUID) -> Export:
    """A report that the actor may see and that a contract can express.

    :raises NotFound: there is none
    """
    export = get_export(actor, export_id)
    if not expressible(export):
        raise NotFound("There is no such report.")
    return export


def report_of(export_id: UUID) -> Export | None:
    """A report for what goes on without the person who asked for it: ``None`` when it is gone."""
    return db.session.get(Export, export_id, populate_existing=True)


def expressible(export: Export) -> bool:
    """Whether a contract has words for it: an export of another kind, or in a format of our own, it has not."""
    return export.kind == KIND and ReportParams.from_json(export.params).format in EXPRESSIBLE_FORMATS


def settled_state(export: Export) -> tuple[str, datetime]:
    """The state as it is now and since when: what has expired says so before anybody has looked after it."""
    is_over = export.expires_at is not None and export.expires_at <= clock.now()
    if export.state in ("ready", "expired") and is_over:
        return "expired", export.expires_at or export.requested_at
    return export.state, export.finished_at or export.started_at or export.requested_at


def _all_of(group: Conditions) -> ColumnElement[bool]:
    if not group.members:
        return true()
    parts = [_all_of(one) if isinstance(one, Conditions) else _condition(one) for one in group.members]
    if group.how == "any":
        return or_(*parts)
    return and_(*parts) if group.how == "all" else not_(or_(*parts))


def _condition(one: Condition) -> ColumnElement[bool]:
    column: ColumnElement[Any] = _column(one.name)
    if one.operator == "null":
        return column.is_(None) if one.value else column.is_not(None)
    if one.operator == "in":
        return _known(column.in_(one.value))
    if one.operator == "like":
        return _known(cast(column, String).icontains(str(one.value), autoescape=True))
    compared: dict[str, ColumnElement[bool]] = {
        "eq": column == one.value,
        "lt": column < one.value,
        "lte": column <= one.value,
        "gt": column > one.value,
        "gte": column >= one.value,
    }
    return _known(compared[one.operator])


def _known(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """What is absent fits no condition, so that it fits the opposite of each."""
    return func.coalesce(condition, literal(False))


def _mentions(word: str) -> ColumnElement[bool]:
    texts = (Export.label, Export.callback_url, cast(Export.id, String), _column("state"))
    return or_(*(func.coalesce(cast(text, String).icontains(word, autoescape=True), literal(False)) for text in texts))


def _column(name: str) -> Any:
    if name == "state":
        return case((_is_over(), literal("expired")), else_=Export.state)
    if name == "changed_at":
        last = func.coalesce(Export.finished_at, Export.started_at, Export.requested_at, type_=Instant())
        return case((_is_over(), Export.expires_at), else_=last)
    if name == "max_file_bytes":
        return _params()["max_file_bytes"].as_integer()
    if name == "organization_id":
        return _home()
    return getattr(Export, name).expression


def _is_over() -> ColumnElement[bool]:
    return and_(Export.state.in_(("ready", "expired")), Export.expires_at <= clock.now())


def _home() -> ColumnElement[UUID]:
    """The organization that the requester belongs to first: the tenant's root before any other."""
    return (
        select(Membership.organization_id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.user_id == Export.owner_id)
        .order_by(Organization.is_root.desc(), Membership.organization_id)
        .limit(1)
        .correlate(Export)
        .scalar_subquery()
    )


def _format() -> Any:
    return _params()["format"].as_string()


def _params() -> Any:
    """What was asked for, as JSON that the database can look into: SQLite does so in any text."""
    if db.engine.dialect.name == "sqlite":
        return type_coerce(Export.params, JSON)
    return cast(Export.params, JSON)


def _refuse_too_many_files(ids: Any, limit: int) -> None:
    if limit > 1:
        page = ids.subquery()
        files = db.session.scalar(
            select(func.count()).select_from(ExportFile).join(page, page.c.id == ExportFile.export_id)
        )
        if (files or 0) > FILES_AT_ONCE:
            raise Invalid(fields={"limit": f"These reports have {files:,} files together. Ask for fewer at once."})
