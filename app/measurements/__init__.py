"""Measurements: take them in, keep their roll-ups, read them for charts and tables."""

from app.measurements.drawing import Chart, Line, chart_of
from app.measurements.exact import Bin, Sample, Whose, bins, samples, series_named
from app.measurements.intake import Taken, load_measurements, series_for, take_in
from app.measurements.listing import Reading, ValuesPage, values_table
from app.measurements.partitions import Partitioned, keep_partitions_until, make_partitions
from app.measurements.receiving import WHOLE, Failure, Message, Received, receive
from app.measurements.sealing import Sealed, keep_sealed_until, seal_measurements
from app.measurements.subjects import devices_that_measured, subject_of
from app.measurements.summaries import MetricSummary, summary_of

__all__ = [
    "WHOLE",
    "Bin",
    "Chart",
    "Failure",
    "Line",
    "Message",
    "MetricSummary",
    "Partitioned",
    "Reading",
    "Received",
    "Sample",
    "Sealed",
    "Taken",
    "ValuesPage",
    "Whose",
    "bins",
    "chart_of",
    "devices_that_measured",
    "keep_partitions_until",
    "keep_sealed_until",
    "load_measurements",
    "make_partitions",
    "receive",
    "samples",
    "seal_measurements",
    "series_for",
    "series_named",
    "subject_of",
    "summary_of",
    "take_in",
    "values_table",
]
