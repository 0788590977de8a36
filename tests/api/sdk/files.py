"""A file in and out, in one and in parts, with the published client of files; writes what it got as JSON."""

import hashlib
import json
import os
import sys

import biotmed_file_sdk as files
import biotmed_ums_sdk as ums
import requests

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))
PIECE = 5 * 1024 * 1024
content = b"".join(b"%019d,SN-0001\n" % number for number in range(400_000))


def fetched(url):
    """The SHA-256 of what a plain GET of the address gives."""
    answer = requests.get(url, timeout=60)
    answer.raise_for_status()
    return hashlib.sha256(answer.content).hexdigest()


def sent(url, body):
    answer = requests.put(url, data=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.headers["ETag"]


with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    login = ums.LoginAPIApi(client).login(ums.LoginRequestV2(username=email, password=password))

with files.ApiClient(files.Configuration(host=f"{base}/file", access_token=login.access_jwt.token)) as client:
    healthy = files.HealthCheckAPIApi(client).health_check().to_dict()
    one = files.FileAPIApi(client)
    made = one.create_upload_file_url(files.UploadFileUrlRequest(name="log.csv", mimeType="text/csv"))
    sent(made.signed_url, content)
    got = one.get_download_file_url(id=made.id, content_disposition="ATTACHMENT")

    parts = files.MultiplePartFileAPIApi(client)
    begun = parts.create_multiple_part_upload_file_url(
        files.MultiplePartUploadFileUrlRequest(name="parts.csv", mimeType="text/csv", parts=1)
    )
    more = parts.generate_signed_urls_for_multiple_part_file_upload(
        id=begun.id,
        multiple_part_upload_file_generate_signed_urls_request=files.MultiplePartUploadFileGenerateSignedUrlsRequest(
            fromPart=2, toPart=2
        ),
    )
    addresses = [*begun.signed_urls, *more.signed_urls]
    named = [
        files.MultiplePartFileUploadPart(
            partNumber=address.part_number,
            etag=sent(address.signed_url, content[at * PIECE : (at + 1) * PIECE]),
        )
        for at, address in enumerate(addresses)
    ]
    parts.save_e_tags_for_multiple_part_file_upload(
        id=begun.id,
        multiple_part_upload_file_save_e_tag_request=files.MultiplePartUploadFileSaveETagRequest(parts=named),
    )
    joined = parts.complete_multiple_part_upload_file(id=begun.id)
    try:
        parts.complete_multiple_part_upload_file(id=begun.id)
        again = None
    except files.ApiException as refusal:
        again = {"status": refusal.status, "code": json.loads(refusal.body)["code"]}
    dropped = parts.create_multiple_part_upload_file_url(
        files.MultiplePartUploadFileUrlRequest(name="dropped.csv", mimeType="text/csv", parts=1)
    )
    parts.cancel_multiple_part_upload_file(id=dropped.id)
    try:
        one.get_download_file_url(id=dropped.id)
        unknown = None
    except files.exceptions.NotFoundException as refusal:
        unknown = refusal.data.code

json.dump(
    {
        "healthy": healthy,
        "sent": hashlib.sha256(content).hexdigest(),
        "sent_in_parts": hashlib.sha256(content[: 2 * PIECE]).hexdigest(),
        "single": {"id": made.id, "name": got.name, "type": got.mime_type, "sha256": fetched(got.signed_url)},
        "joined": {"id": joined.id, "name": joined.name, "sha256": fetched(joined.signed_url)},
        "again": again,
        "unknown": unknown,
    },
    sys.stdout,
    default=str,
)
