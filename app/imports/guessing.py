"""What the columns of a file probably are, by their names and what stands in them. A person looks before it counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.arrow import pa
from app.imports import instants
from app.imports.devices import Measured, plain, spellings
from app.imports.mapping import Columns
from app.imports.sniffing import Found

_TIME_NAMES = ("time", "timestamp", "datetime", "date", "zeit", "zeitstempel", "datum", "recorded", "measured", "ts")
_DEVICE_NAMES = ("device", "deviceid", "devicekey", "thing", "serial", "serialnumber", "gerät", "geräteid")
_METRIC_NAMES = ("metric", "metricname", "parameter", "measurement", "variable", "attribute", "name", "type")
_VALUE_NAMES = ("value", "wert", "result", "reading", "measuredvalue")
_COUNTED = re.compile(r"[+-]?\d{1,15}([.,]\d{1,9})?")
_NUMERIC = re.compile(r"[+-]?[\d.,]+([eE][+-]?\d+)?")
_HALF, _MOST = 0.5, 0.8
"""Of a column's cells, to be taken for something."""


@dataclass(frozen=True, slots=True)
class Guess:
    """``ambiguous``: day and month cannot be told apart; ``zoneless``: the times do not say their zone."""

    columns: Columns
    ambiguous: bool
    zoneless: bool


def guess(found: Found, metrics: Sequence[Measured], *, several: bool) -> Guess:
    """What the columns are, as far as it can be told."""
    plains = [plain(name) for name in found.names]
    time, kind, ambiguous = _time(found, plains)
    device = _named(plains, _DEVICE_NAMES) if several else None
    known = spellings(metrics)
    taken = {time, device}
    wide = _by_name(found.names, plains, known, taken)
    metric = next((p for p in range(len(plains)) if p not in taken and _holds_names(found.column(p), known)), None)
    if metric is None and not wide:
        metric = _named(plains, _METRIC_NAMES)
    value = _named(plains, _VALUE_NAMES) if metric is not None else None
    if metric is not None and value is None:
        value = next(
            (p for p in range(len(plains)) if p not in {*taken, metric} and _is_numeric(found.column(p))), None
        )
    is_long = metric is not None and not wide
    columns = Columns(
        layout="long" if is_long else "wide",
        time=time,
        time_kind=kind,
        decimal=_decimal(found, {time, device}),
        device=device,
        metric=metric if is_long else None,
        value=value if is_long else None,
        metrics={} if is_long else wide,
    )
    return Guess(columns, ambiguous, zoneless_in(found, time, "dmy" if ambiguous else kind))


def zoneless_in(found: Found, column: int | None, kind: str | None) -> bool:
    """Whether some of the first times do not say in which zone they are."""
    if column is None or kind not in instants.WITHOUT_ZONE or not (texts := found.column(column)):
        return False
    times = instants.times_of(pa.array(texts), kind, None)
    return bool((times.states == instants.ZONELESS).any())


def kinds_of(texts: Sequence[str]) -> dict[str, float]:
    """How many of the texts each kind of time can read, as a share."""
    if not texts:
        return {}
    column = pa.array(list(texts))
    shares = {}
    for kind in instants.KINDS:
        states = instants.times_of(column, kind, "UTC").states
        shares[kind] = float(np.count_nonzero(states == instants.OK)) / len(texts)
    return shares


def _time(found: Found, plains: Sequence[str]) -> tuple[int | None, str | None, bool]:
    by_name = [p for p, name in enumerate(plains) if any(name.startswith(word) for word in _TIME_NAMES)]
    others = [p for p in range(len(plains)) if p not in by_name]
    for place in [*by_name, *others]:
        kind, ambiguous = _kind(found.column(place), is_named=place in by_name)
        if kind or ambiguous:
            return place, kind, ambiguous
    return (by_name[0] if by_name else None), None, False


def _kind(texts: Sequence[str], *, is_named: bool) -> tuple[str | None, bool]:
    """The kind of time in a column; whether that cannot be told because day and month could be either."""
    shares = kinds_of(texts)
    if not shares:
        return None, False
    if shares["iso"] >= _HALF:
        return "iso", False
    if max(shares["dmy"], shares["mdy"]) >= _HALF:
        if any("." in text[:6] for text in texts) and shares["dmy"] == 1:
            return "dmy", False
        if shares["dmy"] == shares["mdy"]:
            return None, True
        return ("dmy" if shares["dmy"] > shares["mdy"] else "mdy"), False
    counted = [abs(float(text.replace(",", "."))) for text in texts if _COUNTED.fullmatch(text)]
    if len(counted) < _MOST * len(texts):
        return None, False
    middle = sorted(counted)[len(counted) // 2]
    # Whole numbers may be anything: unless the name says time, they must lie in years in which things are measured.
    if not is_named and not (5e8 <= middle < 4e9 or 5e11 <= middle < 4e12):
        return None, False
    return ("epoch_ms" if middle >= 1e11 else "epoch_s"), False


def _named(plains: Sequence[str], words: Sequence[str]) -> int | None:
    exact = next((p for word in words for p, name in enumerate(plains) if name == word), None)
    if exact is not None:
        return exact
    return next((p for word in words[:3] for p, name in enumerate(plains) if name.startswith(word)), None)


def _by_name(
    names: Sequence[str], plains: Sequence[str], known: dict[str, str], taken: set[int | None]
) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, name in enumerate(names):
        without_unit = plain(re.sub(r"[(\[].*?[)\]]", "", name))
        metric = known.get(name.strip()) or known.get(plains[place]) or known.get(without_unit)
        if metric and place not in taken and metric not in found.values():
            found[place] = metric
    return found


def _holds_names(texts: Sequence[str], known: dict[str, str]) -> bool:
    distinct = set(texts)
    return bool(distinct) and sum(plain(text) in known for text in distinct) >= _MOST * len(distinct)


def _is_numeric(texts: Sequence[str]) -> bool:
    return bool(texts) and sum(bool(_NUMERIC.fullmatch(text)) for text in texts) >= len(texts) / 2


def _decimal(found: Found, not_there: set[int | None]) -> str:
    texts = [text for p in range(len(found.names)) if p not in not_there for text in found.column(p)]
    commas = sum(bool(re.fullmatch(r"[+-]?\d*,\d+", text)) for text in texts)
    points = sum(bool(re.fullmatch(r"[+-]?\d*\.\d+", text)) for text in texts)
    return "," if commas > points else "."
