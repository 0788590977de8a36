"""What a report asks for, checked once and kept as JSON beside the export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.errors import Invalid
from app.models.template import DATA_TYPES

FORMATS = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
"""Each format and its media type."""
MEASUREMENTS = "measurements"
"""What is measured is no entity, but a report can hold it like one."""
REPORTED = (*DATA_TYPES, MEASUREMENTS)
PERIODS = {"creation": "created_at", "modification": "updated_at"}
ORDERS = ("asc", "desc")
LEAST_FILE_BYTES = 50_000
MOST_FILE_BYTES = 1_000_000_000
MOST_ENTITIES = 1_000
MOST_QUERIES = 50


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What to put into a report of one data type; the words are those of :class:`ReportParams`."""

    data_type: str
    period: str = "creation"
    start: datetime | None = None
    end: datetime | None = None
    template_ids: tuple[UUID, ...] = ()
    order: str = "desc"
    sorted_by: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One data type that a report asks for: a query, or one of those that share one period.

    :param number: which query it is; ``None`` when all data types share one
    :param stem: what its files' names begin with
    :param params: the report as if it asked for nothing else
    """

    data_type: str
    number: int | None
    stem: str
    params: ReportParams


@dataclass(frozen=True, slots=True)
class ReportParams:
    """What to put into a report.

    :param data_types: one file, or several when split, for each of these; ``measurements`` is one of them
    :param period: which time the period and the order go by: ``creation`` or ``modification``; measurements go by their
        own time
    :param start: the period is ``[start, end)``, in UTC; one open end is allowed, two only with ``entity_ids``
    :param template_ids: only these templates; empty is all of them
    :param max_file_bytes: split so that no file is longer, in bytes as downloaded; one record longer stands alone
    :param entity_ids: only these entities ("export this patient"); empty is all of them
    :param with_files: also the files attached to them, as they were at the snapshot
    :param without_phi: leave out the attributes that a template marks as identifying
    :param for_spreadsheets: CSV with a byte-order mark, and text that would run as a formula made harmless
    :param sorted_by: which time the order goes by, when it is not the period's
    :param queries: instead of one period for all data types: each with a period, templates and an order of its own;
        see :meth:`of_queries`
    """

    data_types: tuple[str, ...]
    period: str = "creation"
    start: datetime | None = None
    end: datetime | None = None
    template_ids: tuple[UUID, ...] = ()
    order: str = "desc"
    format: str = "json"
    max_file_bytes: int | None = None
    entity_ids: tuple[UUID, ...] = ()
    with_files: bool = False
    without_phi: bool = False
    for_spreadsheets: bool = False
    sorted_by: str | None = None
    queries: tuple[ReportQuery, ...] = ()

    @classmethod
    def of_queries(
        cls, queries: Iterable[ReportQuery], file_format: str = "json", max_file_bytes: int | None = None
    ) -> ReportParams:
        """A report of several queries; plain, if a plain one asks for the very same."""
        some = tuple(queries)
        data_types = tuple(dict.fromkeys(one.data_type for one in some))
        shared = cls(data_types, format=file_format, max_file_bytes=max_file_bytes)
        if not _can_share(some, data_types):
            return replace(shared, queries=some)
        return replace(shared, template_ids=some[0].template_ids, **_terms(some[0]))

    def asked(self) -> Iterator[Asked]:
        """What is asked for, data type by data type, in order."""
        if not self.queries:
            for data_type in self.data_types:
                yield Asked(data_type, None, data_type, self)
        types = [one.data_type for one in self.queries]
        for number, query in enumerate(self.queries):
            before = types[:number].count(query.data_type)
            stem = query.data_type if types.count(query.data_type) == 1 else f"{query.data_type}.{before + 1}"
            yield Asked(query.data_type, number, stem, self.of_query(number))

    def of_query(self, number: int | None) -> ReportParams:
        """The report as if it asked for that query alone; itself, when there are none."""
        if number is None:
            return self
        query = self.queries[number]
        return replace(
            self, queries=(), data_types=(query.data_type,), template_ids=query.template_ids, **_terms(query)
        )

    @property
    def measured(self) -> bool:
        """Whether measurements are asked for."""
        return MEASUREMENTS in self.data_types

    def check(self) -> None:
        """Refuse what cannot be exported, whoever asks.

        :raises Invalid: with a sentence for each field that is wrong
        """
        wrong = self.faults()
        if wrong:
            raise Invalid(fields=wrong)

    def faults(self) -> dict[str, str]:
        """What is wrong, whoever asks: a sentence for each field."""
        if not self.queries:
            return dict(_faults(self))
        found = {} if len(self.queries) <= MOST_QUERIES else {"queries": f"Send at most {MOST_QUERIES} queries."}
        if self.entity_ids or self.with_files:
            found["queries"] = "Chosen records and attached files cannot go with queries."
        for asked in self.asked():
            found |= {f"queries[{asked.number}].{name}": words for name, words in _faults(asked.params)}
        return found

    def to_json(self) -> str:
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return orjson.dumps(plain).decode()

    @classmethod
    def from_json(cls, text: str) -> ReportParams:
        plain: dict[str, Any] = orjson.loads(text)
        for name in ("start", "end"):
            plain[name] = datetime.fromisoformat(plain[name]) if plain[name] else None
        for name in ("template_ids", "entity_ids"):
            plain[name] = tuple(UUID(one) for one in plain[name])
        plain["data_types"] = tuple(plain["data_types"])
        plain["queries"] = tuple(_query(one) for one in plain.get("queries", ()))
        return cls(**plain)


def _query(plain: dict[str, Any]) -> ReportQuery:
    for name in ("start", "end"):
        plain[name] = datetime.fromisoformat(plain[name]) if plain[name] else None
    plain["template_ids"] = tuple(UUID(one) for one in plain["template_ids"])
    return ReportQuery(**plain)


def _terms(query: ReportQuery) -> dict[str, Any]:
    """What a query says besides its data type and its templates."""
    return {name: getattr(query, name) for name in ("period", "start", "end", "order", "sorted_by")}


def _can_share(queries: tuple[ReportQuery, ...], data_types: tuple[str, ...]) -> bool:
    """Whether the queries differ in their data types alone."""
    first = queries[0]
    alike = all(_terms(one) == _terms(first) and one.template_ids == first.template_ids for one in queries)
    return alike and len(queries) == len(data_types)


def _faults(params: ReportParams) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not params.data_types:
        found.append(("data_types", "Choose at least one data type."))
    elif unknown := [one for one in params.data_types if one not in REPORTED]:
        found.append(("data_types", f"There is no data type called {unknown[0][:40]!r}."))
    elif len(set(params.data_types)) != len(params.data_types):
        found.append(("data_types", "Choose each data type once."))
    if params.period not in PERIODS:
        found.append(("period", "Choose a creation period or a modification period."))
    if params.sorted_by is not None and params.sorted_by not in PERIODS:
        found.append(("sorted_by", "Choose the time of creation or that of the last change."))
    found += _period_faults(params)
    if params.order not in ORDERS:
        found.append(("order", "Choose oldest first or newest first."))
    if params.format not in FORMATS:
        found.append(("format", "Choose JSON, NDJSON, CSV or Parquet."))
    size = params.max_file_bytes
    if size is not None and not LEAST_FILE_BYTES <= size <= MOST_FILE_BYTES:
        found.append(("max_file_bytes", "Choose a size between 50 kB (50,000 bytes) and 1 GB (1,000,000,000 bytes)."))
    return found + _choice_faults(params)


def _choice_faults(params: ReportParams) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if len(params.template_ids) > MOST_ENTITIES:
        found.append(("template_ids", f"Choose at most {MOST_ENTITIES:,} templates."))
    if len(params.entity_ids) > MOST_ENTITIES:
        found.append(("entity_ids", f"Choose at most {MOST_ENTITIES:,} records one by one."))
    if params.with_files and params.without_phi:
        words = "Attached files can identify people, so they cannot go with leaving out what identifies."
        found.append(("with_files", words))
    return found


def _period_faults(params: ReportParams) -> list[tuple[str, str]]:
    if params.start is None and params.end is None:
        return [] if params.entity_ids else [("start", "Say from when, until when, or both.")]
    for name, moment in (("start", params.start), ("end", params.end)):
        if moment is not None and moment.tzinfo is None:
            return [(name, "Say in which time zone this is.")]
    if params.start is not None and params.end is not None and params.start >= params.end:
        return [("end", "The end of the period must be after its beginning.")]
    return []
