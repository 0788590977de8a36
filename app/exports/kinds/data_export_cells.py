"""How single cells are written, letter by letter as a builder writes whole columns: for previews and estimates."""

from __future__ import annotations

from app.models.types import from_milliseconds


def written_instant(milliseconds: int) -> str:
    """``2020-01-07T21:20:00.000Z``."""
    moment = from_milliseconds(milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z".zfill(24)


def written_number(value: float) -> str:
    """The shortest text that reads back as the same number, as Arrow writes it: ``83``, ``0.5``, ``1.5e+10``."""
    digits, exponent = _shortest(abs(value))
    sign = "-" if str(value).startswith("-") else ""
    if -6 <= exponent < 10:
        return sign + _plain(digits, exponent)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _shortest(value: float) -> tuple[str, int]:
    """The digits that tell the number from its neighbours, and the power of ten of the first one."""
    if value == 0:
        return "0", 0
    # repr() is the shortest text that reads back; of it only the digits and the point's place are taken.
    mantissa, _, power = repr(float(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    every = whole + ("" if fraction == "0" and not power else fraction)
    exponent = int(power or 0) + len(whole) - 1
    digits = every.lstrip("0")
    exponent -= len(every) - len(digits)
    return digits.rstrip("0") or "0", exponent


def _plain(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits.ljust(exponent + 1, "0")
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
