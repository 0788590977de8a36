"""Browse what organizations hold: lists, single entities, references, history, and changes by hand.

Loads and other rooms that write entities as part of their own use cases import :mod:`app.catalog.records`.
"""

from app.catalog.conditions import Attribute, Column, Condition, Every, Fixed, Holds, Negated, Operand, Some
from app.catalog.editing import EditedMeanwhile, edit_entity, require_edit
from app.catalog.finding import Found, Wish, entity_ids_by_key, find_entities
from app.catalog.history import Change, Version, history_of, values_at
from app.catalog.links import Linked, Referrers, linked, references_from, referencing
from app.catalog.listing import (
    COUNTED_AT_MOST,
    PAGE_SIZES,
    SORTS,
    EntityQuery,
    Page,
    count_entities,
    counts_by_data_type,
    found_ids,
    list_entities,
    recently_changed,
)
from app.catalog.loading import (
    find_template,
    get_entity,
    get_entity_by_key,
    list_organizations,
    list_templates,
    may_answer_for,
    may_edit,
)
from app.catalog.making import create_entity, delete_entity, fault_of_key
from app.catalog.seeing import note_list, note_view
from app.catalog.surroundings import Neighbour, Surroundings, administrators_of, neighbours, surroundings
from app.catalog.values import files_of, target_of, values_of

__all__ = [
    "COUNTED_AT_MOST",
    "PAGE_SIZES",
    "SORTS",
    "Attribute",
    "Change",
    "Column",
    "Condition",
    "EditedMeanwhile",
    "EntityQuery",
    "Every",
    "Fixed",
    "Found",
    "Holds",
    "Linked",
    "Negated",
    "Neighbour",
    "Operand",
    "Page",
    "Referrers",
    "Some",
    "Surroundings",
    "Version",
    "Wish",
    "administrators_of",
    "count_entities",
    "counts_by_data_type",
    "create_entity",
    "delete_entity",
    "edit_entity",
    "entity_ids_by_key",
    "fault_of_key",
    "files_of",
    "find_entities",
    "find_template",
    "found_ids",
    "get_entity",
    "get_entity_by_key",
    "history_of",
    "linked",
    "list_entities",
    "list_organizations",
    "list_templates",
    "may_answer_for",
    "may_edit",
    "neighbours",
    "note_list",
    "note_view",
    "recently_changed",
    "references_from",
    "referencing",
    "require_edit",
    "surroundings",
    "target_of",
    "values_at",
    "values_of",
]
