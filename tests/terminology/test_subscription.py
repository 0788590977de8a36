"""A subscriber that applies what changed holds exactly what a full export holds, whatever was edited."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Any

import orjson
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import terminology
from app.actor import Actor
from app.errors import Duplicate, Invalid, NotFound
from app.terminology import Address, ConceptWish, RepositoryFacts, Wish
from tests.factories import World
from tests.terminology.making import content, mapping

CODES = st.sampled_from(["A", "B", "C", "D"])
WHAT = ["make", "rename", "move", "retire", "restore", "delete", "map", "unmap", "take"]
EDITS = st.lists(st.tuples(st.sampled_from(WHAT), CODES, CODES), min_size=1, max_size=25)


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
        self._since: datetime | None = None
        self.catch_up()

    def catch_up(self) -> None:
        """Take what changed since the last answer's ``lastUpdated``: the first time everything."""
        wish = Wish(concepts=True, mappings=True, retired=True, since=self._since, deleted=self._since is not None)
        found = terminology.get_content(self._actor, self._at, wish=wish)
        told = orjson.loads(b"".join(terminology.content_json(found)))
        for what, held in self.held.items():
            for gone in told.get(f"deleted_{what}", ()):
                held.pop(gone["id"], None)
            held.update({one["id"]: one for one in told[what]})
        self._since = found.version.content_changed_at


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
        assert subscriber.held == _by_id(full)
        counts = terminology.get_version(alice, at).counts
        assert (counts.concepts, counts.mappings) == (len(full["concepts"]), len(full["mappings"]))
        assert counts.active_concepts == sum(not one["retired"] for one in full["concepts"])

    holds()


def test_also_while_several_people_edit_at_once(postgresql_app: tuple[Flask, World]) -> None:
    app, world = postgresql_app
    with app.app_context():
        alice = world.actor("alice")
        numbers = iter(range(1_000_000))

        @settings(max_examples=2, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(st.integers(0))
        def holds(seed: int) -> None:
            chance = Random(seed)
            edits = [(chance.choice(WHAT), chance.choice("ABCD"), chance.choice("ABCD")) for _ in range(102)]
            at = Address("orgs", "northside", "sources", f"S{next(numbers)}")
            terminology.create_repository(alice, at, RepositoryFacts("Any"))
            subscriber, answers = Subscriber(alice, at), 0
            with ThreadPoolExecutor(3) as people:
                writers = [people.submit(_edit_all, app, alice, at, edits[own::3]) for own in range(3)]
                while not all(one.done() for one in writers):
                    subscriber.catch_up()
                    answers += 1
            assert sum(one.result() for one in writers) > 10
            assert answers > 2
            subscriber.catch_up()
            assert subscriber.held == _by_id(content(alice, at=at))

        holds()


def _edit_all(app: Flask, actor: Actor, at: Address, edits: list[tuple[str, str, str]]) -> int:
    """One person's edits, in a process's own session; how many of them were possible."""
    done = 0
    with app.app_context():
        for number, (what, code, other) in enumerate(edits):
            with suppress(Invalid, NotFound, Duplicate):
                _edit(actor, at, "make" if what == "take" else what, code, other, number)
                done += 1
    return done


def _by_id(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {what: {one["id"]: one for one in told[what]} for what in ("concepts", "mappings")}
