"""A device of Northside, and files of its measurements on their way in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app import imports
from app.actor import Actor
from app.extensions import db
from app.imports import Columns, Pace, Writing
from app.models import Measurement, MeasurementImport, Metric, Series
from app.models.types import to_milliseconds
from tests.factories import World

WIDE = Columns(time=0, time_kind="iso", metrics={1: "cd4", 2: "cd8"})


@dataclass
class Desk:
    """Alice's, who brings measurements of the device ``GLU-7``."""

    world: World
    device_id: UUID
    alice: Actor

    def send(self, text: bytes | str, *, several: bool = False, name: str = "sent.csv") -> UUID:
        content = text.encode() if isinstance(text, str) else text
        device_id = None if several else self.device_id
        return imports.receive_file(self.alice, device_id, name, io.BytesIO(content), len(content)).id

    def checked(self, text: bytes | str, columns: Columns = WIDE, *, several: bool = False, **writing: Any) -> UUID:
        """A file of which every line was looked at."""
        import_id = self.send(text, several=several)
        imports.request_check(self.alice, import_id, Writing(**writing), columns)
        imports.work_until_idle()
        return import_id

    def loaded(self, text: bytes | str, columns: Columns = WIDE, **more: Any) -> MeasurementImport:
        import_id = self.checked(text, columns, **more)
        imports.request_load(self.alice, import_id)
        imports.work_until_idle()
        return imports.get_import(self.alice, import_id)

    def result(self, import_id: UUID) -> imports.Result:
        found = imports.get_import(self.alice, import_id)
        db.session.refresh(found)
        result = imports.result_of(found)
        assert result is not None, (found.state, found.reason)
        return result

    def held(self, device_id: UUID | None = None) -> dict[tuple[int, str], float]:
        """What is stored of the device, by milliseconds and metric."""
        rows = db.session.execute(
            select(Measurement.time, Metric.name, Measurement.value)
            .join(Metric, Metric.id == Measurement.metric_id)
            .join(Series, Series.id == Measurement.series_id)
            .where(Series.device_id == (device_id or self.device_id))
        )
        found = {(to_milliseconds(time), name): value for time, name, value in rows}
        db.session.rollback()
        return found


@pytest.fixture
def desk(domain: World) -> Desk:
    return make_desk(domain)


def make_desk(world: World) -> Desk:
    return Desk(world, world.device(key="GLU-7").id, world.actor("alice"))


@pytest.fixture
def pace() -> Iterator[Callable[..., None]]:
    """``pace(block_bytes=64)``: read, deliver or wait at another pace in this test."""
    former = imports.current_pace()

    def change(**more: Any) -> None:
        imports.current_pace.bind(replace(imports.current_pace(), **more))

    yield change
    imports.current_pace.bind(Pace() if former is None else former)
