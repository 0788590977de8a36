"""PDF documents, by pdfium."""

from __future__ import annotations

from pathlib import Path

import pypdfium2 as pdfium

from .finding import Finding, Refused
from .images import PREVIEW_SIDE, shrink

_MAX_PREVIEW_SCALE = 4.0


def read_pdf(path: Path) -> Finding:
    """Refuse a document that does not open, is locked or has no page."""
    document = _open(path)
    try:
        pages = len(document)
        if pages < 1:
            raise Refused("This PDF has no pages.")
        for index in {0, pages - 1}:
            document[index].get_size()
        return Finding(pages=pages)
    except pdfium.PdfiumError:
        raise Refused("This PDF is damaged: its pages cannot be read.") from None
    finally:
        document.close()


def preview_pdf(path: Path) -> bytes | None:
    """The first page, small."""
    document = _open(path)
    try:
        page = document[0]
        width, height = page.get_size()
        if width <= 0 or height <= 0:
            return None
        scale = min(2 * PREVIEW_SIDE / max(width, height), _MAX_PREVIEW_SCALE)
        if min(width, height) * scale < 1:
            return None
        return shrink(page.render(scale=scale).to_pil())
    finally:
        document.close()


def _open(path: Path) -> pdfium.PdfDocument:
    file = path.open("rb")  # closed with the document
    # pdfium looks for a document further in, so that what comes before it might be a web page.
    if file.read(5) != b"%PDF-":
        raise Refused("This file is named .pdf, but it does not begin as a PDF document.")
    file.seek(0)
    try:
        return pdfium.PdfDocument(file, autoclose=True)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise Refused("This PDF is locked with a password. Save it without one and try again.") from None
        raise Refused("This PDF is damaged and cannot be opened.") from None
