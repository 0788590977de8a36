"""What is in an archive is what the contract's section 4 says of what was measured."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pandas
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.api.servitly.beans import STATES
from app.exports import DataExportParams
from app.models.types import from_milliseconds
from tests.api.servitly.client import END, START, Archive, Client
from tests.api.servitly.ward import DAY, HOUR, NOON, Things, furnish
from tests.exports.archive_oracle import Oracle, instant
from tests.factories import World
from tests.long.test_spreadsheet import Open, spreadsheet

__all__ = ["spreadsheet"]

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TABLE = "SCA-a.csv"
EXAMPLES, MANY_EXAMPLES = 15, 150
MASKS = ("${thing.serialNumber}", "${thing.id}", "x ${thingDefinition.name} ${thingDefinition.id}", "all",
         "${customer.name} ${location.name}", "${thing.name}_${customer.id}${location.id}")  # fmt: skip


@dataclass
class Ward:
    """A program of ann's, who may export everything, and the things that she exports."""

    client: Client
    world: World
    things: Things


@pytest.fixture
def ward(app: Flask, client_of: Callable[..., Client], world: World) -> Ward:
    with app.app_context():
        things = furnish(world)
    return Ward(client_of("ann"), world, things)


def test_the_columns_stand_by_name_then_id_and_say_part_and_unit_where_it_is_asked_for(ward: Ward) -> None:
    archive = ward.client.made(thingId=str(ward.things.devices["SCA-a"]))
    ((name, table),) = archive.tables.items()
    assert name == TABLE
    assert table[0] == ["timestamp", "load (left)", "load (right)", "steady", "weight"]
    with_units = ward.client.made(thingId=str(ward.things.devices["SCA-a"]), includeUnit=True)
    assert with_units.tables[TABLE][0] == [
        "timestamp", "load (left) [N]", "load (right) [N]", "steady", "weight [kg]"
    ]  # fmt: skip
    assert with_units.tables[TABLE][1:] == table[1:]
    assert all(ISO.fullmatch(row[0]) for row in table[1:])
    assert any("" in row for row in table[1:])


def test_a_thing_without_values_has_its_header_alone(ward: Ward) -> None:
    archive = ward.client.made(customerId=str(ward.world.northside.id))
    assert sorted(archive.raw) == ["SAME_2.csv", TABLE, "empty.csv", "same.csv"]
    assert archive.raw["empty.csv"] == b"timestamp,load (left),load (right),steady,weight\r\n"
    assert {one["path"] for one in archive.package["resources"]} == set(archive.raw)


def test_equal_names_are_told_apart_after_hashing_too(ward: Ward) -> None:
    plain = ward.client.made(thingFileName="ward")
    assert sorted(plain.raw) == ["ward.csv", "ward_2.csv", "ward_3.csv", "ward_4.csv", "ward_5.csv"]
    hashed = ward.client.made(thingFileName="ward", hashThingFileName=True)
    digest = hashlib.md5(b"ward", usedforsecurity=False).hexdigest()
    assert [name.replace(digest, "ward") for name in hashed.raw] == list(plain.raw)
    assert list(hashed.raw.values()) == list(plain.raw.values())


def test_both_editions_say_the_same_metrics(ward: Ward) -> None:
    metrics, world = ward.things.metrics, ward.world
    definition = str(world.templates["device"].id)
    newer = ward.client.made(
        qualifiedMetricIds=[
            {"metricId": str(metrics["load/right"]), "productModelId": "SC-1", "productModelPartId": "right"},
            {"metricId": str(metrics["cd8"]), "thingDefinitionId": definition},
        ]
    )
    older = ward.client.made(metricIds=[str(metrics["load/right"]), str(metrics["cd8"])])
    assert newer.raw == older.raw
    assert newer.tables[TABLE][0] == ["timestamp", "load"]
    assert newer.tables["only.csv"][0] == ["timestamp", "cd8"]
    whole = ward.client.made(thingDefinitionIds=[definition])
    assert whole.tables["only.csv"][0] == ["timestamp", "cd4", "cd8"]
    # A thing is exported by the scope; of another definition's metrics its file has none.
    assert whole.raw[TABLE] == b"timestamp\r\n"
    both = ward.client.made(thingDefinitionIds=[definition], metricIds=[str(metrics["cd4"])])
    assert both.tables["only.csv"][0] == ["timestamp", "cd4"]


def wishes(ward: Ward) -> st.SearchStrategy[dict[str, Any]]:
    """Requests over all scopes, masks and forms of cells and names."""
    world, things = ward.world, ward.things
    bounds = st.sampled_from([START, NOON - DAY, NOON - HOUR, NOON, NOON + 1, NOON + DAY, END])
    periods = st.tuples(bounds, bounds).filter(lambda pair: pair[0] < pair[1])
    chosen = st.lists(st.sampled_from(sorted(things.metrics.values())), unique=True, max_size=3)
    return st.builds(
        lambda period, metrics, more: {
            "startTimestamp": period[0],
            "endTimestamp": period[1],
            "qualifiedMetricIds": [{"metricId": str(one)} for one in metrics],
            **{name: value for name, value in more.items() if value is not None},
        },
        periods,
        chosen,
        st.fixed_dictionaries(
            {
                "customerId": st.sampled_from([None, str(world.northside.id), str(world.riverside.id)]),
                "locationId": st.sampled_from([None, None, str(things.place)]),
                "thingId": st.sampled_from([None, None, *map(str, things.devices.values())]),
                "thingFileName": st.sampled_from([None, *MASKS]),
                "hashThingFileName": st.sampled_from([None, False, True]),
                "includeUnit": st.sampled_from([None, False, True]),
                "timestampFormat": st.sampled_from([None, "ISO_8601", "EPOCH_MILLIS"]),
            }
        ),
    )


def property_of(ward: Ward, examples: int, phases: list[Phase]) -> None:
    seen: set[str] = set()

    @settings(
        max_examples=examples, phases=phases, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(wishes(ward))
    def holds(wish: dict[str, Any]) -> None:
        client = ward.client
        answer = client.schedule(**wish)
        assert answer.status_code == 201, answer.text
        seen.add(answer.json["state"])
        client.work()
        bean = client.show(answer.json["id"]).json
        seen.add(bean["state"])
        check(client.fetched(bean["url"]), expected(ward, wish), wish)

    holds()
    assert seen == {"PENDING", "COMPLETED"} <= set(STATES.values())


def test_an_archive_is_what_the_oracle_says_over_scopes_masks_and_formats(ward: Ward) -> None:
    property_of(ward, EXAMPLES, [Phase.generate])


@pytest.mark.long
def test_hundreds_of_archives_are_what_the_oracle_says(ward: Ward) -> None:
    property_of(ward, MANY_EXAMPLES, [Phase.generate, Phase.shrink])


Expected = dict[str, tuple[list[str], dict[int, list[float | None]]]]


def expected(ward: Ward, wish: dict[str, Any]) -> Expected:
    """The files by name, worked out the slow way."""
    with ward.client.app.app_context():
        oracle = Oracle(ward.world, "ann")
        params = DataExportParams(
            from_milliseconds(wish["startTimestamp"]),
            from_milliseconds(wish["endTimestamp"]),
            organization_id=_uuid(wish.get("customerId")),
            location_id=_uuid(wish.get("locationId")),
            device_ids=tuple(filter(None, [_uuid(wish.get("thingId"))])),
            metric_ids=tuple(int(one["metricId"]) for one in wish["qualifiedMetricIds"]),
            include_unit=wish.get("includeUnit", False),
            headed_by="name",
        )
        found: Expected = {}
        for device_id, header, rows in oracle.tables(params):
            stem = stem_of(ward, oracle, device_id, wish.get("thingFileName", MASKS[0]))
            if wish.get("hashThingFileName"):
                stem = hashlib.md5(stem.encode(), usedforsecurity=False).hexdigest()
            number, taken = 1, {name.casefold() for name in found}
            while f"{stem}{'' if number == 1 else f'_{number}'}.csv".casefold() in taken:
                number += 1
            found[f"{stem}{'' if number == 1 else f'_{number}'}.csv"] = (header, rows)
        return found


def stem_of(ward: Ward, oracle: Oracle, device_id: UUID, mask: str) -> str:
    device = oracle.entities[device_id]
    serial_number = {"GLU-a": "same", "GLU-b": "SAME", "GLU-c": "only", "SCA-empty": "empty"}.get(device.key)
    words = {
        "thing.id": str(device.id), "thing.name": device.caption or device.key,
        "thing.serialNumber": serial_number or device.key,
        "thingDefinition.name": oracle.templates[device.template_id].name,
        "thingDefinition.id": str(device.template_id),
        "customer.name": oracle.entities[device.organization_id].caption, "customer.id": str(device.organization_id),
        "location.name": "Ward 3" if device.location_id == ward.things.place else "",
        "location.id": str(device.location_id or ""),
    }  # fmt: skip
    for token, word in words.items():
        mask = mask.replace(f"${{{token}}}", word)
    return mask.strip()


def check(archive: Archive, files: Expected, wish: dict[str, Any]) -> None:
    assert list(archive.tables) == list(files)
    in_words = wish.get("timestampFormat") != "EPOCH_MILLIS"
    for name, (header, rows) in files.items():
        found, *cells = archive.tables[name]
        assert found == header
        assert [row[0] for row in cells] == [instant(time) if in_words else str(time) for time in sorted(rows)]
        for row, time in zip(cells, sorted(rows), strict=True):
            for text, value in zip(row[1:], rows[time], strict=True):
                assert (text == "") is (value is None)
                if value is not None:
                    assert float(text).hex() == value.hex()
                    assert len(digits(text)) <= len(digits(repr(value)))


def digits(text: str) -> str:
    """The significant ones."""
    return re.sub(r"e.*|[-.+]", "", text).strip("0")


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


@pytest.fixture
def table(ward: Ward, tmp_path: Path) -> Path:
    """The scale's file on disk."""
    archive = ward.client.made(thingId=str(ward.things.devices["SCA-a"]))
    path = tmp_path / TABLE
    path.write_bytes(archive.raw[TABLE])
    return path


def measured(ward: Ward) -> list[tuple[int, list[float | None]]]:
    """What the database has of the scale."""
    wish = {"startTimestamp": START, "endTimestamp": END, "qualifiedMetricIds": []}
    return sorted(expected(ward, wish)[TABLE][1].items())


def test_pandas_and_duckdb_read_the_databases_values(ward: Ward, table: Path) -> None:
    rows = measured(ward)
    frame = pandas.read_csv(table, parse_dates=["timestamp"], float_precision="round_trip")
    assert [round(one.timestamp() * 1000) for one in frame["timestamp"]] == [time for time, _ in rows]
    for place, name in enumerate(frame.columns[1:]):
        values = [None if pandas.isna(one) else float(one).hex() for one in frame[name]]
        assert values == [None if row[place] is None else row[place].hex() for _, row in rows]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT epoch_ms(timestamp), COLUMNS(* EXCLUDE timestamp)::DOUBLE FROM read_csv(?, types = ?)",
            [str(table), {"timestamp": "TIMESTAMPTZ"}],
        ).fetchall()
    assert [(time, [None if one is None else one.hex() for one in values]) for time, *values in found] == [
        (time, [None if one is None else one.hex() for one in values]) for time, values in rows
    ]


@pytest.mark.long
def test_libreoffice_reads_the_databases_values(ward: Ward, table: Path, spreadsheet: Open) -> None:
    header, *rows = spreadsheet(table.read_bytes())
    assert [cell.text for cell in header] == ["timestamp", "load (left)", "load (right)", "steady", "weight"]
    # Its times have no zone: it leaves ours as the texts that they are.
    found = [
        [row[0].text, *(cell.value and as_a_spreadsheet_says(float(cell.value)) for cell in row[1:])] for row in rows
    ]
    wanted = [
        [instant(time), *(None if value is None else as_a_spreadsheet_says(value) for value in values)]
        for time, values in measured(ward)
    ]
    # Nor does it keep cells after the last that holds anything.
    assert [[*row, *[None] * (5 - len(row))] for row in found] == wanted


def as_a_spreadsheet_says(value: float) -> str:
    """To fifteen digits; of numbers too small to have so many, and of the sign of nought, it knows nothing."""
    return f"{0.0 if abs(value) < sys.float_info.min else value:.14e}"
