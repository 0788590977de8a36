"""A data export from the request to the opened archive: what is in its files is what was measured, and nothing else."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from pyarrow import parquet

from app import exports
from app.exports import DataExportParams
from app.models import Export
from tests.exports.timeseries import DAY, FIRST_DAY, HOUR, Ward, between, busy_devices

START, END = FIRST_DAY + 3 * HOUR + 1_234, FIRST_DAY + 9 * DAY + 30 * 60_000 + 1


def made(ward: Ward, who: str, params: DataExportParams) -> tuple[Export, zipfile.ZipFile]:
    actor = ward.world.actor(who)
    export = exports.request_export(actor, "data_export", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    export = exports.get_export(actor, export.id)
    assert (export.state, export.reason) == ("ready", None)
    with exports.open_archive(actor, export.id).stream as stream:
        return export, zipfile.ZipFile(io.BytesIO(stream.read()))


def expected(ward: Ward, who: str, subject: str) -> dict[tuple[int, int], float]:
    held = ward.held(who, UUID(subject))
    return {(time, metric): value for (time, metric), value in held.items() if START <= time < END}


@pytest.mark.parametrize("who", ["alice", "ann"])
def test_a_csv_holds_a_row_for_each_instant_as_the_preview_showed_it(ward: Ward, who: str) -> None:
    busy_devices(ward)
    params = between(START, END, include_unit=True, for_spreadsheets=True)
    shown = exports.preview_data_export(ward.world.actor(who), params)
    export, archive = made(ward, who, params)
    assert archive.testzip() is None
    assert export.promised_rows == export.done_rows == shown.values
    assert tuple(file.name for file in export.files) == shown.file_names
    metrics = [ward.metrics["cd4"], ward.metrics["cd8"]]
    for file in export.files:
        text = archive.read(file.name)
        assert text.startswith(b"\xef\xbb\xbftimestamp,")
        header, *rows = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
        assert tuple(header) == ("timestamp", "CD4 [cells/µL]", "CD8 [cells/µL]")
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
        found = {
            (round(datetime.fromisoformat(row[0]).timestamp() * 1000), metric): float(cell)
            for row in rows
            for metric, cell in zip(metrics, row[1:], strict=True)
            if cell
        }
        assert found == expected(ward, who, file.subject)
        if file.name == shown.sample_file:
            assert tuple(tuple(row) for row in rows[:5]) == shown.rows
        assert f" bytes, {file.rows:,} values)" in archive.read("README.txt").decode()


def test_parquet_holds_the_same_values_with_their_types_and_units(ward: Ward) -> None:
    busy_devices(ward)
    export, archive = made(ward, "alice", between(START, END, format="parquet"))
    for file in export.files:
        table = parquet.read_table(io.BytesIO(archive.read(file.name)))
        assert archive.getinfo(file.name).compress_type == zipfile.ZIP_STORED
        assert [str(field.type) for field in table.schema] == ["timestamp[ms, tz=UTC]", "double", "double"]
        assert table.schema.field("CD4").metadata[b"unit"] == "cells/µL".encode()
        times = table["timestamp"].cast("int64").to_pylist()
        found = {
            (time, metric): value
            for name, metric in (("CD4", ward.metrics["cd4"]), ("CD8", ward.metrics["cd8"]))
            for time, value in zip(times, table[name].to_pylist(), strict=True)
            if value is not None
        }
        assert found == expected(ward, "alice", file.subject)
