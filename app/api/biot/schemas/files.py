"""Files: announced, sent to signed addresses in one or in parts, downloaded from signed addresses."""

from __future__ import annotations

from app.api.biot.schemas.parts import SIGNED
from app.api.describing import (
    INSTANT,
    REFUSED,
    TEXT,
    UUID,
    Json,
    among,
    answers,
    body,
    maybe,
    operation,
    query,
    ref,
    several,
    shape,
    within,
)

_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 128}
_TYPE: Json = {"type": "string", "minLength": 1, "maxLength": 100}
_NUMBER: Json = {"type": "integer", "minimum": 1, "maximum": 10_000}
_URL: Json = {"type": "string", "format": "uri"}
_FACTS: Json = {"id": UUID, "name": _NAME, "mimeType": _TYPE}
_NAMES: Json = several(ref("FilePartName")) | {"maxItems": 10_000}

SCHEMAS: dict[str, Json] = {
    "FileAnnouncement": shape({"name": _NAME, "mimeType": _TYPE}, is_open=True),
    "FileAddress": shape(_FACTS | {"signedUrl": _URL}),
    "FilePartsAnnouncement": shape({"name": _NAME, "mimeType": _TYPE, "parts": _NUMBER}, is_open=True),
    "FilePartsRange": shape({"fromPart": _NUMBER, "toPart": _NUMBER}, is_open=True),
    "FilePartAddress": shape({"partNumber": _NUMBER, "signedUrl": _URL, "expirationTime": INSTANT}),
    "FilePartsAddresses": shape(_FACTS | {"parts": _NUMBER, "signedUrls": several(ref("FilePartAddress"))}),
    "FilePartName": shape(
        {"partNumber": _NUMBER, "etag": maybe({"type": "string", "maxLength": 100})}, optional=["etag"], is_open=True
    ),
    "FilePartNames": shape({"parts": _NAMES}, is_open=True),
    "FileCompletion": shape({"parts": maybe(_NAMES)}, optional=["parts"], is_open=True),
}

_ID = within("file_id", UUID)
_BYTES: Json = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_SENT: Json = {"required": True, "content": _BYTES}
_TAKEN: Json = {
    "200": {"description": "Taken.", "headers": {"ETag": {"description": "The quoted MD5.", "schema": TEXT}}},
    **REFUSED,
}
_FETCHED: Json = {
    "200": {"description": "All of it.", "content": _BYTES},
    "206": {"description": "The range that was asked for.", "content": _BYTES},
    "304": {"description": "What the client has already."},
    "412": {"description": "Not what the client has."},
    "416": {"description": "No such range."},
    **REFUSED,
}


def _announce_parts() -> Json:
    return operation(
        "Announce a file that comes in parts", "files",
        answers(200, "Where the first parts go.", ref("FilePartsAddresses")),
        request_body=body(ref("FilePartsAnnouncement")),
    )  # fmt: skip


PATHS: dict[str, Json] = {
    "/file/v1/files/upload": {
        "post": operation(
            "Announce a file", "files", answers(200, "Where its bytes go, by PUT.", ref("FileAddress")),
            request_body=body(ref("FileAnnouncement")),
        )
    },
    "/file/v1/files/{file_id}/download": {
        "get": operation(
            "Get an address to download a file from", "files", answers(200, "For an hour.", ref("FileAddress")),
            parameters=[_ID, query("contentDisposition", among("INLINE", "ATTACHMENT"))],
        )
    },
    "/file/v1/files/upload/parts": {"post": _announce_parts()},
    "/file/v1/files/upload/parts/": {"post": _announce_parts()},
    "/file/v1/files/upload/parts/{file_id}": {
        "post": operation(
            "Get addresses for more parts", "files", answers(200, "Where they go.", ref("FilePartsAddresses")),
            parameters=[_ID], request_body=body(ref("FilePartsRange")),
        ),
        "put": operation(
            "Name parts by their tags", "files", answers(200, "They are remembered."),
            parameters=[_ID], request_body=body(ref("FilePartNames")),
        ),
    },
    "/file/v1/files/upload/parts/{file_id}/complete": {
        "post": operation(
            "Join the parts that were named", "files", answers(200, "The file.", ref("FileAddress")),
            parameters=[_ID], request_body=body(ref("FileCompletion"), required=False),
        )
    },
    "/file/v1/files/upload/parts/{file_id}/cancel": {
        "delete": operation("Forget a file that comes in parts", "files", answers(204, "Gone."), parameters=[_ID])
    },
    "/file/v1/uploads/{file_id}": {
        "put": operation(
            "Send the bytes of a file", "files", _TAKEN, is_open=True,
            parameters=[_ID, *SIGNED], request_body=_SENT,
        )
    },
    "/file/v1/uploads/{file_id}/parts/{number}": {
        "put": operation(
            "Send the bytes of a part", "files", _TAKEN, is_open=True,
            parameters=[_ID, within("number", _NUMBER), *SIGNED], request_body=_SENT,
        )
    },
    "/file/v1/downloads/{file_id}": {
        "get": operation(
            "Download a file", "files", _FETCHED, is_open=True,
            parameters=[_ID, *SIGNED, query("disposition", among("inline", "attachment"), required=True)],
        )
    },
}  # fmt: skip
