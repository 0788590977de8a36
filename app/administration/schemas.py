"""Templates for who administers them: listed, shown, made, and what is said of them changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app import clock, record
from app.access import Permission, require
from app.access.visibility import organizations_with, within
from app.actor import Actor
from app.administration.rights import require_whole_tenant
from app.administration.templates import add_template, template_named
from app.administration.words import read_line
from app.catalog.loading import MADE_ELSEWHERE
from app.errors import Duplicate, Invalid, NotFound
from app.extensions import db
from app.models import Entity, Metric, Template, TemplateAttribute, Tenant, writing
from app.models.template import DATA_TYPES

NEW_DATA_TYPES = tuple(one for one in DATA_TYPES if one not in MADE_ELSEWHERE)
"""But for people and organizations, whose one template each comes with the tenant."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,35}")
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in the list; ``records`` are those in the organizations that the actor administers."""

    id: UUID
    data_type: str
    name: str
    label: str
    attributes: int
    metrics: int
    records: int


@dataclass(frozen=True, slots=True)
class TemplateWords:
    """What is said of a template as a whole."""

    label: str
    description: str = ""
    product_model: str = ""


def list_template_lines(actor: Actor) -> list[TemplateLine]:
    """The tenant's templates, by data type and label.

    :raises Forbidden: the actor administers nothing
    """
    require(actor, Permission.MANAGE)
    ours = select(Template.id).where(Template.tenant_id == actor.tenant_id)
    held = _by_template(Entity, Entity.tenant_id == actor.tenant_id, _is_managed(actor))
    attributes = _by_template(TemplateAttribute, TemplateAttribute.template_id.in_(ours))
    metrics = _by_template(Metric, Metric.template_id.in_(ours))
    found = db.session.execute(
        select(Template.id, Template.data_type, Template.name, Template.label)
        .where(Template.tenant_id == actor.tenant_id)
        .order_by(func.lower(Template.label), Template.id)
    )
    lines = [
        TemplateLine(*row, attributes.get(row.id, 0), metrics.get(row.id, 0), held.get(row.id, 0)) for row in found
    ]
    return sorted(lines, key=lambda line: DATA_TYPES.index(line.data_type))


def get_template(actor: Actor, template_id: UUID) -> Template:
    """One template of the tenant.

    :raises Forbidden: the actor administers nothing
    :raises NotFound: the tenant has no such template
    """
    require(actor, Permission.MANAGE)
    wanted = select(Template).where(Template.tenant_id == actor.tenant_id, Template.id == template_id)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound("There is no such template.")
    return found


def count_records(actor: Actor, template: Template) -> int:
    """How many records of a template there are in the organizations that the actor administers."""
    wanted = select(func.count()).select_from(Entity).where(Entity.template_id == template.id, _is_managed(actor))
    return db.session.scalar(wanted) or 0


def make_template(actor: Actor, data_type: str, name: str, words: TemplateWords) -> UUID:
    """Add a template without attributes yet; answers its id.

    :param data_type: one of :data:`NEW_DATA_TYPES`
    :param name: the machine's word, unique in the tenant
    :raises Forbidden: the actor does not administer the whole tenant
    :raises Duplicate: the tenant has a template of that name
    :raises Invalid: by field (``data_type``, ``name``, ``label``, ``description``, ``product_model``)
    """
    require_whole_tenant(actor)
    kept, faults = _judged(words)
    if data_type not in NEW_DATA_TYPES:
        faults["data_type"] = "Choose what its records are."
    if not _NAME.fullmatch(name):
        faults["name"] = "A name has 1 to 36 letters, digits, dots, dashes and underscores, and begins with a letter."
    if faults:
        raise Invalid(fields=faults)
    with writing():
        lock_tenant(actor)
        if template_named(actor.tenant_id, name) is not None:
            raise Duplicate(fields={"name": f"There is a template {name} already."})
        model = kept.product_model if data_type == "device" else ""
        made = add_template(
            actor.tenant_id, data_type, name, kept.label, (),
            product_model=model or None, description=kept.description or None,
        )  # fmt: skip
        db.session.flush()
        record.note(actor, "template.create", "template", made.id, details={"name": name, "data_type": data_type})
        template_id = made.id
        db.session.commit()
    return template_id


def change_template(actor: Actor, template_id: UUID, words: TemplateWords) -> bool:
    """Change what is said of a template; answers whether anything was.

    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template
    :raises Invalid: by field (``label``, ``description``, ``product_model``)
    """
    get_template(actor, template_id)
    require_whole_tenant(actor)
    kept, faults = _judged(words)
    if faults:
        raise Invalid(fields=faults)
    with writing():
        template = load_to_shape(actor, template_id)
        wanted = {"label": kept.label, "description": kept.description or None}
        if template.data_type == "device":
            wanted["product_model"] = kept.product_model or None
        changed = sorted(name for name, one in wanted.items() if one != getattr(template, name))
        for name in changed:
            setattr(template, name, wanted[name])
        if changed:
            touch(template)
            record.note(actor, "template.edit", "template", template_id, details={"changed": changed})
        db.session.commit()
    return bool(changed)


def load_to_shape(actor: Actor, template_id: UUID) -> Template:
    """A template within the writing transaction, before which nobody writes a record of the tenant until the commit.

    :raises Forbidden: the actor does not administer the whole tenant
    :raises NotFound: the tenant has no such template
    """
    require_whole_tenant(actor)
    lock_tenant(actor)
    return get_template(actor, template_id)


def lock_tenant(actor: Actor) -> None:
    """Wait for who writes records now, and let others wait: they take a revision, for which they need this row."""
    db.session.execute(select(Tenant.id).where(Tenant.id == actor.tenant_id).with_for_update())


def touch(template: Template) -> None:
    """Say that it was changed now, and never at the same instant twice: clients and forms tell versions by it."""
    template.updated_at = max(clock.now(), template.updated_at + _MILLISECOND)


def _by_template(model: type[Entity | TemplateAttribute | Metric], *conditions: ColumnElement[bool]) -> dict[UUID, int]:
    counted = select(model.template_id, func.count()).where(*conditions).group_by(model.template_id)
    return dict(db.session.execute(counted).all())


def _is_managed(actor: Actor) -> ColumnElement[bool]:
    return within(Entity.organization_id.expression, organizations_with(actor, Permission.MANAGE))


def _judged(words: TemplateWords) -> tuple[TemplateWords, dict[str, str]]:
    faults: dict[str, str] = {}
    kept = TemplateWords(
        read_line(faults, "label", words.label, "The label", most=64),
        read_line(faults, "description", words.description, "The description", most=1000, required=False),
        read_line(faults, "product_model", words.product_model, "The product model", most=100, required=False),
    )
    return kept, faults
