"""Releases: make one with a preview of what it will hold, look at it, take its export, delete it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import exports, terminology
from app.actor import Actor
from app.errors import AlreadyRunning, Duplicate, Forbidden, Invalid, NotFound
from app.models import Repository
from app.portal import terminology_words as words
from app.portal.polling import answers_so_far, is_shown
from app.portal.signed_in import current_actor
from app.portal.terminology_form import LONGEST_TEXT, faults_beside, line
from app.portal.terminology_place import BELOW_REPOSITORY, address_asked, placed
from app.portal.terminology_release_words import export_line, export_of, said_of
from app.portal.terminology_repositories import heading
from app.terminology import HEAD, ReleaseFacts, Version

bp = placed(Blueprint("releases", __name__, url_prefix=BELOW_REPOSITORY))


@bp.get("/release")
def new() -> ResponseReturnValue:
    """What a release made now would hold, and the form that makes it."""
    actor = current_actor()
    return _form_page(actor, _to_release(actor), "", "", {})


@bp.post("/release")
def create() -> ResponseReturnValue:
    """Release the repository as it is now; its export is ordered at once."""
    actor, address = current_actor(), address_asked()
    _to_release(actor)
    version, description = line(request.form, "version"), line(request.form, "description", LONGEST_TEXT)
    try:
        made = exports.release_version(actor, address, ReleaseFacts(version, description))
    except Duplicate:
        faults = {"version": f"There is a release {version} already. Take another id."}
    except Invalid as refusal:
        faults = faults_beside(refusal)
    else:
        flash(f"{made.repository.name} {made.id} is released. Its export is being made.", "success")
        return redirect(url_for(".show", **words.place(address), version=made.id), 303)
    repository = terminology.get_repository(actor, address)
    return _form_page(actor, repository, version, description, faults), 422


@bp.get("/releases/<version>")
def show(version: str) -> ResponseReturnValue:
    """A release: what it holds, its export, and what it changed."""
    actor = current_actor()
    found = _release(actor, version)
    export = export_of(actor, found)
    release = found.release
    previous = release.previous_version if release else None
    counts = _counts_since(actor, found, previous)
    return render_template(
        "terminology/release.html",
        **heading(found.repository),
        **export_line(found, export, whole=True),
        said=said_of(found, export),
        release=release,
        held=words.held_words(found),
        previous=previous if counts is not None else None,
        counts=counts,
        may_release=terminology.may_release(actor, found.repository),
    )


@bp.get("/releases/<version>/export")
def export_status(version: str) -> ResponseReturnValue:
    """The part of a page that htmx asks for again; 204 while there is nothing new to say."""
    actor = current_actor()
    found = _release(actor, version)
    export = export_of(actor, found)
    whole, answers = "whole" in request.args, answers_so_far()
    if export and is_shown(export.version, answers):
        return "", 204
    moved = request.args.get("state", "") != (export.state if export else "")
    return render_template(
        "terminology/_export.html" if whole else "terminology/_export_line.html",
        **export_line(found, export, answers=answers + 1, whole=whole),
        at=words.place(address_asked()),
        said=said_of(found, export) if moved else None,
    )


@bp.post("/releases/<version>/export")
def make_export(version: str) -> ResponseReturnValue:
    """Have the export of a release made, where there is none or it failed."""
    actor = current_actor()
    try:
        made = exports.request_release_export(actor, address_asked(), version)
        words_of_it = "The export is being made." if made.made else "The export is there already."
        flash(words_of_it, "info")
    except AlreadyRunning:
        flash("The export is being made already.", "info")
    return redirect(url_for(".show", **words.place(address_asked()), version=version), 303)


@bp.get("/releases/<version>/delete")
def delete(version: str) -> ResponseReturnValue:
    """Ask once more before a release is deleted."""
    actor = current_actor()
    _to_release(actor)
    return _delete_page(actor, version, None)


@bp.post("/releases/<version>/delete")
def confirm_delete(version: str) -> ResponseReturnValue:
    """Delete a release and its export, when its id was typed as a yes."""
    actor, address = current_actor(), address_asked()
    _to_release(actor)
    _release(actor, version)
    if line(request.form, "confirmed") != version:
        return _delete_page(actor, version, {"confirmed": f"Type {version} to say that you mean it."}), 422
    try:
        exports.delete_release(actor, address, version)
    except Invalid as refusal:
        return _delete_page(actor, version, {"": refusal.message}), 422
    flash(f"The release {version} and its export are deleted.", "success")
    return redirect(words.repository_url(address), 303)


def _release(actor: Actor, version: str) -> Version:
    if version == HEAD:
        raise NotFound("HEAD is the repository itself, not a release.")
    return terminology.get_version(actor, address_asked(), version)


def _to_release(actor: Actor) -> Repository:
    repository = terminology.get_repository(actor, address_asked())
    if not terminology.may_release(actor, repository):
        raise Forbidden("Only its owner’s people may release this repository, or delete its releases.")
    return repository


def _counts_since(actor: Actor, found: Version, previous: str | None) -> list[tuple[str, str, int, int]] | None:
    """What a release changed, when the one before it is still there."""
    if previous is None:
        return None
    try:
        counts = terminology.diff(actor, found.address, previous, found.id, limit=0).counts
    except (NotFound, Invalid):
        return None
    return words.outcome_rows(counts)


def _form_page(actor: Actor, repository: Repository, version: str, description: str, errors: dict[str, str]) -> str:
    address = address_asked()
    preview = terminology.preview_release(actor, address)
    known = terminology.list_versions(actor, address, limit=1).rows
    changes_url = None
    if preview.since is not None:
        changes_url = url_for("portal.repositories.changes", **words.place(address), older=preview.since.id, newer=HEAD)
    return render_template(
        "terminology/release_form.html",
        **heading(repository),
        version=version,
        description=description,
        errors=errors,
        preview=preview,
        held=words.held_words(preview.head),
        counts=words.outcome_rows(preview.counts),
        changed=sum(preview.counts.values()),
        newest=next((one.id for one in known if not one.is_head), None),
        changes_url=changes_url,
    )


def _delete_page(actor: Actor, version: str, errors: dict[str, str] | None) -> str:
    found = _release(actor, version)
    return render_template(
        "terminology/delete_release.html",
        **heading(found.repository),
        version=found,
        held=words.held_words(found),
        release_url=url_for(".show", **words.place(found.address), version=version),
        errors=errors or {},
    )
