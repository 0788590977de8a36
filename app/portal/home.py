"""The first page after sign-in: what changed lately where the person works, and their exports."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from app import catalog, exports
from app.catalog import COUNTED_AT_MOST
from app.portal import export_words
from app.portal.frame import DATA_TYPE_LABELS, FOR_WHOLE_TENANT
from app.portal.presenting import SINGULAR, counted, entity_url, plural
from app.portal.signed_in import current_actor

RECENT = 8
RECENT_OF_FURTHER = 5
EXPORTS_SHOWN = 5


def home() -> ResponseReturnValue:
    """What matters to this person."""
    actor = current_actor()
    counts = catalog.counts_by_data_type(actor)
    recent = []
    for data_type in (known for known in DATA_TYPE_LABELS if known not in FOR_WHOLE_TENANT):
        if counts[data_type]:
            limit = RECENT if data_type == "patient" else RECENT_OF_FURTHER
            rows = catalog.recently_changed(actor, data_type, limit)
            url = url_for("portal.browse.list", data_type=data_type)
            recent.append((data_type, plural(data_type), rows, url))
    tiles = [
        (plural(data_type), counted(counts[data_type], COUNTED_AT_MOST), data_type)
        for data_type in DATA_TYPE_LABELS
        if counts[data_type] and (data_type not in FOR_WHOLE_TENANT or actor.sees_whole_tenant)
    ]
    page = render_template(
        "home.html",
        tiles=tiles,
        recent=recent,
        exports=exports.list_exports(actor, limit=EXPORTS_SHOWN),
        title_of=export_words.title_of,
        organizations={known.id: known.name for known in catalog.list_organizations(actor)},
        singular=SINGULAR,
        entity_url=entity_url,
    )
    for data_type, _, rows, _ in recent:
        catalog.note_list(actor, data_type, rows, "home")
    return page
