from __future__ import annotations

import io
import json
import zlib
from pathlib import Path

import pydicom
import pytest
from PIL import Image

from app.attachments.decoders.dicom_walk import check_whole
from app.attachments.decoders.finding import Refused
from app.attachments.inspection import inspect_file
from app.attachments.kinds import PICTURES, accepted_extensions, kind_for
from app.errors import Invalid
from tests.attachments.files import CT, ECG, PACKAGED, ULTRASOUND, edf, pdf, picture, png_that_claims, program

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


@pytest.fixture
def saved(tmp_path: Path):
    def save(content: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.png", picture("PNG"), "image/png"),
        ("A.PNG", picture("PNG"), "image/png"),
        ("a.exe.png", picture("PNG"), "image/png"),
        ("a.jpg", picture("JPEG"), "image/jpeg"),
        ("a.JPEG", picture("JPEG"), "image/jpeg"),
        ("a.gif", picture("GIF"), "image/gif"),
        ("a.webp", picture("WEBP"), "image/webp"),
        ("a.tiff", picture("TIFF"), "image/tiff"),
    ],
)
def test_a_picture_that_is_what_its_name_says_is_accepted(saved, name, content, media_type) -> None:
    found = inspect_file(saved(content), name)
    assert (found.media_type, found.width, found.height) == (media_type, 40, 30)
    assert found.extension == "." + name.rpartition(".")[2].lower()
    assert Image.open(io.BytesIO(found.preview)).size == (40, 30)


def test_a_pdf_is_accepted_and_its_pages_counted(saved) -> None:
    found = inspect_file(saved(pdf(3)), "report.pdf")
    assert (found.media_type, found.pages) == ("application/pdf", 3)
    assert Image.open(io.BytesIO(found.preview)).size == (192, 256)


@pytest.mark.parametrize(
    ("path", "modality", "size"),
    [(CT, "CT", (128, 128)), (ULTRASOUND, "US", (320, 240)), (ECG, "ECG", (None, None))],
)
def test_a_dicom_file_is_accepted_with_its_modality_and_size(path, modality, size) -> None:
    found = inspect_file(path, path.name)
    assert (found.media_type, found.modality, (found.width, found.height)) == (
        "application/dicom",
        modality,
        size,
    )


@pytest.mark.parametrize(
    "name",
    [
        "image_dfl.dcm",  # deflated as a whole
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "examples_jpeg2k.dcm",
        "examples_palette.dcm",
        "examples_ybr_color.dcm",  # 30 frames of JPEG
        "rtstruct.dcm".replace("struct", "plan"),  # nested sequences, no picture
        "UN_sequence.dcm",
        "SC_rgb_jpeg.dcm",  # announces another transfer syntax than it is written in
    ],
)
def test_every_way_of_writing_dicom_that_we_can_decode_is_accepted(name) -> None:
    assert inspect_file(PACKAGED / name, name).media_type == "application/dicom"


@pytest.mark.parametrize("name", ["JPEGLSNearLossless_08.dcm", "JPEG-lossy.dcm", "SC_rgb_jpeg_gdcm.dcm"])
def test_a_whole_dicom_file_that_no_decoder_here_knows_is_accepted_without_a_preview(name) -> None:
    found = inspect_file(PACKAGED / name, name)
    assert found.media_type == "application/dicom"
    assert found.width
    assert found.preview is None


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("values.csv", "time,µV\n0,1\n".encode(), "text/csv"),
        ("values.csv", b"\xef\xbb\xbfa;b\r\n1;2\r\n", "text/csv"),
        ("device.log", b"2026-01-01 00:00:00 boot\n", "text/plain"),
        ("x.txt", b"a", "text/plain"),
        ("run.txt", b"#!/bin/sh\necho only text\n", "text/plain"),
        ("m.json", b'{"a": [1, 2]}', "application/json"),
        ("night.edf", edf(), "application/edf"),
    ],
)
def test_text_and_signals_are_accepted_without_a_preview(saved, name, content, media_type) -> None:
    found = inspect_file(saved(content), name)
    assert (found.media_type, found.preview) == (media_type, None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("scan.png", program(), "Windows program"),
        ("notes.txt", program(), "Windows program"),
        ("scan.dcm", program(), "Windows program"),
        ("scan.png", PAGE, "web page"),
        ("notes.txt", PAGE, "web page"),
        ("notes.csv", b"a,b\n" + PAGE, "web page"),
        ("scan.png", SVG, "SVG"),
        ("notes.log", SVG, "SVG"),
        ("report.pdf", PAGE + pdf(), "not begin as a PDF"),
        ("scan.gif", b"GIF89a/*" + PAGE, "pixels|damaged"),
        ("scan.png", picture("JPEG"), "do not agree"),
        ("scan.jpg", picture("PNG"), "do not agree"),
        ("scan.png", CT.read_bytes(), "DICOM"),
        ("scan.tif", CT.read_bytes(), "DICOM"),
        ("scan.dcm", picture("TIFF"), "do not agree"),
        ("scan.pdf", b"%PDF-1.4\n" + bytes(1000), "damaged"),
        ("scan.csv", pdf(), "PDF"),
        ("values.csv", b"a,b\n1,\x002\n", "NUL"),
        ("values.csv", "a,b\n1,2\n".encode("utf-16"), "NUL"),
        ("values.csv", "größe\n".encode("latin-1"), "UTF-8"),
        ("values.csv", b"a,\xe2\x82", "UTF-8"),
        ("m.json", b'{"a": ', "not valid JSON"),
        ("m.json", b"[" * 200_000, "not valid JSON"),
        ("night.edf", edf()[:-1], "cut off"),
        ("night.edf", b"0       " + bytes(600), "header"),
        ("night.edf", program(), "Windows program"),
        *((f"nothing{extension}", b"", "empty") for extension in accepted_extensions()),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused_in_words(saved, name, content, words) -> None:
    with pytest.raises(Invalid, match=words):
        inspect_file(saved(content), name)


@pytest.mark.parametrize("name", ["x.exe", "x.svg", "x.html", "x.htm", "scan.png.exe", "x.zip", "README", "x.xml"])
def test_a_name_with_an_ending_that_is_never_accepted_is_refused_and_told_what_is(saved, name) -> None:
    with pytest.raises(Invalid, match=r"Accepted: \.csv, \.dcm"):
        inspect_file(saved(picture("PNG")), name)


def test_the_templates_list_decides_what_an_attribute_takes() -> None:
    assert kind_for("a.csv", ["text/csv"]).media_type == "text/csv"
    assert kind_for("a.PNG", ["image/*"]).media_type == "image/png"
    assert accepted_extensions(["application/pdf", "text/plain; charset=utf-8"]) == [".log", ".pdf", ".txt"]
    assert ".dcm" in accepted_extensions(PICTURES)
    with pytest.raises(Invalid, match=r"\.png are not accepted here\. Accepted: \.csv\."):
        kind_for("a.png", ["text/csv"])


@pytest.mark.parametrize("name", ["MR_truncated.dcm", "rtplan_truncated.dcm"])
def test_a_dicom_file_known_to_be_truncated_is_refused(name) -> None:
    with pytest.raises(Invalid, match="cut off"):
        inspect_file(PACKAGED / name, name)


def test_a_dicom_file_cut_anywhere_in_its_picture_is_refused(saved) -> None:
    for source in ("CT_small.dcm", "MR_small_RLE.dcm", "examples_ybr_color.dcm", "image_dfl.dcm"):
        whole = (PACKAGED / source).read_bytes()
        check_whole(PACKAGED / source)
        for cut in range(len(whole) // 2, len(whole) - 200, len(whole) // 40):
            with pytest.raises(Refused):
                check_whole(saved(whole[:cut]))


def test_a_dicom_header_without_a_data_set_is_refused(saved) -> None:
    whole = CT.read_bytes()
    meta_end = 144 + int.from_bytes(whole[140:144], "little")
    for cut in (133, 150, meta_end):
        with pytest.raises(Invalid, match=r"cut off|does not say how"):
            inspect_file(saved(whole[:cut]), "scan.dcm")


def test_dicom_pixels_of_fewer_bytes_than_the_size_promises_are_refused(saved, tmp_path) -> None:
    dataset = pydicom.dcmread(CT)
    dataset.PixelData = dataset.PixelData[:-128]
    dataset.save_as(tmp_path / "short.dcm")
    with pytest.raises(Invalid, match="picture data is damaged"):
        inspect_file(tmp_path / "short.dcm", "short.dcm")


@pytest.mark.parametrize("hidden", [b"MZ\x90\x00", b"\x7fELF", b"#!/bin/sh\n", b"<html>", b"  <script>"])
def test_a_dicom_file_whose_preamble_is_another_kind_of_file_is_refused(saved, hidden) -> None:
    whole = CT.read_bytes()
    with pytest.raises(Invalid, match="begins as another kind of file"):
        inspect_file(saved(hidden + bytes(128 - len(hidden)) + whole[128:]), "scan.dcm")


def test_a_dicom_file_that_nests_without_end_is_refused(saved) -> None:
    head = CT.read_bytes()
    head = head[: 144 + int.from_bytes(head[140:144], "little")]
    deeper = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(Invalid, match="nested"):
        inspect_file(saved(head + deeper * 5000), "scan.dcm")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_picture_that_breaks_off_is_refused(saved, form) -> None:
    whole = picture(form, (400, 300))
    with pytest.raises(Invalid):
        inspect_file(saved(whole[: len(whole) // 2]), f"scan.{form.lower()}")


@pytest.mark.parametrize("size", [(60_000, 60_000), (8_000, 5_001)])
def test_a_picture_that_claims_more_than_forty_million_pixels_is_refused_before_it_is_decoded(saved, size) -> None:
    with pytest.raises(Invalid, match="40 million"):
        inspect_file(saved(png_that_claims(*size)), "bomb.png")


def test_a_dicom_file_that_claims_too_many_pixels_is_refused(tmp_path) -> None:
    dataset = pydicom.dcmread(CT)
    dataset.Rows, dataset.Columns = 60_000, 60_000
    dataset.save_as(tmp_path / "bomb.dcm")
    with pytest.raises(Invalid, match="40 million"):
        inspect_file(tmp_path / "bomb.dcm", "bomb.dcm")


def test_the_largest_accepted_picture_is_decoded_within_the_memory_that_a_decoder_gets(saved) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8_000, 5_000), (1, 2, 3)).save(out, "PNG", compress_level=1)
    found = inspect_file(saved(out.getvalue()), "large.png")
    assert (found.width, found.height) == (8_000, 5_000)
    assert Image.open(io.BytesIO(found.preview)).size == (256, 160)


def test_a_file_that_needs_more_memory_than_a_decoder_gets_is_refused(saved) -> None:
    text = json.dumps([{}] * 3_000_000).encode()
    with pytest.raises(Invalid, match="memory"):
        inspect_file(saved(text), "large.json", memory=200 * 1024 * 1024)


def test_a_deflated_dicom_file_does_not_unpack_without_bound(saved) -> None:
    head = bytearray((PACKAGED / "image_dfl.dcm").read_bytes())
    meta_end = 144 + int.from_bytes(head[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(300)) + packer.flush()
    with pytest.raises(Invalid, match="unpacks to more"):
        inspect_file(saved(bytes(head[:meta_end]) + bomb), "bomb.dcm")


def test_a_file_that_takes_longer_than_it_may_is_refused_and_its_decoder_ended(saved) -> None:
    with pytest.raises(Invalid, match="too long"):
        inspect_file(saved(picture("PNG")), "slow.png", seconds=0)
