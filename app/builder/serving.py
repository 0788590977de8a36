"""The builder's own side: take an order from the parent, make it, say how it went; until the parent hangs up.

One JSON object a line in both directions::

    ← {"open": {"database": url, "storage": {…}}}
    ← {"build": {"key": staging key, "fragments": [{"file", "recipe", "first", "final", "stored"}, …],
                 "about": ids for the log}}
    → {"fragment": {…}, "file": n, "raw_sha256": hex or null}      for each, when its bytes are written
    → {"settled": true}                                            all bytes are safe, under no key yet
    ← {"commit": true}                                             or anything else: drop them
    → {"committed": true}
    → {"fault": kind, "message": words}                            instead of any of the answers; the order is over
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from app.archive.fragments import Fragment, FragmentWriter, StoredWriter
from app.builder.columns import UnfitValue
from app.builder.copying import make_copy
from app.builder.documents import make_documents
from app.builder.fragments import Made, Recipe
from app.builder.long import make_long
from app.builder.records import make_records
from app.builder.wide import make_wide
from app.errors import Refusal, Unavailable
from app.rows.source import Source, SourceFault, open_source
from app.storage import Publication, StorageSettings, storage

_PR_SET_PDEATHSIG = 1
_MAKERS: dict[str, Callable[[Source, Recipe], Made]] = {
    "records": make_records,
    "documents": make_documents,
    "wide": make_wide,
    "long": make_long,
}


class _Dropped(Exception):
    """The parent does not want what was made."""


def serve() -> None:
    """Serve standard input until it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whoever prints must not break the conversation.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.modules["sqlite3"] = None  # type: ignore[assignment]  # an import of it fails from here on
    bench = _Bench(sys.stdin.buffer, answers)
    for line in bench.orders:
        order = orjson.loads(line)
        if "open" in order:
            bench.take_place(order["open"])
        elif "build" in order:
            bench.build(order["build"])


class _Bench:
    """The builder's place of work: where rows come from, where bytes go, and whom to tell."""

    def __init__(self, orders: BinaryIO, answers: BinaryIO) -> None:
        self.orders, self._answers = orders, answers
        self._database = ""
        self._about: dict[str, str] = {}
        self._source: Source | None = None

    def take_place(self, where: dict[str, Any]) -> None:
        self._hang_up()
        self._database = where["database"]
        storage.bind(StorageSettings.from_json(where["storage"]))

    def build(self, order: dict[str, Any]) -> None:
        """Make one part; every fault is an answer."""
        self._about = order.get("about", {})
        try:
            self._build(order)
        except _Dropped:
            pass
        except Unavailable as fault:
            self._say({"fault": "unavailable", "message": fault.message})
        except Refusal as fault:
            self._say({"fault": "refused", "message": fault.message})
        except UnfitValue as fault:
            self._say({"fault": "refused", "message": str(fault)})
        except SourceFault as fault:
            _tell(fault, self._about)
            self._hang_up()
            self._say({"fault": "unavailable", "message": "The database did not answer."})
        except Exception as fault:
            _tell(fault, self._about)
            self._hang_up()
            self._say({"fault": "unexpected", "message": "An unexpected fault stopped the work."})

    def _build(self, order: dict[str, Any]) -> None:
        with storage.publishing(order["key"]) as sink:
            hashing = None
            for one in order["fragments"]:
                hashing = hashlib.sha256() if one["first"] else hashing
                fragment = self._make(one, sink, hashing)
                whole = hashing.hexdigest() if hashing is not None and one["final"] else None
                self._say({"fragment": fragment.to_json(), "file": one["file"], "raw_sha256": whole})
                hashing = None if one["final"] else hashing
            sink.settle()
            self._say({"settled": True})
            if not orjson.loads(self.orders.readline() or b"{}").get("commit"):
                raise _Dropped
            sink.commit()
        self._say({"committed": True})

    def _make(self, one: dict[str, Any], sink: Publication, hashing: Any) -> Fragment:
        writer = StoredWriter(sink) if one["stored"] else FragmentWriter(sink, final=one["final"])
        made = self._made(one["recipe"])
        for piece in made.pieces:
            if hashing is not None:
                hashing.update(piece)
            writer.write(piece)
        return writer.finish(made.rows)

    def _made(self, recipe: Recipe) -> Made:
        if recipe["make"] == "copy":
            return make_copy(storage, recipe)
        if self._source is None:
            self._source = open_source(self._database)
        return _MAKERS[recipe["make"]](self._source, recipe)

    def _hang_up(self) -> None:
        """After a fault the connection is not trusted; the next order makes a new one."""
        source, self._source = self._source, None
        if source is not None:
            try:
                source.close()
            except Exception as fault:
                _tell(fault, self._about)

    def _say(self, answer: dict[str, Any]) -> None:
        self._answers.write(orjson.dumps(answer) + b"\n")
        self._answers.flush()


def _tell(fault: BaseException, about: dict[str, str]) -> None:
    """Where it broke, as a line of the log; never the fault's own words: they may quote a patient's values."""
    causes = " because of ".join(type(one).__name__ for one in (fault, fault.__cause__) if one is not None)
    frames = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(fault.__traceback__)]
    line = {
        **about,
        "event": f"the builder met {causes}",
        "level": "error",
        "logger": __name__,
        "timestamp": datetime.now(UTC).isoformat(),
        "exception": [{"type": f"{type(fault).__module__}.{type(fault).__qualname__}", "frames": frames}],
    }
    sys.stderr.write(orjson.dumps(line).decode() + "\n")
    sys.stderr.flush()
