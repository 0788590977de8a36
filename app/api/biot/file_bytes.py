"""Where signed addresses of files lead: bytes in by PUT, bytes out by GET. The signature is the only credential.

Who the address was signed for is asked again for their rights, each time.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ClientDisconnected, RequestTimeout

from app import attachments
from app.api.biot.files import DOWNLOAD, UPLOAD
from app.api.signed import signed_actor
from app.errors import Invalid
from app.sending import HEARD, Opened, Representation, begins_download, send_download

SENT_TO = ("api.biot.file_bytes.receive", "api.biot.file_bytes.receive_part")
PREFLIGHT_SECONDS = 600

bp = Blueprint("file_bytes", __name__, url_prefix="/file/v1")


@bp.put("/uploads/<uuid:file_id>")
def receive(file_id: UUID) -> ResponseReturnValue:
    """The bytes of a file in one. 200, as object stores answer, with their tag."""
    actor, _ = signed_actor(UPLOAD, "PUT")
    _let_in()
    try:
        etag = attachments.receive_announced(actor, file_id, request.stream, request.content_length)
    except (ClientDisconnected, RequestTimeout):
        raise Invalid(attachments.BROKEN_OFF) from None
    return _taken(etag)


@bp.put("/uploads/<uuid:file_id>/parts/<int:number>")
def receive_part(file_id: UUID, number: int) -> ResponseReturnValue:
    """The bytes of one part; its tag is what the client names it by."""
    actor, _ = signed_actor(UPLOAD, "PUT")
    _let_in()
    try:
        etag = attachments.receive_piece(actor, file_id, number, request.stream, request.content_length)
    except (ClientDisconnected, RequestTimeout):
        raise Invalid(attachments.BROKEN_OFF) from None
    return _taken(etag)


@bp.get("/downloads/<uuid:file_id>")
def send(file_id: UUID) -> ResponseReturnValue:
    """The bytes of a file, whole or one range of them."""
    actor, signed = signed_actor(DOWNLOAD, "GET")
    known = attachments.get_file_or_own(actor, file_id)
    inline = signed.get("disposition") == "inline" and attachments.may_show(known)
    begins = begins_download(Representation(known.byte_count or 0, known.sha256 or "", known.created_at))
    file, stream = attachments.open_file(actor, file_id, note=request.method != "HEAD", continues=not begins)
    size, tag, kind = file.byte_count or 0, file.sha256 or "", attachments.served_type(file)
    opened = Opened(stream, size, file.name, kind, tag, file.created_at, file.sha256)
    return send_download(opened, disposition="inline" if inline else "attachment")


@bp.after_request
def let_pages_of_others_send(answer: Response) -> Response:
    """Pages of any origin may send bytes to an address that was signed for them, and read the tag of what they sent.

    Nothing is opened by it: no cookie counts here, and whoever has the address may use it from anywhere.
    """
    if request.endpoint in SENT_TO:
        answer.headers["Access-Control-Allow-Origin"] = "*"
        answer.headers["Access-Control-Expose-Headers"] = "ETag"
        if request.method == "OPTIONS":
            answer.headers["Access-Control-Allow-Methods"] = "PUT"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            answer.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return answer


receive.takes_uploads = True  # type: ignore[attr-defined]
receive_part.takes_uploads = True  # type: ignore[attr-defined]


def _let_in() -> None:
    """After the signature: a large body may come. One byte more than is accepted, so that the words are the domain's.

    :raises Invalid: it is encoded in a way that would be kept instead of its bytes
    """
    if request.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise Invalid("Send the bytes as they are, without Content-Encoding.")
    request.max_content_length = attachments.most_bytes() + 1
    request.environ[HEARD] = True


def _taken(etag: str) -> ResponseReturnValue:
    answer = make_response("", 200)
    answer.headers["ETag"] = f'"{etag}"'
    return answer
