"""Both storages, for what either of them promises; and an object store alone, for what only that has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.storage import LocalStorage, Storage, StorageSettings, open_storage
from tests.services.faulty import FaultyProxy
from tests.services.seaweedfs import REGION, SeaweedFS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "objects"


@pytest.fixture
def local(root: Path) -> LocalStorage:
    return LocalStorage(root)


@pytest.fixture
def s3_settings(s3_server: SeaweedFS, s3_bucket: str) -> StorageSettings:
    """Our part of this test's bucket, by the owner's keys."""
    return StorageSettings(
        kind="s3",
        bucket=s3_bucket,
        prefix="our/part/",
        endpoint_url=s3_server.url,
        region=REGION,
        access_key_id=s3_server.owner.access,
        secret_access_key=s3_server.owner.secret,
    )


@pytest.fixture
def s3(s3_settings: StorageSettings) -> Storage:
    return open_storage(s3_settings)


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """Each of them in turn."""
    kept: Storage = request.getfixturevalue(request.param)
    return kept


@pytest.fixture
def faulty(s3_settings: StorageSettings, faulty_s3: FaultyProxy) -> Storage:
    """The same part of the bucket, through ``faulty_s3``."""
    return open_storage(replace(s3_settings, endpoint_url=faulty_s3.url))
