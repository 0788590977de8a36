"""What leads from one place of terminology to another: mappings of a concept, and references of a collection."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app import terminology
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotFound
from app.models import Repository
from app.portal import terminology_words as words
from app.portal.signed_in import current_actor
from app.portal.terminology_concepts import concept_heading, to_edit
from app.portal.terminology_form import WHOLE, faults_beside, line
from app.portal.terminology_place import BELOW_REPOSITORY, address_asked, neighbours, page_asked, placed
from app.portal.terminology_repositories import heading
from app.terminology import MappingWish, TermAddress
from app.terminology.addresses import last_code

bp = placed(Blueprint("terminology_links", __name__, url_prefix=BELOW_REPOSITORY))

PAGE_SIZE = 50
KINDS_OF_MAPPING = ("SAME-AS", "NARROWER-THAN", "BROADER-THAN", "RELATED-TO")
FIELDS = ("map_type", "target", "to_concept_code", "to_concept_name", "to_source_name")


@bp.get("/concepts/<code>/map")
def map_form(code: str) -> ResponseReturnValue:
    """The form of a mapping that leads from a concept."""
    actor = current_actor()
    repository = to_edit(actor)
    return _map_page(actor, repository, code, dict.fromkeys(FIELDS, "") | {"map_type": "SAME-AS"}, {})


@bp.post("/concepts/<code>/map")
def create_mapping(code: str) -> ResponseReturnValue:
    """Make a mapping to a concept here, or to a code of a terminology elsewhere."""
    actor, address = current_actor(), address_asked()
    to_edit(actor)
    terminology.get_concept(actor, address, code)
    typed = {name: line(request.form, name, 600) for name in FIELDS}
    wish = MappingWish(
        typed["map_type"],
        address.of_concept(code),
        _target_path(typed["target"]) or None,
        None if typed["target"] else typed["to_concept_code"] or None,
        None if typed["target"] else typed["to_concept_name"] or None,
        to_source_name=None if typed["target"] else typed["to_source_name"] or None,
    )
    try:
        terminology.create_mapping(actor, address, wish)
    except Invalid as refusal:
        faults = faults_beside(refusal, to_concept_url="target", extras="to_concept_name", from_concept_url="")
        return _map_page(actor, terminology.get_repository(actor, address), code, typed, faults), 422
    flash("The mapping is added. It will be in the next release.", "success")
    return redirect(words.concept_url(address, code), 303)


@bp.post("/mappings/<code>/retire")
def retire_mapping(code: str) -> ResponseReturnValue:
    """Take a mapping out of use; it stays, and says so."""
    actor, address = current_actor(), address_asked()
    to_edit(actor)
    term = terminology.retire_mapping(actor, address, code)
    flash("The mapping is retired. The next release will say so.", "success")
    return _to_start_of(term.json)


@bp.post("/mappings/<code>/restore")
def restore_mapping(code: str) -> ResponseReturnValue:
    """Take a retired mapping back into use."""
    actor, address = current_actor(), address_asked()
    to_edit(actor)
    term = terminology.restore_mapping(actor, address, code)
    flash("The mapping is in use again. The next release will say so.", "success")
    return _to_start_of(term.json)


@bp.get("/references")
def references() -> ResponseReturnValue:
    """What a collection draws on, and for members the forms that change it."""
    actor = current_actor()
    repository = terminology.get_repository(actor, address_asked())
    if repository.kind != "collection":
        return redirect(words.repository_url(address_asked()), 303)
    return _references_page(actor, repository, "", False, {})


@bp.post("/references")
def add_references() -> ResponseReturnValue:
    """Have a collection draw on more."""
    actor, address = current_actor(), address_asked()
    collection = _to_change(actor)
    typed, cascade = line(request.form, "expressions", WHOLE), "cascade" in request.form
    expressions = [_target_path(one.strip()) for one in typed.splitlines() if one.strip()]
    if not expressions:
        faults = {"expressions": "Name at least one source, concept or mapping."}
        return _references_page(actor, collection, typed, cascade, faults), 422
    try:
        count = terminology.add_references(actor, address, expressions, cascade=cascade)
    except Invalid as refusal:
        collection = terminology.get_repository(actor, address)
        return _references_page(actor, collection, typed, cascade, faults_beside(refusal)), 422
    flash(f"{words.counted(count, 'reference')} added." if count else "All of that was referred to already.", "success")
    return redirect(url_for(".references", **words.place(address)), 303)


@bp.post("/references/remove")
def remove_references() -> ResponseReturnValue:
    """Have a collection no longer draw on what was ticked; releases keep it."""
    actor, address = current_actor(), address_asked()
    _to_change(actor)
    ticked = request.form.getlist("expression")[:10_000]
    count = terminology.remove_references(actor, address, ticked) if ticked else 0
    flash(
        f"{words.counted(count, 'reference')} removed." if count else "Nothing was ticked, so nothing was removed.",
        "success" if count else "info",
    )
    return redirect(url_for(".references", **words.place(address)), 303)


def _target_path(text: str) -> str:
    """The path of a concept, also out of the address of its page here."""
    path = text.partition("?")[0]
    start = path.find("/terminology/")
    path = path[start + len("/terminology") :] if start >= 0 else path
    return path if not path or path.endswith("/") else f"{path}/"


def _to_start_of(document: dict[str, Any]) -> ResponseReturnValue:
    found = TermAddress.find(document["from_concept_url"] or "")
    if found is None:
        return redirect(words.repository_url(address_asked()), 303)
    return redirect(words.concept_url(found.repository, found.code), 303)


def _map_page(actor: Actor, repository: Repository, code: str, typed: dict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "terminology/map.html",
        **concept_heading(repository, terminology.get_concept(actor, address_asked(), code)),
        typed=MultiDict(typed),
        errors=errors,
        kinds_of_mapping=KINDS_OF_MAPPING,
    )


def _to_change(actor: Actor) -> Repository:
    repository = terminology.get_repository(actor, address_asked())
    if repository.kind != "collection":
        raise NotFound("Only a collection has references; this is a source.")
    if not terminology.may_edit(actor, repository):
        raise Forbidden("You may look at this collection, not change what it draws on.")
    return repository


def _references_page(actor: Actor, collection: Repository, typed: str, cascade: bool, errors: dict[str, str]) -> str:
    rows, page = terminology.list_references(actor, address_asked()), page_asked()
    here = partial(url_for, ".references", **words.place(address_asked()))
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return render_template(
        "terminology/references.html",
        **heading(collection),
        rows=[_reference(one) for one in shown],
        total=len(rows),
        typed=typed,
        cascade=cascade,
        errors=errors,
        may_edit=terminology.may_edit(actor, collection),
        **neighbours(here, page, PAGE_SIZE, len(rows)),
    )


def _reference(row: dict[str, Any]) -> dict[str, Any]:
    term = TermAddress.find(row["expression"])
    url = None
    if term is not None and term.kind == "concepts":
        url = words.concept_url(term.repository, term.code, term.release)
    kind = {"concepts": "Concept", "mappings": "Mapping"}.get(row["reference_type"], "Whole source")
    return {"expression": row["expression"], "url": url, "kind": kind, "code": last_code(row["expression"]),
            "release": row["version"], "by": row["created_by"]}  # fmt: skip
