"""A repository or version, alone or with its content, as it is asked for by the flags of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from flask import Response, request, stream_with_context
from flask.typing import ResponseReturnValue
from werkzeug import wrappers

from app import exports, terminology
from app.actor import Actor
from app.api.ocl.arguments import content_limit, offset, switch, updated_since
from app.api.ocl.entrance import asker
from app.api.ocl.paging import say_page
from app.terminology import Address, Content, Version, Wish


def version_answer(address: Address, version: Version) -> ResponseReturnValue:
    """A repository (its HEAD) or a version, with what the flags ask for."""
    wish = wish_of_request()
    more = _more(asker(), address, version)
    if wish.concepts or wish.mappings or wish.references:
        name = request.args.get("updatedBy", "").strip()
        content = written_by(name, version, wish) if name else terminology.content_of(version, wish)
        pieces = terminology.content_json(content, more)
        response = Response(stream_with_context(pieces), mimetype="application/json")
        _say_page(response, content)
    else:
        # In the contract's order of keys, as with content.
        response = Response(orjson.dumps(Content(version, wish, 0, 0).detail() | more), mimetype="application/json")
    say_changed(response, version)
    return response


def say_changed(response: wrappers.Response, version: Version) -> None:
    """When a version's content changed last: from which instant on a subscriber asks for what came later."""
    changed = version.content_changed_at.replace(tzinfo=None).isoformat(timespec="milliseconds")
    for name in ("lastUpdated", "Last-Updated"):
        response.headers[name] = changed
    for name in ("lastUpdatedTimezone", "Last-Updated-Timezone"):
        response.headers[name] = "UTC"


@dataclass(frozen=True, slots=True)
class WrittenBy(Content):
    """A content of which only what one person wrote last is kept, in pages of its own."""

    kept: Mapping[str, list[str]] = field(default_factory=dict)

    def documents(self, table: str) -> Iterator[list[str]]:
        begin = self.wish.offset
        yield self.kept[table][begin : begin + self.wish.limit if self.wish.limit else None]


def written_by(name: str, version: Version, wish: Wish) -> Content:
    """What a version holds that this person wrote last. Everything is read for it: no index knows who wrote what."""
    everything = terminology.content_of(version, replace(wish, limit=0, offset=0))
    kept = {
        table: [one for page in everything.documents(table) for one in page if orjson.loads(one)["updated_by"] == name]
        if wanted
        else []
        for table, wanted in (("concept", wish.concepts), ("mapping", wish.mappings))
    }
    gone = everything.deleted_concepts, everything.deleted_mappings
    return WrittenBy(version, wish, len(kept["concept"]), len(kept["mapping"]), *gone, kept=kept)


def wish_of_request() -> Wish:
    """What of a version's content the request asks for.

    :raises Invalid: a number or a date cannot be read
    """
    since = updated_since()
    return Wish(
        concepts=switch("includeConcepts"),
        mappings=switch("includeMappings"),
        references=switch("includeReferences"),
        retired=switch("includeRetired"),
        since=since,
        deleted=since is not None and switch("includeDeleted"),
        limit=content_limit(),
        offset=offset(),
    )


def detail_of(address: Address, version: Version) -> Mapping[str, Any]:
    """A version's own JSON, as it is now."""
    return terminology.version_detail(version) | _more(asker(), address, version)


def is_processing(actor: Actor | None, address: Address, version: Version) -> bool:
    """Whether the version's export is being made."""
    if actor is None or version.is_head:
        return False
    export = exports.release_export(actor, address, version.id)
    return export is not None and export.is_pending


def _more(actor: Actor | None, address: Address, version: Version) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if not version.is_head:
        more["is_processing"] = is_processing(actor, address, version)
    if switch("includeSummary"):
        counts = version.counts
        more["summary"] = {"active_concepts": counts.active_concepts, "active_mappings": counts.active_mappings}
    return more


def _say_page(response: Response, content: Content) -> None:
    """Both arrays are paged alike, so the longer one says how many pages there are."""
    wish = content.wish
    total = max(content.concept_count, content.mapping_count)
    page = wish.offset // wish.limit + 1 if wish.limit else 1
    left = max(0, total - wish.offset)
    returned = min(left, wish.limit) if wish.limit else left
    following = wish.offset + wish.limit if wish.limit and left > wish.limit else None
    before = max(0, wish.offset - wish.limit) if wish.limit and wish.offset else None
    say_page(response, total, limit=wish.limit, page=page, returned=returned, step=("offset", following, before))
