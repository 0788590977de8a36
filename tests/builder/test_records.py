"""Records out of pages of ready documents: spliced, named, framed, or taken apart into columns."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from uuid import UUID

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from app.builder.fragments import Made
from app.builder.naming import ANY_ID
from app.builder.records import make_records
from app.rows.record_lines import lines_of
from tests.builder.held import Held, written

ONE, TWO, THREE = (str(UUID(int=number)) for number in (1, 2, 3))
HEAD = {"_id": ONE, "_caption": 'she said "no"'}
NAMES = f"SELECT … IN ('{ANY_ID}')"
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10)
objects = st.dictionaries(
    texts.map(lambda text: f"a{text}"),
    st.one_of(texts, st.integers(-(2**53), 2**53), st.booleans(), st.lists(texts, max_size=3)),
    max_size=4,
)
COLUMNS = [
    {"name": "_id", "path": ["_id"], "type": "string", "textual": True},
    {"name": "notes.all", "path": ["notes.all"], "type": "string", "textual": True},
    {"name": "age", "path": ["age"], "type": "integer", "textual": False},
    {"name": "device.id", "path": ["device", "id"], "type": "string", "textual": True},
    {"name": "device.name", "path": ["device", "name"], "type": "string", "textual": True},
    {"name": "tags", "path": ["tags"], "type": "texts", "textual": True},
]


def line(*cells: Any) -> bytes:
    return b"\t".join(map(orjson.dumps, cells)) + b"\n"


def records(**given: Any) -> dict[str, Any]:
    return {
        "make": "records",
        "statements": ["page 1"],
        "words": {},
        "references": [],
        "format": "ndjson",
        "first": True,
        "last": True,
        "for_spreadsheets": False,
        "columns": COLUMNS,
        **given,
    }


def made(source: Held, **given: Any) -> tuple[bytes, Made]:
    fragment = make_records(source, records(**given))
    return written(fragment), fragment


def read(data: bytes | memoryview) -> list[Any]:
    return [json.loads(one) for one in bytes(data).splitlines()]


def columns(
    ids: list[str], times: list[int], *documents: list[Any], key: str = "", caption: str = 'she said "no"'
) -> list[Any]:
    """What a database gives for records of one template and one clinic."""
    same = [pa.array([text] * len(ids)) for text in (TWO, THREE, key, caption)]
    texts = [pa.array([orjson.dumps(one).decode() for one in own]) for own in documents]
    return [pa.array(ids), *same, *texts, pa.array(times, pa.int64()), pa.array([7] * len(ids), pa.int64())]


def told(time: str = "created", *, newest_first: bool = False, **given: Any) -> dict[str, Any]:
    words = {"order": [time, newest_first], "templates": {TWO: "watch"}, "hidden": [], "owners": {}}
    return words | {"keyed": False, "named": False} | given


@pytest.mark.parametrize("other", [{"plain": 2}, {}, {"plain": {"id": ONE}}, {"text": "}\t{"}], ids=str)
@pytest.mark.parametrize("personal", [{"phi": 1}, {}, {"list": [{}, {"a": {}}]}, {"text": "\t{}"}], ids=str)
def test_documents_are_joined_even_where_one_is_empty(personal: dict[str, Any], other: dict[str, Any]) -> None:
    phi, plain = [personal, {}, {"b": 1}], [other, {"a": 1}, {}]
    found = lines_of(columns([ONE, TWO, THREE], [0, 86_400_001, 86_400_001], phi, plain), told())
    assert found.count == 3
    assert read(found.text) == [
        {
            "_id": one,
            "_caption": HEAD["_caption"],
            "_template": {"id": TWO, "name": "watch"},
            "_ownerOrganization": {"id": THREE},
            "_creationTime": time,
            "_lastModifiedTime": "1970-01-01T00:00:00.007Z",
            **phi[place],
            **plain[place],
        }
        for place, (one, time) in enumerate(
            [(ONE, "1970-01-01T00:00:00.000Z"), *((other, "1970-01-02T00:00:00.001Z") for other in (TWO, THREE))]
        )
    ]


def test_records_that_go_by_their_key_say_it_instead_of_their_id() -> None:
    found = lines_of(columns([ONE], [0], [{}], [{}], key='"GLU \\"1\\""'), told(keyed=True))
    assert read(found.text)[0]["_id"] == 'GLU "1"'


@given(st.text())
def test_a_caption_is_written_as_json_whatever_stands_in_it(caption: str) -> None:
    found = lines_of(columns([ONE], [0], [{}], [{}], caption=caption), told())
    assert read(found.text)[0]["_caption"] == caption


def test_a_caption_that_comes_with_a_name_is_json_already() -> None:
    found = lines_of(columns([ONE], [0], [{}], [{}], caption='"a","_name":"b"'), told(named=True))
    assert (read(found.text)[0]["_caption"], read(found.text)[0]["_name"]) == ("a", "b")


@given(st.lists(st.tuples(st.integers(0, 3), st.uuids()), min_size=1, max_size=8, unique=True), st.booleans())
def test_whatever_order_a_database_gives_lines_stand_by_time_and_id(
    places: list[tuple[int, UUID]], newest_first: bool
) -> None:
    ids, times = [str(one) for _, one in places], [time for time, _ in places]
    found = lines_of(columns(ids, times, [{}] * len(ids), [{}] * len(ids)), told(newest_first=newest_first))
    expected = sorted(zip(times, ids, strict=True), reverse=newest_first)
    assert [one["_id"] for one in read(found.text)] == [one for _, one in expected]


@given(st.lists(st.tuples(objects, objects), max_size=6), st.sampled_from(["json", "ndjson"]))
def test_records_hold_what_their_documents_held(pairs: list[tuple[Any, Any]], form: str) -> None:
    page = b"".join(
        line({"_id": ONE}, phi, {f"_{name}": value for name, value in plain.items()}) for phi, plain in pairs
    )
    data, fragment = made(Held(pages={"page 1": page}), format=form)
    found = json.loads(data) if form == "json" else read(data)
    assert found == [
        {"_id": ONE, **phi, **{f"_{name}": value for name, value in plain.items()}} for phi, plain in pairs
    ]
    assert fragment.rows == len(pairs)


def test_pages_join_into_one_array_whichever_of_them_are_empty() -> None:
    page = {"page 1": b"", "page 2": line(HEAD, {}, {"a": 1}), "page 3": b"", "page 4": line(HEAD, {}, {"a": 2})}
    whole, fragment = made(Held(pages=page), statements=list(page), format="json")
    assert [one["a"] for one in json.loads(whole)] == [1, 2]
    assert fragment.rows == 2
    for cut in range(5):
        first, _ = made(Held(pages=page), statements=list(page)[:cut], format="json", last=False)
        second, _ = made(Held(pages=page), statements=list(page)[cut:], format="json", first=False)
        if cut > 1:
            assert first + second == whole
    assert made(Held(pages={"page 1": b""}), format="json")[0] == b"[]\n"
    assert made(Held(pages={"page 1": b""}), format="ndjson")[0] == b""


def test_references_are_named_asked_for_once_and_left_alone_when_nobody_names_them() -> None:
    reference = {"id": TWO}
    pages = {
        "page 1": line(HEAD, {}, {"device": reference, "my.device": reference})
        + line(HEAD, {}, {"device": {"id": ONE}}),
        "page 2": line(HEAD, {}, {"device": reference, "other": reference}) + line(HEAD, {}, {"device": {"id": THREE}}),
    }
    named = {"id": "GLU-2", "name": 'so "called"\\', "templateName": None}
    asked = {
        NAMES.replace(f"'{ANY_ID}'", f"'{ONE}', '{TWO}'"): line_of_name(TWO, named),
        NAMES.replace(f"'{ANY_ID}'", f"'{THREE}'"): line_of_name(THREE, {"id": THREE, "templateName": "x"}),
    }
    source = Held(pages=pages | asked)
    data, _ = made(source, statements=["page 1", "page 2"], references=["device", "my.device"], names=NAMES)
    assert [{name: one[name] for name in one if name not in HEAD} for one in read(data)] == [
        {"device": named, "my.device": named},
        {"device": {"id": ONE}},
        {"device": named, "other": reference},
        {"device": {"id": THREE, "templateName": "x"}},
    ]
    assert source.asked == ["page 1", *list(asked)[:1], "page 2", *list(asked)[1:]]


def line_of_name(one: str, what: Any) -> bytes:
    return one.encode() + b"\t" + orjson.dumps(what) + b"\n"


@pytest.mark.parametrize("name", ["device", "a.b", "a|b", 'qu"ote', "back\\slash", "患者", "$&"])
def test_a_text_that_reads_like_a_reference_is_a_text(name: str) -> None:
    lie = f'x","{name}":{{"id":"{ONE}"}}'
    nested = f'"{name}":{{"id":"{ONE}"}}'
    page = line(HEAD, {}, {"notes": lie, "more": nested, "last": f'{name}":{{"id":"{ONE}"}}'})
    data, _ = made(Held(pages={"page 1": page}), references=[name], names=NAMES)
    (found,) = read(data)
    assert (found["notes"], found["more"]) == (lie, nested)


ROW = {"notes.all": '=1+1, "quoted"\r\n患\t\\', "age": 40, "device": {"id": TWO, "name": "-GLU"}, "tags": ["=a", "b;c"]}


def test_csv_takes_records_apart_by_columns_whose_names_may_have_dots() -> None:
    page = line({"_id": ONE}, {}, ROW) + line({"_id": TWO}, {}, {})
    data, fragment = made(Held(pages={"page 1": page}), format="csv")
    header, first, second = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    assert header == [column["name"] for column in COLUMNS]
    assert first == [ONE, '=1+1, "quoted"\r\n患\t\\', "40", TWO, "-GLU", "=a;b;c"]
    assert second == [TWO, "", "", "", "", ""]
    assert fragment.rows == 2
    guarded, _ = made(Held(pages={"page 1": page}), format="csv", for_spreadsheets=True)
    first = list(csv.reader(io.StringIO(guarded.decode("utf-8-sig"), newline=""), strict=True))[1]
    assert first == [ONE, '\'=1+1, "quoted"\r\n患\t\\', "40", TWO, "'-GLU", "'=a;b;c"]


def test_only_the_first_fragment_of_a_csv_has_a_header() -> None:
    page = {"page 1": line({"_id": ONE}, {}, ROW), "page 2": line({"_id": TWO}, {}, {})}
    whole, _ = made(Held(pages=page), format="csv", statements=list(page))
    first, _ = made(Held(pages=page), format="csv", last=False)
    second, _ = made(Held(pages=page), format="csv", statements=["page 2"], first=False)
    assert first + second == whole


def test_parquet_takes_records_apart_with_their_types() -> None:
    page = {"page 1": line({"_id": ONE}, {}, ROW), "page 2": line({"_id": TWO}, {}, {"tags": []})}
    columns = [*COLUMNS[:2], {**COLUMNS[2], "title": "Age at entry", "unit": "years"}, *COLUMNS[3:]]
    data, fragment = made(Held(pages=page), format="parquet", statements=list(page), columns=columns)
    table = parquet.read_table(io.BytesIO(data))
    assert table.to_pylist() == [
        {"_id": ONE, "notes.all": ROW["notes.all"], "age": 40, "device.id": TWO, "device.name": "-GLU",
         "tags": ["=a", "b;c"]},
        {"_id": TWO, "notes.all": None, "age": None, "device.id": None, "device.name": None, "tags": []},
    ]  # fmt: skip
    assert table.schema.field("age").metadata[b"unit"] == b"years"
    assert table.schema.field("age").metadata[b"title"] == b"Age at entry"
    assert fragment.rows == 2
    empty, _ = made(Held(), format="parquet", statements=[])
    assert parquet.read_table(io.BytesIO(empty)).column_names == [column["name"] for column in COLUMNS]
