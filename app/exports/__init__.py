"""Exports: asked for, planned, built in parts, published, kept for a while. See ``docs/exports.md``."""

from app.builder.formulas import guarded
from app.exports.addressed import new_use, open_archive_once
from app.exports.builders import kept_builder
from app.exports.bulk import DeviceMetric, device_metrics, get_bulk_export, list_bulk_exports
from app.exports.data_preview import (
    MetricLabel,
    OfferedMetric,
    Scopes,
    TemplateMetrics,
    holds_no_value,
    metric_labels,
    offered_metrics,
    offered_scopes,
    preview_data_export,
)
from app.exports.downloads import (
    ADDRESS_SECONDS,
    Download,
    FileDownload,
    archive_address,
    open_archive,
    open_file,
    why_not_taken,
)
from app.exports.estimate import Preview
from app.exports.holding import Holder, archives_that_may_hold
from app.exports.kinds.data_export_estimate import DataPreview
from app.exports.kinds.data_export_params import DataExportParams
from app.exports.looking import note_preview
from app.exports.pace import Pace, current_pace
from app.exports.params import MOST_ENTITIES, Asked, ReportParams, ReportQuery
from app.exports.progress import Progress, progress_of
from app.exports.reconcile import reconcile_until
from app.exports.releases import (
    ReleaseExport,
    delete_release,
    delete_release_export,
    edit_release,
    exports_of_releases,
    failed_export,
    import_terminology,
    release_export,
    release_of,
    release_version,
    request_release_export,
)
from app.exports.requests import (
    cancel_export,
    count_pending,
    delete_export,
    get_export,
    list_exports,
    may_export,
    preview_report,
    request_export,
)
from app.exports.rights import nameless_for, right_of
from app.exports.searching import (
    FILES_AT_ONCE,
    Condition,
    Conditions,
    ReportSearch,
    expressible,
    find_reports,
    get_report,
    report_of,
    settled_state,
)
from app.exports.upkeep import Requeued, expire_exports, forget_deleted, requeue_stale_exports, sweep_storage
from app.exports.work import work_until_idle

__all__ = [
    "ADDRESS_SECONDS",
    "FILES_AT_ONCE",
    "MOST_ENTITIES",
    "Asked",
    "Condition",
    "Conditions",
    "DataExportParams",
    "DataPreview",
    "DeviceMetric",
    "Download",
    "FileDownload",
    "Holder",
    "MetricLabel",
    "OfferedMetric",
    "Pace",
    "Preview",
    "Progress",
    "ReleaseExport",
    "ReportParams",
    "ReportQuery",
    "ReportSearch",
    "Requeued",
    "Scopes",
    "TemplateMetrics",
    "archive_address",
    "archives_that_may_hold",
    "cancel_export",
    "count_pending",
    "current_pace",
    "delete_export",
    "delete_release",
    "delete_release_export",
    "device_metrics",
    "edit_release",
    "expire_exports",
    "exports_of_releases",
    "expressible",
    "failed_export",
    "find_reports",
    "forget_deleted",
    "get_bulk_export",
    "get_export",
    "get_report",
    "guarded",
    "holds_no_value",
    "import_terminology",
    "kept_builder",
    "list_bulk_exports",
    "list_exports",
    "may_export",
    "metric_labels",
    "nameless_for",
    "new_use",
    "note_preview",
    "offered_metrics",
    "offered_scopes",
    "open_archive",
    "open_archive_once",
    "open_file",
    "preview_data_export",
    "preview_report",
    "progress_of",
    "reconcile_until",
    "release_export",
    "release_of",
    "release_version",
    "report_of",
    "request_export",
    "request_release_export",
    "requeue_stale_exports",
    "right_of",
    "settled_state",
    "sweep_storage",
    "why_not_taken",
    "work_until_idle",
]
