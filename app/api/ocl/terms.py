"""Concepts, mappings and references: lists of a repository's or version's, and each by itself with all it ever was."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from app import terminology
from app.api.ocl.arguments import list_limit, page, switch, updated_since
from app.api.ocl.entrance import asker
from app.api.ocl.paging import list_answer
from app.api.ocl.paths import of_repository
from app.api.ocl.versions import found_version
from app.errors import NotFound
from app.terminology import HEAD, Address, Term, Wish

bp = Blueprint("terms", __name__)


@of_repository(bp, "/concepts/")
def list_concepts(address: Address) -> ResponseReturnValue:
    """The concepts as they are now, each as an export carries it."""
    return _listed(address, HEAD, "concept")


@of_repository(bp, "/<version>/concepts/")
def list_concepts_of_version(address: Address, version: str) -> ResponseReturnValue:
    """The concepts of a version."""
    return _listed(address, version, "concept")


@of_repository(bp, "/mappings/")
def list_mappings(address: Address) -> ResponseReturnValue:
    """The mappings as they are now, each as an export carries it."""
    return _listed(address, HEAD, "mapping")


@of_repository(bp, "/<version>/mappings/")
def list_mappings_of_version(address: Address, version: str) -> ResponseReturnValue:
    """The mappings of a version."""
    return _listed(address, version, "mapping")


@of_repository(bp, "/references/")
def list_references(address: Address) -> ResponseReturnValue:
    """What a collection draws on."""
    return _references(address, HEAD)


@of_repository(bp, "/<version>/references/")
def list_references_of_version(address: Address, version: str) -> ResponseReturnValue:
    """What a version of a collection draws on."""
    return _references(address, version)


@of_repository(bp, "/concepts/<concept>/")
def show_concept(address: Address, concept: str) -> ResponseReturnValue:
    """A concept as it is now; with ``includeMappings=true`` the mappings that lead from it, too."""
    return _concept(address, HEAD, concept)


@of_repository(bp, "/<version>/concepts/<concept>/")
def show_concept_of_version(address: Address, version: str, concept: str) -> ResponseReturnValue:
    """A concept as a version holds it."""
    return _concept(address, found_version(asker(), address, version).id, concept)


@of_repository(bp, "/concepts/<concept>/versions/")
def list_versions_of_concept(address: Address, concept: str) -> ResponseReturnValue:
    """All that a concept ever was, newest first."""
    return _page_of([one.document for one in terminology.concept_history(asker(), address, concept)])


@of_repository(bp, "/concepts/<concept>/mappings/")
def list_mappings_of_concept(address: Address, concept: str) -> ResponseReturnValue:
    """The mappings that lead from a concept; with ``includeInverseMappings=true`` those that lead to it, too."""
    terminology.get_concept(asker(), address, concept)
    return _page_of([one.document for one in _mapped(address, concept, inverse=switch("includeInverseMappings"))])


@of_repository(bp, "/concepts/<concept>/extras/")
def show_extras_of_concept(address: Address, concept: str) -> ResponseReturnValue:
    """What a concept's source says of it besides."""
    return jsonify(terminology.get_concept(asker(), address, concept).json["extras"])


@of_repository(bp, "/concepts/<concept>/<concept_version>/")
def show_version_of_concept(address: Address, concept: str, concept_version: str) -> ResponseReturnValue:
    """A concept as it was."""
    return _of_history(terminology.concept_history(asker(), address, concept), concept_version)


@of_repository(bp, "/mappings/<mapping>/")
def show_mapping(address: Address, mapping: str) -> ResponseReturnValue:
    """A mapping as it is now."""
    return _text(terminology.get_mapping(asker(), address, mapping).document)


@of_repository(bp, "/<version>/mappings/<mapping>/")
def show_mapping_of_version(address: Address, version: str, mapping: str) -> ResponseReturnValue:
    """A mapping as a version holds it."""
    known = found_version(asker(), address, version).id
    return _text(terminology.get_mapping(asker(), address, mapping, known).document)


@of_repository(bp, "/mappings/<mapping>/versions/")
def list_versions_of_mapping(address: Address, mapping: str) -> ResponseReturnValue:
    """All that a mapping ever was, newest first."""
    return _page_of([one.document for one in terminology.mapping_history(asker(), address, mapping)])


@of_repository(bp, "/mappings/<mapping>/<mapping_version>/")
def show_version_of_mapping(address: Address, mapping: str, mapping_version: str) -> ResponseReturnValue:
    """A mapping as it was."""
    return _of_history(terminology.mapping_history(asker(), address, mapping), mapping_version)


def _listed(address: Address, version: str, table: str) -> ResponseReturnValue:
    limit, number = list_limit(), page()
    wish = Wish(
        concepts=table == "concept",
        mappings=table == "mapping",
        retired=switch("includeRetired"),
        since=updated_since(),
        limit=limit,
        offset=(number - 1) * limit,
    )
    content = terminology.content_of(found_version(asker(), address, version), wish)
    rows = content.concepts if wish.concepts else content.mappings
    total = content.concept_count if wish.concepts else content.mapping_count
    return list_answer(rows, total, limit=limit, page=number)


def _references(address: Address, version: str) -> ResponseReturnValue:
    found = found_version(asker(), address, version)
    if found.repository.kind != "collection":
        raise NotFound("A source has no references.")
    return _page_of(terminology.reference_rows(found))


def _page_of(rows: Sequence[object]) -> ResponseReturnValue:
    limit, number = list_limit(), page()
    begin = (number - 1) * limit
    return list_answer(rows[begin : begin + limit], len(rows), limit=limit, page=number)


def _concept(address: Address, version: str, concept: str) -> ResponseReturnValue:
    found = terminology.get_concept(asker(), address, concept, version)
    wanted, inverse = switch("includeMappings"), switch("includeInverseMappings")
    if not (wanted or inverse):
        return _text(found.document)
    return jsonify(found.json | {"mappings": [one.json for one in _mapped(address, concept, wanted, inverse=inverse)]})


def _mapped(address: Address, concept: str, direct: bool = True, *, inverse: bool) -> list[Term]:
    both = terminology.mappings_of(asker(), address, concept)
    return [*(both.leading_from if direct else ()), *(both.leading_to if inverse else ())]


def _of_history(history: Sequence[Term], version: str) -> ResponseReturnValue:
    found = next((one for one in history if str(one.version) == version), None)
    if found is None:
        raise NotFound("There is no such version.")
    return _text(found.document)


def _text(document: str) -> Response:
    return Response(document, mimetype="application/json")
