"""The report of a run, as Markdown: written by the run, never by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from statistics import median

from bench import machine
from bench.results import Results, Scaling, verdicts
from bench.sizes import Sizes
from bench.turns import Compared, Section, Turn

INTRODUCTION = """\
Written by `make bench`; docs/performance.md says what is measured and how. Ours runs from the request to the state
READY, verification and publication included, through real worker processes that wait for the bell. A ratio says how
many times longer the peer takes: the median of the ratios of neighbouring turns (ours, peer, ours, peer, …), with the
least and the greatest. *Matched*: same SELECT with the same revision predicate, same order, same content, one stream.
*Loose*: it differs in what is said beside it. Every output's content was compared with ours, value by value, before
its time counted. CPU seconds are those of all processes that took part, the database server's included."""


def report(results: Results, sizes: Sizes) -> str:
    """The whole text."""
    return "\n".join(_lines(results, sizes)) + "\n"


def _lines(results: Results, sizes: Sizes) -> Iterator[str]:
    yield "# Results of the bench"
    yield ""
    yield INTRODUCTION
    yield ""
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}: {sizes.values:,} measurements of {sizes.devices} devices × 6 metrics × 12 "
        f"months, {sizes.entities:,} patients, {sizes.concepts:,} concepts; {sizes.pairs} pairs of turns."
    )
    yield ""
    yield from (f"* {line}" for line in machine.described())
    yield from (f"* {line}" for line in results.notes)
    yield ""
    yield from _bars(results, quick=sizes.values < 1_000_000 or sizes.entities < 100_000)
    for section in results.sections:
        yield from _section(section)
    if results.scalings:
        yield from _workers(results.scalings)
    if results.peaks:
        yield from _memory(results)
    if results.launches:
        yield from _launches(results)
    if results.tooks:
        yield from _tooks(results)


def _bars(results: Results, *, quick: bool) -> Iterator[str]:
    words = {True: "yes", False: "**no**", None: "**no figure**"}
    rows = [(one.what, one.asked, one.found, words[one.met]) for one in verdicts(results)]
    yield from ("## The bars", "")
    if quick:
        yield "A quick look: with so little data the fixed costs decide, so the bars say nothing here."
        yield ""
    yield from _table(("what", "asked", "found", "met"), rows)


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}, {section.database}", "")
    turns = [turn for one in section.compared for turn in one.ours]
    if turns:
        took = median(turn.seconds for turn in turns)
        yield (
            f"Ours, two workers: {section.rows:,} {section.unit} in {took:.2f} s "
            f"({section.rows / took:,.0f} a second), "
            f"{median(turn.cpu for turn in turns):.2f} CPU seconds; {section.raw_bytes / 1e6:,.1f} MB of files in an "
            f"archive of {turns[0].bytes / 1e6:,.1f} MB."
        )
        yield ""
    heads = ("peer", "", "ours s", "peer s", "ratio", "least–greatest", "ours CPU s", "peer CPU s", "peer MB")
    yield from _table(heads, [_row(one) for one in section.compared])


def _row(one: Compared) -> tuple[str, ...]:
    kind = "matched" if one.peer.matched else "loose"
    name = f"{one.peer.name} ({one.peer.note})" if one.peer.note else one.peer.name
    if one.refused:
        return (name, kind, f"no ratio, the contents differ: {one.refused}", *("–",) * 6)
    return (
        name,
        kind,
        f"{median(turn.whole for turn in one.ours):.2f}",
        f"{median(turn.whole for turn in one.theirs):.2f}",
        f"{one.ratio:.2f}×",
        f"{min(one.ratios):.2f}–{max(one.ratios):.2f}",
        f"{_cpu(one.ours):.2f}",
        f"{_cpu(one.theirs):.2f}",
        f"{one.theirs[0].bytes / one.theirs[0].share / 1e6:,.1f}",
    )


def _cpu(turns: Sequence[Turn]) -> float:
    return median(turn.cpu / turn.share for turn in turns)


def _workers(scalings: Sequence[Scaling]) -> Iterator[str]:
    yield from ("## Workers", "")
    rows = []
    for one in scalings:
        for count in one.turns:
            gain = one.seconds(1) / one.seconds(count)
            cpu = median(turn.cpu for turn in one.turns[count])
            rows.append((one.what, one.database, f"{count}", f"{one.seconds(count):.2f}", f"{gain:.2f}×", f"{cpu:.2f}"))
    yield from _table(("what", "database", "workers", "s", "against one", "CPU s"), rows)


def _memory(results: Results) -> Iterator[str]:
    yield from ("## The builder's memory", "", "Peaks (VmHWM) of the largest builder, in MB beyond its imports.", "")
    heads = ("what", "database", "imports", "rows", "peak", "rows", "peak", "larger against smaller")
    rows = [
        (
            one.what,
            one.database,
            f"{one.imports:.0f}",
            f"{one.small_rows:,}",
            f"{one.small:.0f}",
            f"{one.large_rows:,}",
            f"{one.large:.0f}",
            f"{one.spread:+.1%}",
        )
        for one in results.peaks
    ]
    yield from _table(heads, rows)


def _launches(results: Results) -> Iterator[str]:
    yield from (
        "## Small exports",
        "",
        "From the request to the link, ten rows; medians with the least and the greatest.",
    )
    yield ""
    rows = [
        (one.what, one.database, f"{len(one.seconds)}", _spread(one.seconds), _spread(one.waiting))
        for one in results.launches
    ]
    yield from _table(("what", "database", "runs", "s", "of which waiting for a worker, s"), rows)


def _tooks(results: Results) -> Iterator[str]:
    yield from ("## Releasing and comparing", "")
    yield "From the call of the use case to its answer, in this process; medians with the least and the greatest."
    yield ""
    rows = [
        (one.what, one.database, f"{len(one.seconds)}", _spread([1000 * second for second in one.seconds], "{:.0f}"))
        for one in results.tooks
    ]
    yield from _table(("what", "database", "runs", "ms"), rows)


def _spread(numbers: Sequence[float], form: str = "{:.2f}") -> str:
    middle, least, greatest = (form.format(one) for one in (median(numbers), min(numbers), max(numbers)))
    return f"{middle} ({least}–{greatest})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""
