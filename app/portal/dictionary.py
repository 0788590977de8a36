"""The data dictionary: a page to search, and the same as CSV and JSON."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import measurements
from app.exports import guarded
from app.measurements import Dictionary, Entry
from app.portal import measured
from app.portal.signed_in import current_actor
from app.portal.typed import LONGEST

bp = Blueprint("dictionary", __name__, url_prefix="/measurements")

COLUMNS = (
    "name", "label", "unit", "type", "part", "description", "template", "templateLabel", "dataType", "normalLow",
    "normalHigh", "values", "firstDay", "lastDay",
)  # fmt: skip


@bp.get("/")
def index() -> ResponseReturnValue:
    """What is measured at all, what it means, and how much there is of it."""
    actor, search = current_actor(), _search()
    found = measurements.dictionary_of(actor, search)
    places = measurements.places_of(actor)
    # Of several places none is the one where a metric was measured, unless one is the whole tenant.
    whole = places[0].id if places and (actor.sees_whole_tenant or len(places) == 1) else None
    return render_template(
        "dictionary/index.html",
        search=search,
        found=found,
        groups=_groups(found),
        normal_of=lambda entry: measured.normal_words(entry.normal_low, entry.normal_high),
        held_of=_held_words,
        places=[(one.caption, _place_url(one.id)) for one in places],
        chart_url=lambda entry: _place_url(whole, metric=entry.id) if whole and entry.held else None,
        csv_url=url_for(".as_csv", q=search or None),
        json_url=url_for(".as_json", q=search or None),
    )


@bp.get("/dictionary.csv")
def as_csv() -> ResponseReturnValue:
    """The dictionary for a spreadsheet; what a spreadsheet would run as a formula is kept from running."""
    found = measurements.dictionary_of(current_actor(), _search())
    told = io.StringIO()
    rows = csv.writer(told)
    rows.writerow(COLUMNS)
    for entry in found.entries:
        rows.writerow([_cell(value) for value in _plain(entry, is_counted=found.is_counted).values()])
    answer = Response("\ufeff" + told.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = "attachment; filename=data-dictionary.csv"
    return answer


@bp.get("/dictionary.json")
def as_json() -> ResponseReturnValue:
    """The dictionary for a program: the words are those of an archive's data package."""
    found = measurements.dictionary_of(current_actor(), _search())
    answer = jsonify(
        metrics=[{**_plain(entry, is_counted=found.is_counted), "words": entry.words} for entry in found.entries]
    )
    answer.headers["Content-Disposition"] = "attachment; filename=data-dictionary.json"
    return answer


def _search() -> str:
    return request.args.get("q", "").replace("\x00", "").strip()[:LONGEST]


def _plain(entry: Entry, *, is_counted: bool) -> dict[str, Any]:
    held = entry.held
    values = (
        entry.name, entry.label, entry.unit or None, entry.type, entry.part or None, entry.description or None,
        entry.template, entry.template_label, entry.data_type, entry.normal_low, entry.normal_high,
        (held.count if held else 0) if is_counted else None, held and held.first.date().isoformat(),
        held and held.last.date().isoformat(),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else value


def _groups(found: Dictionary) -> list[tuple[str, list[Entry]]]:
    groups: dict[str, tuple[str, list[Entry]]] = {}
    for entry in found.entries:
        groups.setdefault(entry.template, (entry.template_label, []))[1].append(entry)
    return list(groups.values())


def _place_url(place: UUID, **more: Any) -> str:
    return url_for("portal.charts.values", data_type="organization", entity_id=place, **more)


def _held_words(entry: Entry) -> str:
    held = entry.held
    if held is None:
        return "no values yet"
    return f"{held.count:,} value{'' if held.count == 1 else 's'}, {measured.period_words(held.first, held.last)}"
