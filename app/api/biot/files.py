"""Files: announced for a signed address, sent there in one or in parts, and downloaded from a signed address.

What a client attaches, it attaches by changing the entity; see :mod:`entities`.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from app import attachments
from app.actor import Actor
from app.api.bearer import current_actor
from app.api.biot import present
from app.api.parse import Fields, json_body
from app.api.signed import argument_string, ends_after
from app.errors import Invalid
from app.models import StoredFile

ADDRESS_SECONDS = 3600
LONGEST_NAME = 128
LONGEST_TYPE = 100
LONGEST_TAG = 100
NAMES_BYTES = 2 * 1024 * 1024
"""Ten thousand parts and their tags."""
DISPOSITIONS = ("INLINE", "ATTACHMENT")
UPLOAD, DOWNLOAD = "biot.file.upload", "biot.file.download"

bp = Blueprint("files", __name__, url_prefix="/file/v1/files")


@bp.post("/upload")
def announce() -> ResponseReturnValue:
    """Announce a file; its bytes go to the signed address by PUT."""
    fields = Fields(json_body())
    name, media_type = _facts(fields)
    fields.check()
    actor = current_actor()
    file = attachments.expect_file(actor, name, media_type)
    return jsonify(_address_of(file, _upload_url(actor, file.id, ends_after(ADDRESS_SECONDS))))


@bp.get("/<uuid:file_id>/download")
def download_address(file_id: UUID) -> ResponseReturnValue:
    """A signed address from which the bytes may be fetched for an hour."""
    wish = request.args.get("contentDisposition") or DISPOSITIONS[0]
    if wish.upper() not in DISPOSITIONS:
        raise Invalid("contentDisposition must be INLINE or ATTACHMENT.", {"contentDisposition": "unknown"})
    actor = current_actor()
    attachments.settle(actor, file_id)
    return jsonify(_download(actor, attachments.get_file_or_own(actor, file_id), wish.upper()))


@bp.post("/upload/parts")
@bp.post("/upload/parts/")
def announce_parts() -> ResponseReturnValue:
    """Announce a file that comes in parts, with addresses for the first of them."""
    fields = Fields(json_body())
    name, media_type = _facts(fields)
    parts = fields.integer("parts", least=1, most=attachments.MOST_PIECES, required=True) or 1
    fields.check()
    actor = current_actor()
    file = attachments.expect_file(actor, name, media_type, parts=parts)
    return jsonify(_parts(actor, file, 1, parts))


@bp.post("/upload/parts/<uuid:file_id>")
def more_parts(file_id: UUID) -> ResponseReturnValue:
    """Addresses for a range of parts, which may reach beyond those asked for at first."""
    actor = current_actor()
    file = attachments.get_expected(actor, file_id, in_parts=True)
    fields = Fields(json_body())
    first = fields.integer("fromPart", least=1, most=attachments.MOST_PIECES, required=True)
    last = fields.integer("toPart", least=1, most=attachments.MOST_PIECES, required=True)
    if first and last and first > last:
        fields.fault("toPart", "must not be less than fromPart")
    fields.check()
    return jsonify(_parts(actor, file, first or 1, last or 1))


@bp.put("/upload/parts/<uuid:file_id>")
def name_parts(file_id: UUID) -> ResponseReturnValue:
    """Remember parts by the tags that came with the answers to their bytes."""
    actor = current_actor()
    attachments.get_expected(actor, file_id, in_parts=True)
    attachments.name_pieces(actor, file_id, _named(Fields(json_body(most_bytes=NAMES_BYTES)), required=True))
    return "", 200


@bp.post("/upload/parts/<uuid:file_id>/complete")
def complete(file_id: UUID) -> ResponseReturnValue:
    """Join the parts that were named. Clients may name them here, or send nothing at all."""
    actor = current_actor()
    attachments.get_expected(actor, file_id, in_parts=True)
    named = _named(Fields(json_body(required=False, most_bytes=NAMES_BYTES)), required=False)
    return jsonify(_download(actor, attachments.join_pieces(actor, file_id, named), DISPOSITIONS[0]))


@bp.delete("/upload/parts/<uuid:file_id>/cancel")
def cancel(file_id: UUID) -> ResponseReturnValue:
    """Forget the file and every part of it."""
    attachments.cancel_upload(current_actor(), file_id)
    return "", 204


def _facts(fields: Fields) -> tuple[str, str]:
    name = fields.text("name", least=1, most=LONGEST_NAME, required=True)
    media_type = fields.text("mimeType", least=1, most=LONGEST_TYPE, required=True)
    return name or "", media_type or ""


def _named(fields: Fields, *, required: bool) -> dict[int, str | None]:
    named: dict[int, str | None] = {}
    for part in fields.objects("parts", most=attachments.MOST_PIECES, required=required):
        number = part.integer("partNumber", least=1, most=attachments.MOST_PIECES, required=True)
        tag = part.text("etag", most=LONGEST_TAG)
        if number is not None:
            named[number] = tag
    fields.check()
    return named


def _parts(actor: Actor, file: StoredFile, first: int, last: int) -> present.Json:
    ends = ends_after(ADDRESS_SECONDS)
    addresses = [
        {
            "partNumber": number,
            "signedUrl": _upload_url(actor, file.id, ends, number),
            "expirationTime": present.instant(ends),
        }
        for number in range(first, last + 1)
    ]
    about = {"id": str(file.id), "name": file.name, "mimeType": file.media_type}
    return about | {"parts": max(file.parts or 1, last), "signedUrls": addresses}


def _upload_url(actor: Actor, file_id: UUID, ends: datetime, number: int | None = None) -> str:
    direct = attachments.upload_address(file_id, number, seconds=ADDRESS_SECONDS)
    if direct is not None:
        return direct
    if number is None:
        path = url_for("api.biot.file_bytes.receive", file_id=file_id)
    else:
        path = url_for("api.biot.file_bytes.receive_part", file_id=file_id, number=number)
    return present.absolute(f"{path}?{argument_string(UPLOAD, 'PUT', path, actor, ends)}")


def _download(actor: Actor, file: StoredFile, disposition: str) -> present.Json:
    inline = disposition == DISPOSITIONS[0]
    url = attachments.file_address(actor, file.id, inline=inline, seconds=ADDRESS_SECONDS)
    if url is None:
        ends = ends_after(ADDRESS_SECONDS)
        path = url_for("api.biot.file_bytes.send", file_id=file.id)
        more = {"disposition": disposition.lower()}
        url = present.absolute(f"{path}?{argument_string(DOWNLOAD, 'GET', path, actor, ends, more)}")
    return _address_of(file, url)


def _address_of(file: StoredFile, url: str) -> present.Json:
    return {"id": str(file.id), "name": file.name, "mimeType": file.media_type, "signedUrl": url}
