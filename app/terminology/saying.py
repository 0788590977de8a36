"""What documents say, read back to be said again with changes."""

from __future__ import annotations

from dataclasses import replace

from app.terminology.addresses import last_code
from app.terminology.documents import OWNER_TYPES, ConceptSays, Facts, Json, MappingSays, Place


def concept_of(document: Json) -> tuple[ConceptSays, Facts]:
    """What a concept's JSON says, to be said again with changes."""
    says = ConceptSays(
        code=document["id"],
        concept_class=document["concept_class"],
        datatype=document["datatype"],
        names=tuple(document["names"]),
        descriptions=tuple(document["descriptions"]),
        extras=document["extras"],
        external_id=document["external_id"],
        retired=document["retired"],
        parents=tuple(map(last_code, document["parent_concept_urls"])),
        children=tuple(map(last_code, document["child_concept_urls"])),
    )
    return says, facts_of(document)


def mapping_of(document: Json) -> tuple[MappingSays, Facts]:
    """What a mapping's JSON says, to be said again with changes."""
    says = MappingSays(
        code=document["id"],
        map_type=document["map_type"],
        start=_place(document, "from"),
        target=_place(document, "to"),
        extras=document["extras"],
        external_id=document["external_id"],
        sort_weight=document["sort_weight"],
        retired=document["retired"],
    )
    return says, facts_of(document)


def facts_of(document: Json) -> Facts:
    return Facts(
        number=int(document["uuid"]),
        version=int(document["version"]),
        created_on=document["created_on"],
        created_by=document["created_by"],
        updated_on=document["updated_on"],
        updated_by=document["updated_by"],
        update_comment=document["update_comment"],
        retire_reason=document["retire_reason"],
    )


def next_version(facts: Facts, *, on: str, by: str, comment: str | None, reason: str | None) -> Facts:
    """The facts of the version that follows."""
    return replace(
        facts,
        version=facts.version + 1,
        updated_on=on,
        updated_by=by,
        update_comment=comment,
        retire_reason=reason,
    )


def _place(document: Json, side: str) -> Place:
    kinds = {name: kind for kind, name in OWNER_TYPES.items()}
    return Place(
        code=document[f"{side}_concept_code"],
        name=document[f"{side}_concept_name"],
        url=document[f"{side}_concept_url"],
        source_url=document[f"{side}_source_url"],
        source_name=document[f"{side}_source_name"],
        owner=document[f"{side}_source_owner"],
        owner_kind=kinds.get(document[f"{side}_source_owner_type"] or ""),
        resolved=document[f"{side}_concept_name_resolved"],
    )
