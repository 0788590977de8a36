"""A subscriber that applies what changed holds exactly what a full export holds, whatever was edited."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import terminology
from app.actor import Actor
from app.errors import Duplicate, Invalid, NotFound
from app.terminology import Address, ConceptWish, RepositoryFacts
from tests.factories import World
from tests.terminology.making import content, mapping

CODES = st.sampled_from(["A", "B", "C", "D"])
EDITS = st.lists(
    st.tuples(st.sampled_from(["make", "rename", "move", "retire", "restore", "delete", "map", "unmap", "take"]),
              CODES, CODES),
    min_size=1,
    max_size=25,
)  # fmt: skip


def _edit(actor: Actor, at: Address, what: str, code: str, other: str, number: int) -> None:
    names = [{"name": f"{code} for the {number}th time"}]
    if what == "make":
        terminology.create_concept(actor, at, ConceptWish(code, names))
    elif what == "rename":
        terminology.edit_concept(actor, at, code, ConceptWish(code, names))
    elif what == "move":
        terminology.edit_concept(actor, at, code, ConceptWish(code, names, parents=[other]))
    elif what == "retire":
        terminology.retire_concept(actor, at, code)
    elif what == "restore":
        terminology.restore_concept(actor, at, code)
    elif what == "delete":
        terminology.delete_concept(actor, at, code)
    elif what == "map":
        mapping(actor, code, other, at=at, code=f"{code}-{other}")
    else:
        terminology.delete_mapping(actor, at, f"{code}-{other}")


class Subscriber:
    """Holds what an export told, and asks from then on only for what changed."""

    def __init__(self, actor: Actor, at: Address) -> None:
        self._actor, self._at = actor, at
        self.held: dict[str, dict[str, Any]] = {"concepts": {}, "mappings": {}}
        self._take(content(actor, at=at))

    def catch_up(self) -> None:
        self._take(content(self._actor, at=self._at, since=self._since, deleted=True))

    def _take(self, told: dict[str, Any]) -> None:
        for what, held in self.held.items():
            for gone in told.get(f"deleted_{what}", ()):
                held.pop(gone["id"], None)
            held.update({one["id"]: one for one in told[what]})
        self._since = terminology.get_version(self._actor, self._at).content_changed_at


def test_a_subscriber_that_applies_what_changed_holds_what_a_full_export_holds(domain: World) -> None:
    alice = domain.actor("alice")
    numbers = iter(range(1_000_000))

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(EDITS)
    def holds(edits: list[tuple[str, str, str]]) -> None:
        at = Address("orgs", "northside", "sources", f"S{next(numbers)}")
        terminology.create_repository(alice, at, RepositoryFacts("Any"))
        subscriber = Subscriber(alice, at)
        for what, code, other in edits:
            if what == "take":
                subscriber.catch_up()
                continue
            with suppress(Invalid, NotFound, Duplicate):
                _edit(alice, at, what, code, other, next(numbers))
        subscriber.catch_up()
        full = content(alice, at=at)
        for what in ("concepts", "mappings"):
            assert subscriber.held[what] == {one["id"]: one for one in full[what]}
        counts = terminology.get_version(alice, at).counts
        assert (counts.concepts, counts.mappings) == (len(full["concepts"]), len(full["mappings"]))
        assert counts.active_concepts == sum(not one["retired"] for one in full["concepts"])

    holds()
