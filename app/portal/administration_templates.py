"""Templates for administrators: listed by what their records are, shown with the form that they make, made, renamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import administration
from app.administration import MEASURED, NEW_DATA_TYPES, TemplateWords
from app.errors import Invalid
from app.models import Template
from app.models.template import FILE_TYPES
from app.portal.codes import codes_among, kept_in
from app.portal.edit_form import empty_fields
from app.portal.presenting import SINGULAR, plural
from app.portal.signed_in import current_actor
from app.portal.template_words import SaidChange, line_of, range_words

bp = Blueprint("templates", __name__, url_prefix="/admin/templates")


@dataclass
class TemplateForm:
    """What the page shows again after a refusal."""

    data_type: str = ""
    name: str = ""
    label: str = ""
    description: str = ""
    product_model: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls) -> TemplateForm:
        given = request.form
        return cls(
            given.get("data_type", "")[:40],
            given.get("name", "").strip()[:200],
            given.get("label", "")[:300],
            given.get("description", "")[:3000],
            given.get("product_model", "")[:300],
        )

    @property
    def words(self) -> TemplateWords:
        return TemplateWords(self.label, self.description, self.product_model)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The templates, by what their records are."""
    actor = current_actor()
    lines = administration.list_template_lines(actor)
    groups = [(kind, plural(kind), list(some)) for kind, some in groupby(lines, key=lambda line: line.data_type)]
    return render_template("templates/index.html", groups=groups, may_change=administration.administers_tenant(actor))


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form of a new template."""
    administration.require_whole_tenant(current_actor())
    return _making(TemplateForm())


@bp.post("/")
def make() -> ResponseReturnValue:
    """Make it; its attributes are added on its page."""
    form = TemplateForm.parse()
    try:
        template_id = administration.make_template(current_actor(), form.data_type, form.name, form.words)
    except Invalid as refusal:
        form.errors = refusal.fields
        return _making(form), 422
    flash("The template was made. Now add its attributes.", "success")
    return redirect(url_for(".show", template_id=template_id), 303)


@bp.get("/<uuid:template_id>")
def show(template_id: UUID) -> ResponseReturnValue:
    """One template: its attributes, its metrics, and the form that it makes."""
    actor = current_actor()
    template = administration.get_template(actor, template_id)
    codes = codes_among(actor, kept_in(template.attributes, {}))
    lines = [line_of(one, codes) for one in template.attributes]
    return render_template(
        "templates/show.html",
        template=template,
        kind=SINGULAR[template.data_type],
        records=administration.count_records(actor, template),
        lines=lines,
        metrics=[(one, range_words(one.normal_low, one.normal_high)) for one in template.metrics],
        measures=template.data_type in MEASURED,
        fields=empty_fields(template, codes),
        files=[one for one in lines if one.attribute.kind in FILE_TYPES],
        may_change=administration.administers_tenant(actor),
        made_by_itself=template.data_type not in NEW_DATA_TYPES,
        errors={},
        meanwhile=None,
    )


@bp.get("/<uuid:template_id>/edit")
def edit(template_id: UUID) -> ResponseReturnValue:
    """The form of what is said of a template as a whole."""
    template = administration.get_template(current_actor(), template_id)
    administration.require_whole_tenant(current_actor())
    form = TemplateForm(
        template.data_type, template.name, template.label, template.description or "", template.product_model or ""
    )
    return render_template("templates/edit.html", template=template, form=form)


@bp.post("/<uuid:template_id>/edit")
def save(template_id: UUID) -> ResponseReturnValue:
    """Say it so from now on."""
    form, actor = TemplateForm.parse(), current_actor()
    try:
        changed = administration.change_template(actor, template_id, form.words)
    except Invalid as refusal:
        form.errors = refusal.fields
        template = administration.get_template(actor, template_id)
        return render_template("templates/edit.html", template=template, form=form), 422
    return back_to(template_id, "The template was changed." if changed else "Nothing was to be changed.")


def back_to(template_id: UUID, words: str) -> ResponseReturnValue:
    """To the template's page, with words."""
    flash(words, "success")
    return redirect(url_for("portal.templates.show", template_id=template_id), 303)


def confirmation(
    template_id: UUID,
    called: str,
    changes: Sequence[SaidChange],
    hidden: Sequence[tuple[str, str]],
    **part: Any,
) -> str:
    """The page that says what would change in an attribute or a metric.

    :param hidden: the form as it was sent
    :param part: the argument of the addresses that names what is changed
    """
    template = administration.get_template(current_actor(), template_id)
    return render_template(
        "templates/confirm.html",
        template=template,
        called=called,
        trail=trail_of(template),
        back=url_for(".edit", template_id=template_id, **part),
        to=url_for(".save", template_id=template_id, **part),
        changes=changes,
        hidden=hidden,
    )


def trail_of(template: Template) -> list[tuple[str, str]]:
    """The way down to a template, for the pages below it."""
    return [
        ("Templates", url_for("portal.templates.index")),
        (template.label, url_for("portal.templates.show", template_id=template.id)),
    ]


def _making(form: TemplateForm) -> str:
    return render_template("templates/new.html", form=form, kinds=[(one, SINGULAR[one]) for one in NEW_DATA_TYPES])
