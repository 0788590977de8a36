"""The metrics of a template for administrators: added, and described anew once that was said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app import administration
from app.administration import MetricSpec
from app.errors import Invalid
from app.portal.administration_templates import back_to, confirmation, trail_of
from app.portal.attribute_form import number_text, read_number
from app.portal.signed_in import current_actor
from app.portal.template_words import METRIC_FIELDS, said_of_metric

bp = Blueprint("metrics", __name__, url_prefix="/<uuid:template_id>/metrics")


@dataclass
class MetricForm:
    """The fields as they were typed."""

    name: str = ""
    part: str = ""
    kind: str = "numeric"
    label: str = ""
    unit: str = ""
    normal_low: str = ""
    normal_high: str = ""
    description: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls) -> MetricForm:
        def text(name: str) -> str:
            return request.form.get(name, "")[:3000]

        return cls(
            text("name"), text("part"), text("kind"), text("label"), text("unit"), text("normal_low"),
            text("normal_high"), text("description"),
        )  # fmt: skip

    @classmethod
    def of(cls, spec: MetricSpec) -> MetricForm:
        return cls(
            spec.name, spec.part, spec.kind, spec.label, spec.unit or "", number_text(spec.normal_low),
            number_text(spec.normal_high), spec.description or "",
        )  # fmt: skip

    def hidden(self) -> list[tuple[str, str]]:
        """The fields as the page sends them again that asks whether a change is meant."""
        return [(name, getattr(self, name)) for name in METRIC_FIELDS]

    def spec(self, present: MetricSpec | None = None) -> tuple[MetricSpec, dict[str, str]]:
        """The metric that is asked for, and by field what cannot be read; what it is now keeps its name."""
        faults: dict[str, str] = {}
        said_of = MetricSpec(
            name=present.name if present else self.name.strip(),
            part=present.part if present else self.part.strip(),
            kind=present.kind if present else self.kind,
            label=self.label,
            unit=self.unit,
            description=self.description,
            normal_low=read_number(faults, "normal_low", self.normal_low),
            normal_high=read_number(faults, "normal_high", self.normal_high),
        )
        return said_of, faults


@bp.get("/new")
def new(template_id: UUID) -> ResponseReturnValue:
    """The form of a new metric."""
    administration.get_template(current_actor(), template_id)
    administration.require_whole_tenant(current_actor())
    return _page(template_id, None, MetricForm())


@bp.post("/")
def add(template_id: UUID) -> ResponseReturnValue:
    """Add it."""
    form, actor = MetricForm.parse(), current_actor()
    administration.get_template(actor, template_id)
    spec, faults = form.spec()
    try:
        if faults:
            raise Invalid(fields=faults)
        administration.add_metric(actor, template_id, spec)
    except Invalid as refusal:
        form.errors = refusal.fields or {"": refusal.message}
        return _page(template_id, None, form), 422
    return back_to(template_id, f"{' '.join(form.label.split())} was added.")


@bp.get("/<int:metric_id>")
def edit(template_id: UUID, metric_id: int) -> ResponseReturnValue:
    """The form of a metric."""
    metric = administration.get_metric(current_actor(), template_id, metric_id)
    administration.require_whole_tenant(current_actor())
    return _page(template_id, metric_id, MetricForm.of(administration.metric_spec_of(metric)))


@bp.post("/<int:metric_id>")
def save(template_id: UUID, metric_id: int) -> ResponseReturnValue:
    """Say in words what would change, and change it when that is confirmed."""
    form, actor = MetricForm.parse(), current_actor()
    present = administration.metric_spec_of(administration.get_metric(actor, template_id, metric_id))
    spec, faults = form.spec(present)
    try:
        if faults:
            raise Invalid(fields=faults)
        wanted = administration.metric_changes(actor, template_id, metric_id, spec)
        if wanted and request.form.get("confirmed") != "yes":
            changes = [said_of_metric(name, before, after) for name, before, after in wanted]
            return confirmation(template_id, present.label, changes, form.hidden(), metric_id=metric_id)
        changed = administration.change_metric(actor, template_id, metric_id, spec)
    except Invalid as refusal:
        form.errors = refusal.fields or {"": refusal.message}
        return _page(template_id, metric_id, form), 422
    return back_to(template_id, f"{present.label} was changed." if changed else "Nothing was to be changed.")


def _page(template_id: UUID, metric_id: int | None, form: MetricForm) -> str:
    actor = current_actor()
    template = administration.get_template(actor, template_id)
    metric = administration.get_metric(actor, template_id, metric_id) if metric_id is not None else None
    return render_template(
        "templates/metric.html", template=template, metric=metric, trail=trail_of(template), form=form
    )
