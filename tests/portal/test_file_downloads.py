"""Taking files away: the headers they carry, their parts, their pictures, their record; and removing them."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from app import exports
from app.exports import ReportParams
from app.extensions import db
from app.models import StoredFile, TemplateAttribute, begin_writing
from config import Config
from tests.attachments.files import CT, pdf, picture
from tests.factories import World
from tests.portal.cabinet import Cabinet, SignedIn, make_cabinet

PNG = picture("PNG")


@pytest.fixture
def cabinet(app: Flask, world: World, config: Config) -> Cabinet:
    return make_cabinet(app, world, config.data_dir)


@pytest.fixture
def alice(signed_in: SignedIn) -> FlaskClient:
    return signed_in("alice")


def attach(cabinet: Cabinet, browser: FlaskClient, name: str, content: bytes, attribute: str = "images") -> Any:
    answer = cabinet.send_raw(browser, name, content, attribute)
    assert answer.status_code == 201, answer.text
    return answer.json["file"]


def fetch(browser: FlaskClient, path: str, **headers: str) -> Any:
    """As a client that reads the answer to its end."""
    return browser.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}, buffered=True)


def remove(cabinet: Cabinet, browser: FlaskClient, file_id: object, **headers: str) -> Any:
    data = {"csrf_token": cabinet.token(browser)}
    return browser.post(f"/files/{file_id}/remove", data=data, headers=headers)


def test_a_download_is_an_attachment_that_no_browser_runs_or_keeps(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "患者.pdf", pdf(), "analysis_file")
    answer = fetch(alice, f"/files/{file['id']}")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.data).hexdigest() == file["sha256"]
    headers = dict(answer.headers)
    digest = base64.b64encode(hashlib.sha256(answer.data).digest()).decode()
    assert {name: headers[name] for name in (
        "Content-Type", "Content-Length", "Content-Disposition", "X-Content-Type-Options", "Content-Security-Policy",
        "Cache-Control", "ETag", "Repr-Digest", "Accept-Ranges",
    )} == {
        "Content-Type": "application/pdf",
        "Content-Length": str(file["size"]),
        "Content-Disposition": "attachment; filename=\"download.pdf\"; filename*=UTF-8''%E6%82%A3%E8%80%85.pdf",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
        "ETag": f'"{file["sha256"]}"',
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": "bytes",
    }  # fmt: skip


def test_a_part_is_sent_alone_and_several_parts_as_the_whole(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "ct.dcm", CT.read_bytes())
    path, whole, tag = f"/files/{file['id']}", CT.read_bytes(), f'"{file["sha256"]}"'
    part = fetch(alice, path, Range="bytes=100-199", If_Range=tag)
    assert (part.status_code, part.data) == (206, whole[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    assert fetch(alice, path, Range="bytes=-50").data == whole[-50:]
    assert fetch(alice, path, Range="bytes=0-9,20-29").data == whole
    assert fetch(alice, path, Range="bytes=100-", If_Range='"other"').data == whole
    assert fetch(alice, path, Range=f"bytes={len(whole)}-").status_code == 416


def test_a_download_is_recorded_once_however_it_is_fetched(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "ct.dcm", CT.read_bytes())
    path, tag = f"/files/{file['id']}", f'"{file["sha256"]}"'
    assert (alice.head(path).status_code, cabinet.events("file.download")) == (200, 0)
    assert fetch(alice, path, Range="bytes=0-99").status_code == 206
    assert cabinet.events("file.download") == 1
    for start in (100, 200):
        answer = fetch(alice, path, Range=f"bytes={start}-", If_Range=tag)
        assert answer.status_code == 206
    assert cabinet.events("file.download") == 1
    assert fetch(alice, path).status_code == 200
    assert cabinet.events("file.download") == 2


@pytest.mark.parametrize("tag", ['"another"', 'W/"another"', "Sun, 06 Nov 1994 08:49:37 GMT", "anything", ""])
def test_a_part_with_a_tag_of_other_bytes_is_recorded_as_a_new_download(
    cabinet: Cabinet, alice: FlaskClient, tag: str
) -> None:
    file = attach(cabinet, alice, "ct.dcm", CT.read_bytes())
    path = f"/files/{file['id']}"
    assert fetch(alice, path).status_code == 200
    answer = fetch(alice, path, Range="bytes=1-", If_Range=tag)
    assert (answer.status_code, len(answer.data)) == (200, file["size"])
    assert cabinet.events("file.download") == 2


def test_a_continuation_of_nothing_is_recorded_all_the_same(
    cabinet: Cabinet, alice: FlaskClient, signed_in: SignedIn
) -> None:
    file = attach(cabinet, alice, "ct.dcm", CT.read_bytes())
    path, headers = f"/files/{file['id']}", {"Range": "bytes=1-", "If_Range": f'"{file["sha256"]}"'}
    assert fetch(alice, path, **headers).status_code == 206
    assert cabinet.events("file.download") == 1
    assert fetch(signed_in("adam"), path, **headers).status_code == 206
    assert cabinet.events("file.download") == 2


@pytest.mark.parametrize(("name", "content", "attribute"), [
    ("ct.dcm", CT.read_bytes(), "images"),
    ("photo.jpg", picture("JPEG", (800, 600)), "images"),
    ("report.pdf", pdf(), "analysis_file"),
])  # fmt: skip
def test_a_preview_is_a_small_picture_of_our_own(
    cabinet: Cabinet, alice: FlaskClient, name: str, content: bytes, attribute: str
) -> None:
    file = attach(cabinet, alice, name, content, attribute)
    answer = alice.get(f"/files/{file['id']}/preview")
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    with Image.open(io.BytesIO(answer.data)) as shown:
        assert (shown.format, max(shown.size) <= 256) == ("WEBP", True)
    assert f'src="/files/{file["id"]}/preview"' in alice.get(cabinet.path).text
    assert cabinet.events("file.download") == 0


def test_a_file_without_a_picture_shows_its_kind(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "notes.txt", b"words\n", "analysis_file")
    assert alice.get(f"/files/{file['id']}/preview").status_code == 404
    assert re.search(r'class="file-tile" aria-hidden="true">\s*Text\s*<', alice.get(cabinet.path).text)


@pytest.mark.parametrize("who", ["rita", "boris"])
@pytest.mark.parametrize("page", ["", "/preview", "/remove"])
def test_a_foreign_file_answers_as_an_unknown_one(
    cabinet: Cabinet, alice: FlaskClient, signed_in: SignedIn, who: str, page: str
) -> None:
    file, browser = attach(cabinet, alice, "a.png", PNG), signed_in(who)
    foreign, unknown = (browser.get(f"/files/{file_id}{page}") for file_id in (file["id"], uuid4()))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    # The page's own token is made anew each second.
    told, otherwise = (re.sub(r'(X-CSRFToken": )"[^"]+"', "token", answer.text) for answer in (foreign, unknown))
    assert told == otherwise
    assert cabinet.events("file.download") == 0
    removal = remove(cabinet, browser, file["id"])
    assert removal.status_code == 404
    assert [kept.state for kept in cabinet.files()] == ["attached"]


def test_a_file_is_removed_after_a_confirmation_and_is_gone(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "scan.png", PNG)
    page = alice.get(f"/files/{file['id']}/remove")
    assert page.status_code == 200
    for words in ("Remove this file?", "scan.png", "Ana Ruiz", f'href="{cabinet.path}#files-images"'):
        assert words in page.text
    assert [kept.state for kept in cabinet.files()] == ["attached"]
    answer = remove(cabinet, alice, file["id"])
    assert (answer.status_code, answer.headers["Location"]) == (303, cabinet.path)
    shown = alice.get(cabinet.path).text
    assert "scan.png was removed from Ana Ruiz." in shown
    assert f"/files/{file['id']}" not in shown
    for address in ("", "/preview", "/remove"):
        gone = alice.get(f"/files/{file['id']}{address}")
        assert gone.status_code == 410
        assert "This file was removed." in gone.text
    assert remove(cabinet, alice, file["id"]).status_code == 410


def test_a_script_that_removes_is_answered_as_one(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "scan.png", PNG)
    answer = remove(cabinet, alice, file["id"], Accept="application/json")
    assert (answer.status_code, answer.json) == (200, {"removed": file["id"]})
    again = remove(cabinet, alice, file["id"], Accept="application/json")
    assert (again.status_code, again.json) == (410, {"error": "This file was removed."})


def test_no_file_is_removed_without_the_pages_token(cabinet: Cabinet, alice: FlaskClient) -> None:
    file = attach(cabinet, alice, "scan.png", PNG)
    assert alice.post(f"/files/{file['id']}/remove").status_code == 400
    assert [kept.state for kept in cabinet.files()] == ["attached"]


def test_the_last_file_that_must_be_there_stays_and_the_page_says_why(
    app: Flask, world: World, cabinet: Cabinet, alice: FlaskClient
) -> None:
    file = attach(cabinet, alice, "scan.png", PNG)
    with app.app_context():
        begin_writing()
        known = db.session.query(TemplateAttribute).filter_by(template_id=world.templates["patient"].id, name="images")
        known.one().mandatory = True
        db.session.commit()
    answer = remove(cabinet, alice, file["id"])
    assert answer.status_code == 422
    assert "Images must hold a file. Attach another one before you remove this one." in answer.text
    assert [kept.state for kept in cabinet.files()] == ["attached"]


def test_bytes_that_cannot_be_found_are_our_fault_and_not_recorded(cabinet: Cabinet, alice: FlaskClient) -> None:
    attach(cabinet, alice, "scan.png", PNG)
    (file,) = cabinet.files()
    (cabinet.data_dir / "storage" / file.storage_key).unlink()
    answer = alice.get(f"/files/{file.id}")
    assert answer.status_code == 503
    assert "The bytes of this file cannot be found." in answer.text
    assert cabinet.events("file.download") == 0


def test_an_export_with_attached_files_holds_the_same_bytes(
    app: Flask, world: World, cabinet: Cabinet, alice: FlaskClient
) -> None:
    attach(cabinet, alice, "CT 患者.dcm", CT.read_bytes())
    attach(cabinet, alice, "report.pdf", pdf(), "analysis_file")
    gone = attach(cabinet, alice, "gone.png", PNG)
    assert remove(cabinet, alice, gone["id"]).status_code == 303
    with app.app_context():
        actor = world.actor("alice")
        params = ReportParams(("patient",), entity_ids=(cabinet.patient_id,), with_files=True)
        export = exports.request_export(actor, "report", params, request_key=str(uuid4()))
        exports.work_until_idle("test")
        with exports.open_archive(actor, export.id).stream as stream:
            archive = zipfile.ZipFile(io.BytesIO(stream.read()))
        kept = {file.sha256 for file in db.session.query(StoredFile).filter_by(state="attached")}
    packed = {hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert len(kept) == 2
    assert kept <= packed
    assert gone["sha256"] not in packed
