"""Small documents to attach, written here: a one-page PDF, a CSV table, a plain-text log.

The PDF is put together by hand because it must be the same bytes each time; libraries stamp the time and a
random identifier into theirs.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

A4 = (595, 842)
MARGIN, LEADING, TITLE_SIZE, TEXT_SIZE = 56, 16, 16, 11
LINES_A_PAGE = (A4[1] - 2 * MARGIN) // LEADING - 2


def one_page_pdf(title: str, lines: Sequence[str]) -> bytes:
    """A PDF with a title and plain lines of text, the same bytes for the same words.

    :param lines: at most :data:`LINES_A_PAGE`; characters outside Windows-1252 become ``?``
    :raises ValueError: more lines than fit on the page
    """
    if len(lines) > LINES_A_PAGE:
        raise ValueError(f"{len(lines)} lines do not fit on one page")
    top = A4[1] - MARGIN
    text = b"\n".join(
        [
            b"BT",
            b"/F1 %d Tf %d TL %d %d Td" % (TITLE_SIZE, LEADING, MARGIN, top),
            b"(%s) Tj T* T*" % _pdf_string(title),
            b"/F1 %d Tf" % TEXT_SIZE,
            *(b"(%s) Tj T*" % _pdf_string(line) for line in lines),
            b"ET",
        ]
    )
    return _pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R >> >> >>" % A4,
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            b"<< /Title (%s) /Producer (Chartroom demonstration) >>" % _pdf_string(title),
        ]
    )


def csv_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file (RFC 4180, UTF-8); None is an empty cell."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def text_log(lines: Iterable[str]) -> bytes:
    """A plain-text file, one line each, UTF-8."""
    return "".join(f"{line}\n" for line in lines).encode()


def _pdf_string(text: str) -> bytes:
    encoded = text.encode("cp1252", "replace")
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _pdf_file(objects: Sequence[bytes]) -> bytes:
    """Numbered objects and their cross-reference table: the catalogue first, the information last."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (len(objects) + 1, len(objects))
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)
