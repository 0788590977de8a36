"""Measurements of many series: a row for each value (CSV, Parquet), or an object for each instant (JSON, NDJSON)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.builder import csv_text, json_text, parquet
from app.builder.fragments import Bytes, Made, Recipe
from app.builder.long_fields import FIELDS
from app.builder.number_text import number_text
from app.rows.arrow_text import text_of
from app.rows.instants import iso_text
from app.rows.source import Range, Source, Values

COLUMNS = tuple(field["name"] for field in FIELDS)
OF_SERIES = COLUMNS[1:4]


def make_long(source: Source, recipe: Recipe) -> Made:
    """A fragment of a report's measurements.

    ``slices`` ``[{"series": […], "from", "to"}, …]`` are read one after the other; ``sources`` says for each series
    whose it is (``sourceEntityId``, ``patientId``, ``sessionId``, each may be null), ``metrics`` what each metric is
    called; ``descending`` puts each series' newest values first. Rows count values.
    """
    made = Made()
    slices = _slices(source, recipe, made)
    if recipe["format"] == "parquet":
        made.pieces = parquet.file_of(parquet.schema_of(FIELDS), (_table(found, recipe) for found in slices))
    elif recipe["format"] == "csv":
        made.pieces = _csv(slices, recipe)
    else:
        made.pieces = json_text.framed((_objects(found, recipe) for found in slices), recipe)
    return made


def _slices(source: Source, recipe: Recipe, made: Made) -> Iterator[Values]:
    metrics = tuple(int(metric) for metric in recipe["metrics"])
    for one in recipe["slices"] if metrics else ():
        found = source.values(Range(tuple(one["series"]), metrics, one["from"], one["to"], recipe["revision"]))
        made.rows += len(found)
        if len(found):
            yield _newest_first(found) if recipe["descending"] else found


def _newest_first(found: Values) -> Values:
    order = np.lexsort((found.metrics, -found.times, found.series))
    return Values(found.series[order], found.times[order], found.metrics[order], found.values[order])


def _csv(slices: Iterator[Values], recipe: Recipe) -> Iterator[Bytes]:
    guarded = recipe["for_spreadsheets"]
    if recipe["first"]:
        yield csv_text.header(COLUMNS, guarded)
    for found in slices:
        series, place = np.unique(found.series, return_inverse=True)
        metrics, metric_place = np.unique(found.metrics, return_inverse=True)
        between = pa.array(
            [
                "," + csv_text.cells([*_facts(recipe, one), recipe["metrics"][str(metric)]], guarded) + ","
                for one in series.tolist()
                for metric in metrics.tolist()
            ]
        )
        middle = between.take(pa.array(place * len(metrics) + metric_place))
        yield _joined(iso_text(found.times), middle, number_text(found.values), "\r\n")


def _objects(found: Values, recipe: Recipe) -> Bytes:
    """NDJSON: an object for each series and instant, as BioT's raw measurements (contracts/BIOT.md §8)."""
    found, begins = _objects_begin(found, recipe["metrics"])
    ends = np.append(begins[1:], True)
    series, place = np.unique(found.series[begins], return_inverse=True)
    openings = pa.array([_opening(recipe, one) for one in series.tolist()]).take(pa.array(place))
    heads = pc.binary_join_element_wise(openings, iso_text(found.times[begins]), '","data":{', "")
    # Every value has something before it: the head of its object, or the comma after the value before.
    before = pa.concat_arrays([heads, pa.array([","])])
    at = np.where(begins, np.cumsum(begins) - 1, len(heads))
    metrics, metric_place = np.unique(found.metrics, return_inverse=True)
    keys = pa.array([_key(recipe["metrics"][str(one)]) for one in metrics.tolist()])
    after = pa.array(["", "}}\n"]).take(pa.array(ends.astype(np.int8)))
    return _joined(before.take(pa.array(at)), keys.take(pa.array(metric_place)), number_text(found.values), after)


def _objects_begin(found: Values, names: Mapping[str, str]) -> tuple[Values, NDArray[np.bool_]]:
    """The values in the order in which they are written, and which of them begin an object.

    Where two metrics of one name (of different templates) meet at an instant, the second one's value begins another
    object: in one and the same, whoever reads it would keep only the last.
    """
    begins = np.ones(len(found), dtype=np.bool_)
    begins[1:] = (found.times[1:] != found.times[:-1]) | (found.series[1:] != found.series[:-1])
    metrics, place = np.unique(found.metrics, return_inverse=True)
    known, name = np.unique([names[str(one)] for one in metrics.tolist()], return_inverse=True)
    if len(known) == len(metrics):
        return found, begins
    instant = np.cumsum(begins)
    order = np.lexsort((found.metrics, name[place], instant))
    again = np.zeros(len(found), dtype=np.int64)
    pairs = np.stack((instant[order], name[place][order]))
    run_begins = np.append(True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0))
    at = np.arange(len(found))
    again[order] = at - np.maximum.accumulate(np.where(run_begins, at, 0))
    order = np.lexsort((found.metrics, again, instant))
    instant, again = instant[order], again[order]
    begins[1:] = (instant[1:] != instant[:-1]) | (again[1:] != again[:-1])
    return Values(found.series[order], found.times[order], found.metrics[order], found.values[order]), begins


def _opening(recipe: Recipe, series: int) -> str:
    source = recipe["sources"][str(series)]
    own = {name: source[name] for name in ("patientId", "sessionId", "sourceEntityId")}
    return orjson.dumps(own).decode()[:-1] + ',"timestamp":"'


def _key(name: str) -> str:
    return orjson.dumps(name).decode() + ":"


def _table(found: Values, recipe: Recipe) -> Any:
    series, place = np.unique(found.series, return_inverse=True)
    sources = [recipe["sources"][str(one)] for one in series.tolist()]
    columns = [pa.array(found.times).cast(pa.timestamp("ms", tz="UTC"))]
    columns += [_category([source[name] for source in sources], place) for name in OF_SERIES]
    metrics, metric_place = np.unique(found.metrics, return_inverse=True)
    columns.append(_category([recipe["metrics"][str(one)] for one in metrics.tolist()], metric_place))
    columns.append(pa.array(found.values))
    return pa.Table.from_arrays(columns, schema=parquet.schema_of(FIELDS))


def _category(words: list[str | None], place: NDArray[np.int64]) -> Any:
    present = [word for word in words if word is not None]
    number = np.array([present.index(word) if word is not None else -1 for word in words], dtype=np.int32)[place]
    return pa.DictionaryArray.from_arrays(pa.array(number, mask=number < 0), pa.array(present, pa.string()))


def _facts(recipe: Recipe, series: int) -> list[str]:
    source: Mapping[str, Any] = recipe["sources"][str(series)]
    return [source[name] or "" for name in OF_SERIES]


def _joined(*columns: Any) -> memoryview:
    return text_of(pc.binary_join_element_wise(*columns, ""))
