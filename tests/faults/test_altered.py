"""Staged bytes that are not what was staged: nothing is published, and it is said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from app import exports
from app.exports import ReportParams
from app.exports.claims import Claim, claim_part
from app.exports.work import do_part
from app.extensions import db
from app.models import Export, ExportPart
from app.storage import storage
from config import Config
from tests.conftest import config_for
from tests.factories import World
from tests.faults.deployment import EVERY_PATIENT
from tests.services.seaweedfs import SeaweedFS

WORDS = "The written records did not pass the final check, so the archive was not published."


@pytest.fixture(params=["disk", "s3"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    # Nobody is late here: a machine that stalls for two seconds must not cost the part its lease.
    made = replace(config_for(tmp_path), lease_seconds=30.0, give_up_seconds=20.0)
    if request.param == "disk":
        return made
    store: SeaweedFS = request.getfixturevalue("s3_server")
    return replace(made, **store.settings_for(request.getfixturevalue("s3_bucket")))


def built(world: World, params: ReportParams = EVERY_PATIENT) -> Claim:
    """An export of three parts, whose publication is claimed."""
    world.many_patients(95)
    exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4()))
    while (claim := claim_part("test")) is not None and claim.step != "publish":
        assert do_part(claim)
    assert claim is not None
    return claim


def staged(claim: Claim) -> list[str]:
    parts = db.session.scalars(
        db.select(ExportPart.staged_key)
        .where(ExportPart.export_id == claim.export_id, ExportPart.step == "build")
        .order_by(ExportPart.ordinal)
    ).all()
    db.session.rollback()
    return [key for key in parts if key]


def content(key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def put(key: str, data: bytes) -> None:
    storage.delete(key)
    with storage.publishing(key) as sink:
        sink.write(data)


def flip_a_bit(keys: list[str]) -> None:
    data = bytearray(content(keys[1]))
    data[len(data) // 2] ^= 1
    put(keys[1], bytes(data))


def cut_the_end_off(keys: list[str]) -> None:
    put(keys[2], content(keys[2])[:-1])


def change_two_parts(keys: list[str]) -> None:
    first, second = content(keys[0]), content(keys[1])
    put(keys[0], second)
    put(keys[1], first)


def empty_a_part(keys: list[str]) -> None:
    put(keys[0], b"")


def take_a_part_away(keys: list[str]) -> None:
    storage.delete(keys[1])


@pytest.mark.parametrize("alter", [flip_a_bit, cut_the_end_off, change_two_parts, empty_a_part, take_a_part_away])
def test_a_part_whose_staged_bytes_were_altered_leaves_no_archive(
    domain: World, alter: Callable[[list[str]], None]
) -> None:
    claim = built(domain)
    keys = staged(claim)
    assert len(keys) == 3
    alter(keys)
    assert not do_part(claim)
    export = db.session.get_one(Export, claim.export_id, populate_existing=True)
    assert (export.state, export.reason) == ("failed", WORDS)
    assert export.archive_key is None
    assert list(storage.list_("exports/")) == []


def test_the_same_export_with_its_bytes_as_staged_is_published(domain: World) -> None:
    claim = built(domain)
    for key in staged(claim):
        put(key, content(key))
    assert do_part(claim)
    export = db.session.get_one(Export, claim.export_id, populate_existing=True)
    assert (export.state, export.done_rows) == ("ready", 95)
    assert [found.key for found in storage.list_()] == [export.archive_key]
