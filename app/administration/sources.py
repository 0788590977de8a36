"""The terminology sources whose codes an attribute may hold."""

from __future__ import annotations

from sqlalchemy import func, select

from app.access.visibility import visible_repositories
from app.actor import Actor
from app.administration.usage import count_values
from app.extensions import db
from app.models import Concept, Repository, TemplateAttribute

AT_ONCE = 500
NOT_ONE = "Choose one of the sources of terminology that you may see."


def codable_sources(actor: Actor) -> list[tuple[int, str]]:
    """``(id, name)`` of the tenant's sources that the actor may see, by name.

    Collections are none: two of their sources may have the same code, and a code alone would not say which.
    """
    wanted = visible_repositories(actor).with_only_columns(Repository.id, Repository.name)
    found = db.session.execute(
        wanted.where(Repository.kind == "source").order_by(func.lower(Repository.name), Repository.id)
    )
    return [(row.id, row.name) for row in found]


def fault_of_source(actor: Actor, repository_id: int | None, attribute: TemplateAttribute | None = None) -> str | None:
    """What stands against an attribute's drawing on a source from now on, in words.

    :param attribute: as it is, when it is there already: what records have there must be codes of the source
    """
    if repository_id is None:
        return None
    name = dict(codable_sources(actor)).get(repository_id)
    if name is None:
        return NOT_ONE
    others = _others(repository_id, attribute) if attribute else 0
    if not others:
        return None
    records = "1 record has a value there that is" if others == 1 else f"{others:,} records have values there that are"
    return f"{records} no code of {name}. Change that first, or add another attribute."


def _others(repository_id: int, attribute: TemplateAttribute) -> int:
    """How many records have a value there that is no code of the source; retired ones are its codes, too."""
    counts = count_values(attribute)
    values, known = list(counts), set[str]()
    for begin in range(0, len(values), AT_ONCE):
        some = values[begin : begin + AT_ONCE]
        asked = select(Concept.code).where(Concept.repository_id == repository_id, Concept.code.in_(some))
        known.update(db.session.scalars(asked))
    return sum(count for value, count in counts.items() if value not in known)
