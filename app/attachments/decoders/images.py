"""Pictures that Pillow decodes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from .finding import MAX_DECODED_PIXELS, MAX_PIXELS, Finding, Refused, refuse_too_many_pixels

FORMATS = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP", "tiff": "TIFF"}
PREVIEW_SIDE = 256
_MPO = "MPO"  # a JPEG that carries a second picture, as many phones write it
_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "F")

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)  # raise, don't warn


def read_image(path: Path, decoder: str) -> Finding:
    """Check a picture's structure, then decode it: every frame, as long as there are not too many pixels.

    :raises Refused: it cannot be decoded, or has too many pixels
    """
    try:
        with _open(path, decoder) as image:
            refuse_too_many_pixels(*image.size)
            image.verify()
        with _open(path, decoder) as image:
            width, height = image.size
            frames = int(getattr(image, "n_frames", 1))
            for frame in range(max(1, min(frames, MAX_DECODED_PIXELS // (width * height)))):
                image.seek(frame)
                refuse_too_many_pixels(*image.size)
                image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(f"This picture has more than {MAX_PIXELS // 1_000_000} million pixels.") from None
    return Finding(pages=frames if decoder == "tiff" else None, width=width, height=height)


def preview_image(path: Path, decoder: str) -> bytes:
    """The first frame, turned upright, small, without EXIF or GPS."""
    with _open(path, decoder) as image:
        image.draft("RGB", (PREVIEW_SIDE * 2, PREVIEW_SIDE * 2))
        upright = ImageOps.exif_transpose(image) or image
        upright.load()
        return shrink(upright)


def shrink(image: Image.Image) -> bytes:
    """A WebP picture of at most 256 px a side, of the pixels alone: no metadata goes along."""
    if image.mode in _DEEP_MODES:
        image = Image.fromarray(to_eight_bits(np.asarray(image)))
    transparent = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    small = image.convert("RGBA" if transparent else "RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    small.info.clear()
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80, method=4, exif=b"", xmp=b"")
    return out.getvalue()


def to_eight_bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Spread an array's values over 0–255, from its least finite value to its greatest."""
    numbers = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if high <= low:
        return np.zeros(numbers.shape, np.uint8)
    return ((numbers - low) * (255.0 / (high - low))).astype(np.uint8)


def _open(path: Path, decoder: str) -> Image.Image:
    """Opened by the promised format alone: no other decoder of Pillow's is ever tried."""
    formats = [FORMATS[decoder]] + ([_MPO] if decoder == "jpeg" else [])
    return Image.open(path, formats=formats)
