"""What a thing that is no person is called: which of its template's attributes keeps its one name."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "generic-entity": ("name", "title"),
    "organization": ("name",),
    **dict.fromkeys(("usage-session", "command", "device-alert", "patient-alert"), ("title", "name")),
}
"""For each data type of things with a name: what its attribute may be called, the likeliest first."""

ZONES: Mapping[str, tuple[str, ...]] = dict.fromkeys(("device", "organization"), ("timezone",))
LONGEST_NAMES: Mapping[str, int] = {one: 32 if one in ("generic-entity", "organization") else 64 for one in NAMES}
"""In characters; longer names are cut where they are shown."""

_TEXTS = frozenset({"LABEL", "PARAGRAPH", "SINGLE_SELECT", "PHONE", "EMAIL", "LINK"})


def name_keeper(data_type: str, kinds: Mapping[str, str]) -> str | None:
    """The attribute that keeps the name; where none is called so, the first label. None: its caption is its name.

    :param kinds: each attribute's kind, in the template's order
    """
    named = (name for name in NAMES[data_type] if kinds.get(name) in _TEXTS)
    return next(named, next((name for name, kind in kinds.items() if kind == "LABEL"), None))


def zone_keeper(data_type: str, kinds: Mapping[str, str]) -> str | None:
    """The attribute that keeps the time zone, if one does."""
    return next((name for name in ZONES[data_type] if kinds.get(name) in _TEXTS), None)
