"""A worker and its builder: orders given and answered, faults told, a child that dies, bytes that are dropped."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.archive import Fragment
from app.archive.fragments import RAW_DEFLATE
from app.builder.hired import KEPT_BACK, Builder, BuilderFault, Built, Ordered
from app.errors import NotFound, Refusal, Unavailable
from app.storage import LocalStorage, StorageSettings
from config import Config
from tests.builder.children import run

isal_zlib = pytest.importorskip("isal.isal_zlib")
STATEMENT = "SELECT word, 't', 'o', '', word, '{}', '{\"word\":' || json_quote(word) || '}', 0, 0 FROM word"
WORDS = {"order": ["created", False], "templates": {}, "hidden": [], "owners": {}, "keyed": False, "named": False}
NDJSON = {
    "make": "records",
    "words": WORDS,
    "references": [],
    "format": "ndjson",
    "first": True,
    "last": True,
    "columns": [],
}


def database(folder: Path, name: str, words: list[str]) -> str:
    """A SQLite database with a table of words; closed again before a builder opens it."""
    path = folder / f"{name}.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE word (word TEXT)")
        connection.executemany("INSERT INTO word VALUES (?)", [(word,) for word in words])
        connection.commit()
    return f"sqlite:///{path}"


def lines(*words: str) -> bytes:
    """The records of words."""
    return b"".join(
        b'{"_id":"%s","_caption":"%s","_template":{"id":"t","name":null},"_ownerOrganization":{"id":"o"},'
        b'"_creationTime":"1970-01-01T00:00:00.000Z","_lastModifiedTime":"1970-01-01T00:00:00.000Z","word":"%s"}\n'
        % ((word.encode(),) * 3)
        for word in words
    )


def words(file: int = 0, *, last: bool = True, **more: Any) -> Ordered:
    recipe = NDJSON | {"statements": [STATEMENT]} | more
    return Ordered(file, recipe, first=True, final=last)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    hired = Builder()
    hired.take_place(database(tmp_path, "first", ["a", "b"]), StorageSettings.local(tmp_path / "storage").to_json())
    yield hired
    hired.end()


def inflated(storage: LocalStorage, key: str, built: list[Built]) -> list[bytes]:
    """Each fragment's own bytes, as they came to storage."""
    found = []
    with storage.open(key) as stream:
        for one in built:
            data = stream.read(one.fragment.length)
            assert hashlib.sha256(data).hexdigest() == one.fragment.sha256
            found.append(data if one.fragment.stored else isal_zlib.decompressobj(RAW_DEFLATE).decompress(data))
        assert stream.read() == b""
    return found


def made(builder: Builder, key: str, *ordered: Ordered) -> list[Built]:
    built = list(builder.build(key, ordered))
    builder.commit()
    return built


def test_an_order_is_made_told_and_kept(builder: Builder, storage: LocalStorage) -> None:
    first, second = built = made(builder, "staging/one", words(0), words(1, first=False))
    assert inflated(storage, "staging/one", built) == [lines("a", "b")] * 2
    assert (first.file, second.file) == (0, 1)
    assert (first.fragment.rows, first.fragment.raw_length, first.fragment.final) == (2, len(lines("a", "b")), True)
    assert first.raw_sha256 == hashlib.sha256(lines("a", "b")).hexdigest()
    assert isinstance(first.fragment, Fragment)


def test_the_sha_256_of_a_file_is_told_only_by_whoever_made_all_of_it(builder: Builder) -> None:
    recipe = dict(words().recipe)
    (begun,) = made(builder, "staging/one", Ordered(0, recipe, first=True, final=False))
    ended, alone = made(
        builder, "staging/two", Ordered(0, recipe, first=False, final=True), Ordered(1, recipe, first=True, final=True)
    )
    assert (begun.raw_sha256, ended.raw_sha256) == (None, None)
    middle, last = made(
        builder,
        "staging/three",
        Ordered(2, recipe, first=True, final=False),
        Ordered(2, recipe, first=False, final=True),
    )
    text = lines("a", "b")
    assert (middle.raw_sha256, last.raw_sha256) == (None, hashlib.sha256(text * 2).hexdigest())
    assert alone.raw_sha256 == hashlib.sha256(text).hexdigest()


def test_no_secret_setting_of_the_worker_is_left_in_a_builders_environment() -> None:
    assert {one.name.upper() for one in fields(Config) if not one.repr} <= set(KEPT_BACK)


def test_one_child_serves_order_after_order(builder: Builder, storage: LocalStorage) -> None:
    pids = set()
    for number in range(3):
        built = made(builder, f"staging/{number}", words())
        assert inflated(storage, f"staging/{number}", built) == [lines("a", "b")]
        pids.add(builder.pid)
    assert len(pids) == 1


def test_another_database_between_two_orders_is_the_one_that_is_read(
    builder: Builder, storage: LocalStorage, tmp_path: Path
) -> None:
    made(builder, "staging/one", words())
    other = database(tmp_path, "of ours? 100%", ["c"])
    builder.take_place(other, StorageSettings.local(tmp_path / "storage").to_json())
    pid = builder.pid
    built = made(builder, "staging/two", words())
    assert inflated(storage, "staging/two", built) == [lines("c")]
    assert builder.pid == pid


def test_what_is_not_committed_leaves_no_object(builder: Builder, storage: LocalStorage) -> None:
    list(builder.build("staging/one", [words()]))
    assert not storage.exists("staging/one")
    builder.drop()
    made(builder, "staging/two", words())
    assert [one.key for one in storage.list_("")] == ["staging/two"]


def test_what_is_built_is_not_seen_before_the_commit(builder: Builder, storage: LocalStorage) -> None:
    list(builder.build("staging/one", [words()]))
    assert not storage.exists("staging/one")
    builder.commit()
    assert storage.exists("staging/one")


@pytest.mark.parametrize(
    ("recipe", "kind", "message"),
    [
        ({"statements": ["SELECT no_such_column"]}, Unavailable, "The database did not answer."),
        ({"make": "no such way"}, BuilderFault, "An unexpected fault stopped the work."),
        ({"format": "csv"}, BuilderFault, "An unexpected fault stopped the work."),
        ({"make": "copy", "key": "files/none", "begin": 0, "end": 5}, NotFound, ""),
        (
            {"format": "parquet", "columns": [{"name": "word", "path": ["word"], "type": "integer", "textual": True}]},
            Refusal,
            "A value of word does not fit the type of its column.",
        ),
    ],
)
def test_a_fault_is_an_answer_and_the_next_order_is_served(
    builder: Builder, storage: LocalStorage, recipe: dict[str, Any], kind: type[Exception], message: str
) -> None:
    made(builder, "staging/one", words())
    pid = builder.pid
    with pytest.raises(Refusal if kind is NotFound else kind) as told:
        list(builder.build("staging/two", [words(0), words(1, **recipe)]))
    assert message in str(told.value)
    assert "SELECT" not in str(told.value)
    made(builder, "staging/three", words())
    assert builder.pid == pid
    assert [one.key for one in storage.list_("")] == ["staging/one", "staging/three"]


def test_a_database_that_is_not_there_may_come_back(builder: Builder, tmp_path: Path) -> None:
    settings = StorageSettings.local(tmp_path / "storage").to_json()
    builder.take_place(f"sqlite:///{tmp_path}/later.sqlite3", settings)
    with pytest.raises(Unavailable):
        list(builder.build("staging/one", [words()]))
    database(tmp_path, "later", ["at last"])
    (built,) = made(builder, "staging/two", words())
    assert built.fragment.rows == 1


@pytest.mark.parametrize("during", ["before", "building", "settled"])
def test_a_child_that_dies_is_a_fault_and_the_next_order_starts_another(
    builder: Builder, storage: LocalStorage, during: str
) -> None:
    made(builder, "staging/one", words())
    dead = builder.pid
    assert dead is not None
    if during == "before":
        os.kill(dead, signal.SIGKILL)
        while builder.is_running:
            time.sleep(0.01)
    else:
        told = builder.build("staging/two", [words(0), words(1)])
        next(told)
        if during == "settled":
            list(told)
        os.kill(dead, signal.SIGKILL)
        with pytest.raises(BuilderFault, match="is gone"):
            _go_on(builder, told, during)
    made(builder, "staging/three", words())
    assert builder.pid != dead
    # An object that was settled when its builder died is under no key.
    assert {one.key for one in storage.list_("")} - {"staging/two"} == {"staging/one", "staging/three"}
    assert during == "building" or not storage.exists("staging/two")


def _go_on(builder: Builder, told: Iterator[Built], during: str) -> None:
    if during == "building":
        list(told)
    builder.commit()
    builder.commit()


def test_an_ended_builder_is_gone_and_may_be_started_again(builder: Builder) -> None:
    made(builder, "staging/one", words())
    dead = builder.pid
    builder.end()
    assert builder.pid is None
    assert not Path(f"/proc/{dead}").exists()
    builder.end()
    with pytest.raises(BuilderFault, match="not started"):
        builder.commit()
    made(builder, "staging/two", words())


def test_a_builder_ends_with_the_process_that_hired_it(tmp_path: Path) -> None:
    url = database(tmp_path, "orphan", ["a"])
    code = f"""
import os, signal
from app.builder.hired import Builder, Ordered
from app.storage import StorageSettings
from pathlib import Path
builder = Builder()
builder.take_place({url!r}, StorageSettings.local(Path({str(tmp_path)!r})).to_json())
list(builder.build("staging/one", [Ordered(0, {dict(words().recipe)!r}, True, True)]))
print(builder.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    told = run(code, check=False)
    child = int(told.stdout)
    assert told.returncode == -signal.SIGKILL
    for _ in range(500):
        if not _runs(child):
            break
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


REFUSED = """
import sys
from app.builder import serving
try:
    serving.serve()
except SystemExit:
    pass
for how in ("import sqlite3", "from sqlite3 import dbapi2", "import sqlite3.dbapi2",
            "import sqlalchemy.dialects.sqlite.pysqlite"):
    try:
        exec(how)
        if "sqlalchemy" not in how:
            print("imported", how, file=sys.stderr)
            continue
        sys.modules["sqlalchemy.dialects.sqlite.pysqlite"].dialect.import_dbapi()
        print("imported", how, file=sys.stderr)
    except ImportError:
        print("refused", how, file=sys.stderr)
"""


def test_a_serving_builder_refuses_to_import_sqlite3() -> None:
    told = run(REFUSED, check=False)
    assert told.stderr.count("refused") == 4, told.stderr
    assert "imported" not in told.stderr


def test_a_builder_starts_without_sqlalchemy_flask_and_sqlite3() -> None:
    code = "import sys, app.builder.serving; print([one for one in sys.modules if one.split('.')[0] in" \
           " ('sqlite3', '_sqlite3', 'sqlalchemy', 'flask', 'boto3', 'polars', 'pandas')])"  # fmt: skip
    assert run(code).stdout.strip() == "[]"


def test_whoever_prints_in_a_builder_does_not_break_the_conversation(tmp_path: Path) -> None:
    url = database(tmp_path, "chatty", ["a"])
    code = f"""
import subprocess, sys
from app.builder import hired
from app.builder.hired import Builder, Ordered
from app.storage import StorageSettings
from pathlib import Path
chatty = "import os; from app.builder import serving; made = serving._Bench._made;" \\
         "serving._Bench._made = lambda *given: (print('chatter'), os.write(1, b'noise'), made(*given))[2];" \\
         "serving.serve()"
popen = subprocess.Popen
hired.subprocess.Popen = lambda command, **more: popen([sys.executable, "-c", chatty], **more)
builder = Builder()
builder.take_place({url!r}, StorageSettings.local(Path({str(tmp_path)!r})).to_json())
print(len(list(builder.build("staging/one", [Ordered(0, {dict(words().recipe)!r}, True, True)]))))
builder.commit()
builder.end()
"""
    told = run(code)
    assert told.stdout == "1\n"
    assert "noise" in told.stderr
