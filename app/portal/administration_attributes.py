"""The attributes of a template for administrators: added, and changed once the change was said in words."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app import administration, terminology
from app.actor import Actor
from app.administration import AttributeSpec
from app.errors import Invalid
from app.models import TemplateAttribute
from app.models.template import DATA_TYPES, FILE_TYPES
from app.portal.administration_templates import back_to, confirmation, trail_of
from app.portal.attribute_form import NUMBERS, SELECTS, AttributeForm
from app.portal.presenting import plural
from app.portal.signed_in import current_actor
from app.portal.template_words import KINDS, UNSEEN_SOURCE, kind_words, said

bp = Blueprint("attributes", __name__, url_prefix="/<uuid:template_id>/attributes")


@bp.get("/new")
def new(template_id: UUID) -> ResponseReturnValue:
    """Ask for the type first, then for all that such an attribute has."""
    template = administration.get_template(current_actor(), template_id)
    administration.require_whole_tenant(current_actor())
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        kinds = [(one, words, hint) for one, (words, hint) in KINDS.items()]
        return render_template("templates/kind.html", template=template, trail=trail_of(template), kinds=kinds)
    form = AttributeForm.of(AttributeSpec(name="", label="", kind=kind))
    return _page(template_id, None, form)


@bp.post("/")
def add(template_id: UUID) -> ResponseReturnValue:
    """Add it behind the others."""
    form, actor = AttributeForm.parse(request.form), current_actor()
    administration.get_template(actor, template_id)
    spec, faults = form.spec()
    try:
        if faults:
            raise Invalid(fields=faults)
        administration.add_attribute(actor, template_id, spec)
    except Invalid as refusal:
        form.errors = refusal.fields or {"": refusal.message}
        return _page(template_id, None, form), 422
    return back_to(template_id, f"{' '.join(form.label.split())} was added.")


@bp.get("/<uuid:attribute_id>")
def edit(template_id: UUID, attribute_id: UUID) -> ResponseReturnValue:
    """The form of an attribute."""
    attribute = administration.get_attribute(current_actor(), template_id, attribute_id)
    administration.require_whole_tenant(current_actor())
    return _page(template_id, attribute_id, AttributeForm.of(administration.spec_of(attribute)))


@bp.post("/<uuid:attribute_id>")
def save(template_id: UUID, attribute_id: UUID) -> ResponseReturnValue:
    """Say in words what would change, and change it when that is confirmed."""
    form, actor = AttributeForm.parse(request.form), current_actor()
    attribute = administration.get_attribute(actor, template_id, attribute_id)
    label, confirmed = attribute.label, request.form.get("confirmed") == "yes"
    spec, faults = form.spec(administration.spec_of(attribute))
    try:
        if faults:
            raise Invalid(fields=faults)
        if not confirmed:
            return _ask(template_id, attribute_id, label, form, spec)
        changes = administration.change_attribute(
            actor, template_id, attribute_id, spec, seen=request.form.get("seen", "")[:100]
        )
    except Invalid as refusal:
        form.errors = refusal.fields or {"": refusal.message}
        return _page(template_id, attribute_id, form), 422
    return back_to(template_id, f"{label} was changed." if changes else "Nothing was to be changed.")


def _ask(
    template_id: UUID, attribute_id: UUID, called: str, form: AttributeForm, spec: AttributeSpec
) -> ResponseReturnValue:
    actor = current_actor()
    plan = administration.plan_change(actor, template_id, attribute_id, spec)
    if not plan.changes:
        return back_to(template_id, "Nothing was to be changed.")
    pointed = [change for change in plan.changes if change.field == "repository_id"]
    sources = [one for change in pointed for one in (change.before, change.after) if one is not None]
    codes = terminology.read_codes(actor, sources, ())
    changes = [said(change, plan.use, codes) for change in plan.changes]
    hidden = [*form.hidden(), ("seen", request.form.get("seen", "")[:100])]
    return confirmation(template_id, called, changes, hidden, attribute_id=attribute_id)


def _page(template_id: UUID, attribute_id: UUID | None, form: AttributeForm) -> str:
    actor = current_actor()
    template = administration.get_template(actor, template_id)
    attribute = administration.get_attribute(actor, template_id, attribute_id) if attribute_id else None
    kind = form.kind if form.kind in KINDS else attribute.kind if attribute else "LABEL"
    # A type that the shell alone gives stays on offer where it is.
    offered = dict.fromkeys([*KINDS, attribute.kind if attribute else "LABEL"])
    return render_template(
        "templates/attribute.html",
        template=template,
        attribute=attribute,
        trail=trail_of(template),
        form=form,
        kind=kind,
        kind_called=kind_words(kind),
        kinds=[(one, kind_words(one)) for one in offered],
        is_number=kind in NUMBERS,
        is_select=kind in SELECTS,
        is_file=kind in FILE_TYPES,
        is_of_the_house=attribute is not None and administration.is_of_the_house(template, attribute.name),
        targets=[(one, plural(one)) for one in DATA_TYPES],
        sources=_sources(actor, attribute) if kind == "LABEL" else [],
        seen=request.form.get("seen", "")[:100] or administration.version_of(template),
    )


def _sources(actor: Actor, attribute: TemplateAttribute | None) -> list[tuple[int, str]]:
    """The sources on offer; the one whose codes the attribute holds stays there, though the person may not see it."""
    offered = administration.codable_sources(actor)
    present = attribute.repository_id if attribute else None
    if present is not None and present not in dict(offered):
        offered.append((present, UNSEEN_SOURCE))
    return offered
