"""DICOM: parsed to its end, its pixels decoded where an installed decoder knows their transfer syntax."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import get_expected_length, iter_pixels
from pydicom.uid import JPEGExtended12Bit

from .dicom_walk import CUT_OFF, check_whole
from .finding import MAX_DECODED_PIXELS, Finding, Refused, refuse_too_many_pixels
from .images import PREVIEW_SIDE, shrink, to_eight_bits

Array = npt.NDArray[Any]

_DEFER = 64 * 1024  # longer values are not read before somebody asks for them
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MAX_MODALITY = 16
DAMAGED = "This DICOM file's picture data is damaged: it cannot be decoded."


def read_dicom(path: Path) -> Finding:
    """Refuse a file that is cut off, does not parse, or whose pixels a decoder we have cannot decode."""
    check_whole(path)
    dataset = _parse(path)
    _visit(dataset)
    modality = str(dataset.get("Modality") or "")[:_MAX_MODALITY] or None
    if not _has_pixels(dataset):
        return Finding(modality=modality)
    frames, rows, columns = _size(dataset)
    refuse_too_many_pixels(columns, rows)
    if _can_decode(dataset):
        _refuse_too_few_bytes(dataset)
        _decode(path, dataset, frames, rows * columns)
    return Finding(modality=modality, pages=frames if frames > 1 else None, width=columns, height=rows)


def preview_dicom(path: Path) -> bytes | None:
    """The first frame as people are used to see it: window applied, MONOCHROME1 inverted."""
    dataset = _parse(path)
    if not _has_pixels(dataset) or not _can_decode(dataset):
        return None
    frame = next(_frames(path, dataset, range(1)))
    # Made smaller before windowing, which makes floats of it all.
    step = max(1, max(frame.shape[:2]) // (4 * PREVIEW_SIDE))
    frame = frame[::step, ::step]
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
    if frame.ndim == 3:
        # 16-bit colours keep their share of the full range: to stretch each picture would change its hues.
        bits = 8 * frame.dtype.itemsize
        eight = frame.astype(np.uint8) if bits == 8 else (frame >> (bits - 8)).astype(np.uint8)
        return shrink(Image.fromarray(np.ascontiguousarray(eight)))
    eight = _grey(frame, dataset)
    return shrink(Image.fromarray(255 - eight if photometric == "MONOCHROME1" else eight))


def _grey(frame: Array, dataset: Dataset) -> npt.NDArray[np.uint8]:
    values = apply_modality_lut(frame, dataset)
    window = _window(dataset)
    if window is None:
        return to_eight_bits(values)
    center, width = window
    share = (values.astype(np.float32) - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
    return np.asarray(np.clip(share, 0.0, 1.0) * 255.0, dtype=np.uint8)


def _window(dataset: Dataset) -> tuple[float, float] | None:
    """The first window that the file names, as (center, width); None for none or one that makes no sense."""
    with suppress(KeyError, TypeError, ValueError, IndexError):
        center, width = (np.atleast_1d(dataset[word].value)[0] for word in ("WindowCenter", "WindowWidth"))
        if float(width) >= 1:
            return float(center), float(width)
    return None


def _parse(path: Path) -> FileDataset:
    try:
        return pydicom.dcmread(path, defer_size=_DEFER)
    except (InvalidDicomError, EOFError):
        raise Refused(CUT_OFF) from None


def _visit(dataset: Dataset) -> None:
    """Convert every element but the pixels, so that a value which cannot be read is found now."""
    for tag in list(dataset.keys()):
        if tag.group == 0x7FE0:
            continue
        element = dataset[tag]
        if element.VR == "SQ":
            for item in element.value:
                _visit(item)


def _has_pixels(dataset: Dataset) -> bool:
    return any(keyword in dataset for keyword in _PIXELS)


def _size(dataset: Dataset) -> tuple[int, int, int]:
    try:
        frames = int(dataset.get("NumberOfFrames") or 1)
        return max(frames, 1), int(dataset.Rows), int(dataset.Columns)
    except (AttributeError, TypeError, ValueError):
        raise Refused("This DICOM file has picture data, but does not say how large it is.") from None


def _can_decode(dataset: FileDataset) -> bool:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == JPEGExtended12Bit and int(dataset.get("BitsStored", 8)) > 8:
        return False  # announced as decodable, but Pillow's JPEG ends at 8 bits
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _refuse_too_few_bytes(dataset: FileDataset) -> None:
    """Read from the file, a frame that is too short would be filled with whatever element comes next."""
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    element = next(dataset.get_item(keyword) for keyword in _PIXELS if keyword in dataset)
    held = element.length if isinstance(element, RawDataElement) else len(element.value)
    if held < get_expected_length(dataset):
        raise Refused(DAMAGED)


def _decode(path: Path, dataset: FileDataset, frames: int, pixels: int) -> None:
    wanted = range(min(frames, max(1, MAX_DECODED_PIXELS // pixels)))
    try:
        for _ in _frames(path, dataset, wanted):
            pass
    except (ImportError, MemoryError):
        raise
    except Exception:
        raise Refused(DAMAGED) from None


def _frames(path: Path, dataset: FileDataset, wanted: range) -> Iterator[Array]:
    """Frames one at a time, from the file: a study of a thousand frames is never in memory at once.

    A file that is deflated as a whole, or written in another way than it says, is only understood by the
    parser.
    """
    try:
        first = next(iter_pixels(path, indices=wanted[:1]))
    except Exception:
        yield from iter_pixels(dataset, indices=wanted)
        return
    yield first
    if wanted[1:]:
        yield from iter_pixels(path, indices=wanted[1:])
