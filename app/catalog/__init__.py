"""Browse what organizations hold: lists, single entities, references, history, and changes by hand.

Loads and other rooms that write entities as part of their own use cases import :mod:`app.catalog.records`.
"""

from app.catalog.editing import EditedMeanwhile, edit_entity, require_edit
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
    list_entities,
    recently_changed,
)
from app.catalog.loading import get_entity, list_organizations, list_templates, may_edit
from app.catalog.values import files_of, target_of, values_of

__all__ = [
    "COUNTED_AT_MOST",
    "PAGE_SIZES",
    "SORTS",
    "Change",
    "EditedMeanwhile",
    "EntityQuery",
    "Linked",
    "Page",
    "Referrers",
    "Version",
    "count_entities",
    "counts_by_data_type",
    "edit_entity",
    "files_of",
    "get_entity",
    "history_of",
    "linked",
    "list_entities",
    "list_organizations",
    "list_templates",
    "may_edit",
    "recently_changed",
    "references_from",
    "referencing",
    "require_edit",
    "target_of",
    "values_at",
    "values_of",
]
