"""SQL for measurements as they were at a revision: the sealed blocks of a range, and the rows of stretches of it.

Current values and those corrected since are read in one statement: between two, a value could move. All numbers are
whole numbers of ours, so they stand in the text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from app.rows.source import Range, among
from app.rows.stretches import Gap

Instant = Callable[[int], str]
"""How a database writes an instant of so many milliseconds."""
COLUMNS = "series_id, time, metric_id, value"
_FEW_STRETCHES = 4
"""So many are written out: a planner sees which partitions they lie in. More are joined to."""


def as_number(milliseconds: int) -> str:
    """An instant as SQLite holds it."""
    return f"{milliseconds:d}"


def as_timestamp(milliseconds: int) -> str:
    """An instant as PostgreSQL reads it."""
    return f"'{np.datetime64(milliseconds, 'ms')}Z'::timestamptz"


def current_statement(series: int, start: int, stop: int, instant: Instant, most: int) -> str:
    """The current values of a series in ``[start, stop)`` with their batches, the first so many, by time and metric."""
    return (
        "SELECT time, metric_id, value, batch FROM measurement"  # noqa: S608  # see above
        f" WHERE series_id = {series:d} AND time >= {instant(start)} AND time < {instant(stop)}"
        f" ORDER BY time, metric_id LIMIT {most:d}"
    )


def blocks_statement(wanted: Range, instant: Instant, milliseconds: str) -> str:
    """The blocks that meet a range and were true at its revision, by series and start.

    :param milliseconds: a column of instants as whole milliseconds, with ``{}`` for its name
    """
    return (
        f"SELECT series_id, {milliseconds.format('start')}, {milliseconds.format('stop')}, body"  # noqa: S608  # see above
        f" FROM measurement_block WHERE {_of_series(wanted.series)} AND start < {instant(wanted.end)}"
        f" AND stop > {instant(wanted.start)} AND revision <= {wanted.revision:d} ORDER BY series_id, start"
    )


def rows_of(wanted: Range, gaps: Sequence[Gap], instant: Instant, join: str) -> str:
    """A union of SELECTs of :data:`COLUMNS`: the rows of stretches of a range. In no order.

    :param join: how the rows are joined to many stretches: ``{gaps}`` is their list of three columns, ``{table}``
        the table, ``{chosen}`` what is asked of a row; ``gap.series_id``, ``.start`` and ``.stop`` are the stretch's
    """
    by_span: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for gap in gaps:
        by_span[gap.start, gap.stop].append(gap.series)
    return " UNION ALL ".join(
        one
        for table, also in (
            ("measurement", ""),
            ("measurement_history", f" AND superseded_by > {wanted.revision:d}"),
        )
        for one in _selects(table, f"{among(wanted.metrics)} AND batch <= {wanted.revision:d}{also}", by_span,
                            instant, join)
    )  # fmt: skip


def _selects(
    table: str, chosen: str, by_span: dict[tuple[int, int], list[int]], instant: Instant, join: str
) -> Iterator[str]:
    if len(by_span) > _FEW_STRETCHES:
        listed = ", ".join(
            f"({series:d}, {instant(start)}, {instant(stop)})"
            for (start, stop), own in by_span.items()
            for series in own
        )
        yield join.format(gaps=f"(VALUES {listed})", table=table, chosen=chosen)
        return
    for (start, stop), own in by_span.items():
        within = f"{_of_series(own)} AND time >= {instant(start)} AND time < {instant(stop)}"
        yield f"SELECT {COLUMNS} FROM {table} WHERE {within} AND {chosen}"  # noqa: S608  # see above


def _of_series(series: Sequence[int]) -> str:
    if len(series) == 1:
        return f"series_id = {series[0]:d}"
    return f"series_id IN ({', '.join(f'{number:d}' for number in series)})"
