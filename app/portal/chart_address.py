"""The address of a page of measurements: what it asks for, read and written, so that it can be kept and shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from app import clock
from app.errors import Invalid
from app.measurements import Asked
from app.models import Entity
from app.models.types import EPOCH, MILLISECOND, to_milliseconds
from app.portal.typed import several

DAY_MS = 86_400_000
PERIODS = {
    "24-hours": ("24 hours", DAY_MS),
    "7-days": ("7 days", 7 * DAY_MS),
    "30-days": ("30 days", 30 * DAY_MS),
    "90-days": ("90 days", 90 * DAY_MS),
    "year": ("1 year", 365 * DAY_MS),
}
"""Stretches that end now; an address without a period shows everything."""
LAYOUTS = {"overlaid": "Overlaid", "stacked": "Stacked"}
MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values an address asks for. Periods are milliseconds since 1970, both ends included.

    :param period: a key of :data:`PERIODS` that stands for the ends, or empty
    :param layout: a key of :data:`LAYOUTS`, or empty for what suits the metrics
    :param page: of the table of what is drawn
    """

    metric_ids: tuple[int, ...] = ()
    start_ms: int | None = None
    end_ms: int | None = None
    order: Literal["asc", "desc"] = "desc"
    cursor: str | None = None
    period: str = ""
    layout: str = ""
    device_ids: tuple[UUID, ...] = ()
    location_id: UUID | None = None
    page: int = 1

    @classmethod
    def parse(cls, args: MultiDict[str, str]) -> Wanted:
        """Read an address.

        :raises Invalid: ``fields`` names what cannot be read: metric, from, to, order, period, layout, device, location
        """
        faults: dict[str, str] = {}
        metric_ids = _metric_ids(args.getlist("metric"), faults)
        start, end = (_instant(args.get(name), name, faults) for name in ("from", "to"))
        order = _one_of(args, "order", ("asc", "desc"), "Values are ordered asc or desc.", faults) or "desc"
        period = _one_of(args, "period", PERIODS, "Choose a period from the list.", faults)
        layout = _one_of(args, "layout", LAYOUTS, "A chart is overlaid or stacked.", faults)
        devices = _ids(several(args, "device"), "device", "One of the devices is not there.", faults)
        locations = _ids(several(args, "location")[:1], "location", "There is no such location.", faults)
        if faults:
            raise Invalid(fields=faults)
        if start is not None or end is not None:
            period = ""
        elif period:
            end = to_milliseconds(clock.now())
            start = end - PERIODS[period][1]
        return cls(
            metric_ids, start, end, "asc" if order == "asc" else "desc", args.get("cursor"), period, layout, devices,
            locations[0] if locations else None, min(max(args.get("page", 1, type=int), 1), MOST_PAGES),
        )  # fmt: skip

    @property
    def asked(self) -> Asked:
        return Asked(self.metric_ids, self.device_ids, self.location_id, self.start_ms, self.end_ms)

    def within(self, start_ms: int, end_ms: int) -> Wanted:
        """The same of another period."""
        return replace(self, start_ms=start_ms, end_ms=end_ms, period="", cursor=None, page=1)

    def lately(self, period: str) -> Wanted:
        """The same of a preset, or of everything when it is empty."""
        return replace(self, start_ms=None, end_ms=None, period=period, cursor=None, page=1)

    def url(self, entity: Entity, **more: Any) -> str:
        """The address of this; ``more`` is put in beside it."""
        own = {
            "metric": ",".join(map(str, self.metric_ids)) or None,
            "device": list(self.device_ids) or None,
            "location": self.location_id,
            "period": self.period or None,
            "from": None if self.period else field_value(self.start_ms),
            "to": None if self.period else field_value(self.end_ms),
            "layout": self.layout or None,
            "order": "asc" if self.order == "asc" else None,
            "page": self.page if self.page > 1 else None,
        }
        return url_for("portal.charts.values", data_type=entity.data_type, entity_id=entity.id, **(own | more))


def field_value(milliseconds: int | None) -> str | None:
    """An instant as a form's field and an address hold it, in UTC."""
    if milliseconds is None:
        return None
    instant = EPOCH + milliseconds * MILLISECOND
    precision = "milliseconds" if milliseconds % 1000 else "seconds" if milliseconds % 60_000 else "minutes"
    return instant.replace(tzinfo=None).isoformat(timespec=precision)


def _metric_ids(given: Sequence[str], faults: dict[str, str]) -> tuple[int, ...]:
    words = [word for part in given for word in part.split(",") if word]
    if all(word.isascii() and word.isdigit() and len(word) < 18 for word in words) and len(words) <= 100:
        return tuple(dict.fromkeys(int(word) for word in words))
    faults["metric"] = "Choose a metric from the list."
    return ()


def _instant(text: str | None, name: str, faults: dict[str, str]) -> int | None:
    """Milliseconds since 1970, or a date and time (UTC unless it says otherwise) as the form sends it."""
    if not text:
        return None
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 16:
        return int(text)
    try:
        known = datetime.fromisoformat(text)
        return to_milliseconds(known if known.tzinfo else known.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        faults[name] = "Enter a date and a time, such as 2024-03-11 14:05."
        return None


def _one_of(
    args: MultiDict[str, str], name: str, known: Sequence[str] | dict[str, Any], words: str, faults: dict[str, str]
) -> str:
    given = args.get(name) or ""
    if given and given not in known:
        faults[name] = words
        return ""
    return given


def _ids(texts: Sequence[str], name: str, words: str, faults: dict[str, str]) -> tuple[UUID, ...]:
    try:
        return tuple(UUID(text) for text in texts if text)
    except ValueError:
        faults[name] = words
        return ()
