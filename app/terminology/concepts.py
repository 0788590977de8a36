"""Make, change, retire and remove concepts. Relatives change with them: their documents name each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import or_, select

from app.actor import Actor
from app.errors import Duplicate, Invalid
from app.extensions import db
from app.models import Mapping as MappingRow
from app.terminology.addresses import Address, check_code
from app.terminology.documents import ConceptSays, words
from app.terminology.editing import Edit, Kind, ended
from app.terminology.hierarchy import check_parents
from app.terminology.keeping import write_words
from app.terminology.repositories import ChangedMeanwhile
from app.terminology.saying import concept_of
from app.terminology.terms import Term, get_concept

MOST_WORDS_OF_A_CONCEPT = 400
MOST_BYTES = 1 << 20
_CONCEPTS = Kind("concept", concept_of, get_concept)


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
    edit = _CONCEPTS.begin(actor, address)
    if edit.find(wish.code) is not None:
        raise ended(Duplicate(fields={"id": f"There is a concept {wish.code} already."}))
    parents = tuple(dict.fromkeys(wish.parents or ()))
    _check_parents(edit, wish.code, parents)
    facts = edit.new_facts(wish.code, comment)
    says = _said(wish, facts.number, parents=parents)
    edit.add(says, facts)
    write_words(edit.repository.id, edit.id_of(facts), says)
    _tell_parents(edit, says.code, (), parents)
    return edit.finish("create", says.code)


def edit_concept(
    actor: Actor, address: Address, code: str, wish: ConceptWish, comment: str | None = None, *, seen: int | None = None
) -> Term:
    """Let a concept say something else; its code stays. What says the same already makes no new version.

    :param seen: the version that the person had before their eyes; None when nobody had one
    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    :raises ChangedMeanwhile: it is no longer the version that was seen
    :raises Invalid: with a sentence for each field that is wrong; a hierarchy with a circle
    """
    wish = replace(wish, code=code)
    check_wish(wish)
    edit = _CONCEPTS.begin(actor, address)
    says, facts = edit.held(code)
    if seen is not None and facts.version != seen:
        raise ended(ChangedMeanwhile("Somebody else changed this concept meanwhile."))
    parents = says.parents if wish.parents is None else tuple(dict.fromkeys(wish.parents))
    if parents != says.parents:
        _check_parents(edit, code, parents)
    new = replace(_said(wish, facts.number, parents=parents), children=says.children, retired=says.retired)
    if new == says:
        return edit.unchanged(code)
    edit.change(new, facts, comment, facts.retire_reason)
    write_words(edit.repository.id, edit.id_of(facts), new)
    _tell_parents(edit, code, says.parents, parents)
    return edit.finish("edit", code)


def retire_concept(actor: Actor, address: Address, code: str, reason: str | None = None) -> Term:
    """Take a concept out of use; it stays, and says so. One that is retired stays as it is.

    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    """
    return _CONCEPTS.set_retired(actor, address, code, True, reason)


def restore_concept(actor: Actor, address: Address, code: str, comment: str | None = None) -> Term:
    """Take a retired concept back into use; refusals as :func:`retire_concept`."""
    return _CONCEPTS.set_retired(actor, address, code, False, comment)


def delete_concept(actor: Actor, address: Address, code: str) -> None:
    """Remove a concept; releases keep it, and whoever asks what left is told.

    :raises NotFound: there is no such concept
    :raises Forbidden: the actor may look at most
    :raises Invalid: others stand below it, or mappings lead from or to it: retire it instead
    """
    edit = _CONCEPTS.begin(actor, address)
    says, facts = edit.held(code)
    if says.children:
        raise ended(Invalid(f"{len(says.children)} concepts stand below {code}. Retire it, or move them first."))
    url = address.of_concept(code)
    if db.session.scalar(
        select(MappingRow.id).where(or_(MappingRow.from_url == url, MappingRow.to_url == url)).limit(1)
    ):
        raise ended(Invalid(f"Mappings lead from or to {code}. Retire it, or remove them first."))
    edit.remove(says, facts)
    _tell_parents(edit, code, says.parents, ())
    edit.commit("delete", code)


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


def _check_parents(edit: Edit[ConceptSays], code: str, parents: tuple[str, ...]) -> None:
    try:
        check_parents(edit.repository.id, code, parents)
    except Invalid as refusal:
        raise ended(refusal) from None


def _tell_parents(edit: Edit[ConceptSays], code: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Those who are no longer parents, or newly are, say so."""
    touched = [one for one in (*before, *after) if (one in before) != (one in after)]
    for parent in dict.fromkeys(touched):
        found = edit.find(parent)
        if found is None:
            continue
        says, facts = found
        children = (*says.children, code) if parent in after else tuple(one for one in says.children if one != code)
        edit.change(replace(says, children=children), facts, None, facts.retire_reason)
