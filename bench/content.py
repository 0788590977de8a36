"""What an output says, whoever wrote it and however: so that only outputs of equal content are compared."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, parquet

from bench.measured import METRICS_OF_A_MONITOR

Table = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Milliseconds since 1970 in the output's order, and a column of numbers for each metric, or (metric, value)."""
Content = dict[str, Table]
"""By device."""

ABOUT = ("datapackage.json", "README.txt")
LABELS = {label: name for name, label, *_ in METRICS_OF_A_MONITOR}
"""What a header calls a metric, to its name."""


def wide_of_archive(archive: Path, metrics: Sequence[str]) -> Content:
    """Ours: a CSV or Parquet file for each device, named by its serial number."""
    found: Content = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name in ABOUT:
                continue
            device, _, ending = name.rpartition("/")[2].rpartition(".")
            table = _parquet(opened.read(name)) if ending == "parquet" else _csv(opened.read(name))
            named = [LABELS.get(column, column) for column in table.column_names]
            found[device] = _wide(table.rename_columns(named), metrics)
    return found


def wide_of_stream(written: Path, metrics: Sequence[str]) -> Content:
    """A peer's one gzip stream, or one Parquet file: device, time, a column for each metric, without a header."""
    names = ["device", "timestamp", *metrics]
    if written.suffix == ".parquet":
        table = parquet.read_table(written).rename_columns(names)
    else:
        table = _csv(gzip.decompress(written.read_bytes()), names)
    return {device: _wide(rows, metrics) for device, rows in _by_device(table, "device")}


def wide_of_files(archive: Path, metrics: Sequence[str]) -> Content:
    """A peer's zip of a CSV for each device."""
    return wide_of_archive(archive, metrics)


def long_of(data: bytes, metrics: Sequence[str], names: Sequence[str] | None) -> Content:
    """A row for each value. ``names`` are the columns' when the file has no header."""
    table = _csv(data, names)
    number = pc.index_in(table["metric"], value_set=pa.array(metrics)).to_numpy()
    table = table.append_column("number", pa.array(number, pa.float64()))
    return {
        device: (_milliseconds(rows["timestamp"]), _columns(rows, ["number", "value"]))
        for device, rows in _by_device(table, "sourceEntityId")
    }


def member(archive: Path, beginning: str) -> bytes:
    """The only file of an archive whose name begins so."""
    with zipfile.ZipFile(archive) as opened:
        [name] = [one for one in opened.namelist() if one.startswith(beginning)]
        return opened.read(name)


def difference(ours: Content, theirs: Content) -> str | None:
    """How two contents differ, in words; None when they are equal."""
    if ours.keys() != theirs.keys():
        odd = sorted(ours.keys() ^ theirs.keys())
        return f"{len(odd)} devices are in one of them only, as {odd[0]}"
    for device, (times, numbers) in ours.items():
        other_times, other_numbers = theirs[device]
        if times.shape != other_times.shape:
            return f"{device} has {len(times)} and {len(other_times)} rows"
        if not np.array_equal(times, other_times):
            return f"{device} has other times, or another order"
        if not np.array_equal(numbers, other_numbers, equal_nan=True):
            return f"{device} has other values"
    return None


def difference_of_lines(ours: Iterable[bytes], theirs: Iterable[bytes]) -> str | None:
    """How two NDJSON files differ as JSON, line by line and in order; None when they do not."""
    count = 0
    mine, other = iter(ours), iter(theirs)
    while True:
        one, two = next(mine, None), next(other, None)
        if one is None or two is None:
            return None if one is two else f"one of them ends after {count} lines"
        if one != two and orjson.loads(one) != orjson.loads(two):
            return f"line {count + 1} differs"
        count += 1


def lines_of(data: bytes) -> Iterator[bytes]:
    for line in io.BytesIO(data):
        yield line.rstrip(b"\r\n")


def documents_of(archive: Path) -> Iterator[bytes]:
    """The concepts, and then the mappings, of the ``export.json`` of a release: each as it is written there."""
    with zipfile.ZipFile(archive) as opened, opened.open("export.json") as member:
        for number, line in enumerate(member):
            documents = line.rstrip(b",\n")
            if number == 0:
                documents = documents.partition(b',"concepts":[')[2]
            documents = documents.partition(b'],"export_time":')[0]
            yield from (one for one in documents.split(b'],"mappings":[') if one)


def _csv(data: bytes, names: Sequence[str] | None = None) -> pa.Table:
    texts = ("timestamp", "device", "sourceEntityId", "patientId", "sessionId", "metric")
    types: Mapping[str, Any] = dict.fromkeys(texts, pa.string())
    numbers = {name: pa.float64() for name in names or [] if name not in types}
    return csv.read_csv(
        io.BytesIO(data),
        read_options=csv.ReadOptions(column_names=names, block_size=1 << 24),
        convert_options=csv.ConvertOptions(column_types={**types, **numbers}, strings_can_be_null=False),
    )


def _parquet(data: bytes) -> pa.Table:
    return parquet.read_table(pa.BufferReader(data))


def _by_device(table: pa.Table, column: str) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each device in their order, whether they lie together or not."""
    devices = table[column].combine_chunks().dictionary_encode()
    codes = devices.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    rows = table.take(pa.array(order))
    ends = np.cumsum(np.bincount(codes, minlength=len(devices.dictionary)))
    begin = 0
    for device, end in zip(devices.dictionary.to_pylist(), ends.tolist(), strict=True):
        yield str(device), rows.slice(begin, end - begin)
        begin = end


def _wide(table: pa.Table, metrics: Sequence[str]) -> Table:
    return _milliseconds(table["timestamp"]), _columns(table, metrics)


def _columns(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    columns = [pc.cast(table[name], pa.float64()).to_numpy() for name in names]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _milliseconds(column: Any) -> NDArray[np.int64]:
    """Instants of any way of writing: ``2024-01-07T21:20:00.000Z``, ``2024-01-07 21:20:00``, milliseconds, as such."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_rtrim(column, "Z")
        digits = len(text) and text[0].as_py().isdigit()
        column = pc.cast(text, pa.int64() if digits else pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.timestamp("ms", tz=column.type.tz))
    found: NDArray[np.int64] = pc.cast(column, pa.int64()).to_numpy()
    return found
