"""What a version of a collection came to when its references were resolved: one expansion of each, named like it."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app import terminology
from app.api.ocl.arguments import list_limit, page
from app.api.ocl.entrance import asker
from app.api.ocl.paging import list_answer
from app.api.ocl.paths import UNKNOWN, of_repository
from app.api.ocl.versions import found_version
from app.errors import NotFound
from app.terminology import Address, Version

bp = Blueprint("expansions", __name__)


@of_repository(bp, "/<version>/expansions/")
def list_expansions(address: Address, version: str) -> ResponseReturnValue:
    """The only expansion of a version."""
    limit, number = list_limit(), page()
    rows = [terminology.expansion_detail(_of_collection(address, version))]
    begin = (number - 1) * limit
    return list_answer(rows[begin : begin + limit], 1, limit=limit, page=number)


@of_repository(bp, "/<version>/expansions/<expansion>/")
def show_expansion(address: Address, version: str, expansion: str) -> ResponseReturnValue:
    """What the version came to; its concepts and mappings are the version's."""
    found = _of_collection(address, version)
    if expansion != found.id:
        raise NotFound(UNKNOWN)
    return jsonify(terminology.expansion_detail(found))


def _of_collection(address: Address, version: str) -> Version:
    """
    :raises NotFound: there is no such version, or a source needs no expansion
    """
    found = found_version(asker(), address, version)
    if found.repository.kind != "collection":
        raise NotFound(UNKNOWN)
    return found
