"""Where objects are kept, from the environment to another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import create_app
from app.storage import StorageSettings, storage
from config import Config

SECRET = "the secret of the object store"
KEY = "a key for cookies, of more than thirty-two characters"
S3 = {"STORAGE": "s3", "S3_BUCKET": "kept", "S3_ACCESS_KEY_ID": "AK", "S3_SECRET_ACCESS_KEY": SECRET}


def bound(tmp_path: Path, **env: str) -> StorageSettings:
    create_app(Config.from_env({"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), **env}))
    return storage.settings


def test_a_local_disk_is_the_default(tmp_path: Path) -> None:
    assert bound(tmp_path) == StorageSettings.local(tmp_path / "storage")


def test_an_object_store_is_named_by_the_environment(tmp_path: Path) -> None:
    given = {
        "S3_ENDPOINT_URL": "https://store.example.org",
        "S3_PUBLIC_ENDPOINT": "https://files.example.org",
        "S3_REGION": "eu-central-1",
        "S3_PREFIX": "chartroom/",
        "S3_SIGNED_DOWNLOADS": "off",
    }
    assert bound(tmp_path, **S3, **given) == StorageSettings(
        kind="s3",
        bucket="kept",
        prefix="chartroom/",
        endpoint_url="https://store.example.org",
        public_endpoint_url="https://files.example.org",
        region="eu-central-1",
        path_style=True,
        access_key_id="AK",
        secret_access_key=SECRET,
        signed_downloads=False,
    )


def test_amazons_own_store_needs_a_bucket_alone(tmp_path: Path) -> None:
    found = bound(tmp_path, STORAGE="s3", S3_BUCKET="kept")
    assert (found.endpoint_url, found.path_style, found.access_key_id) == (None, False, None)


def test_keys_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("AK\n")
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    files = {"S3_ACCESS_KEY_ID_FILE": str(tmp_path / "id"), "S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}
    found = bound(tmp_path, STORAGE="s3", S3_BUCKET="kept", **files)
    assert (found.access_key_id, found.secret_access_key) == ("AK", SECRET)
    with pytest.raises(ValueError, match="S3_SECRET_ACCESS_KEY_FILE"):
        bound(tmp_path, **{**S3, "S3_SECRET_ACCESS_KEY": "", "S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "no")})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"STORAGE": "ftp"}, "STORAGE"),
        ({"S3_BUCKET": ""}, "S3_BUCKET"),
        ({"S3_ACCESS_KEY_ID": ""}, "S3_ACCESS_KEY_ID"),
        ({"S3_PREFIX": "no-slash"}, "S3_PREFIX"),
        ({"S3_PREFIX": "a/../b/"}, "S3_PREFIX"),
        ({"S3_SIGNED_DOWNLOADS": "maybe"}, "S3_SIGNED_DOWNLOADS"),
        ({"S3_PATH_STYLE": "2"}, "S3_PATH_STYLE"),
    ],
)
def test_settings_that_cannot_be_are_named_at_the_start(tmp_path: Path, given: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named) as told:
        bound(tmp_path, **{**S3, **given})
    assert SECRET not in str(told.value)


def test_another_process_gets_the_same_and_nobody_reads_the_secret(tmp_path: Path) -> None:
    config = Config.from_env({"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path), **S3})
    found = bound(tmp_path, **S3)
    assert StorageSettings.from_json(found.to_json()) == found
    assert SECRET not in repr(found)
    assert SECRET not in repr(config)
    assert StorageSettings.from_json(StorageSettings.local(tmp_path).to_json()) == StorageSettings.local(tmp_path)
