"""The kinds of export, by name. To add one: a module here that is a :class:`~app.exports.kinds.base.Kind`."""

from __future__ import annotations

from app.exports.kinds.base import BuiltFile, Kind, Order, PlannedFile, PlannedFragment
from app.exports.kinds.data_export import DataExportKind
from app.exports.kinds.report import ReportKind
from app.exports.kinds.repository import RepositoryKind

KINDS: dict[str, Kind] = {"report": ReportKind(), "data_export": DataExportKind(), "repository": RepositoryKind()}

__all__ = ["KINDS", "BuiltFile", "Kind", "Order", "PlannedFile", "PlannedFragment"]
