"""The builder: a process of its own that reads rows, writes them as files, deflates and stages them.

Its parent, the worker, claims, beats and commits through SQLAlchemy; the builder is told what to make in plain values
and answers with plain values. It never imports :mod:`sqlite3`: rows of SQLite come through ADBC, which carries a SQLite
library of its own, and two such libraries in one process that open one file drop each other's locks.

A **recipe** says how one fragment is made. ``make`` names the way; the rest is its own:

``records``
    Entities as JSON, NDJSON, CSV or Parquet (:mod:`app.builder.records`).
``wide``
    Measurements of one device, a row for each instant and a column for each metric (:mod:`app.builder.wide`).
``long``
    Measurements of several series: a row for each value, or a JSON object for each instant (:mod:`app.builder.long`).
``documents``
    Concepts or mappings: ready documents within one JSON object (:mod:`app.builder.documents`).
``copy``
    A range of a stored file (:mod:`app.builder.copying`).
"""
