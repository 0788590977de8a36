"""Browse what organizations hold: lists, an entity's page, its history, and the form that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import catalog, measurements
from app.catalog import COUNTED_AT_MOST, EditedMeanwhile, EntityQuery, Linked
from app.errors import Invalid
from app.models import Entity, TemplateAttribute
from app.portal.codes import changed_in, codes_among, kept_in
from app.portal.edit_form import changes_of, faults_by_field, fields_of, values_sent
from app.portal.file_cards import cards_for
from app.portal.list_form import SORT_WORDS, ListForm
from app.portal.measurement_export import export_url
from app.portal.presenting import (
    column_attributes,
    counted,
    entity_url,
    kind_word,
    plural,
    shown,
    shown_attributes,
    shown_change,
)
from app.portal.signed_in import current_actor
from app.terminology import Codes

bp = Blueprint("browse", __name__, url_prefix="/entities")

MOST_OPTIONS = 100
"""A reference with more possible targets than these is typed, not chosen from a list."""


@bp.get("/")
def index() -> ResponseReturnValue:
    """The kinds of record that there are, and how many of each."""
    counts = catalog.counts_by_data_type(current_actor())
    kinds = [
        (plural(data_type), url_for(".list", data_type=data_type), counted(count, COUNTED_AT_MOST))
        for data_type, count in counts.items()
        if count
    ]
    return render_template("browse/index.html", kinds=kinds)


@bp.get("/<data_type>", endpoint="list")
def list_page(data_type: str) -> ResponseReturnValue:
    """A page of a list, filtered and sorted as its address says."""
    actor, form = current_actor(), ListForm.parse(data_type, request.args)
    page = catalog.list_entities(actor, form.query())
    if not form.is_canonical(request.args):
        return redirect(form.url(cursor=form.cursor), 303)
    templates = catalog.list_templates(actor, data_type)
    organizations = catalog.list_organizations(actor)
    one_template = next((known for known in templates if (known.id,) == form.templates or len(templates) == 1), None)
    columns = column_attributes(one_template.attributes) if one_template else []
    kept = {entity.id: catalog.values_of(entity) for entity in page.items}
    codes = codes_among(actor, [one for values in kept.values() for one in kept_in(columns, values)])
    found = catalog.count_entities(actor, form.query())
    shown_page = render_template(
        "browse/list.html",
        form=form,
        page=page,
        found=found,
        found_url=form.found_url(found),
        count=counted(found, COUNTED_AT_MOST),
        label=plural(data_type),
        templates=templates,
        organizations=organizations,
        places={known.id: known.name for known in organizations},
        columns=columns,
        cells={entity_id: _cells(values, columns, codes) for entity_id, values in kept.items()},
        refers_to=_named(form.refers_to),
        sorts=list(SORT_WORDS.items()),
        entity_url=entity_url,
    )
    catalog.note_list(actor, data_type, page.items, form.parameters())
    return shown_page


@bp.get("/<data_type>/<uuid:entity_id>")
def show(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """All that is known of one entity."""
    actor = current_actor()
    entity = catalog.get_entity(actor, entity_id, data_type)
    values, versions = catalog.values_of(entity), catalog.history_of(actor, entity_id, limit=3)
    codes = codes_among(actor, [*kept_in(entity.template.attributes, values), *changed_in(versions)])
    summary = measurements.summary_of(actor, entity)
    page = render_template(
        "browse/show.html",
        **_heading(entity),
        attributes=shown_attributes(entity, values, catalog.references_from(actor, entity), codes),
        referrers=[
            (group, _referrers_url(entity, group), counted(group.count, COUNTED_AT_MOST))
            for group in catalog.referencing(actor, entity)
        ],
        file_attributes=cards_for(actor, entity),
        summary=summary,
        measurements_url=export_url(actor, entity) if summary or data_type == "device" else None,
        versions=_versions(versions, codes),
        may_edit=catalog.may_edit(actor, entity),
        answers_for=catalog.may_answer_for(actor, entity),
        entity_url=entity_url,
    )
    catalog.note_view(actor, entity)
    return page


@bp.get("/<data_type>/<uuid:entity_id>/history")
def history(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """Who changed what on an entity, and when; the newest change first."""
    actor = current_actor()
    entity = catalog.get_entity(actor, entity_id, data_type)
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before < 2**62:
        abort(404)
    versions = catalog.history_of(actor, entity_id, before=before)
    older = versions[-1].revision if versions and not versions[-1].is_first else None
    here = url_for(".history", data_type=data_type, entity_id=entity_id)
    page = render_template(
        "browse/history.html",
        **_heading(entity),
        versions=_versions(versions, codes_among(actor, changed_in(versions))),
        before=before,
        older_url=f"{here}?before={older}" if older else None,
    )
    catalog.note_view(actor, entity, "history")
    return page


@bp.get("/<data_type>/<uuid:entity_id>/edit")
def edit(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """The form that changes an entity's attributes."""
    actor = current_actor()
    entity = catalog.get_entity(actor, entity_id, data_type)
    catalog.require_edit(actor, entity)
    page = _edit_page(entity)
    catalog.note_view(actor, entity, "form")
    return page


@bp.post("/<data_type>/<uuid:entity_id>/edit")
def save(data_type: str, entity_id: UUID) -> ResponseReturnValue:
    """Take in the form; a refusal shows it again, with what was typed and what is wrong with it."""
    actor = current_actor()
    entity = catalog.get_entity(actor, entity_id, data_type)
    seen = request.form.get("seen_revision", -1, type=int)
    seen = seen if 0 < seen < 2**62 else -1
    typed = values_sent(entity, request.form)
    try:
        saved = catalog.edit_entity(actor, entity_id, typed, seen_revision=seen)
    except EditedMeanwhile as refusal:
        entity = catalog.get_entity(actor, entity_id, data_type)
        seen_values = catalog.values_at(actor, entity, seen)
        if seen_values is not None:
            typed = changes_of(entity, typed, seen_values)
        return _edit_page(entity, typed=typed, meanwhile=refusal.message), 409
    except Invalid as refusal:
        entity = catalog.get_entity(actor, entity_id, data_type)
        return _edit_page(entity, typed=typed, faults=refusal.fields, seen=seen), 422
    words = "Your changes are saved." if saved.revision != seen else "Nothing was changed."
    flash(words, "success" if saved.revision != seen else "info")
    return redirect(entity_url(data_type, entity_id), 303)


def _edit_page(
    entity: Entity,
    *,
    typed: dict[str, Any] | None = None,
    faults: dict[str, str] | None = None,
    meanwhile: str | None = None,
    seen: int | None = None,
) -> str:
    actor, values = current_actor(), catalog.values_of(entity)
    targets = catalog.references_from(actor, entity)
    attributes = entity.template.attributes
    codes = codes_among(actor, [*kept_in(attributes, values), *kept_in(attributes, typed or {})])
    fields = fields_of(entity, values, targets, _reference_choices(entity), typed, codes)
    present = shown_attributes(entity, values, targets, codes)
    return render_template(
        "browse/edit.html",
        **_heading(entity),
        # After somebody else's change the form stands on what is kept now, with the person's own changes on it.
        seen_revision=entity.revision if seen is None else seen,
        fields=fields,
        suggests=any(one.suggest_url for one in fields),
        errors=faults_by_field(faults or {}),
        meanwhile=meanwhile,
        present=present,
        version=catalog.history_of(actor, entity.id, limit=1)[0] if meanwhile else None,
    )


def _reference_choices(entity: Entity) -> dict[str, list[Linked]]:
    """For each reference with few possible targets, all of them by name."""
    choices = {}
    for known in entity.template.attributes:
        if known.kind == "REFERENCE" and known.reference_data_type is not None:
            query = EntityQuery(known.reference_data_type, sort="caption", descending=False, page_size=MOST_OPTIONS)
            page = catalog.list_entities(current_actor(), query)
            if page.next is None:
                choices[known.name] = [Linked(row.id, row.data_type, row.caption) for row in page.items]
    return choices


def _heading(entity: Entity) -> dict[str, Any]:
    kind = kind_word(entity)
    trail = [(plural(entity.data_type), url_for(".list", data_type=entity.data_type))]
    if len(catalog.list_templates(current_actor(), entity.data_type)) > 1:
        of_template = url_for(".list", data_type=entity.data_type, template=entity.template_id)
        trail.append((entity.template.label, of_template))
    return {
        "entity": entity,
        "kind": kind,
        "title": f"{kind} {entity.caption}",
        "trail": trail,
        "here_url": entity_url(entity.data_type, entity.id),
    }


def _versions(versions: list[catalog.Version], codes: Codes) -> list[tuple[catalog.Version, list[Any]]]:
    return [(version, [shown_change(change, version, codes) for change in version.changes]) for version in versions]


def _referrers_url(entity: Entity, group: catalog.Referrers) -> str:
    form = ListForm(group.data_type, templates=(group.template_id,), refers_to=entity.id, by_attribute=group.attribute)
    return form.url()


def _cells(values: Mapping[str, Any], columns: list[TemplateAttribute], codes: Codes) -> list[tuple[str, Any]]:
    return [(known.label, shown(known, values.get(known.name), {}, codes)) for known in columns]


def _named(entity_id: UUID | None) -> Linked | None:
    return catalog.linked(current_actor(), [entity_id]).get(entity_id) if entity_id else None
