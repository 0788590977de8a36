"""What an entity is called: its caption, and how it follows when the values that it was made of change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.catalog.values import Schema

CAPTION_LENGTH = 300
_CALLED = ("LABEL", "EMAIL", "PHONE")


def caption_for(schema: Schema, stored: Mapping[str, Any], key: str) -> str:
    """The first label that is not a patient value; else the first two that are (a name); else the key.

    Nobody and nothing is called by a code of a terminology.
    """
    labels = [
        known for known in schema.attributes if known.kind == "LABEL" and not known.coded and known.name in stored
    ]
    plain = [known for known in labels if not known.phi][:1]
    return " ".join(str(stored[known.name]) for known in plain or labels[:2])[:CAPTION_LENGTH] or key


def caption_after(schema: Schema, caption: str, key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The caption once the values have changed.

    A caption that a load gave ("Lovelace, Ada" out of two attributes) is not made anew: the old texts that
    stand in it as whole words are replaced by the new ones.
    """
    if caption == caption_for(schema, before, key):
        return caption_for(schema, after, key)
    changed = {
        str(before[known.name]): str(after.get(known.name, ""))
        for known in schema.attributes
        if known.kind in _CALLED and known.name in before and before[known.name] != after.get(known.name)
    }
    if not changed:
        return caption
    longest_first = sorted(changed, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    renewed = " ".join(pattern.sub(lambda found: changed[found.group()], caption).split())
    return (renewed or caption_for(schema, after, key))[:CAPTION_LENGTH]
