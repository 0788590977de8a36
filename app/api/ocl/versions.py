"""Versions of a repository: HEAD and its releases. Only its owner's people make, change and delete releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app import exports, terminology
from app.actor import Actor
from app.api.ocl.arguments import choice, list_limit, page, switch, updated_since
from app.api.ocl.contents import detail_of, is_processing, version_answer
from app.api.ocl.entrance import asker, member
from app.api.ocl.paging import list_answer
from app.api.ocl.paths import of_repository
from app.api.parse import json_body
from app.errors import Forbidden, Invalid
from app.terminology import Address, ReleaseFacts, Version
from app.terminology.documents import Json

LATEST = "latest"
BRIEF = ("id", "version_url", "type", "short_code", "released", "name")
LONGEST = 100_000
"""Of a description, in characters."""
NO_MEMBER = "Only its owner's people may do that."

bp = Blueprint("versions", __name__)


@of_repository(bp, "/versions/")
def list_versions(address: Address) -> ResponseReturnValue:
    """Newest first; HEAD, which is not released, is the last."""
    limit, number = list_limit(), page()
    found = terminology.list_versions(
        asker(), address, released=choice("released"), since=updated_since(), limit=limit, offset=(number - 1) * limit
    )
    return list_answer(map(_row, found.rows), found.total, limit=limit, page=number)


@of_repository(bp, "/versions/", "POST")
def create(address: Address) -> ResponseReturnValue:
    """Release the repository as it is now: 201 at once, and its export is on its way."""
    actor = member_of(address)
    released = exports.release_version(actor, address, _facts(json_body()))
    # The contract's answer says "Source", and calls the repository by ``id``.
    own = {"type": released.repository.kind.title(), "id": address.short_code}
    body = dict(detail_of(address, released)) | own
    return jsonify(body), 201, {"Location": address.of_version(released.id)}


@of_repository(bp, "/<version>/")
def show(address: Address, version: str) -> ResponseReturnValue:
    """One version, or the newest released one, with its content if that is asked for."""
    return version_answer(address, found_version(asker(), address, version))


@of_repository(bp, "/<version>/", "PUT")
def update(address: Address, version: str) -> ResponseReturnValue:
    """Say anew whether it is released, and what it is; its content stays."""
    actor = member_of(address)
    found = found_version(actor, address, version)
    if found.is_head:
        raise Invalid("HEAD is the repository itself: it is not changed as a version.")
    body = json_body()
    changed = exports.edit_release(
        actor, address, found.id, released=_released(body, None), description=_text(body, "description")
    )
    return jsonify(dict(detail_of(address, changed)))


@of_repository(bp, "/<version>/", "PATCH")
def change(address: Address, version: str) -> ResponseReturnValue:
    """As PUT: what is not sent stays."""
    return update(address, version)


@of_repository(bp, "/<version>/", "DELETE")
def delete(address: Address, version: str) -> ResponseReturnValue:
    """204: the release and its export are gone; what it held stays in the repository's history."""
    actor = member_of(address)
    exports.delete_release(actor, address, found_version(actor, address, version).id)
    return "", 204


@of_repository(bp, "/<version>/processing/")
def processing(address: Address, version: str) -> ResponseReturnValue:
    """``True`` or ``False``; with ``debug=true`` why the last export failed, for its owner's people."""
    actor = member()
    found = found_version(actor, address, version)
    pending = is_processing(actor, address, found)
    if not switch("debug"):
        return str(pending), 200, {"Content-Type": "text/plain; charset=utf-8"}
    member_of(address)
    export = failed = None
    if not found.is_head:
        export = exports.release_export(actor, address, found.id)
        failed = exports.failed_export(actor, address, found.id)
    told = export or failed
    return jsonify(
        is_processing=pending,
        process_ids=[str(export.id)] if export is not None and pending else [],
        state=None if told is None else told.state,
        error=None if failed is None else failed.reason,
    )


@of_repository(bp, "/<version>/processing/", "POST")
def clear_processing(address: Address, version: str) -> ResponseReturnValue:
    """Nothing is ever stuck here: an export whose worker died is taken up by another one. 200, nothing is changed."""
    found_version(member_of(address), address, version)
    return "", 200, {"Content-Type": "text/plain; charset=utf-8"}


def found_version(actor: Actor | None, address: Address, version: str) -> Version:
    """The version of that id, or the newest released one by the name ``latest``.

    :raises NotFound: there is none
    :raises Forbidden: the repository is private
    """
    if version == LATEST:
        return terminology.latest_version(actor, address)
    return terminology.get_version(actor, address, version)


def member_of(address: Address) -> Actor:
    """Who asks, if they are of the repository's owner.

    :raises NotFound: there is no such repository
    :raises Forbidden: they are not
    """
    actor = member()
    if not terminology.may_release(actor, terminology.get_repository(actor, address)):
        raise Forbidden(NO_MEMBER)
    return actor


def _row(version: Version) -> Mapping[str, Any]:
    if switch("verbose"):
        return terminology.version_detail(version)
    row = terminology.version_row(version)
    if switch("brief"):
        return {key: row[key] for key in BRIEF} | {"description": _description(version)}
    if switch("includeSummary"):
        counts = version.counts
        row["summary"] = {"active_concepts": counts.active_concepts, "active_mappings": counts.active_mappings}
    return row


def _description(version: Version) -> str:
    own = "" if version.release is None else version.release.description
    return own or version.repository.description


def _facts(body: Json) -> ReleaseFacts:
    version = body.get("id")
    if version is None:
        raise Invalid(fields={"version": "This field may not be null."})
    if not isinstance(version, str):
        raise Invalid(fields={"version": "Not a valid string."})
    extras = body.get("extras")
    if extras is not None and not isinstance(extras, dict):
        raise Invalid(fields={"extras": "Not a valid object."})
    released = _released(body, False)
    return ReleaseFacts(version, _text(body, "description") or "", bool(released), extras or {})


def _released(body: Json, default: bool | None) -> bool | None:
    """As JSON says it, or as a text."""
    given = body.get("released")
    if given is None:
        return default
    words = {"true": True, "false": False}
    found = given if isinstance(given, bool) else words.get(given.lower()) if isinstance(given, str) else None
    if found is None:
        raise Invalid(fields={"released": "Must be a valid boolean."})
    return found


def _text(body: Json, name: str) -> str | None:
    given = body.get(name)
    if given is None:
        return None
    if not isinstance(given, str) or len(given) > LONGEST:
        raise Invalid(fields={name: f"Not a valid string of at most {LONGEST} characters."})
    return given
