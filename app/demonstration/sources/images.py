"""CT, MR and ultrasound images: the DICOM files that pydicom ships inside its package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.demonstration.sources.installed import package_file


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A DICOM file on disk. ``name`` is the portal's word for it, ``modality`` DICOM's: CT, MR or US."""

    name: str
    modality: str
    description: str
    path: Path

    def read(self) -> bytes:
        """The file's bytes, unchanged."""
        return self.path.read_bytes()


SHIPPED = (
    ("CT thoracic spine.dcm", "CT", "CT, axial slice of the thoracic spine", "CT_small.dcm"),
    ("MR small field.dcm", "MR", "MR, spin echo, small field of view", "MR_small.dcm"),
    (
        "US lymph node Doppler.dcm",
        "US",
        "Ultrasound, power Doppler of a lymph node",
        "examples_rgb_color.dcm",
    ),
    ("CT head.dcm", "CT", "CT, axial slice of the head, JPEG 2000", "J2K_pixelrep_mismatch.dcm"),
)


def images() -> Iterator[SourceImage]:
    """The images, always in the same order.

    pydicom's own ``get_testdata_file`` is not asked, because it may download what the package lacks.

    :raises SourceMissing: pydicom is not installed, or no longer ships one of the files
    """
    for name, modality, description, file_name in SHIPPED:
        path = package_file("pydicom", "data", "test_files", file_name)
        yield SourceImage(name, modality, description, path)
