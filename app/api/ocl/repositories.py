"""Repositories: lists of them, and each as it is now."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app import terminology
from app.api.ocl.arguments import list_limit, page, switch
from app.api.ocl.contents import version_answer
from app.api.ocl.entrance import asker
from app.api.ocl.paging import list_answer
from app.api.ocl.paths import KIND, KINDS, PLACES, check_codes, of_repository, owner_of_path
from app.terminology import Address

LONGEST_SEARCH = 200

bp = Blueprint("repositories", __name__)


@of_repository(bp, "/")
def show(address: Address) -> ResponseReturnValue:
    """A repository as it is now, with its content if that is asked for."""
    return version_answer(address, terminology.get_version(asker(), address))


def list_of_owner(owner_kind: str, kind: str, owner: str | None = None) -> ResponseReturnValue:
    """An owner's sources or collections, by name."""
    check_codes(owner)
    return _listed(kind, owner_kind, owner_of_path(owner))


def list_all(kind: str) -> ResponseReturnValue:
    """All sources or collections that one may see, by name."""
    asker()
    return _listed(kind, None, None)


for place, whose in PLACES:
    bp.add_url_rule(f"{place}/{KIND}/", view_func=list_of_owner, defaults=whose)
for one in KINDS:
    bp.add_url_rule(f"/{one}/", view_func=list_all, defaults={"kind": one})


def _listed(kind: str, owner_kind: str | None, owner: str | None) -> ResponseReturnValue:
    limit, number = list_limit(), page()
    found = terminology.list_repositories(
        asker(), owner_kind=owner_kind, owner=owner, kind=kind, search=searched(), limit=limit,
        offset=(number - 1) * limit,
    )  # fmt: skip
    rows = found.rows
    shown = terminology.repository_details(rows) if switch("verbose") else map(terminology.repository_row, rows)
    return list_answer(shown, found.total, limit=limit, page=number)


def searched() -> str:
    """What ``q`` asks for; nothing that is searched for holds a NUL."""
    return request.args.get("q", "").replace("\0", " ")[:LONGEST_SEARCH]
