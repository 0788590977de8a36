"""A value that is a code: it must name a concept of the terminology source that its attribute draws on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.access.visibility import visible_repositories
from app.actor import Actor
from app.catalog.reading import Unreadable, read_value
from app.extensions import db
from app.models import Concept, Repository
from app.models.template import TemplateAttribute

UNSEEN = "the terminology that it draws on"


def read_code(actor: Actor, attribute: TemplateAttribute, given: Any, present: Any) -> str:
    """The code as its source writes it: ``a15.1`` becomes ``A15.1`` where there is no ``a15.1``.

    The code that the record has already is not judged again, whatever became of its concept.

    :raises Unreadable: the source has no such concept now, or it was retired
    """
    text: str = read_value(attribute, given)
    if text == present:
        return text
    spellings = list(dict.fromkeys((text, text.upper(), text.lower())))
    found = dict(
        db.session.execute(
            select(Concept.code, Concept.retired).where(
                Concept.repository_id == attribute.repository_id, Concept.code.in_(spellings)
            )
        ).all()
    )
    code = next((one for one in spellings if one in found), None)
    if code is None:
        raise Unreadable(f"cannot be {text}: there is no such code in {_name_of_source(actor, attribute)}")
    if found[code] and code != present:
        raise Unreadable(f"cannot be {code}: it was retired in {_name_of_source(actor, attribute)}")
    return code


def _name_of_source(actor: Actor, attribute: TemplateAttribute) -> str:
    wanted = visible_repositories(actor).with_only_columns(Repository.name)
    return db.session.scalar(wanted.where(Repository.id == attribute.repository_id)) or UNSEEN
