"""Numbers as people and machines write them, a whole column at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrow import pa, pc
from app.measurements.batch import GREATEST

OK, EMPTY, UNREAD, UNBOUNDED, GREAT, NO_BOOLEAN = range(6)
CODES = ("", "", "NUMBER", "NOT_FINITE", "TOO_LARGE", "BOOLEAN")
"""The reason for each state; an empty cell is no fault: nothing was measured then."""

EMPTY_WORDS = ("", "-", "–", "na", "n/a", "null")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_NUMBER = {
    ".": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?$",
    ",": r"^[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d{1,9})?$",
}
_UNBOUNDED = r"^[+-]?(nan|inf|infinity|∞)$"


def values_of(column: pa.StringArray, decimal: str) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """A column of trimmed texts as numbers, and the state of each.

    :param decimal: ``.`` or ``,``: the sign before a number's fraction; thousands are never parted
    """
    lower = pc.utf8_lower(column)
    empty = pc.is_in(lower, pa.array(EMPTY_WORDS))
    texts = pc.if_else(empty, "0", column)
    states = np.where(mask_of(empty), EMPTY, OK).astype(np.uint8)
    if decimal == "," or (numbers := _quick(texts)) is None:
        known = pc.match_substring_regex(texts, _NUMBER[decimal])
        plain = pc.utf8_ltrim(pc.replace_substring(pc.if_else(known, texts, "0"), ",", "."), "+")
        numbers = _doubles(pc.cast(plain, pa.float64()))
        states[~mask_of(known)] = UNREAD
        states[mask_of(pc.match_substring_regex(lower, _UNBOUNDED))] = UNBOUNDED
    states[(states == OK) & ~np.isfinite(numbers)] = UNBOUNDED
    states[(states == OK) & (np.abs(np.where(np.isfinite(numbers), numbers, 0)) > GREATEST)] = GREAT
    return numbers, states


def booleans_of(column: pa.StringArray) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """As :func:`values_of`, of what is yes or no."""
    lower = pc.utf8_lower(column)
    true = mask_of(pc.is_in(lower, pa.array(_TRUE)))
    known = true | mask_of(pc.is_in(lower, pa.array(_FALSE)))
    empty = mask_of(pc.is_in(lower, pa.array(EMPTY_WORDS)))
    states = np.where(empty, EMPTY, np.where(known, OK, NO_BOOLEAN)).astype(np.uint8)
    return true.astype(np.float64), states


def _quick(texts: pa.StringArray) -> NDArray[np.float64] | None:
    """Where every text is a plain number; Arrow's own words for what is not finite are found afterwards."""
    try:
        return _doubles(pc.cast(texts, pa.float64()))
    except pa.ArrowInvalid:
        return None


def _doubles(column: pa.Array) -> NDArray[np.float64]:
    return np.array(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def mask_of(values: Any) -> NDArray[np.bool_]:
    """Arrow's yes and no as NumPy's."""
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.bool_)
