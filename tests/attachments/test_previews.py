from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from app.attachments.previews import make_preview
from app.errors import Invalid
from tests.attachments.files import CT, ECG, MR, PACKAGED, pdf, picture


def drawn(path: Path, name: str | None = None) -> Image.Image:
    found = make_preview(path, name or path.name)
    assert found is not None
    image = Image.open(io.BytesIO(found))
    assert image.format == "WEBP"
    assert max(image.size) <= 256
    return image


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), dtype=np.int16)


def test_a_preview_is_small_and_keeps_the_pictures_shape(tmp_path) -> None:
    (tmp_path / "x").write_bytes(picture("PNG", (2000, 1000)))
    assert drawn(tmp_path / "x", "x.png").size == (256, 128)


def test_a_photograph_is_turned_upright_and_loses_its_place_and_date(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter to the right to see it upright
    exif[0x010F] = "CANARY camera"
    exif.get_ifd(0x8825)[1] = "N"
    content = picture("JPEG", (400, 200), exif=exif, comment=b"CANARY comment")
    assert b"CANARY" in content
    (tmp_path / "x").write_bytes(content)
    found = drawn(tmp_path / "x", "x.jpg")
    assert found.size == (128, 256)
    assert found.getpixel((64, 10))[0] > 200  # what was left, red, is now on top
    assert found.getpixel((64, 245))[2] > 200
    assert not found.getexif()
    assert b"CANARY" not in make_preview(tmp_path / "x", "x.jpg")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_pictures_of_every_depth_get_a_preview(tmp_path, mode) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    if mode == "I;16":
        deep = Image.fromarray(np.arange(0, 60_000, 6, dtype=np.uint16).reshape(100, 100))
        deep.save(tmp_path / "x", form)
        shades = grey(drawn(tmp_path / "x", "x.png"))
        assert shades[0].mean() < 10
        assert shades[-1].mean() > 245
        return
    (tmp_path / "x").write_bytes(picture(form, mode=mode))
    assert drawn(tmp_path / "x", f"x.{form.lower()}").size == (40, 30)


def test_a_ct_picture_uses_its_whole_range_of_grey() -> None:
    shades = grey(drawn(CT))
    assert shades.shape == (128, 128)
    assert shades.min() < 10
    assert shades.max() > 245


def test_a_window_brightens_what_lies_in_it(tmp_path) -> None:
    dataset = pydicom.dcmread(MR)
    dataset.WindowCenter, dataset.WindowWidth = 100, 50
    dataset.save_as(tmp_path / "narrow.dcm")
    assert grey(drawn(tmp_path / "narrow.dcm")).mean() > grey(drawn(MR)).mean() + 40


def test_monochrome1_is_shown_inverted(tmp_path) -> None:
    dataset = pydicom.dcmread(CT)
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.save_as(tmp_path / "inverted.dcm")
    difference = grey(drawn(tmp_path / "inverted.dcm")) + grey(drawn(CT)) - 255
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "examples_rgb_color.dcm", "examples_jpeg2k.dcm"])
def test_dicom_pictures_in_colour_get_a_preview(name) -> None:
    assert drawn(PACKAGED / name).size == ((256, 192))


def test_the_colours_of_a_palette_are_applied() -> None:
    colours = np.asarray(drawn(PACKAGED / "examples_palette.dcm").convert("RGB"), dtype=int)
    assert (np.ptp(colours, axis=2) > 40).any()


def test_the_same_picture_looks_the_same_in_every_encoding() -> None:
    plain = grey(drawn(MR))
    for name in ("MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_jp2klossless.dcm"):
        assert np.array_equal(plain, grey(drawn(PACKAGED / name))), name


def test_the_first_page_of_a_pdf_is_its_preview(tmp_path) -> None:
    (tmp_path / "x").write_bytes(pdf())
    assert drawn(tmp_path / "x", "x.pdf").size == (192, 256)


@pytest.mark.parametrize("path", [ECG, PACKAGED / "reportsi.dcm", PACKAGED / "JPEGLSNearLossless_08.dcm"])
def test_what_has_no_picture_or_none_we_can_decode_has_no_preview(path) -> None:
    assert make_preview(path, path.name) is None


def test_a_damaged_file_has_no_preview_and_text_never_has(tmp_path) -> None:
    (tmp_path / "x").write_bytes(picture("PNG")[:60])
    assert make_preview(tmp_path / "x", "x.png") is None
    assert make_preview(tmp_path / "x", "x.txt") is None
    with pytest.raises(Invalid):
        make_preview(tmp_path / "x", "x.svg")
