"""Who is compared with, kind by kind: the command lines first, then what one would write in Python."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import content, measured
from bench.commands import timed, typed
from bench.content import Content
from bench.data import Device, Kept
from bench.patients import created_at, exported_from
from bench.servers import DATABASE, SUPERUSER
from bench.statements import EPOCH_SQLITE, ISO_POSTGRESQL, ISO_SQLITE, QUICK_POSTGRESQL, Statements
from bench.turns import Peer, Turn, tree_cpu

IGZIP = "igzip -1"
GZIP = "gzip -1"
Differs = Callable[[Path], str | None]


@dataclass(frozen=True, slots=True)
class Bars:
    """The least ratios that are asked for, of one kind on one database."""

    matched: float
    orm: float


BARS = {
    ("wide", "postgresql"): Bars(1.35, 15.0),
    ("long", "postgresql"): Bars(1.25, 15.0),
    ("wide", "sqlite"): Bars(1.7, 15.0),
    ("long", "sqlite"): Bars(1.8, 15.0),
    ("patients", "sqlite"): Bars(1.8, 12.0),
    ("patients", "postgresql"): Bars(1.8, 7.0),
}
PARQUET_BAR = 1.0


class Peers:
    """The peers of one database.

    :param sample: a slow one makes one device, or patient, in so many
    :param igzip: whether that program is here
    :param planted: the content of every peer differs from ours
    """

    def __init__(self, kept: Kept, sample: int, *, igzip: bool, planted: bool) -> None:
        self._kept = kept
        self._igzip = igzip
        self._names = [name for _, name in kept.data.metrics]
        devices = kept.data.devices
        self._sampled = devices[: max(1, len(devices) // sample)]
        self._sample = sample
        on_postgresql = kept.cluster is not None
        same = ISO_POSTGRESQL if on_postgresql else ISO_SQLITE
        self._same = Statements(kept.data, on_postgresql, same, planted=planted)
        other = QUICK_POSTGRESQL if on_postgresql else EPOCH_SQLITE
        self._other = Statements(kept.data, on_postgresql, other, planted=planted)

    def of_wide(self, ours: Content) -> list[Peer]:
        """:param ours: the content of our archive, by device"""
        devices = self._kept.data.devices
        check = self._of_stream(ours, lambda path: content.wide_of_stream(path, self._names))
        found = self._typed("wide", self._same.wide(devices), self._other.wide(devices), "csv", check)
        found.append(self._duckdb(check, "csv.gz", "FORMAT csv, HEADER false, COMPRESSION gzip", matched=False))
        found.append(self._pandas(ours))
        found.append(
            self._orm(
                "wide", BARS["wide", self._kept.name], lambda path: content.wide_of_files(path, self._names), ours
            )
        )
        return found

    def of_long(self, ours: Content, header: Sequence[str], named: dict[str, str]) -> list[Peer]:
        """:param header: the columns of our file; ``named`` what it calls each device"""
        devices = self._kept.data.devices

        def read(path: Path) -> Content:
            return content.long_of(_unpacked(path), self._names, header)

        same, other = self._same.long(devices, named), self._other.long(devices, named)
        found = self._typed("long", same, other, "csv", self._of_stream(ours, read))
        found.append(
            self._orm(
                "long",
                BARS["long", self._kept.name],
                lambda path: content.long_of(content.member(path, "measurements"), self._names, None),
                ours,
                named=named,
                header=list(header),
            )
        )
        return found

    def of_patients(self, ours: Path) -> list[Peer]:
        """:param ours: our NDJSON file, unpacked"""
        count = self._kept.data.patients
        statement = [self._same.patients(exported_from(count))]

        def differs(path: Path) -> str | None:
            return content.difference_of_lines(content.lines_of(ours.read_bytes()), content.lines_of(_unpacked(path)))

        found = self._typed("patients", statement, None, "text", differs)
        found.append(self._orm_patients(ours))
        return found

    def of_parquet(self, ours: Content) -> list[Peer]:
        """:param ours: the content of our Parquet files, by device"""
        check = self._of_stream(ours, lambda path: content.wide_of_stream(path, self._names))
        return [self._duckdb(check, "parquet", "FORMAT parquet, COMPRESSION zstd", matched=True, bar=PARQUET_BAR)]

    def of_month(self, device: Device, ours: Content, start: Any, end: Any) -> list[Peer]:
        """One device and a month of it."""
        check = self._of_stream(ours, lambda path: content.wide_of_stream(path, self._names))
        run = typed(self._kept, self._same.wide([device], start, end), "csv", GZIP)
        return [Peer(f"{self._client} | {GZIP}", True, run, lambda folder: check(folder / "peer.gz"))]

    @property
    def _client(self) -> str:
        return "psql COPY" if self._kept.cluster else "sqlite3"

    def _typed(
        self, kind: str, statements: list[str], otherwise: list[str] | None, mode: str, differs: Differs
    ) -> list[Peer]:
        bar = BARS[kind, self._kept.name].matched

        def peer(
            name: str, lines: list[str], packer: str, matched: bool, note: str = "", asked: float | None = None
        ) -> Peer:
            run = typed(self._kept, lines, mode, packer)
            return Peer(name, matched, run, lambda folder: differs(folder / "peer.gz"), note, asked)

        client = self._client
        found = [peer(f"{client} | {GZIP}", statements, GZIP, True, asked=bar)]
        if self._igzip:
            found.append(peer(f"{client} | {IGZIP}", statements, IGZIP, True))
        if otherwise and self._kept.cluster:
            words = "writes instants in PostgreSQL's own way, which is another text and a quicker one"
            found.append(peer(f"{client}, AT TIME ZONE | {GZIP}", otherwise, GZIP, False, words))
        elif otherwise:
            words = "prints milliseconds since 1970 instead of dates"
            found.append(peer(f"{client}, epoch | {GZIP}", otherwise, GZIP, False, words))
        return found

    def _of_stream(self, ours: Content, read: Callable[[Path], Content]) -> Differs:
        return lambda path: content.difference(ours, read(path))

    def _python(self, order: dict[str, Any], share: float) -> Callable[[Path], Turn]:
        def run(folder: Path) -> Turn:
            output = folder / f"peer.{order['ending']}"
            said = folder / "said.json"
            spoken = json.dumps(order | {"output": str(output)}, default=str)
            server = [self._kept.cluster.pid] if self._kept.cluster else []
            served = tree_cpu(*server)
            line = f'exec "$0" -m bench.by_hand "$1" > {said}'
            took = timed(self._kept, ["bash", "-c", line, sys.executable, spoken], output)
            own = json.loads(said.read_text())
            return Turn(own["seconds"], own["cpu"] + tree_cpu(*server) - served, took.bytes, share)

        return run

    def _orm(
        self,
        kind: str,
        bars: Bars,
        read: Callable[[Path], Content],
        ours: Content,
        *,
        named: dict[str, str] | None = None,
        header: list[str] | None = None,
    ) -> Peer:
        called = [(one.series, (named or {}).get(one.key, one.key)) for one in self._sampled]
        part = {key: ours[key] for _, key in called if key in ours}
        order = self._common() | {"way": f"orm {kind}", "devices": called, "header": header, "ending": "zip"}
        rows = sum(len(times) for times, _ in part.values()) / sum(len(times) for times, _ in ours.values())
        return Peer(
            "ORM + csv + zipfile",
            False,
            self._python(order, rows),
            lambda folder: content.difference(part, read(folder / "peer.zip")),
            f"{len(called)} of {len(self._kept.data.devices)} devices, scaled by rows",
            bars.orm,
        )

    def _orm_patients(self, ours: Path) -> Peer:
        count = self._kept.data.patients
        since = exported_from(count)
        exported = round(count * 0.7)
        rows = max(1, exported // self._sample)
        until = created_at(count - exported + rows, count)
        order = self._common() | {
            "way": "orm patients",
            "revision": self._same.patients_revision,
            "since": since,
            "until": until,
            "ending": "zip",
        }

        def differs(folder: Path) -> str | None:
            theirs = list(content.lines_of(content.member(folder / "peer.zip", "patient")))
            mine = content.lines_of(ours.read_bytes())
            return content.difference_of_lines((next(mine) for _ in theirs), theirs) or (
                None if len(theirs) == rows else f"it has {len(theirs)} lines, not {rows}"
            )

        return Peer(
            "ORM + json + zipfile",
            False,
            self._python(order, rows / exported),
            differs,
            f"{rows:,} of {exported:,} patients, scaled by rows",
            BARS["patients", self._kept.name].orm,
        )

    def _pandas(self, ours: Content) -> Peer:
        part = {one.key: ours[one.key] for one in self._sampled}
        statements = [self._same.wide([one])[0] for one in self._sampled]
        order = self._common() | {"way": "pandas", "statements": statements, "ending": "gz"}
        rows = sum(len(times) for times, _ in part.values()) / sum(len(times) for times, _ in ours.values())
        return Peer(
            "pandas read_sql, to_csv",
            False,
            self._python(order, rows),
            lambda folder: content.difference(part, content.wide_of_stream(folder / "peer.gz", self._names)),
            f"{len(part)} of {len(ours)} devices, scaled by rows",
        )

    def _duckdb(self, check: Differs, ending: str, form: str, *, matched: bool, bar: float | None = None) -> Peer:
        scanner = "postgres" if self._kept.cluster else "sqlite"
        order = self._common() | {
            "way": "duckdb",
            "scanner": scanner,
            "place": self._place(),
            "statements": [self._duckdb_statement()],
            "form": form,
            "ending": ending,
        }
        run = self._python(order, 1.0)
        note = "same rows and values as one file" if matched else "formats and compresses its own way"
        return Peer(
            f"DuckDB COPY to {ending}", matched, run, lambda folder: check(folder / f"peer.{ending}"), note, bar
        )

    def _duckdb_statement(self) -> str:
        data = self._kept.data
        revision = self._same.revision
        shown = "time AT TIME ZONE 'UTC'" if self._kept.cluster else "epoch_ms(time)"
        columns = ", ".join(f"max(value) FILTER (WHERE metric_id = {metric})" for metric, _ in data.metrics)
        if self._kept.cluster:
            period = f"time >= '{measured.START.isoformat()}' AND time < '{measured.END.isoformat()}'"
        else:
            period = f"time >= {measured.START_MS} AND time < {measured.END_MS}"
        named = ", ".join(f"({one.series}, '{one.key}')" for one in data.devices)
        rows = f"SELECT series_id, time, metric_id, value FROM kept.{{}} WHERE {period} AND batch <= {revision}"
        return (
            f"SELECT key, {shown} AS shown, {columns} FROM ({rows.format('measurement')} UNION ALL "
            f"{rows.format('measurement_history')} AND superseded_by > {revision}) AS found "
            f"JOIN (VALUES {named}) AS one (series, key) ON series = series_id "
            "GROUP BY key, found.time ORDER BY key, found.time"
        )

    def _place(self) -> str:
        if self._kept.cluster:
            socket = self._kept.cluster.url.rpartition("=")[2]
            return f"dbname={DATABASE} user={SUPERUSER} host={socket}"
        return str(self._kept.sqlite_file)

    def _common(self) -> dict[str, Any]:
        data = self._kept.data
        return {
            "url": self._kept.config.database_url,
            "tenant": str(data.tenant),
            "revision": self._same.revision,
            "metrics": [metric for metric, _ in data.metrics],
            "names": self._names,
            "start": measured.START.isoformat(),
            "end": measured.END.isoformat(),
        }


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())
