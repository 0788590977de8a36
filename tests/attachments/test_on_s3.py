"""Attached files with an object store beneath."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.attachments import open_file, open_preview
from app.storage import StorageRefused, storage
from config import Config
from tests.attachments.conftest import Shelf
from tests.attachments.files import picture
from tests.conftest import config_for
from tests.services.seaweedfs import SeaweedFS


@pytest.fixture
def config(tmp_path: Path, s3_server: SeaweedFS, s3_bucket: str) -> Config:
    return replace(config_for(tmp_path), **s3_server.settings_for(s3_bucket))


def test_a_file_and_its_preview_lie_in_the_store_and_are_read_from_it(shelf: Shelf) -> None:
    content = picture("PNG")
    file = shelf.attach("scan.png", content)
    assert sorted(shelf.stored_keys()) == sorted([file.storage_key, file.preview_key])
    known, stream = open_file(shelf.alice, file.id)
    with stream:
        assert (known.name, stream.read()) == ("scan.png", content)
    _, preview = open_preview(shelf.alice, file.id)
    with preview:
        assert preview.read(4) == b"RIFF"


def test_a_store_that_refuses_leaves_no_file_behind(shelf: Shelf) -> None:
    right = storage.settings
    storage.bind(replace(right, secret_access_key="x" * 40))
    with pytest.raises(StorageRefused, match="operator"):
        shelf.attach("scan.png", picture("PNG"))
    storage.bind(right)
    shelf.assert_empty()
