"""Measurements as this contract shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.api.biot import present
from app.api.parse import EPOCH, Fields
from app.measurements import WHOLE, Bin, Failure, Sample

_MILLISECOND = timedelta(milliseconds=1)
_Place = tuple[str, str, str]
"""Metric, source, session."""


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // _MILLISECOND


def moment(time_ms: int) -> str | None:
    """As every time of this contract."""
    return present.instant(EPOCH + timedelta(milliseconds=time_ms))


def sample(one: Sample) -> present.Json:
    """What was measured at one instant; nobody is an empty text, for clients insist on one."""
    return {
        "patientId": str(one.patient_id or ""),
        "sessionId": str(one.session_id or ""),
        "sourceEntityId": one.device_key or "",
        "timestamp": moment(one.time_ms),
        "data": dict(one.data),
    }


def failure(one: Failure) -> present.Json:
    """What could not be kept, and why."""
    whole = one.attribute == WHOLE
    return {
        "attributeName": one.attribute or "metadata",
        "code": one.code,
        "description": one.words,
        "entireMessageFailure": "ENTIRE_MESSAGE_FAILURE" if whole else "PARTIAL_MESSAGE_FAILURE",
    }


def page(fields: Fields, following: str | None, limit: int) -> present.Json:
    """What stands beside a page: the filter and the order that were asked for, and the way on."""
    filters = fields.object("filter")
    return {
        "nextToken": following,
        "limitPerPage": limit,
        "sort": [{"prop": "timestamp", "order": "ASC"}],
        "filter": {name: filters.raw(name) for name in filters.names()} if filters else {},
    }


def token(place: tuple[int, int]) -> str:
    """The way to the page behind a sample."""
    return f"{place[0]}.{place[1]}"


def read_token(text: str) -> tuple[int, int] | None:
    """What :func:`token` gave; None for anything else."""
    time, _, series = text.partition(".")
    try:
        place = int(time), int(series)
        moment(place[0])
    except (ValueError, OverflowError):
        return None
    return place if abs(place[1]) < 2**53 else None


def joined(bins: Iterable[Bin]) -> list[present.Json]:
    """Bins of several metrics side by side, where they are of the same time."""
    by_time: defaultdict[tuple[int, int], present.Json] = defaultdict(dict)
    for one in bins:
        by_time[one.start_ms, one.stop_ms][one.name] = _numbers(one)
    return [
        {"timestamp": {"from": moment(start), "to": moment(stop)}, "data": data}
        for (start, stop), data in by_time.items()
    ]


def nested_samples(samples: Iterable[Sample]) -> list[present.Json]:
    """By metric, source and session."""
    found: defaultdict[_Place, list[present.Json]] = defaultdict(list)
    for one in samples:
        for name, value in one.data.items():
            found[_place(name, one)].append({"timestamp": moment(one.time_ms), "data": [value]})
    return _nested(found)


def nested_bins(bins: Sequence[Bin], series: Mapping[int, Sample]) -> list[present.Json]:
    """By metric, source and session."""
    found: defaultdict[_Place, list[present.Json]] = defaultdict(list)
    for one in bins:
        if one.series_id is not None:
            found[_place(one.name, series[one.series_id])].append({"timestamp": moment(one.start_ms), **_numbers(one)})
    return _nested(found)


def _place(name: str, whose: Sample) -> _Place:
    return name, whose.device_key or "", str(whose.session_id or "")


def _nested(found: Mapping[_Place, list[present.Json]]) -> list[present.Json]:
    attributes: dict[str, dict[str, list[Any]]] = {}
    for (name, source, session), measured in found.items():
        sessions = attributes.setdefault(name, {}).setdefault(source, [])
        sessions.append({"sessionId": session, "measurements": measured})
    return [
        {
            "attributeName": name,
            "sources": [
                {"sourceEntityId": source, "measurementSessions": sessions} for source, sessions in sources.items()
            ],
        }
        for name, sources in attributes.items()
    ]


def _numbers(one: Bin) -> present.Json:
    return {"average": one.mean, "standardDeviation": one.deviation}
