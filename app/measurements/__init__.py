"""Measurements: take them in, keep their roll-ups, read them for charts and tables."""

from app.measurements.drawing import Chart, Line, chart_of
from app.measurements.intake import Taken, load_measurements, series_for, take_in
from app.measurements.listing import Reading, ValuesPage, values_table
from app.measurements.partitions import Partitioned, keep_partitions_until, make_partitions
from app.measurements.subjects import devices_that_measured, subject_of
from app.measurements.summaries import MetricSummary, summary_of

__all__ = [
    "Chart",
    "Line",
    "MetricSummary",
    "Partitioned",
    "Reading",
    "Taken",
    "ValuesPage",
    "chart_of",
    "devices_that_measured",
    "keep_partitions_until",
    "load_measurements",
    "make_partitions",
    "series_for",
    "subject_of",
    "summary_of",
    "take_in",
    "values_table",
]
