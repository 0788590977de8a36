"""What the codes mean that a page shows of records: gathered first, and asked for by one question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.actor import Actor
from app.catalog import Version
from app.models import TemplateAttribute
from app.terminology import Codes, read_codes

Kept = tuple[TemplateAttribute, Any]
"""An attribute and a value of it, or None."""
NO_CODES = Codes({}, {})


def codes_among(actor: Actor, kept: Iterable[Kept]) -> Codes:
    """What the codes among some values mean, as far as the person may view their sources.

    Where no attribute holds codes, nothing is asked.
    """
    coded = [(known.repository_id, value) for known, value in kept if known.repository_id is not None]
    codes = {value for _, value in coded if isinstance(value, str)}
    return read_codes(actor, {source for source, _ in coded}, codes)


def kept_in(attributes: Iterable[TemplateAttribute], values: Mapping[str, Any]) -> list[Kept]:
    """Each attribute with what one record has there."""
    return [(known, values.get(known.name)) for known in attributes]


def changed_in(versions: Iterable[Version]) -> list[Kept]:
    """Each attribute that versions changed, with what was there before and after."""
    changes = [change for version in versions for change in version.changes]
    return [(change.attribute, value) for change in changes for value in (change.before, change.after)]
