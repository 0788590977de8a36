"""Measurements: take them in, keep their roll-ups, read them for charts and tables."""

from app.measurements.batch import EARLIEST_MS, LATEST_MS
from app.measurements.buckets import Band
from app.measurements.charting import Asked, Curve, Look, Offered, look_at
from app.measurements.dictionary import Dictionary, Entry, Held, dictionary_of, metric_words, type_of
from app.measurements.drawing import Chart, Line, chart_of
from app.measurements.exact import Bin, Sample, Whose, bins, samples, series_named
from app.measurements.intake import Taken, load_measurements, series_for, take_in
from app.measurements.listing import Reading, ValuesPage, values_table
from app.measurements.partitions import Partitioned, keep_partitions_until, make_partitions
from app.measurements.receiving import WHOLE, Failure, Message, Received, receive
from app.measurements.scope import places_of
from app.measurements.sealing import Sealed, keep_sealed_until, seal_measurements
from app.measurements.subjects import devices_that_measured, subject_of
from app.measurements.summaries import MetricSummary, summary_of

__all__ = [
    "EARLIEST_MS",
    "LATEST_MS",
    "WHOLE",
    "Asked",
    "Band",
    "Bin",
    "Chart",
    "Curve",
    "Dictionary",
    "Entry",
    "Failure",
    "Held",
    "Line",
    "Look",
    "Message",
    "MetricSummary",
    "Offered",
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
    "dictionary_of",
    "keep_partitions_until",
    "keep_sealed_until",
    "load_measurements",
    "look_at",
    "make_partitions",
    "metric_words",
    "places_of",
    "receive",
    "samples",
    "seal_measurements",
    "series_for",
    "series_named",
    "subject_of",
    "summary_of",
    "take_in",
    "type_of",
    "values_table",
]
