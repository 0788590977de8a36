"""Every kind of attribute is known to every part that reads templates: checks, page, form, export."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import administration, exports
from app.administration import AttributeSpec
from app.catalog import edit_entity
from app.exports import ReportParams
from app.models.template import ATTRIBUTE_TYPES, FILE_TYPES
from tests.factories import World

CHOICES = ({"value": "a", "label": "First choice"}, {"value": "b", "label": "Second choice"})
# What a person types, what the page shows of it, what the CSV holds.
TYPED: dict[str, tuple[object, str, str]] = {
    "LABEL": ("a short text", "a short text", "a short text"),
    "PARAGRAPH": ("a longer text", "a longer text", "a longer text"),
    "INTEGER": ("42", "42", "42"),
    "DECIMAL": ("4.25", "4.25", "4.25"),
    "BOOLEAN": ("true", "Yes", "true"),
    "SINGLE_SELECT": ("a", "First choice", "a"),
    "MULTI_SELECT": (["a", "b"], "Second choice", "a;b"),
    "PHONE": ("+4712345678", "+4712345678", "+4712345678"),
    "EMAIL": ("ana@example.org", "ana@example.org", "ana@example.org"),
    "DATE_TIME": ("2024-03-01T10:30", "1 Mar 2024", "2024-03-01T10:30:00Z"),
    "DATE": ("2024-03-01", "1 Mar 2024", "2024-03-01"),
    "LINK": ("https://example.org/a", "https://example.org/a", "https://example.org/a"),
}


@pytest.mark.parametrize("kind", ATTRIBUTE_TYPES)
def test_a_kind_of_attribute_is_checked_shown_edited_and_exported(
    app: Flask, world: World, signed_in: Callable[[str], FlaskClient], kind: str
) -> None:
    with app.app_context():
        target = world.device(key="THE-DEVICE")
        spec = AttributeSpec(
            name="thing", label="The thing", kind=kind, reference_data_type="device",
            choices=CHOICES if kind.endswith("SELECT") else None,
        )  # fmt: skip
        title = AttributeSpec(name="title", label="Title", kind="LABEL")
        template = administration.create_template(world.acme.id, "generic-entity", "kinds", "Kinds", [title, spec])
        world.templates["kinds"] = template
        entity = world.entity("kinds", None, {"title": "with a thing"})
        entity_id = entity.id
        typed, shown, written = TYPED.get(kind, (str(target.id), target.caption, "THE-DEVICE"))
        if kind not in FILE_TYPES:
            edit_entity(world.actor("alice"), entity_id, {"thing": typed}, seen_revision=entity.revision)
    browser = signed_in("alice")
    page = browser.get(f"/entities/generic-entity/{entity_id}").text
    form = browser.get(f"/entities/generic-entity/{entity_id}/edit").text
    assert "The thing" in page
    assert ("attribute.thing" in form) is (kind not in FILE_TYPES)
    with app.app_context():
        (header, row) = _exported(world)
    columns = {"REFERENCE": "thing.id", "FILE": "thing.id", "IMAGE": "thing.id"}
    assert columns.get(kind, "thing") in header
    if kind not in FILE_TYPES:
        assert shown in page
        assert row[columns.get(kind, "thing")] == written
    del world.templates["kinds"]


def _exported(world: World) -> tuple[list[str], dict[str, str]]:
    params = ReportParams(("generic-entity",), start=datetime(2000, 1, 1, tzinfo=UTC), format="csv")
    export = exports.request_export(world.actor("alice"), "report", params, request_key=str(uuid4()))
    exports.work_until_idle("test")
    download = exports.open_archive(world.actor("alice"), export.id)
    with download.stream:
        archive = zipfile.ZipFile(io.BytesIO(download.stream.read()))
    reader = csv.DictReader(io.StringIO(archive.read("generic-entity.csv").decode()))
    (row,) = reader
    return list(reader.fieldnames or ()), row
