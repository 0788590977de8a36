"""A repository's page: what it holds, its releases, a search inside it, and what changed between any two of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import terminology
from app.actor import Actor
from app.errors import Forbidden, Invalid
from app.models import Repository
from app.portal import terminology_words as words
from app.portal.signed_in import current_actor
from app.portal.terminology import MOST_FOUND, found_nothing_asked
from app.portal.terminology_changes import changed_fields_in_words
from app.portal.terminology_form import RepositoryForm
from app.portal.terminology_place import (
    BELOW_REPOSITORY,
    address_asked,
    neighbours,
    page_asked,
    placed,
    words_asked,
)
from app.portal.terminology_release_words import release_lines
from app.terminology import HEAD, OUTCOMES, Address, ChangedMeanwhile, Diff, Difference, TermAddress, Version, Wish

bp = placed(Blueprint("repositories", __name__, url_prefix=BELOW_REPOSITORY))

PAGE_SIZE = 25
RELEASES_SHOWN = 6
CHANGES_SHOWN = 50
REFERENCES_SHOWN = 50
MOST_SUGGESTED = 10
MOST_VERSIONS = 500


@bp.get("/")
def show() -> ResponseReturnValue:
    """What a repository is, what it holds now, and its newest releases."""
    actor, address = current_actor(), address_asked()
    head = terminology.get_version(actor, address)
    repository = head.repository
    versions = terminology.versions_of(repository, limit=MOST_VERSIONS)
    releases = [one for one in versions.rows if not one.is_head]
    is_source = repository.kind == "source"
    return render_template(
        "terminology/repository.html",
        **heading(repository),
        head=head,
        held=words.held_words(head),
        languages=[words.language(one) for one in repository.supported_locales.split(",")],
        releases=release_lines(actor, releases[:RELEASES_SHOWN]),
        release_count=versions.total - 1,
        versions=_choices(releases),
        may_edit=terminology.may_edit(actor, repository),
        may_release=terminology.may_release(actor, repository),
        **(_top(repository) if is_source else _contents(head)),
        **(found_inside(actor, repository, words_asked()) if is_source else found_nothing_asked("")),
    )


@bp.get("/found")
def found() -> ResponseReturnValue:
    """What the words typed so far find in this source, for the script."""
    actor = current_actor()
    repository = terminology.get_repository(actor, address_asked())
    return render_template(
        "terminology/_found.html", oob=True, words=words, **found_inside(actor, repository, words_asked())
    )


@bp.get("/codes")
def codes() -> ResponseReturnValue:
    """Concepts in use that the words typed so far find, for a field that takes a code, and what its code means."""
    actor, query = current_actor(), words_asked()
    repository = terminology.get_repository(actor, address_asked())
    found = terminology.search_concepts(actor, query, address_asked(), limit=MOST_SUGGESTED + 1, in_use=True)
    return render_template(
        "terminology/_codes.html",
        query=query,
        repository=repository,
        found=found[:MOST_SUGGESTED],
        more=len(found) > MOST_SUGGESTED,
        meant=terminology.read_codes(actor, [repository.id], [query]).concepts.get((repository.id, query)),
    )


@bp.get("/releases/")
def releases() -> ResponseReturnValue:
    """Every release, newest first."""
    actor, address, page = current_actor(), address_asked(), page_asked()
    repository = terminology.get_repository(actor, address)
    found = terminology.versions_of(repository, limit=PAGE_SIZE, offset=(page - 1) * PAGE_SIZE)
    here = partial(url_for, ".releases", **words.place(address))
    return render_template(
        "terminology/releases.html",
        **heading(repository),
        releases=release_lines(actor, [one for one in found.rows if not one.is_head]),
        total=found.total - 1,
        page=page,
        may_release=terminology.may_release(actor, repository),
        **neighbours(here, page, PAGE_SIZE, found.total - 1),
    )


@bp.get("/changes")
def changes() -> ResponseReturnValue:
    """What changed from one version to a later one, page by page."""
    actor, address = current_actor(), address_asked()
    repository = terminology.get_repository(actor, address)
    choices = version_choices(repository)
    older, newer = _versions_asked(choices)
    what = request.args.get("what") if request.args.get("what") in OUTCOMES else None
    if older is None:
        return render_template("terminology/no_changes.html", **heading(repository))
    before, after = (terminology.version_within(repository, one) for one in (older, newer))
    if before.order > after.order:
        return redirect(url_for(".changes", **words.place(address), older=newer, newer=older, what=what), 303)
    shared = {"versions": choices, "older": before, "newer": after, "what": what}
    page = page_asked()
    offset = (page - 1) * CHANGES_SHOWN
    found = terminology.diff(actor, address, older, newer, what=what, limit=CHANGES_SHOWN, offset=offset)
    return render_template(
        "terminology/changes.html",
        **heading(repository),
        **shared,
        **_diff(found, what, page),
        references=None if repository.kind == "source" else _references_changed(before, after),
    )


@bp.get("/edit")
def edit() -> ResponseReturnValue:
    """The form that says anew what a repository is."""
    repository = _to_describe(current_actor())
    form = RepositoryForm.of(terminology.facts_of_repository(repository), repository.details_changed_at)
    return _edit_page(repository, form)


@bp.post("/edit")
def save() -> ResponseReturnValue:
    """Say anew what a repository is; releases keep what it was."""
    actor = current_actor()
    repository = _to_describe(actor)
    form = RepositoryForm.parse(request.form)
    try:
        facts = form.facts(terminology.facts_of_repository(repository))
        terminology.update_repository(actor, address_asked(), facts, seen=form.seen_at())
    except ChangedMeanwhile:
        repository = terminology.get_repository(actor, address_asked())
        form.seen = repository.details_changed_at.isoformat()
        return _edit_page(repository, form, meanwhile=True), 409
    except Invalid as refusal:
        form.take_faults(refusal)
        return _edit_page(terminology.get_repository(actor, address_asked()), form), 422
    flash("Your changes are saved. Releases keep what they said.", "success")
    return redirect(words.repository_url(address_asked()), 303)


def heading(repository: Repository) -> dict[str, Any]:
    """What every page of a repository shows of it."""
    address = Address.of(repository)
    return {
        "repository": repository,
        "at": words.place(address),
        "address": address,
        "is_source": repository.kind == "source",
        "trail": words.trail_of(repository),
        "trail_below": words.trail_to(repository),
        "here_url": words.repository_url(address),
        "words": words,
    }


def version_choices(repository: Repository) -> list[tuple[str, str]]:
    """HEAD and the releases, newest first, for a choice of one."""
    return _choices([one for one in terminology.versions_of(repository, limit=MOST_VERSIONS).rows if not one.is_head])


def _choices(releases: Sequence[Version]) -> list[tuple[str, str]]:
    return [(HEAD, words.HEAD_WORDS), *((one.id, one.id) for one in releases)]


def found_inside(actor: Actor, repository: Repository, query: str) -> dict[str, Any]:
    """What ``_found.html`` expects of a search inside a source."""
    address = Address.of(repository)
    asked = found_nothing_asked(url_for("portal.repositories.found", **words.place(address)), repository)
    if not query or repository.kind != "source":
        return asked
    concepts = terminology.search_concepts(actor, query, address, limit=MOST_FOUND + 1)
    return asked | {"query": query, "concepts": concepts[:MOST_FOUND], "more": len(concepts) > MOST_FOUND}


def _top(repository: Repository) -> dict[str, Any]:
    """The first of a source's concepts that stand below none, from where the address says."""
    address = Address.of(repository)
    after = request.args.get("after") or None
    after = None if after is None else after.replace("\0", "")[:255]
    rows = terminology.top_of(repository, limit=PAGE_SIZE + 1, after=after)
    next_url = words.repository_url(address, after=rows[PAGE_SIZE - 1].code) if len(rows) > PAGE_SIZE else None
    return {
        "top": [(words.concept_url(address, one.code), one) for one in rows[:PAGE_SIZE]],
        "first_url": words.repository_url(address) if after else None,
        "next_url": next_url,
    }


def _contents(head: Version) -> dict[str, Any]:
    """A page of what a collection draws on, and its references."""
    page, size = page_asked(), PAGE_SIZE
    wish = Wish(concepts=True, retired=True, limit=size, offset=(page - 1) * size)
    content = terminology.content_of(head, wish)
    around = neighbours(partial(words.repository_url, head.address), page, size, content.concept_count)
    return {
        "top": [_drawn(text) for text in content.concepts],
        "first_url": around["previous_url"],
        "next_url": around["next_url"],
        "references": len(terminology.reference_rows(head)),
    }


def _drawn(text: str) -> tuple[str | None, dict[str, Any]]:
    document = orjson.loads(text)
    found = TermAddress.find(document["url"])
    url = words.concept_url(found.repository, found.code) if found else None
    shown = {"code": document["id"], "display_name": document["display_name"], "retired": document["retired"]}
    return url, shown | {"source": document["source"]}


def _versions_asked(choices: Sequence[tuple[str, str]]) -> tuple[str | None, str]:
    """The two versions of the address; without any, the newest release and HEAD."""
    newest = choices[1][0] if len(choices) > 1 else None
    older, newer = request.args.get("older") or newest, request.args.get("newer") or HEAD
    return older, newer


def _references_changed(older: Version, newer: Version) -> list[tuple[str, str, list[str], int]]:
    """For each card: its title, its id, the first expressions and how many there are; of those with any."""
    before, after = ({one["expression"] for one in terminology.reference_rows(version)} for version in (older, newer))
    cards = (("References added", "came", after - before), ("References removed", "gone", before - after))
    return [(title, id_, sorted(some)[:REFERENCES_SHOWN], len(some)) for title, id_, some in cards if some]


def _diff(found: Diff, what: str | None, page: int) -> dict[str, Any]:
    address = found.older.address
    here = partial(url_for, ".changes", **words.place(address), older=found.older.id, newer=found.newer.id)
    return {
        "rows": [_changed(found, one) for one in found.page.rows],
        "total": found.page.total,
        "counts": words.outcome_rows(found.counts),
        "links": {outcome: here(what=outcome) for outcome in OUTCOMES},
        "all_url": here(),
        "all_count": sum(found.counts.values()),
        "page": page,
        "first": (page - 1) * CHANGES_SHOWN + 1,
        **neighbours(partial(here, what=what), page, CHANGES_SHOWN, found.page.total),
    }


def _changed(found: Diff, one: Difference) -> dict[str, Any]:
    """A line of the diff."""
    of_collection = found.older.repository.kind == "collection"
    return {
        "difference": one,
        "url": _concept_url(found, one) if one.table == "concept" else None,
        "source": one.home.short_code if of_collection else None,
        "fields": changed_fields_in_words(one.fields, one.outcome),
        "outcome": words.OUTCOME_WORDS[one.outcome],
    }


def _concept_url(found: Diff, one: Difference) -> str:
    """The concept in its own source; of the repository at hand what is gone is shown as the older version had it."""
    if one.home != found.older.address:
        # Which of the source's versions the collection drew on, no page of the source shows: its history has all.
        return url_for("portal.concepts.history", **words.place(one.home), code=one.code)
    return words.concept_url(one.home, one.code, found.older.id if one.outcome == "deleted" else found.newer.id)


def _to_describe(actor: Actor) -> Repository:
    repository = terminology.get_repository(actor, address_asked())
    if not terminology.may_release(actor, repository):
        raise Forbidden("Only its owner’s people may say what this repository is.")
    return repository


def _edit_page(repository: Repository, form: RepositoryForm, *, meanwhile: bool = False) -> str:
    return render_template(
        "terminology/repository_form.html", **heading(repository), form=form, owners=[], meanwhile=meanwhile
    )
