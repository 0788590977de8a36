"""Measurements: the chart's values as JSON, the same values as a table, and the cards of an entity's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from numpy.typing import NDArray

from app import catalog, measurements
from app.errors import Invalid, Unavailable
from app.measurements import Chart, Look
from app.models import Entity, Metric
from app.portal import measured
from app.portal.chart_address import Wanted, field_value
from app.portal.chart_page import can_be_looked_at, shown
from app.portal.presenting import entity_url, kind_word, plural
from app.portal.signed_in import current_actor

bp = Blueprint("charts", __name__, url_prefix="/entities")

PAGE_ROWS = 100
LAST_ROWS = 8


@bp.get("/<data_type>/<uuid:entity_id>/chart")
def data(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """What the chart's script asks for, again with each zoom."""
    try:
        wanted = Wanted.parse(request.args)
        chart = measurements.chart_of(
            current_actor(), entity_id, wanted.metric_ids, wanted.start_ms, wanted.end_ms, data_type=data_type
        )
        drawn = _drawn(chart)
    except Invalid as refusal:
        return jsonify(error=refusal.message), 400
    catalog.note_view(current_actor(), catalog.get_entity(current_actor(), entity_id, data_type), "chart")
    return jsonify(drawn)


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
    """Measurements to look at: a chart, and the same as a table; all of it an address that can be kept and shared.

    A script asks for the part that changes alone.
    """
    errors: dict[str, str] = {}
    try:
        wanted = Wanted.parse(request.args)
        part = _looking(data_type, entity_id, wanted)
    except Invalid as refusal:
        # The page says what is wrong beside the form, and shows everything meanwhile.
        errors, wanted = _beside_fields(refusal), Wanted()
        part = _looking(data_type, entity_id, wanted)
    entity: Entity = part["entity"]
    is_part = bool(request.headers.get("HX-Request")) and not errors
    page = render_template(
        f"charts/{'_looking' if is_part else 'values'}.html", errors=errors, **_heading(entity), **part
    )
    catalog.note_view(current_actor(), entity, "chart" if is_part else "measurements")
    return page, 400 if errors else 200


def _heading(entity: Entity) -> dict[str, Any]:
    data_type = entity.data_type
    return {
        "title_of_page": f"{kind_word(entity)} {entity.caption}",
        "trail": [
            (plural(data_type), url_for("portal.browse.list", data_type=data_type)),
            (entity.caption, entity_url(data_type, entity.id)),
        ],
    }


def _looking(data_type: str, entity_id: UUID, wanted: Wanted) -> dict[str, Any]:
    """What changes when somebody looks at another period, or at other metrics."""
    actor = current_actor()
    entity = measurements.subject_of(actor, entity_id, data_type)
    common = {"entity": entity, "here_url": url_for(".values", data_type=data_type, entity_id=entity_id)}
    try:
        look = measurements.look_at(actor, entity_id, wanted.asked, data_type=data_type)
    except Unavailable as refusal:
        return {
            **common,
            **_shown_filters(wanted),
            "look": None,
            "too_much": refusal.message,
            "month_url": _month_url(entity),
        }
    drawn = replace(wanted, metric_ids=tuple(metric.id for metric in look.drawn))
    table = {} if look.scope.is_place or look.is_empty else _table(drawn, look)
    return {**common, **_shown_filters(wanted), **shown(actor, look, wanted), "page": None, "rows": [], **table}


def _month_url(entity: Entity) -> str:
    return Wanted(period="30-days").url(entity)


def _table(wanted: Wanted, look: Look) -> dict[str, Any]:
    """The values themselves, of the metrics that are drawn, in pages."""
    page = measurements.values_table(
        current_actor(), look.entity.id, wanted.metric_ids, wanted.start_ms, wanted.end_ms,
        order=wanted.order, cursor=wanted.cursor, limit=PAGE_ROWS, data_type=look.entity.data_type,
        device_ids=wanted.device_ids,
    )  # fmt: skip

    def at(cursor: str | None) -> str | None:
        return None if cursor is None else wanted.url(look.entity, cursor=cursor, page=None) + "#values"

    other = "desc" if wanted.order == "asc" else "asc"
    return {
        "page": page,
        "rows": measured.shown_readings(page.rows),
        "turn_url": wanted.url(look.entity, order=None if other == "desc" else other, page=None) + "#values",
        "previous_url": at(page.previous),
        "next_url": at(page.next),
    }


def _beside_fields(refusal: Invalid) -> dict[str, str]:
    """The words for each field of the form; what has no field (a page's address) is about the form as a whole."""
    fields = ("metric", "from", "to", "device", "location")
    return {name if name in fields else "": words for name, words in refusal.fields.items()}


def _shown_filters(wanted: Wanted) -> dict[str, Any]:
    """The form's fields as the address filled them; what could not be read stands there as it was typed."""
    typed = {name: request.args.get(name, "")[:40] for name in ("from", "to")}
    known = {"from": wanted.start_ms, "to": wanted.end_ms}
    ends = {
        f"{name}_value": "" if wanted.period else field_value(known[name]) or typed[name] for name in ("from", "to")
    }
    return {
        **ends,
        "order": wanted.order,
        "layout": wanted.layout,
        "location": str(wanted.location_id or ""),
        "is_filtered": any(request.args.get(name) for name in ("metric", "from", "to", "device", "location", "period")),
    }


@bp.app_context_processor
def _for_cards() -> dict[str, Any]:
    return {
        "measured_groups": measured.groups_of,
        "last_readings": _last_readings,
        "can_be_looked_at": can_be_looked_at,
    }


def _last_readings(entity: Entity, metric_ids: Sequence[int]) -> list[tuple[str, list[str]]]:
    """The newest values of a card's metrics, as rows of one instant each."""
    page = measurements.values_table(current_actor(), entity.id, metric_ids, limit=LAST_ROWS * len(metric_ids))
    return measured.side_by_side(page.rows, metric_ids)[:LAST_ROWS]
