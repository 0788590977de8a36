"""Measurements: the chart's values as JSON, the same values as a table, and the cards of an entity's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import numpy as np
from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from numpy.typing import NDArray
from werkzeug.datastructures import MultiDict

from app import measurements
from app.errors import Invalid
from app.measurements import Chart, ValuesPage
from app.models import Entity, Metric
from app.models.types import EPOCH, MILLISECOND, to_milliseconds
from app.portal import measured
from app.portal.measurement_export import export_url
from app.portal.presenting import entity_url, kind_word, plural
from app.portal.signed_in import current_actor

bp = Blueprint("charts", __name__, url_prefix="/entities")

PAGE_ROWS = 100
LAST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which values an address asks for. Periods are milliseconds since 1970, both ends included."""

    metric_ids: tuple[int, ...] = ()
    start_ms: int | None = None
    end_ms: int | None = None
    order: Literal["asc", "desc"] = "desc"
    cursor: str | None = None

    @classmethod
    def parse(cls, args: MultiDict[str, str]) -> Wanted:
        """Read an address.

        :raises Invalid: ``fields`` names what cannot be read: metric, from, to or order
        """
        faults: dict[str, str] = {}
        metric_ids = _metric_ids(args.getlist("metric"), faults)
        start, end = (_instant(args.get(name), name, faults) for name in ("from", "to"))
        order = args.get("order") or "desc"
        if order not in ("asc", "desc"):
            faults["order"] = "Values are ordered asc or desc."
        if faults:
            raise Invalid(fields=faults)
        return cls(metric_ids, start, end, "asc" if order == "asc" else "desc", args.get("cursor"))


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


@bp.get("/<data_type>/<uuid:entity_id>/chart")
def data(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """What the chart's script asks for, again with each zoom."""
    try:
        wanted = Wanted.parse(request.args)
        chart = measurements.chart_of(
            current_actor(), entity_id, wanted.metric_ids, wanted.start_ms, wanted.end_ms, data_type=data_type
        )
    except Invalid as refusal:
        return jsonify(error=refusal.message), 400
    return jsonify(_drawn(chart))


def _drawn(chart: Chart) -> dict[str, Any]:
    units = {line.metric.unit for line in chart.lines}
    drawn = {
        "title": measured.title_of([line.metric for line in chart.lines]) if chart.lines else "No values",
        "unit": (next(iter(units)) or "") if len(units) == 1 else "",
        "series": [
            {"label": line.label, "unit": line.metric.unit or "", "normal": _normal(line.metric)}
            for line in chart.lines
        ],
        "x": (chart.times / 1000).tolist(),
        "y": _rows(chart.ys),
        "resolution": chart.resolution,
    }
    if chart.lows is not None and chart.highs is not None:
        drawn |= {"low": _rows(chart.lows), "high": _rows(chart.highs)}
    return drawn


def _normal(metric: Metric) -> list[float | None] | None:
    if metric.normal_low is None and metric.normal_high is None:
        return None
    return [metric.normal_low, metric.normal_high]


def _rows(lines: NDArray[np.float64]) -> list[list[float | None]]:
    gapped = lines.astype(object)
    gapped[np.isnan(lines)] = None
    rows: list[list[float | None]] = gapped.tolist()
    return rows


@bp.get("/<data_type>/<uuid:entity_id>/measurements")
def values(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """The values as a table in pages, with their chart above it; all of it an address that can be shared."""
    errors: dict[str, str] = {}
    try:
        wanted = Wanted.parse(request.args)
        page = _page(data_type, entity_id, wanted)
    except Invalid as refusal:
        # The page says what is wrong beside the form, and shows everything meanwhile.
        errors, wanted = _beside_fields(refusal), Wanted()
        page = _page(data_type, entity_id, wanted)
    entity = page.entity
    return render_template(
        "charts/values.html",
        entity=entity,
        title=f"{kind_word(entity)} {entity.caption}",
        trail=[
            (plural(data_type), url_for("portal.browse.list", data_type=data_type)),
            (entity.caption, entity_url(data_type, entity_id)),
        ],
        page=page,
        rows=measured.shown_readings(page.rows),
        errors=errors,
        metric_options=_metric_options(page.metrics, wanted),
        measurements_url=_export_url(page, wanted),
        **_shown_filters(wanted),
        **_addresses(page, wanted),
    ), 400 if errors else 200


def _export_url(page: ValuesPage, wanted: Wanted) -> str | None:
    """The form that exports what the page shows."""
    if not page.metrics:
        return None
    return export_url(current_actor(), page.entity, wanted.metric_ids, wanted.start_ms, wanted.end_ms)


def _beside_fields(refusal: Invalid) -> dict[str, str]:
    """The words for each field of the form; what has no field (a page's address) is about the form as a whole."""
    return {name if name in ("metric", "from", "to") else "": words for name, words in refusal.fields.items()}


def _page(data_type: str, entity_id: UUID, wanted: Wanted) -> ValuesPage:
    return measurements.values_table(
        current_actor(), entity_id, wanted.metric_ids, wanted.start_ms, wanted.end_ms,
        order=wanted.order, cursor=wanted.cursor, limit=PAGE_ROWS, data_type=data_type,
    )  # fmt: skip


def _metric_options(metrics: Sequence[Metric], wanted: Wanted) -> list[tuple[str, str]]:
    """Each metric, each set of metrics that shares a unit, and the set that the address names."""
    by_unit: dict[str, list[Metric]] = {}
    for metric in metrics:
        if metric.unit and metric.kind != "boolean":
            by_unit.setdefault(metric.unit, []).append(metric)
    sets = [shared for shared in by_unit.values() if 1 < len(shared) < len(metrics)]
    options = [(_joined(shared), f"{measured.title_of(shared)} ({shared[0].unit})") for shared in sets]
    options += [(str(metric.id), metric.label) for metric in metrics]
    chosen = ",".join(map(str, wanted.metric_ids))
    if chosen and chosen not in {value for value, _ in options}:
        options.insert(0, (chosen, "The chosen metrics"))
    return options


def _joined(metrics: Sequence[Metric]) -> str:
    return ",".join(str(metric.id) for metric in metrics)


def _shown_filters(wanted: Wanted) -> dict[str, Any]:
    """The form's fields as the address filled them; what could not be read stands there as it was typed."""
    typed = {name: request.args.get(name, "")[:40] for name in ("from", "to")}
    known = {"from": wanted.start_ms, "to": wanted.end_ms}
    return {
        "chosen": ",".join(map(str, wanted.metric_ids)),
        "order": wanted.order,
        "is_filtered": bool(wanted.metric_ids) or any(typed.values()),
        "from_value": _field_value(known["from"]) or typed["from"],
        "to_value": _field_value(known["to"]) or typed["to"],
    }


def _field_value(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    instant = EPOCH + milliseconds * MILLISECOND
    precision = "milliseconds" if milliseconds % 1000 else "seconds" if milliseconds % 60_000 else "minutes"
    return instant.replace(tzinfo=None).isoformat(timespec=precision)


def _addresses(page: ValuesPage, wanted: Wanted) -> dict[str, Any]:
    data_type, entity_id = page.entity.data_type, page.entity.id
    start, end = _field_value(wanted.start_ms), _field_value(wanted.end_ms)

    def table(order: str, cursor: str | None = None) -> str:
        more = {"from": start, "to": end, "order": "asc" if order == "asc" else None, "cursor": cursor}
        return measured.values_url(data_type, entity_id, wanted.metric_ids, **more)

    drawn = len(wanted.metric_ids) or len(page.metrics)
    period = {"from": wanted.start_ms, "to": wanted.end_ms}
    return {
        "here_url": url_for(".values", data_type=data_type, entity_id=entity_id),
        "turn_url": table("asc" if wanted.order == "desc" else "desc"),
        "previous_url": table(wanted.order, page.previous) if page.previous else None,
        "next_url": table(wanted.order, page.next) if page.next else None,
        "chart_url": measured.chart_url(data_type, entity_id, wanted.metric_ids, **period)
        if 0 < drawn <= measured.MOST_LINES
        else None,
        "chart_title": measured.title_of(_chosen(page.metrics, wanted)) if page.metrics else "",
    }


def _chosen(metrics: Sequence[Metric], wanted: Wanted) -> list[Metric]:
    return [metric for metric in metrics if not wanted.metric_ids or metric.id in wanted.metric_ids]


@bp.app_context_processor
def _for_cards() -> dict[str, Any]:
    return {"measured_groups": measured.groups_of, "last_readings": _last_readings}


def _last_readings(entity: Entity, metric_ids: Sequence[int]) -> list[tuple[str, list[str]]]:
    """The newest values of a card's metrics, as rows of one instant each."""
    page = measurements.values_table(
        current_actor(), entity.id, metric_ids, limit=LAST_ROWS * len(metric_ids)
    )
    return measured.side_by_side(page.rows, metric_ids)[:LAST_ROWS]


