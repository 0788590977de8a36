"""The filters of a list as they stand in its address: one address for one list, so that it can be shared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.catalog import PAGE_SIZES, EntityQuery
from app.catalog.listing import Sort
from app.exports import MOST_ENTITIES
from app.portal.export_form import ANY_TIME

DEFAULT_SORT = "-updated_at"
SORT_WORDS = {
    "-updated_at": "Last changed first",
    "updated_at": "Longest unchanged first",
    "-created_at": "Newest first",
    "created_at": "Oldest first",
    "caption": "Name, A to Z",
    "-caption": "Name, Z to A",
}
_MOST_FILTERS = 50


@dataclass(frozen=True, slots=True)
class ListForm:
    """What a list's address says. What cannot be read is left out, as if it had not been said."""

    data_type: str
    search: str = ""
    templates: tuple[UUID, ...] = ()
    organizations: tuple[UUID, ...] = ()
    refers_to: UUID | None = None
    by_attribute: str | None = None
    sort: str = DEFAULT_SORT
    page_size: int = PAGE_SIZES[0]
    cursor: str | None = None

    @classmethod
    def parse(cls, data_type: str, args: MultiDict[str, str]) -> ListForm:
        sort = args.get("sort", DEFAULT_SORT)
        size = args.get("size", type=int)
        refers_to = _ids(args.getlist("refers_to")[:1])
        return cls(
            data_type=data_type,
            search=" ".join(_text(args, "q", 200).split()),
            templates=_ids(args.getlist("template")),
            organizations=_ids(args.getlist("organization")),
            refers_to=refers_to[0] if refers_to else None,
            by_attribute=(_text(args, "by", 64) or None) if refers_to else None,
            sort=sort if sort in SORT_WORDS else DEFAULT_SORT,
            page_size=size if size in PAGE_SIZES else PAGE_SIZES[0],
            cursor=_text(args, "cursor", 200) or None,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.search or self.templates or self.organizations or self.refers_to)

    @property
    def exports_as_listed(self) -> bool:
        """An export can be narrowed to templates, but not by the other filters."""
        return not (self.search or self.organizations or self.refers_to)

    def query(self) -> EntityQuery:
        sort: Sort = next(known for known in get_args(Sort) if known == self.sort.removeprefix("-"))
        return EntityQuery(
            self.data_type,
            template_ids=self.templates,
            organization_ids=self.organizations,
            search=self.search,
            refers_to=self.refers_to,
            by_attribute=self.by_attribute,
            sort=sort,
            descending=self.sort.startswith("-"),
            cursor=self.cursor,
            page_size=self.page_size,
        )

    def parameters(self) -> dict[str, Any]:
        """What the address says beyond the path: nothing empty, nothing that is so anyway."""
        said: dict[str, Any] = {
            "q": self.search,
            "template": [str(known) for known in self.templates],
            "organization": [str(known) for known in self.organizations],
            "refers_to": str(self.refers_to) if self.refers_to else None,
            "by": self.by_attribute,
            "sort": self.sort if self.sort != DEFAULT_SORT else None,
            "size": str(self.page_size) if self.page_size != PAGE_SIZES[0] else None,
            "cursor": self.cursor,
        }
        return {name: value for name, value in said.items() if value}

    def is_canonical(self, args: MultiDict[str, str]) -> bool:
        """Whether the address says just this; else the one who asked is sent to the one that does."""
        said = MultiDict(self.parameters())
        return dict(args.lists()) == dict(said.lists())

    def url(self, **changes: Any) -> str:
        """The address of this list with something changed; another order begins at its first page."""
        changed = replace(self, **({"cursor": None} | changes))
        return url_for("portal.browse.list", data_type=self.data_type, **changed.parameters())

    def sort_url(self, column: str, *, falls_first: bool = False) -> str:
        """Sort by a column; sorted by it already, the other way round."""
        up, down = column, f"-{column}"
        first, other = (down, up) if falls_first else (up, down)
        return self.url(sort=other if self.sort == first else first)

    def direction(self, column: str) -> str | None:
        if self.sort.removeprefix("-") != column:
            return None
        return "descending" if self.sort.startswith("-") else "ascending"

    def export_url(self) -> str:
        templates = [str(known) for known in self.templates]
        return url_for("portal.exports.new", data_type=self.data_type, template_id=templates, preset="everything")

    def found_url(self, found: int) -> str | None:
        """The export of exactly those that the filters found; None when they are none, or too many to be chosen.

        The address repeats the filters: one that named so many records would be longer than servers take.
        """
        if self.exports_as_listed or not 0 < found <= MOST_ENTITIES:
            return None
        filters = {name: value for name, value in self.parameters().items() if name not in ("size", "cursor")}
        return url_for("portal.exports.new", data_type=self.data_type, found="1", period=ANY_TIME, **filters)


def _text(args: MultiDict[str, str], name: str, most: int) -> str:
    """What was said, without the signs that no page and no database can hold."""
    return args.get(name, "").replace("\0", " ")[:most].strip()


def _ids(texts: list[str]) -> tuple[UUID, ...]:
    found: list[UUID] = []
    for text in texts[:_MOST_FILTERS]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))
