"""The forms of a page, read as a browser reads them, so that a form that is new is filled in too."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

TYPED = {"text", "search", "email", "tel", "url", "password", "number", "date", "datetime-local", "time"}
"""Kinds of <input> into which somebody types."""


@dataclass
class Form:
    """``fields``: what it would send as it stands; ``typed``: what stands where somebody types, by name."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """What makes it the same form on another page."""
        return self.method, self.action.partition("?")[0], tuple(sorted(self.typed))

    @property
    def asks_a_password(self) -> bool:
        return any("password" in name for name in self.typed)

    def filled(self, words: str, only: str | None = None) -> dict[str, list[str]]:
        """What it sends when these words are typed into one field, or into all of them."""
        sent: dict[str, list[str]] = {}
        for name, value in self.fields:
            sent.setdefault(name, []).append(value)
        return sent | {name: [words if only in (None, name) else value] for name, value in self.typed.items()}


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self._area: str | None = None
        self._select: str | None = None
        self._chosen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self.address, told.get("action") or self.address)
            self.forms.append(Form(action, told.get("method", "get").upper()))
        elif self.forms and told.get("name") and "disabled" not in told:
            self._read_field(tag, told)
        elif tag == "option" and self._select and not self._chosen and "selected" in told:
            self.forms[-1].fields.append((self._select, told.get("value", "")))
            self._chosen = True

    def _read_field(self, tag: str, told: dict[str, str]) -> None:
        form, name = self.forms[-1], told["name"]
        kind = told.get("type", "text").lower() if tag == "input" else tag
        if kind in TYPED or kind == "textarea":
            form.typed[name] = told.get("value", "")
            self._area = name if kind == "textarea" else None
        elif kind == "select":
            self._select, self._chosen = name, False
        elif kind == "hidden" or (kind in ("checkbox", "radio") and "checked" in told):
            form.fields.append((name, told.get("value", "on")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].typed[self._area] += data.removeprefix("\n")


def forms_of(page: str, address: str) -> list[Form]:
    """Every form of a page.

    :param address: where the page stands, for forms that send to a relative address or to the page itself
    """
    reader = _Reader(address)
    reader.feed(page)
    return reader.forms
