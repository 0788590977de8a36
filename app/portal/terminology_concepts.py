"""A concept's page: names by language, hierarchy, mappings both ways, history; and the forms that change it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import terminology
from app.actor import Actor
from app.errors import Duplicate, Forbidden, Invalid
from app.models import Repository
from app.portal import terminology_words as words
from app.portal.signed_in import current_actor
from app.portal.terminology_changes import changed_fields_in_words
from app.portal.terminology_form import ConceptForm, line
from app.portal.terminology_place import BELOW_REPOSITORY, address_asked, neighbours, page_asked, placed
from app.portal.terminology_repositories import heading, version_choices
from app.terminology import HEAD, Address, ChangedMeanwhile, Relatives, Term, TermAddress
from app.terminology.addresses import last_code
from app.terminology.diffing import changed_fields

bp = placed(Blueprint("concepts", __name__, url_prefix=BELOW_REPOSITORY))

VERSIONS_SHOWN = 5
VERSIONS_A_PAGE = 25
RELATIVES_SHOWN = 60
MEANWHILE = "Somebody else changed this concept while you did. Look at what it says now, and save again to replace it."


@bp.get("/concepts/<code>")
def show(code: str) -> ResponseReturnValue:
    """All that is known of a concept: as it is now, or as a release has it."""
    actor, address = current_actor(), address_asked()
    version = request.args.get("release") or HEAD
    term = terminology.get_concept(actor, address, code, version)
    document = term.json
    home = TermAddress.find(document["url"])
    if home is not None and home.repository != address:
        return redirect(words.concept_url(home.repository, code), 303)
    repository = terminology.get_repository(actor, address)
    mapped = terminology.mappings_of(actor, address, code)
    return render_template(
        "terminology/concept.html",
        **concept_heading(repository, term),
        document=document,
        release=None if version == HEAD else version,
        versions=version_choices(repository),
        names=words.words_by_language(document, "name", repository.default_locale),
        descriptions=words.words_by_language(document, "description", repository.default_locale),
        **_relatives(terminology.relatives_of(actor, address, code, version), address, version),
        leading_from=[words.mapping_line(one, leads_from=True) for one in mapped.leading_from],
        leading_to=[words.mapping_line(one, leads_from=False) for one in mapped.leading_to],
        history=_told(terminology.concept_history(actor, address, code), 0, VERSIONS_SHOWN),
        may_edit=version == HEAD and terminology.may_edit(actor, repository),
    )


@bp.get("/concepts/<code>/history")
def history(code: str) -> ResponseReturnValue:
    """Every version of a concept, newest first; also of one that was deleted."""
    actor, address, page = current_actor(), address_asked(), page_asked()
    found = terminology.concept_history(actor, address, code)
    here = partial(url_for, ".history", **words.place(address), code=code)
    return render_template(
        "terminology/history.html",
        **concept_heading(terminology.get_repository(actor, address), found[0]),
        history=_told(found, (page - 1) * VERSIONS_A_PAGE, VERSIONS_A_PAGE),
        is_gone=found[0].deleted,
        total=len(found),
        **neighbours(here, page, VERSIONS_A_PAGE, len(found)),
    )


@bp.get("/new-concept")
def new() -> ResponseReturnValue:
    """The form of a new concept, below the one that the address names."""
    repository = to_edit(current_actor())
    form = ConceptForm.empty(repository.default_locale, request.args.get("below", "")[:255])
    return _new_page(repository, form)


@bp.post("/new-concept")
def create() -> ResponseReturnValue:
    """Make a concept."""
    actor, address = current_actor(), address_asked()
    repository, form = to_edit(actor), ConceptForm.parse(request.form)
    if more := request.form.get("more"):
        form.add_row(more, repository.default_locale)
        return _new_page(repository, form)
    try:
        made = terminology.create_concept(actor, address, form.wish(), form.comment or None)
    except (Duplicate, Invalid) as refusal:
        form.take_faults(refusal)
        return _new_page(terminology.get_repository(actor, address), form), 422
    flash(f"{made.code} is added. It will be in the next release.", "success")
    return redirect(words.concept_url(address, made.code), 303)


@bp.get("/concepts/<code>/edit")
def edit(code: str) -> ResponseReturnValue:
    """The form that changes a concept."""
    actor, address = current_actor(), address_asked()
    repository = to_edit(actor)
    term = terminology.get_concept(actor, address, code)
    return _edit_page(repository, term, _form_of(repository, term))


@bp.post("/concepts/<code>/edit")
def save(code: str) -> ResponseReturnValue:
    """Take in the form; a refusal shows it again, with what was typed and what is wrong with it."""
    actor, address = current_actor(), address_asked()
    repository, form = to_edit(actor), ConceptForm.parse(request.form)
    term = terminology.get_concept(actor, address, code)
    form.code = code
    if more := request.form.get("more"):
        form.add_row(more, repository.default_locale)
        return _edit_page(repository, term, form)
    try:
        saved = terminology.edit_concept(
            actor, address, code, form.wish(terminology.wish_of(term)), form.comment or None, seen=form.seen
        )
    except ChangedMeanwhile:
        term = terminology.get_concept(actor, address, code)
        form.seen = term.version
        return _edit_page(terminology.get_repository(actor, address), term, form, meanwhile=True), 409
    except Invalid as refusal:
        form.take_faults(refusal)
        return _edit_page(terminology.get_repository(actor, address), term, form), 422
    if saved.version == term.version:
        flash("Nothing was changed.", "info")
    else:
        flash("Your changes are saved. They will be in the next release.", "success")
    return redirect(words.concept_url(address, code), 303)


@bp.get("/concepts/<code>/retire")
def retire(code: str) -> ResponseReturnValue:
    """Ask why, before a concept is taken out of use."""
    actor, address = current_actor(), address_asked()
    repository = to_edit(actor)
    term = terminology.get_concept(actor, address, code)
    if term.retired:
        return redirect(words.concept_url(address, code), 303)
    mapped = terminology.mappings_of(actor, address, code)
    return render_template(
        "terminology/retire.html",
        **concept_heading(repository, term),
        children=len(term.json["child_concept_urls"]),
        mapped=len(mapped.leading_from) + len(mapped.leading_to),
    )


@bp.post("/concepts/<code>/retire")
def confirm_retire(code: str) -> ResponseReturnValue:
    """Take a concept out of use; it stays, and says so."""
    actor, address = current_actor(), address_asked()
    to_edit(actor)
    terminology.retire_concept(actor, address, code, line(request.form, "reason") or None)
    flash(f"{code} is retired. The next release will say so.", "success")
    return redirect(words.concept_url(address, code), 303)


@bp.post("/concepts/<code>/restore")
def restore(code: str) -> ResponseReturnValue:
    """Take a retired concept back into use."""
    actor, address = current_actor(), address_asked()
    to_edit(actor)
    terminology.restore_concept(actor, address, code)
    flash(f"{code} is in use again. The next release will say so.", "success")
    return redirect(words.concept_url(address, code), 303)


def to_edit(actor: Actor) -> Repository:
    """The source of this request's address, for whoever may change what it holds.

    :raises Forbidden: the actor may look at most, or it is a collection
    """
    repository = terminology.get_repository(actor, address_asked())
    if not terminology.may_edit(actor, repository):
        raise Forbidden("You may look at this repository, not change what it holds.")
    if repository.kind != "source":
        raise Forbidden("A collection holds no concepts of its own: add references to it.")
    return repository


def concept_heading(repository: Repository, term: Term) -> dict[str, Any]:
    """What every page of a concept shows of it, and of its repository."""
    shared = heading(repository)
    url = words.concept_url(shared["address"], term.code)
    name = term.json["display_name"]
    return shared | {"term": term, "name": name, "concept_url": url, "trail": shared["trail_below"]}


def _relatives(found: Relatives, address: Address, version: str) -> dict[str, Any]:
    def linked(some: Any) -> list[tuple[str, Any]]:
        return [(words.concept_url(address, one.code, version), one) for one in some]

    return {
        "ancestors": linked(found.ancestors),
        "parents": linked(found.parents),
        "children": linked(found.children[:RELATIVES_SHOWN]),
        "children_behind": linked(found.children[RELATIVES_SHOWN:]),
    }


def _told(found: Sequence[Term], offset: int, limit: int) -> list[dict[str, Any]]:
    """Some of a concept's versions, each with what it changed."""
    rows = []
    for number in range(offset, min(offset + limit, len(found))):
        term, before = found[number], found[number + 1] if number + 1 < len(found) else None
        document = term.json
        # A code that was deleted and made anew goes on counting.
        is_first = before is None or before.deleted
        changes = () if before is None or is_first else changed_fields(before.json, document)
        moved = None if before is None or is_first or before.retired == term.retired else term.retired
        outcome = "changed" if moved is None else "retired" if moved else "restored"
        rows.append(
            {
                "term": term,
                "by": document["version_updated_by"],
                "is_first": is_first,
                "outcome": outcome,
                "comment": document["update_comment"],
                "fields": changed_fields_in_words(changes, outcome),
            }
        )
    return rows


def _form_of(repository: Repository, term: Term) -> ConceptForm:
    parents = list(map(last_code, term.json["parent_concept_urls"]))
    return ConceptForm.of(term, parents, repository.default_locale)


def _new_page(repository: Repository, form: ConceptForm) -> str:
    return render_template(
        "terminology/concept_form.html", **heading(repository), form=form, term=None, meanwhile=None, words_now=None
    )


def _edit_page(repository: Repository, term: Term, form: ConceptForm, *, meanwhile: bool = False) -> str:
    return render_template(
        "terminology/concept_form.html",
        **concept_heading(repository, term),
        form=form,
        meanwhile=MEANWHILE if meanwhile else None,
        words_now=words.words_by_language(term.json, "name", repository.default_locale) if meanwhile else None,
    )
