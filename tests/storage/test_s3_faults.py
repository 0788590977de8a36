"""An object store that is busy, broken, gone, or does not let us: in words, once they are the last ones."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import Misconfigured, NotFound, Unavailable
from app.storage import (
    Storage,
    StorageFull,
    StorageRefused,
    StorageSettings,
    StorageUnavailable,
    open_storage,
)
from tests.services.faulty import Fault, FaultyProxy
from tests.services.seaweedfs import SeaweedFS
from tests.storage.keeping import keys_of, put, read

PROJECT = Path(__file__).parents[2]
MIB = 1 << 20
LARGE = 9 * MIB


def ask_publish(storage: Storage) -> None:
    put(storage, "new", b"x" * 10)


def ask_publish_large(storage: Storage) -> None:
    put(storage, "new", b"x" * LARGE)


def ask_copy(storage: Storage) -> None:
    with storage.publishing("new") as sink:
        sink.copy("old", 0, LARGE)


def ask_read(storage: Storage) -> None:
    read(storage, "old")


def ask_size(storage: Storage) -> None:
    storage.size("old")


def ask_list(storage: Storage) -> None:
    list(storage.list_())


def ask_delete(storage: Storage) -> None:
    storage.delete("old")


QUESTIONS = [ask_publish, ask_publish_large, ask_copy, ask_read, ask_size, ask_list, ask_delete, Storage.check]
questions = pytest.mark.parametrize("ask", QUESTIONS, ids=lambda ask: ask.__name__)
# The client waits between its tries, so only a few are asked each time.
EACH_TIME = (ask_publish_large, ask_read, Storage.check)
patient_questions = pytest.mark.parametrize(
    "ask",
    [pytest.param(ask, marks=() if ask in EACH_TIME else pytest.mark.long) for ask in QUESTIONS],
    ids=lambda ask: ask.__name__,
)


@pytest.fixture
def old(s3: Storage) -> None:
    put(s3, "old", b"x" * LARGE)


@pytest.mark.usefixtures("old")
@patient_questions
def test_a_store_that_is_busy_for_a_moment_is_asked_again(
    faulty: Storage, faulty_s3: FaultyProxy, ask: Callable[[Storage], None]
) -> None:
    faulty_s3.faults = [Fault(times=2, status=503, code="SlowDown")]
    ask(faulty)
    assert faulty_s3.faults[0].times == 0


@patient_questions
def test_a_store_that_stays_busy_may_be_asked_later(
    faulty: Storage, faulty_s3: FaultyProxy, ask: Callable[[Storage], None]
) -> None:
    faulty_s3.faults = [Fault(times=1000, status=503, code="SlowDown")]
    with pytest.raises(StorageUnavailable, match="try again") as told:
        ask(faulty)
    assert isinstance(told.value, Unavailable)
    assert "own words" not in str(told.value)
    assert 3 <= 1000 - faulty_s3.faults[0].times <= 30


@questions
@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (400, "AuthorizationHeaderMalformed"), (501, "NotImplemented")]
)
def test_a_store_that_forbids_is_not_asked_again(
    faulty: Storage, faulty_s3: FaultyProxy, ask: Callable[[Storage], None], status: int, code: str
) -> None:
    faulty_s3.faults = [Fault(times=1000, status=status, code=code)]
    with pytest.raises(StorageRefused, match="operator") as told:
        ask(faulty)
    assert isinstance(told.value, Misconfigured)
    assert not isinstance(told.value, Unavailable)
    assert "own words" not in str(told.value)
    # boto3 asks once or twice where the bucket is when the region seems to be wrong.
    assert 1000 - faulty_s3.faults[0].times <= 8


def test_a_store_without_room_is_full(faulty: Storage, faulty_s3: FaultyProxy) -> None:
    faulty_s3.faults = [Fault(where="PUT", times=1000, status=507, code="InsufficientStorage")]
    with pytest.raises(StorageFull):
        put(faulty, "a")


@questions
@pytest.mark.usefixtures("old")
def test_a_wrong_secret_is_told_in_words_that_do_not_hold_it(
    s3_settings: StorageSettings, ask: Callable[[Storage], None], caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "not-the-secret-" + "x" * 20
    storage = open_storage(replace(s3_settings, secret_access_key=wrong))
    with caplog.at_level(logging.DEBUG, "app"), pytest.raises(StorageRefused, match="keys") as told:
        ask(storage)
    said = str(told.value) + str(told.value.__cause__) + caplog.text
    assert wrong not in said
    assert str(s3_settings.access_key_id) not in said
    assert "403" in caplog.text
    assert "<" not in str(told.value)


def test_keys_that_may_only_read_publish_nothing(
    s3: Storage, s3_settings: StorageSettings, s3_server: SeaweedFS
) -> None:
    put(s3, "old")
    keys = s3_server.reader
    reader = open_storage(replace(s3_settings, access_key_id=keys.access, secret_access_key=keys.secret))
    assert read(reader, "old") == b"x"
    for ask in (ask_publish, ask_publish_large, ask_delete, Storage.check):
        with pytest.raises(StorageRefused, match="permissions"):
            ask(reader)
    assert keys_of(s3) == ["old"]


@questions
def test_a_missing_bucket_is_told_in_words(s3_settings: StorageSettings, ask: Callable[[Storage], None]) -> None:
    storage = open_storage(replace(s3_settings, bucket="nobody-made-this"))
    with pytest.raises(StorageRefused, match=r"bucket .* does not exist"):
        ask(storage)


def test_an_object_that_is_missing_is_only_that(faulty: Storage, faulty_s3: FaultyProxy) -> None:
    with pytest.raises(NotFound):
        faulty.open("missing")
    assert not faulty.exists("missing")
    assert faulty_s3.count("HEAD") == 4


@pytest.mark.parametrize("ask", [ask_publish_large, ask_read, ask_list], ids=lambda ask: ask.__name__)
def test_a_server_that_was_killed_may_be_asked_later(
    s3_server: SeaweedFS, s3: Storage, ask: Callable[[Storage], None]
) -> None:
    put(s3, "old", b"x" * LARGE)
    s3_server.kill()
    try:
        with pytest.raises(StorageUnavailable, match="try again"):
            ask(s3)
    finally:
        s3_server.start()
    assert read(s3, "old") == b"x" * LARGE


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("where", ["PUT", "POST", "uploadId="])
def test_an_answer_that_is_lost_does_not_make_a_published_object_a_failure(
    s3: Storage, faulty: Storage, faulty_s3: FaultyProxy, size: int, where: str
) -> None:
    """The store did it; asked again it says that the key is taken, or that there is no such upload."""
    content = os.urandom(size)
    faulty_s3.faults = [Fault(where=where, times=1, kind="lose")]
    put(faulty, "a", content)
    assert read(s3, "a") == content


def test_the_answer_to_the_last_step_may_stay_lost(s3: Storage, faulty: Storage, faulty_s3: FaultyProxy) -> None:
    with faulty.publishing("a") as sink:
        sink.write(b"x" * LARGE)
        sink.settle()
        faulty_s3.faults = [Fault(where="POST", times=1000, kind="lose")]
        sink.commit()
    assert s3.size("a") == LARGE


def test_an_error_inside_a_200_is_an_error(s3: Storage, faulty: Storage, faulty_s3: FaultyProxy) -> None:
    sink = faulty.publishing("a")
    sink.write(b"x" * LARGE)
    sink.settle()
    faulty_s3.faults = [Fault(where="POST", times=1000, status=200, code="InternalError")]
    with pytest.raises(StorageUnavailable):
        sink.commit()
    sink.discard()
    assert not s3.exists("a")


def test_an_error_inside_a_200_that_passes_is_tried_again(s3: Storage, faulty: Storage, faulty_s3: FaultyProxy) -> None:
    faulty_s3.faults = [Fault(where="POST", times=2, status=200, code="InternalError")]
    put(faulty, "a", b"x" * LARGE)
    assert s3.size("a") == LARGE


def test_a_part_that_does_not_arrive_leaves_no_object_and_no_upload(
    s3: Storage, s3_server: SeaweedFS, s3_bucket: str, faulty: Storage, faulty_s3: FaultyProxy
) -> None:
    faulty_s3.faults = [Fault(where="partNumber=2", times=1000)]
    with pytest.raises(StorageUnavailable), faulty.publishing("a") as sink:
        sink.write(b"x" * 8 * LARGE)
    assert keys_of(s3) == []
    assert "Uploads" not in s3_server.client().list_multipart_uploads(Bucket=s3_bucket)
    with pytest.raises(ValueError, match="failed"):
        sink.write(b"x")
    with pytest.raises(ValueError, match="failed"):
        sink.commit()


def test_a_body_that_breaks_off_is_read_on_from_there(s3: Storage, faulty: Storage, faulty_s3: FaultyProxy) -> None:
    content = os.urandom(5 * MIB)
    put(s3, "a", content)
    faulty_s3.faults = [Fault(where="GET", times=3, kind="cut")]
    assert read(faulty, "a") == content
    assert faulty_s3.faults[0].times == 0


def test_a_body_that_always_breaks_off_at_once_is_given_up(
    s3: Storage, faulty: Storage, faulty_s3: FaultyProxy
) -> None:
    put(s3, "a", b"x")
    faulty_s3.faults = [Fault(where="GET", times=1000, kind="cut")]
    with pytest.raises(StorageUnavailable), faulty.open("a") as stream:
        stream.read()


FORKS = """
import os, sys
from app.storage import StorageSettings, storage

storage.bind(StorageSettings.from_json(sys.stdin.read()))
assert storage.size("a") == 1
child = os.fork()
with storage.open("a") as stream:
    assert stream.read() == b"x"
with storage.publishing(f"by/{'parent' if child else 'child'}") as sink:
    sink.write(b"x" * 9_000_000)
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_forked_child_makes_its_own_connections(s3: Storage, s3_settings: StorageSettings) -> None:
    put(s3, "a")
    for _ in range(3):
        subprocess.run(
            [sys.executable, "-c", FORKS], input=s3_settings.to_json(), text=True, cwd=PROJECT, check=True, timeout=60
        )
        assert keys_of(s3, "by/") == ["by/child", "by/parent"]
        for key in keys_of(s3, "by/"):
            s3.delete(key)


@pytest.mark.parametrize("moment", ["mid-write", "settled", "committed"])
def test_a_writer_killed_at_any_step_leaves_the_whole_object_or_none(
    s3: Storage, s3_settings: StorageSettings, moment: str
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, moment], input=s3_settings.to_json(), text=True, cwd=PROJECT, check=False
    )
    assert killed.returncode == -9
    assert keys_of(s3) == (["a"] if moment == "committed" else [])


KILLED_AT = """
import os, signal, sys
from app.storage import StorageSettings, open_storage

with open_storage(StorageSettings.from_json(sys.stdin.read())).publishing("a") as sink:
    sink.write(b"x" * 20_000_000)
    if sys.argv[1] == "mid-write":
        os.kill(os.getpid(), signal.SIGKILL)
    sink.settle()
    if sys.argv[1] == "settled":
        os.kill(os.getpid(), signal.SIGKILL)
    sink.commit()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_local_storage_does_not_pay_for_object_stores() -> None:
    asks = (
        "import sys; from pathlib import Path; from app.storage import StorageSettings, storage; "
        "storage.bind(StorageSettings.local(Path('/nowhere'))); "
        "print([name for name in ('boto3', 'botocore', 'flask', 'sqlalchemy') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", asks], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"
