"""What is measured of terminology on one database: exports of releases, releasing, and what changed between two."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from uuid import uuid4

from app import exports, terminology
from app.extensions import db
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn, bounds_of, documents_statement
from app.terminology import ReleaseFacts
from bench import content
from bench.commands import typed
from bench.data import Kept, forget_exports
from bench.ours import Asker, ReleaseWish
from bench.results import Results, Took
from bench.sizes import Sizes
from bench.terms import Size
from bench.terms_loading import EARLIER, LATER, Terms, terms_at_hand
from bench.turns import Peer, Section

RATE_BARS = {"sqlite": 100_000, "postgresql": 80_000}
MATCHED_BAR = 1.6
RELEASE_BAR, DIFF_BAR = 0.1, 0.2
EDITED_SHARE = 50


class TermRuns:
    """The runs of the section "terminology" on one database.

    :param planted: the peers read an earlier state
    """

    def __init__(
        self, kept: Kept, sizes: Sizes, results: Results, tell: Callable[[str], None], *, planted: bool, igzip: bool
    ) -> None:
        self._kept, self._results, self._tell, self._runs = kept, results, tell, sizes.small_runs
        self._planted, self._igzip = planted, igzip
        many, few = sizes.concepts, sizes.concepts // 10
        self.small, self.large, self._compared = (
            terms_at_hand(kept, size, tell)
            for size in (
                Size(few, max(1, few // EDITED_SHARE)),
                Size(many, max(1, many // EDITED_SHARE)),
                Size(sizes.diff_concepts, sizes.diff_edits),
            )
        )
        # Their releases ordered exports, which nobody measures.
        forget_exports(kept.config.data_dir)

    def wish(self, terms: Terms) -> ReleaseWish:
        return ReleaseWish(terms.actor, terms.address, LATER)

    def section(self, terms: Terms, asker: Asker, archive: Path) -> tuple[Section, list[Peer]]:
        """An export of the source, kept at the path, and who is compared with it."""
        made = asker.keep(self.wish(terms), archive)
        title = f"Terminology, {terms.size.concepts:,} concepts"
        section = Section(title, self._kept.name, terms.size.concepts, made.raw_bytes, "concepts")
        section.rate_bar = RATE_BARS[self._kept.name]
        return section, list(self._peers(terms, archive))

    def release(self) -> None:
        """Releasing the large source: until the use case returned."""
        facts = [ReleaseFacts(uuid4().hex) for _ in range(self._runs + 1)]
        seconds = self._timed(lambda: exports.release_version(self.large.actor, self.large.address, facts.pop()))
        self._results.tooks.append(
            Took(f"releasing {self.large.size.concepts:,} concepts", self._kept.name, seconds, RELEASE_BAR)
        )
        found = terminology.list_versions(self.large.actor, self.large.address, limit=1000).rows
        for one in [one.id for one in found if not one.is_head and one.id not in (EARLIER, LATER)]:
            exports.delete_release(self.large.actor, self.large.address, one)

    def diff(self) -> None:
        """What changed between the two releases of a source."""
        size = self._compared.size
        of = self._compared
        found = terminology.diff(of.actor, of.address, EARLIER, LATER)
        if sum(found.counts.values()) != size.edits:
            raise RuntimeError(f"{size.edits} concepts differ, and the diff tells of {found.counts}")
        seconds = self._timed(lambda: terminology.diff(of.actor, of.address, EARLIER, LATER))
        what = f"diff of two releases of {size.concepts:,} concepts, {size.edits:,} changes"
        self._results.tooks.append(Took(what, self._kept.name, seconds, DIFF_BAR))

    def _timed(self, ours: Callable[[], object]) -> list[float]:
        ours()
        seconds = []
        for _ in range(self._runs):
            db.session.remove()
            began = time.monotonic()
            ours()
            seconds.append(time.monotonic() - began)
        db.session.remove()
        self._tell(f"  {median(seconds) * 1000:.0f} ms")
        return seconds

    def _peers(self, terms: Terms, archive: Path) -> Iterator[Peer]:
        revision = terms.revision - 1 if self._planted else terms.revision
        statements = [_statement(table, terms.repository_id, revision) for table in (CONCEPTS, MAPPINGS)]
        client = "psql COPY" if self._kept.cluster else "sqlite3"

        def differs(folder: Path) -> str | None:
            with gzip.open(folder / "peer.gz") as theirs:
                lines = (line.rstrip(b"\r\n") for line in theirs)
                return content.difference_of_lines(content.documents_of(archive), lines)

        packers = ["gzip -1", *(["igzip -1"] if self._igzip else [])]
        for packer in packers:
            run = typed(self._kept, statements, "text", packer)
            bar = MATCHED_BAR if packer == "gzip -1" else None
            yield Peer(f"{client} | {packer}", True, run, differs, bar=bar)


def _statement(table: str, repository_id: int, revision: int) -> str:
    """The documents of a release in their order, with the history beside the current rows."""
    rows = documents_statement(Drawn(table, repository_id, revision), *bounds_of(repository_id))
    return f"SELECT document FROM ({rows}) AS at ORDER BY id"
