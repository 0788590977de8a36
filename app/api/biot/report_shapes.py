"""A report as this contract shows it: its request with the defaults filled in, its state, and where its files are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from flask import current_app, request

from app import accounts, exports
from app.actor import Actor
from app.api.biot import present
from app.api.biot.report_request import request_for
from app.api.signed import argument_string, ends_after
from app.errors import NotFound
from app.exports import ReportParams
from app.models import Export, ExportFile

PURPOSE = "biot.report.file"
ADDRESS_SECONDS = 3600
FILE_VIEW = "api.biot.reports.file"
EXPIRED = "expired"
STATUSES = {
    "queued": "IN_PROGRESS",
    "building": "IN_PROGRESS",
    "ready": "COMPLETED",
    "failed": "FAILED",
    "expired": "FAILED",
    "cancelled": "CANCELED",
}
"""There is no state of ours for ``CANCELING``: what is cancelled, is so at once."""
ALL_STATUSES = ("IN_PROGRESS", "COMPLETED", "FAILED", "CANCELING", "CANCELED")
PEOPLE = "organization-user"
"""Whoever signs in here is one, whatever their role."""


@dataclass(frozen=True, slots=True)
class Base:
    """What addresses of ours begin with: scheme and host, and the path below which we are served."""

    host: str
    root: str = ""


def base_of_request() -> Base:
    """As the client reached us."""
    return Base(request.host_url.rstrip("/"), request.script_root)


def report_of(actor: Actor | None, export: Export, base: Base) -> present.Json:
    """The report, with addresses for its files that were signed for the actor; without them for who may not take it."""
    state, since = exports.settled_state(export)
    params = ReportParams.from_json(export.params)
    return {
        **request_for(params),
        "callbackEndpoint": export.callback_url,
        "name": export.label,
        "id": str(export.id),
        "status": STATUSES[state],
        "fileOutput": _output(actor, export, state, params, base),
        "errorMessage": EXPIRED if state == "expired" else export.reason if state == "failed" else None,
        "reportInitiator": _initiator(export.owner_id),
        "creationTime": present.instant(export.requested_at),
        "lastModifiedTime": present.instant(since),
    }


def report_body(export_id: UUID, public_url: str) -> bytes:
    """What is posted to the callback address of a report; its addresses are signed for who asked for it.

    :param public_url: where people and programs reach us
    :raises NotFound: the report is gone
    """
    export = exports.report_of(export_id)
    if export is None:
        raise NotFound
    try:
        owner = accounts.actor_for_user(export.owner_id)
    except NotFound:
        owner = None
    return orjson.dumps(report_of(owner, export, Base(public_url.rstrip("/"))))


def _output(actor: Actor | None, export: Export, state: str, params: ReportParams, base: Base) -> present.Json | None:
    """Null, or whole: clients parse no half of it. One of them looks into it after whatever is not a failure."""
    ends = ends_after(ADDRESS_SECONDS)
    if state == "cancelled":
        return {"filesLocation": {}, "urlExpirationTime": present.instant(ends)}
    if state != "ready":
        return None
    if export.expires_at is not None:
        ends = min(ends, export.expires_at.replace(microsecond=0))
    may_take = actor is not None and exports.why_not_taken(actor, export) is None
    located: dict[str, present.Json] = {}
    if actor is not None and may_take:
        located = {data_type: {"paths": []} for data_type in params.data_types}
        for file in _of_data_types(export.files, params):
            located[file.subject]["paths"].append(_address(actor, file, base, ends))
    return {"filesLocation": located, "urlExpirationTime": present.instant(ends)}


def _of_data_types(files: Iterable[ExportFile], params: ReportParams) -> Iterable[ExportFile]:
    """What the portal's reports may hold besides, attached files, is not in the contract."""
    return (file for file in files if file.subject in params.data_types)


def _address(actor: Actor, file: ExportFile, base: Base, ends: datetime) -> str:
    values = {"report_id": file.export_id, "ordinal": file.ordinal, "name": file.name}
    # There may be no request: what is posted to a callback address is made by the reconciler.
    path = base.root + current_app.url_map.bind("").build(FILE_VIEW, values)
    return f"{base.host}{path}?{argument_string(PURPOSE, 'GET', path, actor, ends)}"


def _initiator(user_id: UUID) -> present.Json:
    home = accounts.home_organization(user_id)
    return {
        "userId": str(user_id),
        "ownerOrganizationId": None if home is None else str(home),
        "userEntityType": PEOPLE,
        "templateId": None,
    }
