"""The export of a repository's release: ``export.json`` alone, made of ready documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, select

from app.access.visibility import visible_repositories
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotFound
from app.exports.kinds.base import BuiltFile, Order, PlannedFile, PlannedFragment
from app.extensions import db
from app.models import Release, Repository
from app.rows.terms import CONCEPTS, MAPPINGS, Drawn, documents_statement, ids_between, stretches
from app.terminology import reference_rows, version_detail, version_of
from app.terminology.drawing import Draw

FRAGMENT_BYTES = 12 << 20
FRAGMENT_ROWS = 3_400
"""Three of them are a part of an export of middling size, and ten of a large one: fewer parts to claim."""
NAME = "export.json"
UPLOAD_SECONDS = 2.0
ROWS_A_SECOND = 100_000
"""``export_time`` is told before the writing is done, so it is what the writing is expected to take."""


class RepositoryKind:
    """See :class:`~app.exports.kinds.base.Kind`."""

    called = "repository"
    shared = True
    fingerprinted = False
    longest_label = 36

    def subject(self, export_id: UUID, tenant_id: UUID, params: str) -> str:
        return str(orjson.loads(params)["release_id"])

    def check(self, actor: Actor, params: Any) -> None:
        raise Invalid("The export of a release is asked for by its repository and version.")

    def freeze(self, actor: Actor, params: str) -> dict[str, Any]:
        """The version's own JSON, and which rows of which repositories it draws on.

        :raises NotFound: the release is gone
        """
        release = db.session.get(Release, UUID(orjson.loads(params)["release_id"]), populate_existing=True)
        if release is None:
            raise NotFound("The release was deleted.")
        version = version_of(release)
        rows = version.counts.concepts + version.counts.mappings
        references = reference_rows(version) if version.repository.kind == "collection" else None
        return {
            "repository_id": release.repository_id,
            "head": orjson.dumps(version_detail(version)).decode(),
            "references": None if references is None else orjson.dumps(references).decode(),
            "draws": [draw.plain() for draw in version.draws],
            "export_time": f"{UPLOAD_SECONDS + rows / ROWS_A_SECOND:.2f}secs",
        }

    def confirm(self, actor: Actor, params: Any) -> None:
        """Terminology is about nobody."""

    def may_take(self, actor: Actor, frozen: dict[str, Any], params: str) -> None:
        """Whoever may view the repository may take it.

        :raises Forbidden: the actor may not
        """
        wanted = visible_repositories(actor).where(Repository.id == frozen["repository_id"])
        if db.session.scalar(select(wanted.subquery().c.id)) is None:
            raise Forbidden("This repository is private.", reason="private")

    def files(self, order: Order, snapshot: Connection) -> Iterator[PlannedFile]:
        """One file. What the release holds is decided by its own revision, so history is read too."""
        file = PlannedFile(NAME, str(order.frozen["repository_id"]), "application/json", {})
        for table in (CONCEPTS, MAPPINGS):
            begun = False
            for number, draw in enumerate(map(Draw.from_plain, order.frozen["draws"])):
                for one in _stretches(order, snapshot, table, draw):
                    task = {"table": table, "draw": number, "after": one.after, "until": one.until, "joins": begun}
                    file.fragments.append(PlannedFragment(one.rows, task))
                    begun = True
            # Closes the array, also one that holds nothing.
            file.fragments.append(PlannedFragment(0, {"table": table, "draw": None}))
        yield file

    def recipe(
        self, order: Order, layout: dict[str, Any], task: dict[str, Any], *, first: bool, last: bool
    ) -> dict[str, Any]:
        before = f'{order.frozen["head"][:-1]},"concepts":[' if first else ""
        if task["draw"] is None:
            return {"make": "documents", "statement": None, "before": before, "behind": _behind(order, task["table"])}
        draw = Draw.from_plain(order.frozen["draws"][task["draw"]])
        ids = ids_between(draw.ids(task["table"]), task["after"], task["until"])
        drawn = Drawn(task["table"], draw.repository_id, draw.revision, ids)
        return {
            "make": "documents",
            "statement": documents_statement(drawn, task["after"], task["until"]),
            "before": before + (",\n" if task["joins"] else ""),
            "behind": "",
        }

    def describe(self, order: Order, files: list[BuiltFile]) -> None:
        """The contract wants ``export.json`` alone."""


def _stretches(order: Order, snapshot: Connection, table: str, draw: Draw) -> Iterator[Any]:
    ids = draw.ids(table)
    if ids is not None and not ids:
        return
    drawn = Drawn(table, draw.repository_id, draw.revision, ids)
    yield from stretches(snapshot, drawn, min(order.fragment_rows, FRAGMENT_ROWS), FRAGMENT_BYTES)


def _behind(order: Order, table: str) -> str:
    if table == MAPPINGS:
        return f'],"export_time":{orjson.dumps(order.frozen["export_time"]).decode()}}}'
    references = order.frozen["references"]
    told = "" if references is None else f'"references":{references},'
    return f'],{told}"mappings":['
