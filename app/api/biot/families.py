"""The five things that clients do with every kind of entity, at the addresses of its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from app import attachments, catalog
from app.actor import Actor
from app.api.bearer import current_actor
from app.api.biot import entity_shapes
from app.api.biot.entity_bodies import Wanted, owner_of, read_wanted
from app.api.biot.entity_search import wish
from app.api.biot.searching import search_request
from app.api.parse import Fields, json_body
from app.catalog import Column, Condition, Holds
from app.errors import Invalid, NotFound
from app.models import Entity, Template

UNKNOWN_TEMPLATE = "There is no such template for this kind of record."


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of entity at its addresses: ``path``, ``path/{id}``, ``path/templates/{templateName}``.

    :param id_rule: how an id stands in an address, and what views call it
    """

    data_type: str
    path: str
    id_rule: str = "uuid:entity_id"

    @property
    def word(self) -> str:
        return self.data_type.replace("-", "_")


def answer(entity: Entity, status: int = 200) -> ResponseReturnValue:
    """One entity, as clients read it."""
    actor = current_actor()
    body = entity_shapes.shown(actor, entity)
    if request.method == "GET":
        catalog.note_view(actor, entity)
    return jsonify(body), status


def found(data_type: str, *more: Condition) -> ResponseReturnValue:
    """The page that this request's ``searchRequest`` asks for."""
    search = search_request()
    actor = current_actor()
    page = catalog.find_entities(actor, wish(actor, data_type, search, more))
    body = search.page(entity_shapes.shown_all(actor, page.entities), page.total)
    catalog.note_list(actor, data_type, page.entities, request.args.get("searchRequest"), page.total)
    return jsonify(body)


def of_template(template: Template) -> Condition:
    """That an entity is of a template."""
    return Holds((Column("template_id"),), "eq", template.id)


def template_in(fields: Fields, data_type: str) -> Template | None:
    """The template that ``_templateId`` names; what is wrong with it is gathered in the fields."""
    template_id = fields.uuid("_templateId", required=True)
    if template_id is None:
        return None
    template = catalog.find_template(current_actor(), data_type, template_id=template_id)
    if template is None:
        fields.fault("_templateId", UNKNOWN_TEMPLATE)
    return template


def template_named(data_type: str, name: str) -> Template:
    """The template that an address names.

    :raises NotFound: there is none of this kind
    """
    template = catalog.find_template(current_actor(), data_type, name=name)
    if template is None:
        raise NotFound(UNKNOWN_TEMPLATE)
    return template


def create(
    fields: Fields, template: Template | None, owner: UUID | None, *, key: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> Entity:  # fmt: skip
    """Make an entity out of a body, with its files, if nothing is wrong with it.

    :param more: values that the address gives, by our attribute's name
    :raises Invalid, Duplicate: by property
    """
    actor = current_actor()
    wanted = read_wanted(actor, fields, template) if template else Wanted()
    fields.check()
    if template is None or owner is None:
        raise Invalid(fields={"_templateId": UNKNOWN_TEMPLATE})
    wanted.values.update(more or {})
    if wanted.files:
        raise Invalid(fields=dict.fromkeys(wanted.files, "is attached by a PATCH once the record is there"))
    with wanted.named():
        return catalog.create_entity(actor, template.id, owner, wanted.values, key=key)


def change(entity: Entity, fields: Fields) -> Entity:
    """Change of an entity what the body says differently.

    :raises Invalid: by property
    """
    actor = current_actor()
    wanted = wanted_changes(actor, entity, fields)
    with wanted.named():
        return attachments.edit_with_files(actor, entity.id, wanted.values, wanted.files)


def wanted_changes(actor: Actor, entity: Entity, fields: Fields) -> Wanted:
    """What a body wants changed of an entity; its owner can only be repeated.

    :raises Invalid: by property
    """
    wanted = read_wanted(actor, fields, entity.template, entity_shapes.shown(actor, entity))
    owner = owner_of(fields, required=False)
    if owner is not None and owner != entity.organization_id:
        fields.fault("_ownerOrganization", "cannot be changed: make the record anew where it belongs")
    fields.check()
    return wanted


def add_reading(bp: Blueprint, family: Family, get: Callable[..., Entity]) -> None:
    """Search, and one entity."""

    def search() -> ResponseReturnValue:
        return found(family.data_type)

    def show(**ids: Any) -> ResponseReturnValue:
        return answer(get(**ids))

    bp.add_url_rule(family.path, f"search_{family.word}", search, methods=["GET"])
    bp.add_url_rule(f"{family.path}/<{family.id_rule}>", f"get_{family.word}", show, methods=["GET"])


def add_changing(
    bp: Blueprint, family: Family, get: Callable[..., Entity], *,
    alter: Callable[[Entity, Fields], Entity] = change, drop: Callable[[Actor, UUID], None] | None = None,
) -> None:  # fmt: skip
    """Partial update, and removal.

    :param alter: how it is changed, and ``drop`` how it is removed, where that is not the catalog's affair
    """

    def update(**ids: Any) -> ResponseReturnValue:
        return answer(alter(get(**ids), Fields(json_body(required=False))))

    def remove(**ids: Any) -> ResponseReturnValue:
        actor, entity_id = current_actor(), get(**ids).id
        if drop is None:
            catalog.delete_entity(actor, entity_id, family.data_type)
        else:
            drop(actor, entity_id)
        return "", 204

    one = f"{family.path}/<{family.id_rule}>"
    bp.add_url_rule(one, f"update_{family.word}", update, methods=["PATCH"])
    bp.add_url_rule(one, f"delete_{family.word}", remove, methods=["DELETE"])


def add_creating(bp: Blueprint, family: Family, make: Callable[[Fields, Template | None], Entity]) -> None:
    """Creation by a template's id in the body, and by its name in the address."""

    def by_id() -> ResponseReturnValue:
        fields = Fields(json_body())
        return answer(make(fields, template_in(fields, family.data_type)), 201)

    def by_name(template_name: str) -> ResponseReturnValue:
        template = template_named(family.data_type, template_name)
        return answer(make(Fields(json_body()), template), 201)

    bp.add_url_rule(family.path, f"create_{family.word}", by_id, methods=["POST"])
    named = f"{family.path}/templates/<template_name>"
    bp.add_url_rule(named, f"create_{family.word}_by_template_name", by_name, methods=["POST"])


def by_id(data_type: str) -> Callable[[UUID], Entity]:
    """The loader of a kind whose ids are ours."""

    def get(entity_id: UUID) -> Entity:
        return catalog.get_entity(current_actor(), entity_id, data_type)

    return get
