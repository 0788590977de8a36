"""What a client wants an entity to hold: its body, read into our attributes' values, files and references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app import catalog
from app.actor import Actor
from app.api.biot.built_ins import (
    BUILT_INS,
    CREATED,
    EMPTY_OBJECTS,
    BuiltIn,
    keeper,
    kept_word,
    whole_name,
)
from app.api.parse import Fields
from app.errors import Invalid
from app.models import Template, TemplateAttribute
from app.models.template import FILE_TYPES

READ_ONLY = frozenset(
    {
        "_id", "_caption", "_template", "_templateId", "_templateName", "_creationTime", "_lastModifiedTime",
        "_referencers", "_ownerOrganization", "_status", "_primaryAdministrator", "_userType", "_nickname",
        "_registrationSource", "_username", "_invitationAccepted",
    }
)  # fmt: skip
"""Never attributes of a body: ids and owners are read apart, and what is ours to say is taken for an echo of it."""

_ECHOED = frozenset({"_invitationAccepted", "_username"})


@dataclass(slots=True)
class Wanted:
    """By our attribute's name: values (``None`` takes one away) and the files to hold.

    ``places`` tells which property of the body an attribute came from, for the words of a refusal.
    """

    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, tuple[UUID, ...]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def named(self) -> Iterator[None]:
        """A refusal of the domain in here names the properties that the client sent."""
        try:
            yield
        except Invalid as refusal:
            known = self.places | {"template": "_templateId", "organization": "_ownerOrganization", "key": "_id"}
            refusal.fields = {known.get(name, name): words for name, words in refusal.fields.items()}
            raise


def read_wanted(actor: Actor, fields: Fields, template: Template, shown: Mapping[str, Any] | None = None) -> Wanted:
    """Read a body's attributes against a template; every fault is gathered in ``fields``.

    :param shown: the entity as the client sees it. What only repeats it is not taken for a wish, so that a client may
        send back what it read with one value changed, under either of an attribute's two names.
    """
    reader = _Reader(actor, fields, template, shown or {})
    for built_in in BUILT_INS[template.data_type]:
        reader.read_built_in(built_in)
    reader.read_whole_name()
    reader.read_own()
    reader.refuse_unknown()
    return reader.wanted


class _Reader:
    def __init__(self, actor: Actor, fields: Fields, template: Template, shown: Mapping[str, Any]) -> None:
        self._actor, self._fields, self._template, self._shown = actor, fields, template, shown
        self.wanted = Wanted()
        self._built_ins = BUILT_INS[template.data_type]

    def read_built_in(self, built_in: BuiltIn) -> None:
        for given, value in self._sent(built_in.path):
            attribute = keeper(self._template, built_in)
            if attribute is None or built_in.path in _ECHOED:
                self._refuse_unkept(built_in, value)
            elif not given or value != _at(self._shown, built_in.path):
                self._take(attribute, built_in.path, kept_word(built_in, attribute, value), built_in.points_at)

    def read_whole_name(self) -> None:
        """``_name`` of a person whose template has one attribute for both of its parts."""
        attribute, name = whole_name(self._template), self._fields.raw("_name")
        if attribute is None or not isinstance(name, dict) or "_name.firstName" not in self._paths():
            return
        before = _at(self._shown, "_name") or {}
        first, last = (name.get(part, before.get(part)) for part in ("firstName", "lastName"))
        if not all(one is None or isinstance(one, str) for one in (first, last)):
            self._fields.fault("_name", "must hold texts")
        elif (first, last) != (before.get("firstName"), before.get("lastName")):
            self._take(attribute, "_name", " ".join(part for part in (first, last) if part), None)

    def read_own(self) -> None:
        for attribute in self._template.attributes:
            if attribute.name in self._fields.names() and not attribute.name.startswith("_"):
                value = self._fields.raw(attribute.name)
                if not self._shown or value != self._shown.get(attribute.name):
                    self._take(attribute, attribute.name, value, attribute.reference_data_type)

    def refuse_unknown(self) -> None:
        known = {attribute.name for attribute in self._template.attributes} | READ_ONLY | set(EMPTY_OBJECTS)
        known |= {built_in.path.partition(".")[0] for built_in in self._built_ins}
        for name in self._fields.names():
            if name not in known:
                self._fields.fault(name, f"is no attribute of the template {self._template.name}")
        for name in EMPTY_OBJECTS:
            if self._fields.raw(name) not in (None, {}):
                self._fields.fault(name, "must be empty: send a template's own attributes beside it")

    def _sent(self, path: str) -> Iterator[tuple[bool, Any]]:
        """Whether there is something to compare with, and what was sent at a path; nothing when nothing was.

        ``null`` for an object empties everything in it.
        """
        *branch, leaf = path.split(".")
        here: Any = {name: self._fields.raw(name) for name in self._fields.names()}
        for step in branch:
            if step not in here:
                return
            here = here[step]
            if here is None:
                yield bool(self._shown), None
                return
            if not isinstance(here, dict):
                self._fields.fault(step, "must be an object")
                return
        if leaf in here:
            yield bool(self._shown), here[leaf]

    def _refuse_unkept(self, built_in: BuiltIn, value: Any) -> None:
        """A property that no attribute keeps: what it reads as may be sent, and nothing else."""
        reads = _at(self._shown, built_in.path) if self._shown else built_in.default
        is_name = built_in.path.startswith("_name.") and whole_name(self._template) is not None
        if value is None or value == reads or value == built_in.default or is_name or reads is CREATED:
            return
        self._fields.fault(built_in.path, f"is not kept by the template {self._template.name}")

    def _take(self, attribute: TemplateAttribute, place: str, value: Any, points_at: str | None) -> None:
        name = attribute.name
        if attribute.kind in FILE_TYPES:
            self._take_files(attribute, value)
            return
        if attribute.kind == "REFERENCE" and value is not None:
            value = self._target(place, value, attribute.reference_data_type or points_at)
            if value is None:
                return
        if name in self.wanted.values and self.wanted.values[name] != value:
            self._fields.fault(place, f"says something else than {self.wanted.places[name]}, which is the same value")
            return
        self.wanted.values[name], self.wanted.places[name] = value, place

    def _take_files(self, attribute: TemplateAttribute, value: Any) -> None:
        sent = value if isinstance(value, list) else [] if value is None else [value]
        if attribute.max_files > 1 and isinstance(value, dict):
            # One file, where there may be several, comes to the others; a list says which there are to be.
            sent = [*(self._shown.get(attribute.name) or ()), value]
        ids = [as_uuid(one.get("id")) if isinstance(one, dict) else None for one in sent]
        if None in ids:
            self._fields.fault(attribute.name, 'must be {"id": …} of a file, or null')
            return
        self.wanted.files[attribute.name] = tuple(one for one in ids if one is not None)

    def _target(self, place: str, value: Any, points_at: str | None) -> dict[str, str] | None:
        given = value.get("id") if isinstance(value, dict) else None
        target = as_uuid(given)
        if points_at == "device" and isinstance(given, str) and len(given) <= 108:
            target = catalog.entity_ids_by_key(self._actor, "device", {given}).get(given)
        if not isinstance(given, str):
            self._fields.fault(place, 'must be {"id": …}, or null')
        elif target is None:
            self._fields.fault(place, "must name a record that exists and that you may see")
        return {"id": str(target)} if target else None

    def _paths(self) -> set[str]:
        return {built_in.path for built_in in self._built_ins}


def owner_of(fields: Fields, *, required: bool) -> UUID | None:
    """``_ownerOrganization.id`` of a body."""
    given = fields.object("_ownerOrganization", required=required)
    return None if given is None else given.uuid("id", required=True)


def _at(shown: Mapping[str, Any], path: str) -> Any:
    here: Any = shown
    for step in path.split("."):
        here = here.get(step) if isinstance(here, Mapping) else None
    return here


def as_uuid(text: Any) -> UUID | None:
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
