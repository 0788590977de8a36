"""Archives at signed addresses that are good once, without a token: what a ready export's ``Location`` leads to."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from app import exports, sending
from app.actor import Actor
from app.api.ocl.paths import ARCHIVES
from app.api.signed import argument_string, ends_after, signed_actor
from app.errors import Gone, NotFound
from app.models import Export

PURPOSE = "ocl.archive"
USE = "use"
"""The argument that names the one use of an address."""
ADDRESS_SECONDS = 60

GONE = "This address was used, or its archive was deleted. Ask for a new one: GET the version's export/ again."

bp = Blueprint("archives", __name__)


@bp.get(f"{ARCHIVES}/<uuid:export_id>/<name>")
def send(export_id: UUID, **_name: str) -> ResponseReturnValue:
    """The archive, once. A HEAD, a prefetch and a later range of the same download use nothing up."""
    actor, signed = signed_actor(PURPOSE, "GET")
    if _is_prefetch():
        return _not_yet()
    try:
        known = exports.get_export(actor, export_id)
        about = sending.Representation(known.archive_bytes or 0, known.archive_sha256 or "", known.finished_at)
        sent = sending.first_byte_sent(about)
        if sent is None:
            archive = exports.open_archive(actor, export_id, note=False)
        else:
            archive = exports.open_archive_once(actor, export_id, signed.get(USE, ""), continues=sent > 0)
    except (Gone, NotFound):
        raise Gone(GONE) from None
    return sending.send_download(archive)


def archive_url(actor: Actor, export: Export) -> str:
    """An absolute address by which anybody may fetch the archive in the actor's name: once, within a minute."""
    path = url_for("api.ocl.archives.send", export_id=export.id, name=export.name)
    ends = ends_after(ADDRESS_SECONDS)
    arguments = argument_string(PURPOSE, "GET", path, actor, ends, {USE: exports.new_use()})
    return f"{request.host_url.rstrip('/')}{path}?{arguments}"


def _is_prefetch() -> bool:
    """Whether nobody asked for it yet: a browser, or what looks ahead for it, fetches in advance."""
    names = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    said = " ".join(request.headers.get(name, "") for name in names).lower()
    return "prefetch" in said or "preview" in said


def _not_yet() -> Response:
    """Nothing is sent in advance; whoever means it asks again."""
    response = Response(status=204)
    response.headers["Cache-Control"] = "no-store"
    return response
