"""Make, change, retire and remove concepts. Relatives change with them: their documents name each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import or_, select

from app import record
from app.actor import Actor
from app.errors import Duplicate, Invalid, NotFound
from app.extensions import db
from app.models import Concept, Repository, begin_writing, take_repository_revision
from app.models import Mapping as MappingRow
from app.terminology.addresses import Address, check_code
from app.terminology.documents import ConceptSays, Facts, instant_text, words
from app.terminology.hierarchy import check_parents
from app.terminology.keeping import (
    Writer,
    add_rows,
    change_row,
    delete_rows,
    last_versions,
    row_of,
    supersede,
    take_number,
    term_id,
    write_words,
)
from app.terminology.repositories import get_repository_to_edit, handle_of, home_of
from app.terminology.saying import concept_of, next_version
from app.terminology.terms import Term, get_concept
from app.terminology.versions import number_of

MOST_WORDS_OF_A_CONCEPT = 400
MOST_BYTES = 1 << 20
NO_CONCEPT = "There is no such concept."


@dataclass(frozen=True, slots=True)
class ConceptWish:
    """What a concept is to say.

    Each of ``names`` has ``name``, and may have ``locale`` (else ``en``), ``locale_preferred``, ``name_type``,
    ``external_id`` and ``uuid`` (of a name that it had); ``descriptions`` likewise. ``parents`` are codes of the same
    source; None leaves them as they are.
    """

    code: str
    names: Sequence[Mapping[str, Any]]
    concept_class: str = "Misc"
    datatype: str = "N/A"
    descriptions: Sequence[Mapping[str, Any]] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    external_id: str | None = None
    parents: Sequence[str] | None = None


def wish_of(term: Term) -> ConceptWish:
    """What a concept says now, to be changed and given to :func:`edit_concept`."""
    says, _ = concept_of(term.json)
    return ConceptWish(
        says.code, says.names, says.concept_class, says.datatype, says.descriptions, says.extras, says.external_id,
        says.parents,
    )  # fmt: skip


def create_concept(actor: Actor, address: Address, wish: ConceptWish, comment: str | None = None) -> Term:
    """Make a concept.

    :raises NotFound: there is no such source
    :raises Forbidden: the actor may look at most
    :raises Invalid: with a sentence for each field that is wrong; a hierarchy with a circle
    :raises Duplicate: there is one of that code
    """
    check_wish(wish)
    begin_writing()
    repository, writer = _writing(actor, address)
    if _row(repository, wish.code) is not None:
        raise _ended(Duplicate(fields={"id": f"There is a concept {wish.code} already."}))
    parents = tuple(dict.fromkeys(wish.parents or ()))
    _check_parents(repository, wish.code, parents)
    known = last_versions("concept", repository.id, [wish.code]).get(wish.code)
    number = number_of(known[0]) if known else take_number(repository)
    at = instant_text(writer.revision.at)
    facts = Facts(number, known[1] + 1 if known else 1, at, writer.handle, at, writer.handle, comment)
    says = _said(wish, facts.number, parents=parents)
    row = row_of(writer, says, facts)
    add_rows("concept", [row])
    write_words(repository.id, row["id"], says)
    _tell_parents(writer, says.code, (), parents)
    repository.concepts += 1
    repository.active_concepts += 1
    return _finish(actor, address, repository, writer, "concept.create", says.code)


def edit_concept(actor: Actor, address: Address, code: str, wish: ConceptWish, comment: str | None = None) -> Term:
    """Let a concept say something else; its code stays. What says the same already makes no new version.

    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    :raises Invalid: with a sentence for each field that is wrong; a hierarchy with a circle
    """
    check_wish(replace(wish, code=code))
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    parents = says.parents if wish.parents is None else tuple(dict.fromkeys(wish.parents))
    if parents != says.parents:
        _check_parents(repository, code, parents)
    new = replace(
        _said(replace(wish, code=code), facts.number, parents=parents),
        children=says.children,
        retired=says.retired,
    )
    if new == says:
        db.session.rollback()
        return get_concept(actor, address, code)
    _change(writer, new, facts, comment, facts.retire_reason)
    write_words(repository.id, _id(repository, facts), new)
    _tell_parents(writer, code, says.parents, parents)
    return _finish(actor, address, repository, writer, "concept.edit", code)


def retire_concept(actor: Actor, address: Address, code: str, reason: str | None = None) -> Term:
    """Take a concept out of use; it stays, and says so. One that is retired stays as it is.

    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    """
    return _set_retired(actor, address, code, True, reason)


def restore_concept(actor: Actor, address: Address, code: str, comment: str | None = None) -> Term:
    """Take a retired concept back into use; refusals as :func:`retire_concept`."""
    return _set_retired(actor, address, code, False, comment)


def delete_concept(actor: Actor, address: Address, code: str) -> None:
    """Remove a concept; releases keep it, and whoever asks what left is told.

    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    :raises Invalid: others stand below it, or mappings lead from or to it: retire it instead
    """
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    if says.children:
        raise _ended(Invalid(f"{len(says.children)} concepts stand below {code}. Retire it, or move them first."))
    url = address.of_concept(code)
    if db.session.scalar(
        select(MappingRow.id).where(or_(MappingRow.from_url == url, MappingRow.to_url == url)).limit(1)
    ):
        raise _ended(Invalid(f"Mappings lead from or to {code}. Retire it, or remove them first."))
    one = _id(repository, facts)
    supersede("concept", [one], writer.revision, writer.user_id, deleted=True)
    delete_rows("concept", [one])
    _tell_parents(writer, code, says.parents, ())
    repository.concepts -= 1
    repository.active_concepts -= not says.retired
    _note(actor, repository, writer, "concept.delete", code)
    db.session.commit()


def check_wish(wish: ConceptWish) -> None:
    """
    :raises Invalid: with a sentence for each field that is wrong
    """
    wrong: dict[str, str] = {}
    check_code(wish.code, "id")
    for what, key, given in (("names", "name", wish.names), ("descriptions", "description", wish.descriptions)):
        texts = [one.get(key) for one in given]
        if any(not isinstance(text, str) or not text.strip() for text in texts):
            wrong[what] = f"Each of the {what} needs a text."
        elif len(texts) > MOST_WORDS_OF_A_CONCEPT:
            wrong[what] = f"A concept has at most {MOST_WORDS_OF_A_CONCEPT} {what}."
        elif any(not isinstance(one.get("locale") or "en", str) for one in given):
            wrong[what] = "A locale is a text, such as en or pt-BR."
    if not wish.names:
        wrong["names"] = "Give it at least one name."
    for name, text in (("concept_class", wish.concept_class), ("datatype", wish.datatype)):
        if not 1 <= len(text.strip()) <= 100:
            wrong[name] = "Use 1 to 100 characters."
    if not wrong and (words_of_it := _unkeepable(wish)):
        wrong["names"] = words_of_it
    if wrong:
        raise Invalid(fields=wrong)


def _unkeepable(wish: ConceptWish) -> str | None:
    try:
        text = orjson.dumps([list(wish.names), list(wish.descriptions), dict(wish.extras), wish.external_id,
                             wish.concept_class, wish.datatype])  # fmt: skip
    except (TypeError, ValueError):
        return "A text holds a sign that cannot be kept."
    if b"\\u0000" in text:
        return "A text holds a sign that cannot be kept."
    return None if len(text) <= MOST_BYTES else "That is too much for one concept."


def _said(wish: ConceptWish, number: int, *, parents: tuple[str, ...]) -> ConceptSays:
    return ConceptSays(
        code=wish.code,
        concept_class=wish.concept_class.strip(),
        datatype=wish.datatype.strip(),
        names=words(wish.names, number, "name"),
        descriptions=words(wish.descriptions, number, "description"),
        extras=dict(wish.extras),
        external_id=wish.external_id,
        parents=parents,
    )


def _writing(actor: Actor, address: Address) -> tuple[Repository, Writer]:
    """The source as a writer's, with its row locked by a new revision."""
    repository = get_repository_to_edit(actor, address)
    if repository.kind != "source":
        raise _ended(Invalid("A collection holds no concepts of its own: add references to it."))
    revision = take_repository_revision(repository.id)
    db.session.refresh(repository)
    writer = Writer(repository.id, home_of(repository), revision, handle_of(actor), actor.user_id)
    return repository, writer


def _changing(actor: Actor, address: Address, code: str) -> tuple[Repository, Writer, ConceptSays, Facts]:
    repository, writer = _writing(actor, address)
    document = _row(repository, code)
    if document is None:
        raise _ended(NotFound(NO_CONCEPT))
    return repository, writer, *concept_of(orjson.loads(document))


def _row(repository: Repository, code: str) -> str | None:
    return db.session.scalar(
        select(Concept.document).where(Concept.repository_id == repository.id, Concept.code == code)
    )


def _id(repository: Repository, facts: Facts) -> int:
    return term_id(repository.id, facts.number)


def _change(writer: Writer, says: ConceptSays, facts: Facts, comment: str | None, reason: str | None) -> None:
    at = instant_text(writer.revision.at)
    row = row_of(writer, says, next_version(facts, on=at, by=writer.handle, comment=comment, reason=reason))
    supersede("concept", [row["id"]], writer.revision, None, deleted=False)
    change_row("concept", row)


def _set_retired(actor: Actor, address: Address, code: str, retired: bool, words_of_it: str | None) -> Term:
    begin_writing()
    repository, writer, says, facts = _changing(actor, address, code)
    if says.retired == retired:
        db.session.rollback()
        return get_concept(actor, address, code)
    _change(writer, replace(says, retired=retired), facts, words_of_it, words_of_it if retired else None)
    repository.active_concepts += -1 if retired else 1
    return _finish(actor, address, repository, writer, "concept.retire" if retired else "concept.restore", code)


def _check_parents(repository: Repository, code: str, parents: tuple[str, ...]) -> None:
    try:
        check_parents(repository.id, code, parents)
    except Invalid as refusal:
        raise _ended(refusal) from None


def _tell_parents(writer: Writer, code: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Those who are no longer parents, or newly are, say so."""
    touched = [one for one in (*before, *after) if (one in before) != (one in after)]
    for parent in dict.fromkeys(touched):
        document = db.session.scalar(
            select(Concept.document).where(Concept.repository_id == writer.repository_id, Concept.code == parent)
        )
        if document is None:
            continue
        says, facts = concept_of(orjson.loads(document))
        children = (*says.children, code) if parent in after else tuple(one for one in says.children if one != code)
        _change(writer, replace(says, children=children), facts, None, facts.retire_reason)


def _note(actor: Actor, repository: Repository, writer: Writer, action: str, code: str) -> None:
    repository.content_changed_at = writer.revision.at
    record.note(actor, action, "repository", str(repository.id), details={"id": code})


def _finish(actor: Actor, address: Address, repository: Repository, writer: Writer, action: str, code: str) -> Term:
    _note(actor, repository, writer, action, code)
    db.session.commit()
    return get_concept(actor, address, code)


def _ended(refusal: Invalid | NotFound) -> Invalid | NotFound:
    """Nothing was written, so nobody need wait for it."""
    db.session.rollback()
    return refusal
