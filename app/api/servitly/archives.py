"""Archives under signed addresses: whoever has one may fetch it for a while, with no header at all."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from app import exports, sending
from app.actor import Actor
from app.api.servitly.paths import EXPORTS
from app.api.signed import argument_string, ends_after, signed_actor

PURPOSE = "servitly.archive"
ADDRESS_SECONDS = 900

bp = Blueprint("archives", __name__, url_prefix=EXPORTS)


@bp.get("/<uuid:data_export_id>/archive")
def send(data_export_id: UUID) -> ResponseReturnValue:
    """The archive, or a range of it; the rights of who got the address are asked again.

    Never a way to somewhere else, as the portal gives one to where large archives are kept: a plain GET gets it.
    """
    actor, _ = signed_actor(PURPOSE, "GET")
    known = exports.get_bulk_export(actor, data_export_id)
    about = sending.Representation(known.archive_bytes or 0, known.archive_sha256 or "", known.finished_at)
    begins = sending.begins_download(about)
    archive = exports.open_archive(actor, data_export_id, note=request.method != "HEAD", continues=not begins)
    return sending.send_download(archive)


def archive_url(actor: Actor, data_export_id: UUID) -> str:
    """An absolute address by which anybody may fetch the archive in the actor's name for a quarter of an hour."""
    path = url_for("api.servitly.archives.send", data_export_id=data_export_id)
    arguments = argument_string(PURPOSE, "GET", path, actor, ends_after(ADDRESS_SECONDS))
    return f"{request.host_url.rstrip('/')}{path}?{arguments}"
