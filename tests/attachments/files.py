"""Real files, made or found for the tests."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pydicom
import pypdfium2 as pdfium
from PIL import Image

PACKAGED = Path(pydicom.__file__).parent / "data" / "test_files"
CT = PACKAGED / "CT_small.dcm"
MR = PACKAGED / "MR_small.dcm"
ULTRASOUND = PACKAGED / "examples_rgb_color.dcm"
ECG = PACKAGED / "waveform_ecg.dcm"


def picture(form: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **saving: object) -> bytes:
    """A picture with its left half red, so that turning it shows."""
    image = Image.new("RGB", size, (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, form, **saving)
    return out.getvalue()


def pdf(pages: int = 2) -> bytes:
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        document.new_page(300, 400)
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes whose header promises a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    )


def program() -> bytes:
    """The beginning of a Windows program."""
    stub = b"MZ" + bytes(58) + struct.pack("<I", 64)
    return stub + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22) + bytes(512)


def edf(records: int = 3, samples: int = 10) -> bytes:
    fixed = (
        ("0", 8),
        ("X X X X", 80),
        ("Startdate X", 80),
        ("01.01.26", 8),
        ("00.00.00", 8),
        (512, 8),
        ("", 44),
    )
    counts = ((records, 8), (1, 8), (1, 4))
    signal = (("ECG", 16), ("", 80), ("uV", 8), (-100, 8), (100, 8), (-32768, 8), (32767, 8), ("", 80))
    cells = (*fixed, *counts, *signal, (samples, 8), ("", 32))
    return "".join(f"{value:<{width}}" for value, width in cells).encode() + bytes(2 * samples * records)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
