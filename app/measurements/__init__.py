"""Measurements: take them in, keep their roll-ups, read them for charts and tables."""

from app.measurements.drawing import Chart, Line, chart_of
from app.measurements.intake import Taken, load_measurements, series_for, take_in
from app.measurements.listing import Reading, ValuesPage, values_table
from app.measurements.subjects import subject_of
from app.measurements.summaries import MetricSummary, summary_of

__all__ = [
    "Chart",
    "Line",
    "MetricSummary",
    "Reading",
    "Taken",
    "ValuesPage",
    "chart_of",
    "load_measurements",
    "series_for",
    "subject_of",
    "summary_of",
    "take_in",
    "values_table",
]
