"""The form's page: what there is to choose from, and the preview of what was chosen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from flask import flash, jsonify, render_template
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app import administration, catalog, exports
from app.actor import Actor
from app.attachments import size_in_words
from app.catalog import COUNTED_AT_MOST
from app.errors import Forbidden, NotFound
from app.exports import MOST_ENTITIES, Preview
from app.models import Entity, Template
from app.models.template import DATA_TYPES
from app.portal.export_form import FORMATS, MEASURED_PERIODS, MEASUREMENTS, ORDERS, PERIODS, PRESETS, ReportForm
from app.portal.frame import FOR_WHOLE_TENANT
from app.portal.list_form import ListForm
from app.portal.presenting import counted, entity_url, plural
from app.portal.signed_in import current_actor
from app.portal.wishes import wants_json

MEASUREMENTS_HINT = (
    "Every value by itself, or the values of an instant together in JSON; the archive’s description says the unit of "
    "each metric."
)
FOR_TABLES = " Templates and attached files do not apply. For a table by device, choose Measurements above."
NOTHING_FOUND = "The search finds nothing any more. Choose here what to export."
MOST_SHOWN = 50
"""So many chosen records can be dropped one by one; more stay chosen together."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A record that was chosen by itself; without ``url`` it is not there for this person."""

    id: str
    caption: str
    url: str | None


def take_found(actor: Actor, form: ReportForm, args: MultiDict[str, str]) -> None:
    """What a list's filters find is chosen as if it had been named one by one."""
    if "found" not in args:
        return
    query = ListForm.parse(args.get("data_type", ""), args).query()
    form.entity_ids = tuple(str(one) for one in catalog.found_ids(actor, query, MOST_ENTITIES))
    if not form.entity_ids:
        form.period = "creation"
        flash(NOTHING_FOUND, "info")


def take_types_of_chosen(actor: Actor, form: ReportForm) -> None:
    """A record chosen by its address brings its data type along.

    :raises NotFound: one of them is not there, or not the actor's to see
    """
    for text in form.entity_ids[:MOST_SHOWN]:
        entity = _entity(actor, text)
        if entity is None:
            raise NotFound("There is no such record, or you may not see it.")
        # Whoever asks for a patient's measurements wants those alone.
        if form.data_types != (MEASUREMENTS,):
            form.data_types = tuple(dict.fromkeys([*form.data_types, entity.data_type]))


def form_page(actor: Actor, form: ReportForm, preview: Preview | None) -> str:
    """The whole page, with what was typed and what is wrong with it."""
    entities = {one: _entity(actor, one) for one in form.entity_ids[:MOST_SHOWN]}
    templates = catalog.list_templates(actor)
    return render_template(
        "exports/new.html",
        form=form,
        types=_types_of_chosen(form, list(entities.values())) if entities else _types(actor, form, templates),
        heading=_heading(form, entities),
        template_groups=_groups(actor, form, templates),
        chosen=[_chosen(text, entity) for text, entity in entities.items()],
        chosen_together=form.entity_ids[MOST_SHOWN:],
        periods=_periods(form),
        orders=list(ORDERS.items()),
        formats=[(value, name, hint) for value, (name, hint) in FORMATS.items()],
        presets=list(PRESETS.items()),
        **_preview_words(preview),
    )


def _heading(form: ReportForm, entities: dict[str, Entity | None]) -> str:
    if not entities:
        return "New export"
    if len(form.entity_ids) == 1 and (only := entities[form.entity_ids[0]]):
        return f"Export {only.caption}"
    return f"Export {_counted(len(form.entity_ids), False)}"


def _periods(form: ReportForm) -> list[tuple[str, str]]:
    """Whoever chose records seldom wants a period too: it comes last, and is not offered to others."""
    if form.entity_ids and form.data_types == (MEASUREMENTS,) and form.period != "modification":
        return list(MEASURED_PERIODS.items())
    known = list(PERIODS.items())
    return [known[-1], *known[:-1]] if form.entity_ids else known[:-1]


def preview_part(form: ReportForm, preview: Preview | None) -> str:
    """The preview alone, for a script; what keeps it from being made stands in it."""
    return render_template("exports/_preview.html", form=form, **_preview_words(preview))


def request_key_for(request_key: str, params: str) -> str:
    """The same form sent twice is the same request; changed in between (the back button) it is another.

    :param params: what the form asks for, as JSON
    """
    if not 8 <= len(request_key) <= 64:
        return ""
    return hashlib.sha256(f"{request_key}\n{params}".encode()).hexdigest()


def why_nothing_new(actor: Actor) -> str | None:
    """Why the actor cannot ask for an export now, in words; None when nothing is in the way."""
    try:
        exports.may_export(actor)
    except Forbidden as refusal:
        return refusal.message
    return None


def refused_page(refusal: Forbidden) -> ResponseReturnValue:
    """Which of permission and switch is missing, and who can change it."""
    if wants_json():
        return jsonify(error=refusal.message, reason=refusal.reason), 403
    contacts = administration.whom_to_ask(current_actor(), of_tenant=refusal.reason == "exports_disabled")
    may_switch = refusal.reason == "exports_disabled" and administration.administers_tenant(current_actor())
    page = render_template(
        "exports/refused.html", reason=refusal.reason, words=refusal.message, contacts=contacts, may_switch=may_switch
    )
    return page, 403


def _preview_words(preview: Preview | None) -> dict[str, object]:
    if preview is None:
        return {"preview": None, "preview_rows": [], "preview_sum": "", "preview_size": "", "preview_file_size": ""}
    return {
        "preview": preview,
        "preview_rows": [(plural(one), _counted(rows, one == MEASUREMENTS)) for one, rows in preview.per_type],
        "preview_sum": _sum(preview),
        "preview_size": size_in_words(preview.bytes),
        "preview_file_size": size_in_words(preview.file_bytes),
    }


def _sum(preview: Preview) -> str:
    """Records and values apart: ``12 records and 285 values``."""
    values = sum(rows for one, rows in preview.per_type if one == MEASUREMENTS)
    parts = [_counted(values, True)] if any(one == MEASUREMENTS for one, _ in preview.per_type) else []
    if any(one != MEASUREMENTS for one, _ in preview.per_type):
        parts.insert(0, _counted(preview.rows - values, False))
    return " and ".join(parts)


def _counted(count: int, are_values: bool) -> str:
    return f"{count:,} {'value' if are_values else 'record'}{'' if count == 1 else 's'}"


def _offered(actor: Actor, form: ReportForm, templates: list[Template]) -> list[str]:
    """The data types that the tenant has templates for; the tenant's own people only to who sees all of it."""
    here = {known.data_type for known in templates}
    if not actor.sees_whole_tenant:
        here -= FOR_WHOLE_TENANT
    return [one for one in DATA_TYPES if one in here or one in form.data_types]


def _types(actor: Actor, form: ReportForm, templates: list[Template]) -> list[tuple[str, ...]]:
    offered = _offered(actor, form, templates)
    counts = catalog.counts_by_data_type(actor)
    types: list[tuple[str, ...]] = [
        (one, f"{plural(one)} ({counted(counts[one], COUNTED_AT_MOST)})") for one in offered
    ]
    return [*types, (MEASUREMENTS, plural(MEASUREMENTS), MEASUREMENTS_HINT + FOR_TABLES)]


def _types_of_chosen(form: ReportForm, entities: list[Entity | None]) -> list[tuple[str, ...]]:
    """Chosen records hold nothing of other data types, so those are not offered."""
    theirs = dict.fromkeys(one.data_type for one in entities if one)
    theirs |= dict.fromkeys(one for one in form.data_types if one != MEASUREMENTS)
    types: list[tuple[str, ...]] = [(one, plural(one)) for one in theirs]
    if len(types) == 1:
        types = [(types[0][0], "The record itself" if len(form.entity_ids) == 1 else "The records themselves")]
    return [*types, (MEASUREMENTS, plural(MEASUREMENTS), MEASUREMENTS_HINT)]


def _groups(actor: Actor, form: ReportForm, templates: list[Template]) -> list[tuple[str, list[tuple[str, str]]]]:
    offered = _offered(actor, form, templates)
    by_type = {one: [(str(t.id), t.label) for t in templates if t.data_type == one] for one in offered}
    return [(plural(one), found) for one, found in by_type.items() if found]


def _entity(actor: Actor, text: str) -> Entity | None:
    try:
        return catalog.get_entity(actor, UUID(text))
    except (ValueError, NotFound):
        return None


def _chosen(text: str, entity: Entity | None) -> Chosen:
    if entity is None:
        return Chosen(text, "A record that is not there for you to see", None)
    return Chosen(text, entity.caption, entity_url(entity.data_type, entity.id))
