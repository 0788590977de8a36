"""Terminologies to be loaded: ICD-10 and ICD-10-CM out of installed packages, and any export of the contract's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.errors import NotFound
from app.terminology.loading import Terminology
from app.terminology.releasing import ReleaseFacts
from app.terminology.sources.icd10 import ICD10
from app.terminology.sources.icd10cm import ICD10CM
from app.terminology.sources.ocl_export import OCLExport

PACKAGED: dict[str, Callable[[], Terminology]] = {"icd-10": ICD10, "icd-10-cm": ICD10CM}


def open_terminology(name: str) -> Terminology:
    """The terminology that a name of :data:`PACKAGED` means, or the export in a file (``export.json``, or a zip of it).

    :raises NotFound: there is no such package or file
    :raises Invalid: the file is no export
    """
    if name in PACKAGED:
        return PACKAGED[name]()
    path = Path(name)
    if not path.is_file():
        known = ", ".join(PACKAGED)
        raise NotFound(f"There is no file {name}. Name one, or one of {known}.")
    return OCLExport(path)


def release_as(terminology: Terminology, version: str) -> ReleaseFacts:
    """What a release of a terminology is made with: of an export, what the exported version said of itself."""
    return terminology.release_as(version) if isinstance(terminology, OCLExport) else ReleaseFacts(version)


__all__ = ["ICD10", "ICD10CM", "PACKAGED", "OCLExport", "open_terminology", "release_as"]
