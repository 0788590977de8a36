"""Measurements that people bring in files: sent, understood, looked at line by line, then loaded in the background.

A file is a CSV of any common encoding, whose columns a person says: :mod:`app.imports.lines` makes it blocks of whole
lines, :mod:`app.imports.rows` makes a block arrays of values, and what is good goes where programs' deliveries go, by
:func:`app.measurements.take_in`. A draft becomes ``checking`` and ``checked`` (a worker looked at every line, nothing
was stored), then ``loading`` and ``done``. The same file again changes nothing.
"""

from app.imports.devices import Measured
from app.imports.guessing import Guess
from app.imports.instants import KINDS, MONTH_OR_DAY, zones
from app.imports.lines import BOMS
from app.imports.mapping import DECIMALS, DELIMITERS, LAYOUTS, Columns, Reading, Writing
from app.imports.opening import device_for, metrics_for
from app.imports.pace import Pace, current_pace
from app.imports.previews import Preview, look, preview, suggest
from app.imports.refusing import FIRST, WORDS
from app.imports.requests import (
    Result,
    begin_sending,
    cancel_import,
    finish_sending,
    get_import,
    get_own_import,
    list_imports,
    loaded_before,
    may_import,
    open_refused,
    receive_file,
    request_check,
    request_load,
    result_of,
)
from app.imports.sniffing import Found
from app.imports.upkeep import keep_imports_until, ring_if_needed, sweep_imports
from app.imports.withdrawing import withdraw_imports
from app.imports.work import work_until_idle

__all__ = [
    "BOMS",
    "DECIMALS",
    "DELIMITERS",
    "FIRST",
    "KINDS",
    "LAYOUTS",
    "MONTH_OR_DAY",
    "WORDS",
    "Columns",
    "Found",
    "Guess",
    "Measured",
    "Pace",
    "Preview",
    "Reading",
    "Result",
    "Writing",
    "begin_sending",
    "cancel_import",
    "current_pace",
    "device_for",
    "finish_sending",
    "get_import",
    "get_own_import",
    "keep_imports_until",
    "list_imports",
    "loaded_before",
    "look",
    "may_import",
    "metrics_for",
    "open_refused",
    "preview",
    "receive_file",
    "request_check",
    "request_load",
    "result_of",
    "ring_if_needed",
    "suggest",
    "sweep_imports",
    "withdraw_imports",
    "work_until_idle",
    "zones",
]
