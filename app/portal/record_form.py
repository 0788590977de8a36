"""The filters of the record's page as they stand in its address, and what they mean to the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from app import catalog, record
from app.actor import Actor
from app.catalog import EntityQuery
from app.portal.record_words import GROUPS, OUTCOMES
from app.portal.typed import read_moment
from app.record import EventQuery
from app.record.reading import By

_TEXTS = {"person": 100, "about": 108, "address": 64, "from": 40, "to": 40}
_CHOICES: dict[str, tuple[str, ...]] = {
    "what": tuple(GROUPS),
    "by": get_args(By),
    "outcome": tuple(OUTCOMES),
}
WHEN = "Enter a date and a time, such as 2024-03-11 14:05."
ABOUT = "Nothing that you may see is called so. Give the id that stands at the end of its address."
PERSON = "Nobody’s name or e-mail address holds these words."


@dataclass(slots=True)
class RecordForm:
    """What an address asks of the record. What cannot be read does not narrow, and has words in ``errors``."""

    said: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, args: MultiDict[str, str]) -> RecordForm:
        texts = {name: args.get(name, "").replace("\0", " ")[:most].strip() for name, most in _TEXTS.items()}
        choices = {name: args.get(name, "") for name in _CHOICES}
        known = {name: text for name, text in choices.items() if text in _CHOICES[name]}
        return cls({name: text for name, text in (texts | known).items() if text})

    @property
    def is_filtered(self) -> bool:
        return bool(self.said)

    def value(self, name: str) -> str:
        return self.said.get(name, "")

    def url(self, **more: str | None) -> str:
        given: dict[str, Any] = self.said | {name: value for name, value in more.items() if value}
        return url_for("portal.record.index", **given)

    def query(self, actor: Actor) -> EventQuery:
        """What the filters mean, for this administrator; what is wrong with them is then in ``errors``."""
        by: By | None = next((one for one in get_args(By) if one == self.value("by")), None)
        return EventQuery(
            actions=GROUPS[self.value("what")][1] if self.value("what") else (),
            people=self._people(actor),
            about=self._about(actor),
            by=by,
            outcome=self.value("outcome") or None,
            start=self._moment("from"),
            end=self._moment("to"),
            address=self.value("address") or None,
        )

    def _people(self, actor: Actor) -> tuple[UUID, ...] | None:
        text = self.value("person")
        if not text:
            return None
        try:
            return (UUID(text),)
        except ValueError:
            found = record.people_called(actor, text)
        if not found:
            self.errors["person"] = PERSON
        return found

    def _about(self, actor: Actor) -> str | None:
        text = self.value("about")
        if not text:
            return None
        try:
            return str(UUID(text))
        except ValueError:
            pass
        for data_type in ("patient", "device"):
            page = catalog.list_entities(actor, EntityQuery(data_type, search=text, page_size=2))
            if len(page.items) == 1:
                return str(page.items[0].id)
        self.errors["about"] = ABOUT
        return text

    def _moment(self, name: str) -> datetime | None:
        text = self.value(name)
        if not text:
            return None
        try:
            return read_moment(text)
        except ValueError:
            self.errors[name] = WHEN
            return None
