"""Who may export what, and who may take away what was exported: one rule for every kind and every face.

What a role may export is *full*, *without identifiers* or *none* (:func:`app.access.export_right`). A report under the
second is made without identifying attributes, whatever was asked for. Time series hold what devices measured under the
devices' keys and names, and no attribute of a patient, so that both rights give the same, but where a device's template
marks attributes as identifying: there a device goes by its key under the second. Terminology is about nobody: neither
right is asked there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from app.access import ExportRight, Permission, allows, export_right, require
from app.access.visibility import organizations_with
from app.accounts import needs_proof, require_proof
from app.actor import Actor
from app.errors import Forbidden
from app.exports.params import MEASUREMENTS, ReportParams
from app.extensions import db
from app.models import Template, TemplateAttribute, Tenant
from app.models.template import FILE_TYPES

P = TypeVar("P")

LOWERED = (
    "Your right to export is now without what identifies people, and this was asked for with it. "
    "Ask for the export again: what identifies people is left out then."
)
MARKED = (
    "This archive holds what has been marked as identifying people since it was made, and your right to export is "
    "without that. Ask for the export again: it is left out then."
)
PROOF = "This export holds what identifies people."
OFF = "Exports are switched off where you work."


def check_rights(actor: Actor) -> None:
    """Refuse whoever may not export, and everybody while the tenant's exports are off.

    :raises Forbidden: ``reason`` says which of the two
    """
    require(actor, Permission.EXPORT_DATA)
    if not allows(actor, Permission.VIEW):
        # Every role that exports may look; a token can be made for exporting alone, and that would be looking.
        raise Forbidden("An export shows records, and this token was not made to view them.", reason="permission")
    tenant = db.session.get_one(Tenant, actor.tenant_id)
    if not tenant.exports_enabled:
        why = tenant.exports_off_reason
        words = f"{OFF} The reason: {why}" if why else f"{OFF} An administrator can switch them on."
        raise Forbidden(words, reason="exports_disabled")


def right_of(actor: Actor) -> ExportRight:
    """What the actor may export now, of everything from where they export."""
    return export_right(actor, organizations_with(actor, Permission.EXPORT_DATA))


def held_to_right(actor: Actor, params: P) -> P:
    """What is asked for, as far as the actor's right goes: a report without what identifies, where it must be so."""
    if isinstance(params, ReportParams) and right_of(actor) is ExportRight.WITHOUT_IDENTIFIERS:
        return replace(params, without_phi=True)
    return params


def identifies(templates: Mapping[str, Any], params: ReportParams) -> bool:
    """Whether a report may hold what identifies people: marked attributes, attached files, names of such records.

    :param templates: every template of the tenant, as a plan freezes them
    """
    if params.without_phi:
        return False
    naming = {one["data_type"] for one in templates.values() if any(at["phi"] for at in one["attributes"])}
    return any(
        attribute["phi"] or attribute["kind"] in FILE_TYPES or attribute["refers_to"] in naming
        for _, attribute in _attributes_asked_for(templates, params)
    )


def _attributes_asked_for(
    templates: Mapping[str, Any], params: ReportParams
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each attribute of the templates that a report asks for, behind its template's id."""
    for asked in params.asked():
        for template_id, template in templates.items():
            of_type = asked.data_type != MEASUREMENTS and template["data_type"] == asked.data_type
            if of_type and (not asked.params.template_ids or UUID(template_id) in asked.params.template_ids):
                yield from ((template_id, attribute) for attribute in template["attributes"])


def check_identifiers(actor: Actor, frozen: Mapping[str, Any], params: ReportParams) -> None:
    """Refuse a report with what identifies people to whose right does not reach so far, in the scope that it has.

    :param frozen: what the plan froze: its scope and the templates' words
    :raises Forbidden: ``reason`` is ``identifiers``
    """
    if _may_identify(actor, frozen):
        return
    if identifies(frozen["templates"], params):
        raise Forbidden(LOWERED, reason="identifiers")
    if _marked_since(frozen["templates"], params):
        raise Forbidden(MARKED, reason="identifiers")


def _marked_since(templates: Mapping[str, Any], params: ReportParams) -> bool:
    """Whether something went into a report as identifying nobody and is marked by now: a value, or a record's name."""
    marks = select(TemplateAttribute.template_id, TemplateAttribute.name).where(
        TemplateAttribute.template_id.in_([UUID(one) for one in templates]),
        TemplateAttribute.phi.is_(True),
        TemplateAttribute.kind.not_in(FILE_TYPES),
    )
    marked = {(str(one), name) for one, name in db.session.execute(marks)}
    hidden = {
        (one, at["name"])
        for one, template in templates.items()
        for at in template["attributes"]
        if at["phi"] and at["kind"] not in FILE_TYPES
    }
    fresh = marked - hidden
    # Where something was marked before, names were left out already.
    naming = {templates[one]["data_type"] for one in {at[0] for at in fresh} - {at[0] for at in hidden}}
    return any(
        (template_id, attribute["name"]) in fresh or attribute["refers_to"] in naming
        for template_id, attribute in _attributes_asked_for(templates, params)
    )


def ask_proof(actor: Actor, holds_identifiers: Callable[[], bool]) -> None:
    """Before an export with what identifies people: the actor shows once more that it is they.

    :raises ProofNeeded: see :func:`app.accounts.require_proof`
    """
    if needs_proof(actor) and holds_identifiers():
        require_proof(actor, PROOF)


def naming_templates(tenant_id: UUID) -> frozenset[UUID]:
    """The templates of devices that are called by what identifies people, or may be."""
    marked = select(TemplateAttribute.template_id).where(
        TemplateAttribute.phi.is_(True), TemplateAttribute.kind.not_in(FILE_TYPES)
    )
    of_devices = select(Template.id).where(Template.tenant_id == tenant_id, Template.data_type == "device")
    return frozenset(db.session.scalars(of_devices.where(Template.id.in_(marked))))


def nameless_for(actor: Actor) -> frozenset[UUID]:
    """Those of :func:`naming_templates` of which the actor's exports must not hold the names."""
    return frozenset() if right_of(actor) is ExportRight.FULL else naming_templates(actor.tenant_id)


def check_names(actor: Actor, frozen: Mapping[str, Any]) -> None:
    """Refuse time series under names of devices that identify people to whose right does not reach so far.

    :raises Forbidden: ``reason`` is ``identifiers``
    """
    if _may_identify(actor, frozen):
        return
    if frozen.get("naming"):
        raise Forbidden(LOWERED, reason="identifiers")
    measured = {one[1] for one in frozen["metrics"]} - set(frozen.get("nameless", ()))
    if measured & {str(one) for one in naming_templates(actor.tenant_id)}:
        raise Forbidden(MARKED, reason="identifiers")


def _may_identify(actor: Actor, frozen: Mapping[str, Any]) -> bool:
    """Whether the actor's right is full in all of the scope that a plan froze."""
    scope = frozen["organization_ids"]
    return export_right(actor, None if scope is None else [UUID(one) for one in scope]) is ExportRight.FULL


def check_token(actor: Actor) -> None:
    """Refuse a token that was made for something else; whoever signed in may end what they began, whatever their role.

    :raises Forbidden: ``reason`` is ``permission``
    """
    if actor.scopes is not None:
        require(actor, Permission.EXPORT_DATA)


def check_scope(actor: Actor, frozen: Mapping[str, Any], what: str) -> None:
    """Refuse whoever may not export from every organization that a plan's scope had.

    :param frozen: what the plan froze; its ``organization_ids`` are the scope, ``None`` is the whole tenant
    :param what: what the archive holds, for the refusal's words
    :raises Forbidden: ``reason`` is ``permission``, ``exports_disabled`` or ``scope``
    """
    check_rights(actor)
    held = organizations_with(actor, Permission.EXPORT_DATA)
    scope = frozen["organization_ids"]
    if held is not None and (scope is None or not {UUID(one) for one in scope} <= set(held)):
        raise Forbidden(f"This archive may hold {what} of organizations from which you may not export.", reason="scope")
