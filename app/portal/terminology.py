"""Browse terminology: the repositories that there are, and a search over all that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import catalog, terminology
from app.access import Permission, allows, require
from app.actor import Actor
from app.errors import Duplicate, Forbidden, Invalid
from app.models import Repository
from app.portal import terminology_words as words
from app.portal.signed_in import current_actor
from app.portal.terminology_form import RepositoryForm
from app.portal.terminology_place import neighbours, page_asked, words_asked
from app.terminology import Address, Listed

bp = Blueprint("terminology", __name__, url_prefix="/terminology")

PAGE_SIZE = 25
MOST_FOUND = 25


@bp.get("/")
def index() -> ResponseReturnValue:
    """The repositories that one may view, and what a search finds in them and among them."""
    actor, page, query = current_actor(), page_asked(), words_asked()
    kind = request.args.get("kind") if request.args.get("kind") in words.KINDS else None
    owner_kind, _, owner = request.args.get("owner", "").partition("/")
    found: Listed[Repository] = Listed([], 0)
    if not owner or owner_kind in ("orgs", "users"):
        found = _listed(actor, owner_kind if owner else None, owner or None, kind, page)
    return render_template(
        "terminology/index.html",
        rows=_rows(found.rows),
        total=found.total,
        kind=kind,
        owner=f"{owner_kind}/{owner}" if owner else None,
        owner_name=words.owner_words(found.rows[0]) if owner and found.rows else owner,
        page=page,
        **neighbours(
            partial(url_for, ".index", kind=kind, owner=request.args.get("owner")), page, PAGE_SIZE, found.total
        ),
        may_create=allows(actor, Permission.EDIT),
        words=words,
        **found_everywhere(actor, query),
    )


@bp.get("/found")
def found() -> ResponseReturnValue:
    """What the words typed so far find, for the script."""
    return render_template(
        "terminology/_found.html", oob=True, words=words, **found_everywhere(current_actor(), words_asked())
    )


@bp.get("/new")
def new() -> ResponseReturnValue:
    """The form of a new repository."""
    actor = current_actor()
    require(actor, Permission.EDIT)
    return _form_page(RepositoryForm(), _owners(actor))


@bp.post("/")
def create() -> ResponseReturnValue:
    """Make a repository."""
    actor = current_actor()
    require(actor, Permission.EDIT)
    owners, form = _owners(actor), RepositoryForm.parse(request.form)
    if form.owner not in dict(owners):
        form.errors["owner"] = "Choose whose it is to be."
    if form.kind not in words.KINDS:
        form.errors["kind"] = "Choose what it is to be."
    if not form.errors:
        owner_kind, _, owner = form.owner.partition("/")
        address = Address(owner_kind, owner, form.kind, form.short_code)
        try:
            made = terminology.create_repository(actor, address, form.facts())
        except (Duplicate, Invalid) as refusal:
            form.take_faults(refusal)
        except Forbidden as refusal:
            form.errors["owner"] = refusal.message
        else:
            return redirect(words.repository_url(Address.of(made)), 303)
    return _form_page(form, owners), 422


def found_everywhere(actor: Actor, query: str) -> dict[str, Any]:
    """What ``_found.html`` expects of a search over all repositories."""
    if not query:
        return found_nothing_asked(url_for("portal.terminology.found"))
    concepts = terminology.search_concepts(actor, query, limit=MOST_FOUND + 1)
    repositories = terminology.list_repositories(actor, search=query, limit=MOST_FOUND)
    return {
        "query": query,
        "concepts": concepts[:MOST_FOUND],
        "more": len(concepts) > MOST_FOUND,
        "repositories": repositories.rows,
        "found_url": url_for("portal.terminology.found"),
        "inside": None,
    }


def found_nothing_asked(found_url: str, inside: Repository | None = None) -> dict[str, Any]:
    """What ``_found.html`` expects while nothing was typed."""
    return {
        "query": "", "concepts": [], "more": False, "repositories": [], "found_url": found_url, "inside": inside,
    }  # fmt: skip


def _listed(actor: Actor, owner_kind: str | None, owner: str | None, kind: str | None, page: int) -> Listed[Repository]:
    offset = (page - 1) * PAGE_SIZE
    return terminology.list_repositories(
        actor, owner_kind=owner_kind, owner=owner, kind=kind, limit=PAGE_SIZE, offset=offset
    )


def _rows(repositories: Sequence[Repository]) -> list[dict[str, Any]]:
    """The repositories on the list: what each holds now, and its newest release."""
    newest = terminology.latest_versions(repositories)
    return [
        {
            "repository": head.repository,
            "url": words.repository_url(head.address),
            "owner": words.owner_words(head.repository),
            "held": words.held_words(head),
            "newest": newest.get(head.repository.id),
        }
        for head in terminology.heads_of(repositories)
    ]


def _owners(actor: Actor) -> list[tuple[str, str]]:
    """Whose a new repository may be: the organizations where the person edits, and themself."""
    owners = [
        (f"orgs/{one.short_code}", one.name)
        for one in catalog.list_organizations(actor)
        if allows(actor, Permission.EDIT, one.id)
    ]
    return [*owners, (f"users/{terminology.handle_of(actor)}", f"{actor.name} (you)")]


def _form_page(form: RepositoryForm, owners: list[tuple[str, str]]) -> str:
    return render_template(
        "terminology/repository_form.html", form=form, owners=owners, repository=None, words=words, meanwhile=False
    )
