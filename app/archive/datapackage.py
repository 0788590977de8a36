"""What an archive says of itself: ``datapackage.json`` for tools; for people see :mod:`app.archive.readme`.

Everything in both comes from the values passed in: not from the clock, the host, or whoever asked.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

_MEDIA_TYPES: Final = {
    "csv": "text/csv",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_TEXT_FORMATS: Final = frozenset({"csv", "json", "ndjson"})
FIELD_TYPES: Final = frozenset(
    {"string", "number", "integer", "boolean", "object", "array", "any"}
    | {"date", "time", "datetime", "year", "yearmonth", "duration"}
)
# RFC 4180, spelled out because a reader's defaults differ.
_CSV_DIALECT: Final = {
    "delimiter": ",",
    "lineTerminator": "\r\n",
    "quoteChar": '"',
    "doubleQuote": True,
    "skipInitialSpace": False,
    "header": True,
    "caseSensitiveHeader": True,
}


@dataclass(frozen=True)
class Column:
    """One column of a table. ``name`` is exactly its header or key in the file; ``choices`` are as written
    there.

    ``type`` is one of :data:`FIELD_TYPES`; ``format`` is Frictionless' own (``any`` for moments with
    fractions).
    """

    name: str
    type: str
    title: str = ""
    unit: str = ""
    description: str = ""
    format: str = ""
    choices: tuple[str | int | float | bool, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Measured:
    """A metric whose values a table holds line by line: its name as it is written there, and what that means.

    :param kind: what a value is: ``number``, or ``boolean`` written as 1 and 0
    :param of: whose metric it is; two metrics may share a name
    :param description: what is measured and how, in words
    """

    name: str
    title: str
    unit: str
    kind: str
    of: str
    description: str = ""


@dataclass(frozen=True)
class Resource:
    """One file of the archive, described.

    :param path: its member name
    :param format: ``csv``, ``json``, ``ndjson``, ``parquet``, or an attachment's ending without the dot
    :param raw_length: bytes once unpacked
    :param raw_sha256: of the unpacked file, hex
    :param rows: records inside; None for an attachment
    :param values: for measurements, how many values there are in it; people are told those, not its rows
    :param columns: for a table, in the file's order; empty for anything else, such as an attachment
    :param media_type: may be left out for the four formats of ours
    :param metrics: for a table in which a column says what was measured: what there can be
    """

    path: str
    title: str
    format: str
    raw_length: int
    raw_sha256: str
    rows: int | None = None
    columns: tuple[Column, ...] = ()
    description: str = ""
    media_type: str = ""
    values: int | None = None
    metrics: tuple[Measured, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """Something a reader could look for in vain: what, and why it is not here. Each a phrase without a full
    stop."""

    what: str
    why: str


@dataclass(frozen=True)
class Source:
    """Where the data came from before it came to us."""

    title: str
    path: str = ""


@dataclass(frozen=True)
class PackageDescription:
    """An archive's account of itself.

    :param name: of the package: ``a-z 0-9 . _ -``
    :param snapshot_revision: the revision at which the data was read
    :param snapshot_at: when that revision came to be, with a time zone
    :param for_spreadsheets: CSV files carry a byte-order mark and guard cells that would run as formulas
    :param notes: sentences for people, one paragraph each (a record larger than the split size, …)
    """

    name: str
    title: str
    description: str
    snapshot_revision: int
    snapshot_at: datetime
    resources: tuple[Resource, ...]
    left_out: tuple[LeftOut, ...] = ()
    sources: tuple[Source, ...] = ()
    for_spreadsheets: bool = False
    notes: tuple[str, ...] = ()


def data_package(described: PackageDescription) -> dict[str, Any]:
    """The Frictionless Data Package (v1) as plain values.

    The row count of a resource is its property ``rowCount``; what v1 has no word for is under ``chartroom``.

    :raises ValueError: a name or column type that the standard does not know, or a moment without a time zone
    """
    if not re.fullmatch(r"[a-z0-9._-]+", described.name):
        raise ValueError(f"not a data package's name: {described.name!r}")
    names = _ResourceNames()
    package: dict[str, Any] = {
        "profile": "data-package",
        "name": described.name,
        "title": described.title,
        "description": described.description,
        "created": instant_text(described.snapshot_at),
    }
    if described.sources:
        package["sources"] = [
            {"title": one.title, **({"path": one.path} if one.path else {})} for one in described.sources
        ]
    package["chartroom"] = {
        "snapshot": {"revision": described.snapshot_revision, "at": instant_text(described.snapshot_at)},
        "csvForSpreadsheets": described.for_spreadsheets,
        "leftOut": [{"what": one.what, "why": one.why} for one in described.left_out],
        "notes": list(described.notes),
    }
    package["resources"] = [
        _resource(one, names.name_for(one.path), described.for_spreadsheets) for one in described.resources
    ]
    return package


def data_package_bytes(described: PackageDescription) -> bytes:
    """:func:`data_package` as the bytes of ``datapackage.json``: the same description gives the same
    bytes."""
    return orjson.dumps(data_package(described), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _resource(one: Resource, name: str, for_spreadsheets: bool) -> dict[str, Any]:
    resource: dict[str, Any] = {"name": name, "path": one.path}
    if one.columns and one.format == "csv":
        resource["profile"] = "tabular-data-resource"
    elif not _validators_read_rows_of(one):
        resource["type"] = "file"
    resource["title"] = one.title
    if one.description:
        resource["description"] = one.description
    resource["format"] = one.format
    resource["mediatype"] = one.media_type or _MEDIA_TYPES.get(one.format, "application/octet-stream")
    if one.columns and one.format in _TEXT_FORMATS:
        resource["encoding"] = "utf-8-sig" if one.format == "csv" and for_spreadsheets else "utf-8"
    resource["bytes"] = one.raw_length
    resource["hash"] = f"sha256:{one.raw_sha256}"
    resource |= _counts(one)
    if one.columns and one.format == "csv":
        resource["dialect"] = dict(_CSV_DIALECT)
    if one.columns:
        resource["schema"] = {"fields": [_field(column) for column in one.columns], "missingValues": [""]}
    if one.metrics:
        resource["metrics"] = [_metric(metric) for metric in one.metrics]
    return resource


def _counts(one: Resource) -> dict[str, int]:
    counts = {}
    if one.rows is not None:
        counts["rowCount"] = one.rows
        if _validators_read_rows_of(one):
            counts["rows"] = one.rows  # Frictionless' own word: it counts and compares
    if one.values is not None:
        counts["valueCount"] = one.values
    return counts


def _validators_read_rows_of(one: Resource) -> bool:
    """Whether a validator should judge the rows, or only length and SHA-256; the schema is written in both
    cases.

    An attachment that happens to be a .csv is somebody's file, not a table of ours. Frictionless 5 finds
    fault with every JSON array (it counts no bytes while parsing one) and with NDJSON without a line, and
    needs more packages for Parquet.
    """
    is_empty = one.rows == 0 or one.values == 0
    return bool(one.columns) and (one.format == "csv" or (one.format == "ndjson" and not is_empty))


def _field(column: Column) -> dict[str, Any]:
    if column.type not in FIELD_TYPES:
        raise ValueError(f"not a column type: {column.type!r}")
    field: dict[str, Any] = {"name": column.name, "type": column.type}
    for key in ("format", "title", "description", "unit"):
        if getattr(column, key):
            field[key] = getattr(column, key)
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.choices:
        constraints["enum"] = list(column.choices)
    if constraints:
        field["constraints"] = constraints
    return field


def _metric(one: Measured) -> dict[str, Any]:
    metric = {"name": one.name, "title": one.title, "type": one.kind, "of": one.of}
    more = {"unit": one.unit, "description": one.description}
    return metric | {key: words for key, words in more.items() if words}


class _ResourceNames:
    """Names as the standard wants them (``a-z 0-9 . _ -``), one each, made from the files' paths."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name_for(self, path: str) -> str:
        plain = unicodedata.normalize("NFKD", path.rpartition(".")[0] or path).encode("ascii", "ignore").decode()
        slug = re.sub(r"[^a-z0-9._-]+", "-", plain.lower()).strip("-._") or "file"
        name, number = slug, 1
        while name in self._taken:
            number += 1
            name = f"{slug}-{number}"
        self._taken.add(name)
        return name


def instant_text(moment: datetime) -> str:
    """``2020-01-07T21:20:00.000Z``.

    :raises ValueError: a moment without a time zone
    """
    if moment.utcoffset() is None:
        raise ValueError("the snapshot's time needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
