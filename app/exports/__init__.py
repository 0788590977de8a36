"""Exports: asked for, planned, built in parts, published, kept for a while. See ``docs/exports.md``."""

from app.exports.builders import kept_builder
from app.exports.data_preview import (
    DataPreview,
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
from app.exports.downloads import Download, FileDownload, archive_address, open_archive, open_file, why_not_taken
from app.exports.estimate import Preview
from app.exports.kinds.data_export_params import DataExportParams
from app.exports.pace import Pace, current_pace
from app.exports.params import Asked, ReportParams, ReportQuery
from app.exports.progress import Progress, progress_of
from app.exports.reconcile import reconcile_until
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
    "FILES_AT_ONCE",
    "Asked",
    "Condition",
    "Conditions",
    "DataExportParams",
    "DataPreview",
    "Download",
    "FileDownload",
    "MetricLabel",
    "OfferedMetric",
    "Pace",
    "Preview",
    "Progress",
    "ReportParams",
    "ReportQuery",
    "ReportSearch",
    "Requeued",
    "Scopes",
    "TemplateMetrics",
    "archive_address",
    "cancel_export",
    "count_pending",
    "current_pace",
    "delete_export",
    "expire_exports",
    "expressible",
    "find_reports",
    "forget_deleted",
    "get_export",
    "get_report",
    "holds_no_value",
    "kept_builder",
    "list_exports",
    "may_export",
    "metric_labels",
    "offered_metrics",
    "offered_scopes",
    "open_archive",
    "open_file",
    "preview_data_export",
    "preview_report",
    "progress_of",
    "reconcile_until",
    "report_of",
    "request_export",
    "requeue_stale_exports",
    "settled_state",
    "sweep_storage",
    "why_not_taken",
    "work_until_idle",
]
