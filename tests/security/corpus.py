"""Files as somebody who means harm would send them: broken, far larger inside than outside, two kinds at once."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from tests.attachments.files import CT, PACKAGED, pdf, picture, png_that_claims, program

Sent = tuple[str, bytes]
FORMS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp", "TIFF": "tif"}
PAGE = b"<!DOCTYPE html><script>alert(document.domain)</script>"
CODE = b"<?php system($_GET['c']); ?>"


def of_pydicom() -> Iterator[Sent]:
    """What pydicom's own tests are made of: odd, old, cut off, wrongly labelled."""
    for path in sorted(PACKAGED.rglob("*")):
        if path.is_file() and path.stat().st_size < 3_000_000:
            yield f"{path.stem}.dcm", path.read_bytes()


def broken_pictures(seed: int, of_each: int) -> Iterator[Sent]:
    """Real pictures cut off somewhere, and with bytes changed anywhere."""
    dice = random.Random(seed)
    for form, ending in FORMS.items():
        whole = picture(form, (120, 90))
        for number in range(of_each):
            changed = bytearray(whole)
            for _ in range(1 + number):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            yield f"changed.{ending}", bytes(changed)
            yield f"cut.{ending}", whole[: dice.randrange(1, len(whole))]
            at = dice.randrange(len(whole))
            yield f"doubled.{ending}", whole[:at] + whole[:at] + whole[at:]


def bombs() -> Iterator[Sent]:
    """Little to send, much to unpack."""
    yield "claims.png", png_that_claims(60_000, 60_000)
    yield "text.png", _png_with_text(200 * 1024 * 1024)
    yield "huge.gif", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b"\x3b"
    zipped = _zip_of_zeros()
    yield "archive.pdf", zipped
    yield "archive.csv", zipped
    yield "archive.png", zipped
    yield "deep.json", b"[" * 500_000
    yield "stream.pdf", _pdf_with_a_bomb()
    head = (PACKAGED / "image_dfl.dcm").read_bytes()
    end_of_meta = 144 + int.from_bytes(head[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    yield "deflated.dcm", head[:end_of_meta] + b"".join(packer.compress(bytes(2**20)) for _ in range(300))


def polyglots() -> Iterator[Sent]:
    """One file, two readers."""
    zipped = _zip_of_zeros(1)
    yield "page.gif", b"GIF89a/*" + PAGE + b"*/=1;"
    yield "page.jpg", picture("JPEG", comment=PAGE)
    yield "code.png", picture("PNG") + CODE
    yield "page.png", picture("PNG") + PAGE
    yield "archive.png", picture("PNG") + zipped
    yield "archive.pdf", pdf(1) + zipped
    yield "page.pdf", PAGE + pdf(1)
    yield "code.csv", b"a,b\n" + CODE + b"\n"
    yield "program.dcm", program()[:128].ljust(128, b"\0") + CT.read_bytes()[128:]
    yield "tiff.dcm", b"II*\0" + bytes(124) + CT.read_bytes()[128:]
    yield "picture.txt", picture("BMP")
    yield "page.txt", b"\xef\xbb\xbf  " + PAGE


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_with_text(size: int) -> bytes:
    whole = picture("PNG")
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20)) + packer.flush()
    return whole[:33] + _chunk(b"zTXt", b"Comment\0\0" + packed) + whole[33:]


def _zip_of_zeros(mebibytes: int = 64) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(4):
            archive.writestr(f"../../{number}", bytes(mebibytes * 2**20 // 4))
    return out.getvalue()


def _pdf_with_a_bomb() -> bytes:
    packed = zlib.compress(bytes(256 * 2**20), 9)
    drawn = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(packed) + packed + b"\nendstream"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R >>", drawn,
    ]  # fmt: skip
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + part + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    return (
        out
        + b"xref\n0 5\n0000000000 65535 f \n"
        + table
        + (b"trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start)
    )
