"""``README.txt``: what an archive says of itself to people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from app.archive.datapackage import PackageDescription, Resource, instant_text

_WIDTH: Final = 78
_MOST_METRICS: Final = 60


def readme_text(described: PackageDescription) -> str:
    """``README.txt``: what this is, which snapshot, what was left out and why, in plain lines."""
    return "\n".join(_readme_lines(described)).rstrip("\n") + "\n"


def _readme_lines(described: PackageDescription) -> Iterator[str]:
    yield from _wrapped(described.title)
    yield "=" * min(_WIDTH, max(3, len(described.title)))
    yield ""
    if described.description:
        yield from _wrapped(described.description)
        yield ""
    yield from _heading("Snapshot")
    yield from _wrapped(
        f"The data is as it was at {instant_text(described.snapshot_at)} (UTC), "
        f"revision {described.snapshot_revision}. Nothing that was entered or changed later is in it."
    )
    yield ""
    yield from _heading("Files")
    for one in described.resources:
        yield from _file_lines(one)
    if not described.resources:
        yield "No file: there was nothing to export."
    yield ""
    yield from _heading("Left out")
    for left in described.left_out:
        yield from _wrapped(f"- {left.what}: {left.why}.", "  ")
    if not described.left_out:
        yield "Nothing that was asked for was left out."
    yield ""
    yield from _reading_lines(described)
    yield from _listed("What was measured", _metric_lines(described.resources))
    yield from _listed("Notes", described.notes)
    yield from _listed("Source of the data", [f"{one.title} {one.path}".strip() for one in described.sources])


def _file_lines(one: Resource) -> Iterator[str]:
    size = f"{one.raw_length:,} byte{'' if one.raw_length == 1 else 's'}"
    records = "" if one.rows is None else f", {one.rows:,} record{'' if one.rows == 1 else 's'}"
    held = records if one.values is None else f", {one.values:,} value{'' if one.values == 1 else 's'}"
    yield f"- {one.path}"
    yield from _wrapped(f"  {one.title} ({size}{held})", "  ")
    if one.description:
        yield from _wrapped(f"  {one.description}", "  ")


def _reading_lines(described: PackageDescription) -> Iterator[str]:
    formats = {one.format for one in described.resources if one.columns}
    yield from _heading("How to read it")
    yield from _wrapped(
        "datapackage.json describes each file for programs (Frictionless Data Package): its size and its SHA-256"
        + (", and its columns with types, units and choices." if formats else ".")
    )
    if "csv" in formats:
        yield from _wrapped("CSV files are UTF-8, comma separated, with one header line (RFC 4180).")
        yield from _wrapped(
            "They were written for spreadsheets: they begin with a byte-order mark, and a text cell that "
            "a spreadsheet would run as a formula has an apostrophe (') before it, not part of the value."
            if described.for_spreadsheets
            else "Their values are verbatim. A spreadsheet may run a text that begins with = + - or @ as "
            'a formula; ask for the export with the option "for spreadsheets" before opening it in one.'
        )
    if "ndjson" in formats:
        yield from _wrapped("NDJSON files are UTF-8 and hold one JSON document on each line.")
    yield ""


def _metric_lines(resources: Sequence[Resource]) -> list[str]:
    """Each metric once, with its unit; many are left to ``datapackage.json``."""
    metrics = list(dict.fromkeys(metric for one in resources for metric in one.metrics))
    if len(metrics) > _MOST_METRICS:
        return [f"There can be values of {len(metrics):,} metrics; datapackage.json says what each is, and its unit."]
    return [
        f"{one.name}: {one.title} ({one.of}), "
        + ("1 is yes, 0 is no" if one.kind == "boolean" else f"in {one.unit}" if one.unit else "without a unit")
        for one in metrics
    ]


def _listed(heading: str, paragraphs: Sequence[str]) -> Iterator[str]:
    if paragraphs:
        yield from _heading(heading)
        for paragraph in paragraphs:
            yield from _wrapped(f"- {paragraph}", "  ")
        yield ""


def _heading(text: str) -> Iterator[str]:
    yield text
    yield "-" * len(text)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
