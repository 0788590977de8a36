"""Times as people and machines write them, a whole column at once: five kinds, in a zone of their own or one given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa, pc
from app.measurements.batch import EARLIEST_MS, LATEST_MS

KINDS = {
    "iso": "2024-03-31T14:05:06.250+01:00 (ISO 8601)",
    "dmy": "31.03.2024 14:05:06 (day first)",
    "mdy": "03/31/2024 2:05:06 PM (month first)",
    "epoch_s": "1711893906 (seconds since 1970)",
    "epoch_ms": "1711893906250 (milliseconds since 1970)",
}
WITHOUT_ZONE = ("iso", "dmy", "mdy")
"""Kinds whose text may leave open in which zone it is."""
MONTH_OR_DAY = ("dmy", "mdy")

DAY_MS, MINUTE_MS, QUARTER_MS = 86_400_000, 60_000, 900_000
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_ZONE = r"\s?(?P<zulu>Z|z|UTC|GMT)?(?:(?P<sign>[+-])(?P<ahead>\d{2})(?::?(?P<minutes>\d{2}))?)?"
_ISO = rf"^(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?:[T ]\s*{_CLOCK})?{_ZONE}$"
_DMY = rf"^(?P<day>\d{{1,2}})[./-](?P<month>\d{{1,2}})[./-](?P<year>\d{{4}})(?:[T,]?\s*{_CLOCK})?{_ZONE}$"
_MDY = rf"^(?P<month>\d{{1,2}})[./-](?P<day>\d{{1,2}})[./-](?P<year>\d{{4}})(?:[T,]?\s*{_CLOCK})?{_ZONE}$"
_PATTERNS = {"iso": _ISO, "dmy": _DMY, "mdy": _MDY}
_FIELDS = ("year", "month", "day", "hour", "minute", "second", "part", "half", "zulu", "sign", "ahead", "minutes")
_PLAIN_ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:|Z?$)"
_EPOCH = r"^[+-]?\d{1,15}(?:[.,]\d{1,9})?$"

OK, MISSING, UNREAD, ZONELESS, RANGE, TWICE, NEVER = range(7)
CODES = ("", "NO_TIME", "TIME", "ZONE", "TIME_RANGE", "TIME_TWICE", "TIME_NEVER")
"""The reason for each state but the first."""

Integers = NDArray[np.int64]
States = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds since 1970, UTC, and the state of each."""

    ms: Integers
    states: States


def zones() -> list[str]:
    """The zones that may be chosen, UTC first."""
    return ["UTC", *(name for name in _zones() if name != "UTC")]


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


def is_zone(name: str) -> bool:
    return name == "UTC" or name in _zones()


def times_of(column: pa.StringArray, kind: str, zone: str | None) -> Times:
    """A column of trimmed texts as instants.

    :param kind: a key of :data:`KINDS`
    :param zone: where the clock stood whose texts do not say it; None: such texts are not taken
    """
    missing = _array(pc.equal(column, ""), bool)
    if kind in WITHOUT_ZONE:
        local, states, offset, said = _written(column, kind)
    else:
        local, states = _counted(column, kind)
        offset, said = np.zeros(len(local), dtype=np.int64), np.ones(len(local), dtype=np.bool_)
    states[missing] = MISSING
    outside = (states == OK) & ((local < EARLIEST_MS - DAY_MS) | (local >= LATEST_MS + DAY_MS))
    states[outside] = RANGE
    ms = local - offset
    open_ = (states == OK) & ~said
    if open_.any():
        if zone is None:
            states[open_] = ZONELESS
        else:
            ms[open_], states[open_] = _from_local(local[open_], zone)
    states[(states == OK) & ((ms < EARLIEST_MS) | (ms >= LATEST_MS))] = RANGE
    return Times(ms, states)


def _array(values: pa.Array, dtype: type) -> NDArray[Any]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=dtype)


def _counted(column: pa.StringArray, kind: str) -> tuple[Integers, States]:
    scale = 1000 if kind == "epoch_s" else 1
    try:
        if pc.any(pc.match_substring(column, "x", ignore_case=True)).as_py():
            # Arrow takes hexadecimal numbers, too.
            raise pa.ArrowInvalid
        # Exact below 2**53, and what is greater lies out of range.
        numbers = _array(pc.cast(column, pa.int64()), np.int64).astype(np.float64)
        known = np.ones(len(numbers), dtype=np.bool_)
    except pa.ArrowInvalid:
        matched = pc.match_substring_regex(column, _EPOCH)
        plain = pc.replace_substring(pc.if_else(matched, column, "0"), ",", ".")
        known = _array(matched, bool)
        numbers = _array(pc.cast(pc.utf8_ltrim(plain, "+"), pa.float64()), np.float64)
    states = np.where(known, OK, UNREAD).astype(np.uint8)
    far = np.abs(numbers) >= 1e15 / scale
    states[known & far] = RANGE
    return np.round(np.where(far, 0.0, numbers) * scale).astype(np.int64), states


def _written(column: pa.StringArray, kind: str) -> tuple[Integers, States, Integers, NDArray[np.bool_]]:
    if kind == "iso" and (quick := _quick(column)) is not None:
        return quick
    parts = pc.extract_regex(column, _PATTERNS[kind])
    matched = _array(pc.is_valid(parts), bool)
    field = {name: pc.fill_null(pc.struct_field(parts, name), "") for name in _FIELDS}
    year, month, day, hour, minute, second, ahead, minutes = (
        _digits(field[name]) for name in ("year", "month", "day", "hour", "minute", "second", "ahead", "minutes")
    )
    half = pc.utf8_lower(field["half"])
    has_half = _array(pc.not_equal(half, ""), bool)
    is_afternoon = _array(pc.starts_with(half, "p"), bool)
    fits = matched & (month >= 1) & (month <= 12) & (day >= 1) & (minute < 60) & (second < 60) & (hour < 24)
    fits &= ~has_half | ((hour >= 1) & (hour <= 12))
    hour = np.where(has_half, hour % 12 + 12 * is_afternoon, hour)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    begins = months.astype("datetime64[D]")
    fits &= day <= ((months + 1).astype("datetime64[D]") - begins).astype(np.int64)
    thousandths = _digits(pc.utf8_slice_codeunits(pc.utf8_rpad(field["part"], 3, "0"), 0, 3))
    within = (hour * 60 + minute) * MINUTE_MS + second * 1000 + thousandths
    local = (begins.astype(np.int64) + day - 1) * DAY_MS + within
    minus = _array(pc.equal(field["sign"], "-"), bool)
    offset = np.where(minus, -1, 1) * (ahead * 60 + minutes) * MINUTE_MS
    fits &= (ahead <= 18) & (minutes < 60)
    said = _array(pc.or_(pc.not_equal(field["zulu"], ""), pc.not_equal(field["sign"], "")), bool)
    states = np.where(fits, OK, UNREAD).astype(np.uint8)
    return np.where(fits, local, 0), states, np.where(fits, offset, 0), said


def _digits(texts: pa.StringArray) -> Integers:
    return np.asarray(_array(pc.cast(pc.if_else(pc.equal(texts, ""), "0", texts), pa.int64()), np.int64))


def _quick(column: pa.StringArray) -> tuple[Integers, States, Integers, NDArray[np.bool_]] | None:
    """A column in which every text is strict ISO 8601, all with a zone or all without; None for any other."""
    # Arrow reads more forms than these: then it would be a cell's neighbours that decide whether it is taken.
    if not pc.all(pc.match_substring_regex(column, _PLAIN_ISO)).as_py():
        return None
    for kind, said in ((pa.timestamp("us", "UTC"), True), (pa.timestamp("us"), False)):
        try:
            found = pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
        ms = _array(found.cast(pa.int64()), np.int64) // 1000
        count = len(ms)
        zero = np.zeros(count, dtype=np.int64)
        return ms, np.zeros(count, dtype=np.uint8), zero, np.full(count, said, dtype=np.bool_)
    return None


def _from_local(local: Integers, name: str) -> tuple[Integers, States]:
    """Instants at which the clocks of a zone showed these times; no guess where they showed one twice, or never."""
    states = np.zeros(len(local), dtype=np.uint8)
    if name == "UTC":
        return local, states
    zone = ZoneInfo(name)
    days, which = np.unique(np.floor_divide(local, DAY_MS), return_inverse=True)
    bounds = {day: _offset(day * DAY_MS, zone) for day in {int(d) + n for d in days for n in (-1, 0, 1, 2)}}
    # Where the offset is the same from the day before until the day after, no clock was turned.
    steady = np.array([len({bounds[int(day) + n] for n in (-1, 0, 1, 2)}) == 1 for day in days])
    offsets = np.array([bounds[int(day)] for day in days], dtype=np.int64)
    ms = local - offsets[which]
    turned = np.flatnonzero(~steady[which])
    if len(turned):
        ms[turned], states[turned] = _by_quarters(local[turned], zone)
    return ms, states


def _by_quarters(local: Integers, zone: ZoneInfo) -> tuple[Integers, States]:
    """Clocks are turned at whole quarters of an hour: one look for each."""
    quarters, which = np.unique(np.floor_divide(local, QUARTER_MS), return_inverse=True)
    offsets = np.zeros(len(quarters), dtype=np.int64)
    states = np.zeros(len(quarters), dtype=np.uint8)
    for place, quarter in enumerate(quarters.tolist()):
        shown = quarter * QUARTER_MS
        earlier, later = _offset(shown, zone, 0), _offset(shown, zone, 1)
        offsets[place] = earlier
        if earlier != later:
            # In a gap the later reading has the greater offset; in a repeated hour the smaller one.
            states[place] = NEVER if later > earlier else TWICE
    return local - offsets[which], states[which]


_EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC)


def _offset(shown_ms: int, zone: ZoneInfo, fold: int = 0) -> int:
    shown = (_EPOCH_DAY + timedelta(milliseconds=shown_ms)).replace(tzinfo=zone, fold=fold)
    return round((shown.utcoffset() or timedelta()) / timedelta(milliseconds=1))
