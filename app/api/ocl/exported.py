"""The export of a version: asked for, made, told of, deleted; at the root, and as in 2015 below ``/v1``."""

from __future__ import annotations

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import exports, terminology
from app.actor import Actor
from app.api.ocl import answers
from app.api.ocl.archives import archive_url
from app.api.ocl.arguments import switch
from app.api.ocl.contents import say_changed
from app.api.ocl.entrance import member
from app.api.ocl.paths import is_2015, of_repository
from app.api.ocl.versions import found_version
from app.errors import AlreadyRunning, Forbidden, NotFound
from app.models import Export
from app.terminology import HEAD, Address, Version

FOUND_FOR = "X-OCL-CLIENT"
"""Whoever says so follows a 302 and no 303."""

OF_HEAD = "HEAD is never exported: make a version of it first."
NO_ADMINISTRATOR = "Only the owner, or the owning organization's administrators, delete exports."

bp = Blueprint("exported", __name__)


@of_repository(bp, "/<version>/export/")
def show(address: Address, version: str) -> ResponseReturnValue:
    """Where the export is, or how far it is. On the page of 2015 a GET has it made if there is none."""
    actor = member()
    if is_2015() and request.method == "HEAD":
        return _status_of_2015(actor, address, version)
    known = _version(actor, address, version)
    if known is None:
        return _of_head()
    export = exports.release_export(actor, address, known.id)
    if export is None and is_2015():
        export = _requested(actor, address, known.id, force=False)
    if export is None:
        return _empty(204)
    if export.is_pending:
        return _empty(202 if is_2015() else 208)
    return _ready(actor, known, export)


@of_repository(bp, "/<version>/export/", "POST")
def create(address: Address, version: str) -> ResponseReturnValue:
    """Have it made: 202. On the page of 2015 one that is there is made again."""
    actor = member()
    known = _version(actor, address, version)
    if known is None:
        return _of_head()
    if is_2015():
        _requested(actor, address, known.id, force=True)
        return _empty(202)
    asked = exports.request_release_export(actor, address, known.id, force=switch("force"))
    if asked.made:
        return _empty(202)
    if switch("noRedirect"):
        return _empty(204)
    response = _empty(303)
    # Not a Location, and relative: clients that follow redirects by themselves must not take this for the file.
    response.headers["URL"] = f"{address.of_version(known.id)}export/"
    return response


@of_repository(bp, "/<version>/export/", "DELETE")
def delete(address: Address, version: str) -> ResponseReturnValue:
    """204: the archive is gone, the version stays. For administrators."""
    actor = member()
    repository = terminology.get_repository(actor, address)
    known = found_version(actor, address, version)
    if not terminology.may_manage(actor, repository):
        raise Forbidden(NO_ADMINISTRATOR)
    if known.is_head:
        return _of_head()
    exports.delete_release_export(actor, address, known.id)
    return _empty(204)


def _version(actor: Actor, address: Address, version: str) -> Version | None:
    """The version; ``None`` for HEAD, of which there are no exports.

    :raises NotFound: there is none
    :raises Forbidden: the repository is private
    """
    found = found_version(actor, address, version)
    return None if found.is_head else found


def _requested(actor: Actor, address: Address, version: str, *, force: bool) -> Export | None:
    """The export, made now if need be; ``None`` when somebody else was quicker and it is being made."""
    try:
        return exports.request_release_export(actor, address, version, force=force).export
    except AlreadyRunning:
        return exports.release_export(actor, address, version)


def _status_of_2015(actor: Actor, address: Address, version: str) -> ResponseReturnValue:
    """200 ready, 202 being made, 404 none or unknown, 400 for what is never exported."""
    if version == HEAD:
        terminology.get_repository(actor, address)
        return _empty(400)
    known = found_version(actor, address, version)
    export = exports.release_export(actor, address, known.id)
    if export is None:
        raise NotFound("This version has no export.")
    return _empty(202) if export.is_pending else _ready(actor, known, export)


def _ready(actor: Actor, version: Version, export: Export) -> Response:
    url = archive_url(actor, export)
    if is_2015():
        response = _empty(200)
    else:
        response = _empty(302 if request.headers.get(FOUND_FOR) else 303)
        response.headers["Location"] = url
    headers = response.headers
    headers["exportURL"] = url
    say_changed(response, version)
    made = export.finished_at or export.requested_at
    headers["exportCreated"] = made.replace(tzinfo=None).isoformat(timespec="milliseconds")
    headers["Cache-Control"] = "no-cache, no-store, must-revalidate"
    headers["Pragma"], headers["Expires"] = "no-cache", "0"
    return response


def _of_head() -> Response:
    response = answers.shape(405, OF_HEAD)
    response.headers["Allow"] = ""
    return response


def _empty(status: int) -> Response:
    response = make_response("", status)
    del response.headers["Content-Type"]
    return response
