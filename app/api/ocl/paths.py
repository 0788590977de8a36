"""Which paths are this contract's, and how a view is put at the addresses of a repository."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app import terminology
from app.api.ocl.entrance import asker, member
from app.errors import NotFound
from app.terminology import Address
from app.terminology.addresses import CODE

DESCRIPTION = "/openapi/ocl.json"
ARCHIVES = "/export-archives"
FIRST = ("orgs", "users", "user", "sources", "collections", "v1", "export-archives")
"""The first segments of this contract's paths."""

KINDS = ("sources", "collections")
KIND = f"<any({', '.join(KINDS)}):kind>"
PLACES: tuple[tuple[str, dict[str, str]], ...] = (
    ("/orgs/<owner>", {"owner_kind": "orgs"}),
    ("/users/<owner>", {"owner_kind": "users"}),
    ("/user", {"owner_kind": "users"}),
)
"""Where repositories are, and whose they are there. The last is of the person whom the token is of."""

UNKNOWN = "There is nothing of that name."

View = Callable[..., ResponseReturnValue]


def owns(path: str) -> bool:
    """Whether a path is this contract's; its description is."""
    return path.removeprefix("/").partition("/")[0] in FIRST or path == DESCRIPTION


def is_2015() -> bool:
    """Whether the request asks below ``/v1``, where the page of 2015 holds."""
    return request.path.startswith("/v1/")


def of_repository(bp: Blueprint, suffix: str, method: str = "GET") -> Callable[[View], View]:
    """Put a view at every address of a repository: of an organization's, a person's, and the token's own person's.

    The view is called with the repository's :class:`Address` and what else stands in the path.

    :param suffix: what follows the repository's own path, ``/`` first and last
    """

    def register(view: View) -> View:
        @wraps(view)
        def asked(
            owner_kind: str, kind: str, repository: str, owner: str | None = None, **more: str
        ) -> ResponseReturnValue:
            check_codes(owner, repository, *more.values())
            return view(Address(owner_kind, owner_of_path(owner), kind, repository), **more)

        for place, whose in PLACES:
            rule = f"{place}/{KIND}/<repository>{suffix}"
            bp.add_url_rule(rule, endpoint=view.__name__, view_func=asked, methods=[method], defaults=whose)
        return view

    return register


def owner_of_path(owner: str | None) -> str:
    """The owner that a path names; of a path that names none, the token's own person.

    :raises Unauthorized: it names none, and neither does a token
    """
    return terminology.handle_of(member()) if owner is None else owner


def check_codes(*codes: str | None) -> None:
    """
    :raises NotFound: one is nothing that could be named so; it is not even looked for
    """
    asker()
    if not all(code is None or CODE.fullmatch(code) for code in codes):
        raise NotFound(UNKNOWN)
