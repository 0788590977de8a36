"""The page of the form for measurements: scopes, devices, metrics with how much they hold, and the preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import render_template

from app import catalog, clock, exports
from app.actor import Actor
from app.attachments import size_in_words
from app.catalog import EntityQuery
from app.errors import Invalid, NotFound, Unavailable
from app.exports import DataPreview, OfferedMetric, TemplateMetrics
from app.models import Entity
from app.portal.data_export_form import (
    FORMATS,
    PRESETS,
    TIMESTAMPS,
    TOKENS,
    WHICH_METRICS,
    DataExportForm,
    read_numbers,
)
from app.portal.data_export_words import held_words, rough_count
from app.portal.presenting import entity_url

MOST_SHOWN = 50
"""So many chosen devices can be dropped one by one; more stay chosen together."""
MOST_FOUND = 8
MANY_METRICS = 12
"""With more metrics than these a filter box pays."""


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """A device that was chosen or found; without ``url`` it is not there for this person."""

    id: str
    caption: str
    url: str | None
    more: str = ""


@dataclass(frozen=True, slots=True)
class ShownMetric:
    """A metric that can be ticked. ``held`` says how much there is of it and since when."""

    id: str
    label: str
    unit: str | None
    part: str
    held: str
    is_empty: bool


@dataclass(frozen=True, slots=True)
class MetricGroup:
    """The metrics of one template. ``key`` is empty for those that were ticked and are not offered any more."""

    key: str
    label: str
    aside: str
    metrics: tuple[ShownMetric, ...]


def offered_to(actor: Actor, form: DataExportForm) -> list[TemplateMetrics]:
    """What may be ticked in the form's scope; nothing while the scope itself is wrong."""
    scope = [_read(form.organization_id), _read(form.location_id), *map(_read, form.device_ids)]
    if None in scope[2:] or (scope[0] is None and form.organization_id) or (scope[1] is None and form.location_id):
        return []
    try:
        return exports.offered_metrics(
            actor,
            organization_id=scope[0],
            location_id=scope[1],
            device_ids=tuple(one for one in scope[2:] if one is not None),
        )
    except Invalid:
        return []
    except Unavailable as refusal:
        form.too_much_to_offer = refusal.message
        return []


def refuse_unseen_devices(actor: Actor, form: DataExportForm) -> None:
    """An address that names a device which is not the actor's to see is no address.

    :raises NotFound: one of those that the page names is not there
    """
    if any(_entity(actor, text) is None for text in form.device_ids[:MOST_SHOWN]):
        raise NotFound("There is no such device, or you may not see it.")


def form_page(
    actor: Actor, form: DataExportForm, offered: Sequence[TemplateMetrics], preview: DataPreview | None
) -> str:
    """The whole page, with what was typed and what is wrong with it."""
    chosen = {one: _entity(actor, one) for one in form.device_ids[:MOST_SHOWN]}
    found = _found(actor, form)
    scopes = exports.offered_scopes(actor)
    places = {known[0]: known[1] for known in scopes.organizations}
    return render_template(
        "exports/measurements/new.html",
        form=form,
        nameless=bool(exports.nameless_for(actor)),
        organizations=[(str(one[0]), one[1]) for one in scopes.organizations],
        locations=[(str(one[0]), _place(one[1], places.get(one[2]), len(places))) for one in scopes.locations],
        chosen=[_shown(text, entity) for text, entity in chosen.items()],
        chosen_together=form.device_ids[MOST_SHOWN:],
        found=found[:MOST_FOUND],
        found_more=len(found) > MOST_FOUND,
        formats=[(value, name, hint) for value, (name, hint) in FORMATS.items()],
        timestamps=[(value, name, f"Such as {example}") for value, (name, example) in TIMESTAMPS.items()],
        presets=list(PRESETS.items()),
        tokens=list(TOKENS.items()),
        **_metric_words(actor, form, offered),
        **_preview_words(preview),
    )


def preview_part(form: DataExportForm, preview: DataPreview | None) -> str:
    """The preview alone, for a script; what keeps it from being made stands in it."""
    part = render_template("exports/measurements/_preview.html", form=form, **_preview_words(preview))
    return part + render_template("exports/measurements/_renamed.html", swaps_itself=True, preview=preview)


def metrics_part(actor: Actor, form: DataExportForm, offered: Sequence[TemplateMetrics]) -> str:
    """The metrics again, put into a page whose scope was changed."""
    words = _metric_words(actor, form, offered)
    return render_template("exports/measurements/_metrics.html", form=form, swaps_itself=True, **words)


def _metric_words(actor: Actor, form: DataExportForm, offered: Sequence[TemplateMetrics]) -> dict[str, object]:
    groups = [_group(one) for one in offered if one.metrics]
    known = {metric.id for group in groups for metric in group.metrics}
    lost = [one for one in form.metric_ids if one not in known]
    if lost:
        groups.append(_lost_group(actor, lost, is_known=not form.too_much_to_offer))
    return {
        "metric_groups": groups,
        "device_count": sum(one.device_count for one in offered),
        "which_metrics": list(WHICH_METRICS.items()),
        "metric_count": len(known) + len(lost),
        "has_filter": len(known) > MANY_METRICS,
    }


def _group(one: TemplateMetrics) -> MetricGroup:
    aside = f"{one.device_count:,} device{'' if one.device_count == 1 else 's'}"
    return MetricGroup(str(one.template_id), one.label, aside, tuple(map(_shown_metric, one.metrics)))


def _shown_metric(one: OfferedMetric) -> ShownMetric:
    held = held_words(one.count, one.first, one.last, clock.now())
    return ShownMetric(str(one.id), one.label, one.unit, one.part, held, one.count == 0)


def _lost_group(actor: Actor, metric_ids: Sequence[str], *, is_known: bool) -> MetricGroup:
    """Ticked before the scope was narrowed: still ticked, and said, so that nothing is dropped unseen.

    :param is_known: whether it is known what the chosen devices measure
    """
    anywhere = {str(one): known for one, known in exports.metric_labels(actor, read_numbers(metric_ids)).items()}
    held = "not measured by these devices" if is_known else "not counted"
    shown = []
    for metric_id in metric_ids:
        known = anywhere.get(metric_id)
        label = known.label if known else "A metric that is not there for you to see"
        unit, part = (known.unit, known.part) if known else (None, "")
        shown.append(ShownMetric(metric_id, label, unit, part, held, is_known))
    return MetricGroup("", "Ticked, but not measured here" if is_known else "Ticked", "", tuple(shown))


def _preview_words(preview: DataPreview | None) -> dict[str, object]:
    if preview is None:
        return {"preview": None, "preview_size": "", "preview_values": ""}
    return {
        "preview": preview,
        "preview_size": size_in_words(preview.bytes),
        "preview_values": rough_count(preview.values) if preview.values >= 1_000_000 else f"{preview.values:,}",
    }


def _found(actor: Actor, form: DataExportForm) -> list[ShownDevice]:
    """Devices that the search finds and that are not chosen yet; one more than are shown when there are more."""
    if not form.device_search:
        return []
    # Those that are chosen already are asked for too, and left out after.
    most = min(MOST_FOUND + 1 + len(form.device_ids), 100)
    home = _read(form.organization_id)
    query = EntityQuery(
        "device", organization_ids=(home,) if home else (), search=form.device_search,
        sort="caption", descending=False, page_size=most,
    )  # fmt: skip
    names = {known.id: known.name for known in catalog.list_organizations(actor)}
    rows = [one for one in catalog.list_entities(actor, query).items if str(one.id) not in form.device_ids]
    return [
        ShownDevice(str(one.id), one.caption, entity_url("device", one.id), names.get(one.organization_id, ""))
        for one in rows[: MOST_FOUND + 1]
    ]


def _shown(text: str, entity: Entity | None) -> ShownDevice:
    if entity is None:
        return ShownDevice(text, "A device that is not there for you to see", None)
    return ShownDevice(text, entity.caption, entity_url("device", entity.id))


def _place(location: str, organization: str | None, organizations: int) -> str:
    return location if organization is None or organizations < 2 else f"{location} ({organization})"


def _entity(actor: Actor, text: str) -> Entity | None:
    try:
        return catalog.get_entity(actor, UUID(text), "device")
    except (ValueError, NotFound):
        return None


def _read(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
