"""The bodies of this contract, key by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.api.describing import INSTANT, NUMBER, OPEN, SWITCH, TEXT, UUID, WHOLE, Json, maybe, ref, several, shape

ANYTHING: Json = {}
"""What a repository may say of itself in any form."""

CHECKSUMS = shape({"standard": TEXT, "smart": TEXT})
PERHAPS = maybe(TEXT)
_KINDS = ("source_type", "collection_type")
_SUMMARY = shape({"active_concepts": WHOLE, "active_mappings": WHOLE})


def _each(names: str, schema: Mapping[str, object]) -> Json:
    return {name: dict(schema) for name in names.split()}


_NAMED: Json = {
    **_each("id short_code name full_name description source_type collection_type", TEXT),
    "custom_validation_schema": ANYTHING,
    **_each("public_access default_locale", TEXT),
    "supported_locales": several(TEXT),
    "website": ANYTHING,
}
_OWNED: Json = {**_each("url owner owner_type owner_url", TEXT), "retired": SWITCH}
_MADE: Json = {**_each("created_on updated_on", INSTANT), **_each("created_by updated_by", TEXT)}
_TOLD = (
    "canonical_url identifier publisher contact jurisdiction purpose copyright content_type revision_date text meta "
    "experimental"
)
_SOURCES = (
    "case_sensitive collection_reference hierarchy_meaning compositional version_needed hierarchy_root_url content_type"
)
_COLLECTIONS = "immutable locked_date"
_LISTS: Json = {"properties": several(ANYTHING), "filters": several(ANYTHING)}
_CONTENT: Json = {
    "concepts": several(ref("Concept")),
    "references": several(ref("Reference")),
    "mappings": several(ref("Mapping")),
    "deleted_concepts": several(ref("Departed")),
    "deleted_mappings": several(ref("Departed")),
    "summary": _SUMMARY,
}
_OF_EITHER = (*_KINDS, *_SOURCES.split(), *_COLLECTIONS.split())


def _some(properties: Json, optional: Iterable[str]) -> Json:
    return shape(properties, optional=[name for name in optional if name in properties])


_REPOSITORY: Json = {
    "type": TEXT,
    "uuid": TEXT,
    **_NAMED,
    **_OWNED,
    "versions": WHOLE,
    "versions_url": TEXT,
    "version": TEXT,
    **_MADE,
    "extras": OPEN,
    "external_id": ANYTHING,
    **_each("concepts_url mappings_url", TEXT),
    **_each(f"{_TOLD} {_SOURCES} {_COLLECTIONS} logo_url", ANYTHING),
    **_each("active_concepts active_mappings", WHOLE),
    "checksums": CHECKSUMS,
    **_LISTS,
    **_CONTENT,
}
_VERSION: Json = {
    "type": TEXT,
    "uuid": TEXT,
    **_NAMED,
    **_OWNED,
    "version_url": TEXT,
    "previous_version_url": PERHAPS,
    **_MADE,
    "extras": OPEN,
    "external_id": ANYTHING,
    "version": TEXT,
    "versions": WHOLE,
    **_each("versions_url concepts_url mappings_url", TEXT),
    "is_processing": SWITCH,
    "released": SWITCH,
    **_each(f"{_TOLD} {_SOURCES} {_COLLECTIONS}", ANYTHING),
    "autoexpand": SWITCH,
    **_each("expansions_url expansion_url", TEXT),
    "checksums": CHECKSUMS,
    **_LISTS,
    "match_algorithms": several(ANYTHING),
    "external_exports": several(ANYTHING),
    **_each("active_concepts active_mappings", WHOLE),
    "source": ref("Repository"),
    "collection": ref("Repository"),
    **_CONTENT,
}
_ROW: Json = {
    **_each("type short_code name url", TEXT),
    "canonical_url": ANYTHING,
    **_each("owner owner_type owner_url version id", TEXT),
    **_each("source_type collection_type", TEXT),
    **_each("created_at updated_at", INSTANT),
    "released": SWITCH,
    "retired": SWITCH,
    "version_url": TEXT,
    "previous_version_url": PERHAPS,
    "checksums": CHECKSUMS,
    "match_algorithms": several(ANYTHING),
    "summary": _SUMMARY,
}
_WORD: Json = {
    "uuid": TEXT, "external_id": ANYTHING, "type": TEXT, "locale": TEXT, "locale_preferred": SWITCH, "checksum": TEXT,
    "retired": SWITCH, "retire_reason": ANYTHING,
}  # fmt: skip
_CHANGED: Json = {
    **_each("version_created_on version_updated_on", INSTANT),
    "version_updated_by": TEXT,
    "update_comment": PERHAPS,
    "is_latest_version": SWITCH,
    "checksums": CHECKSUMS,
    "retire_reason": PERHAPS,
}

SCHEMAS: dict[str, Json] = {
    "Error": {
        "anyOf": [
            shape({"detail": TEXT, "error": TEXT}, optional=("error",)),
            {"type": "object", "additionalProperties": several(TEXT), "minProperties": 1},
        ],
        "description": "Why not; or what is wrong, by the name of what cannot be taken.",
    },
    "Repository": _some(_REPOSITORY, (*_OF_EITHER, *_CONTENT)),
    "RepositoryRow": _some(
        {
            **_each("type short_code id name url owner owner_type owner_url version", TEXT),
            **_each("source_type collection_type public_access default_locale", TEXT),
            "canonical_url": ANYTHING,
            "checksums": CHECKSUMS,
            **_each("created_at updated_at", INSTANT),
            "retired": SWITCH,
        },
        _KINDS,
    ),
    "Version": _some(
        _VERSION,
        (*_OF_EITHER, *_CONTENT, "autoexpand", "expansions_url", "expansion_url", "source", "collection"),
    ),
    "VersionRow": _some(_ROW, (*_KINDS, "summary")),
    "BriefVersion": shape({**_each("id version_url type short_code name description", TEXT), "released": SWITCH}),
    "Name": shape({**_WORD, "name": TEXT, "name_type": PERHAPS}),
    "Description": shape({**_WORD, "description": TEXT, "description_type": PERHAPS}),
    "Concept": shape(
        {
            **_each("type uuid id concept_class datatype display_name display_locale source source_url", TEXT),
            "external_id": PERHAPS,
            "names": several(ref("Name")),
            "descriptions": several(ref("Description")),
            "extras": OPEN,
            "retired": SWITCH,
            **_each("owner owner_name owner_url owner_type version locale url version_url", TEXT),
            "previous_version_url": PERHAPS,
            **_MADE,
            **_CHANGED,
            "version_created_by": TEXT,
            **_each("parent_concept_urls child_concept_urls", several(TEXT)),
            **_each("mappings_url extras_url", TEXT),
            "versions": WHOLE,
            "mappings": several(ref("Mapping")),
        },
        optional=("mappings",),
    ),
    "Mapping": shape(
        {
            **_each("type uuid id map_type source owner owner_type owner_url", TEXT),
            "external_id": PERHAPS,
            "retired": SWITCH,
            **_each("from_concept_code to_concept_code", TEXT),
            **_each(
                "from_concept_name from_concept_url to_concept_name to_concept_url from_source_owner "
                "from_source_owner_type from_source_url from_source_name to_source_owner to_source_owner_type "
                "to_source_url to_source_name from_source_version to_source_version from_concept_name_resolved "
                "to_concept_name_resolved",
                PERHAPS,
            ),
            **_each("url version versioned_object_url version_url", TEXT),
            "versioned_object_id": WHOLE,
            **_MADE,
            **_CHANGED,
            "sort_weight": maybe(NUMBER),
            "extras": OPEN,
            "public_can_view": SWITCH,
        }
    ),
    "Reference": shape(
        {
            **_each("expression reference_type uri uuid type created_by", TEXT),
            "id": WHOLE,
            "include": SWITCH,
            **_each("last_resolved_at created_at updated_at", INSTANT),
            **_each(
                "code resource_version namespace system version valueset cascade filter display translation transform",
                ANYTHING,
            ),
            **_each("concepts mappings", WHOLE),
        }
    ),
    "Expansion": shape(
        {
            **_each("type id mnemonic url version_url concepts_url mappings_url created_by", TEXT),
            "created_on": INSTANT,
            "parameters": OPEN,
            "is_processing": SWITCH,
            **_each("active_concepts active_mappings", WHOLE),
        }
    ),
    "Departed": OPEN | {"description": "What left: its id, its url, and when."},
    "Processing": shape({"is_processing": SWITCH, "process_ids": several(UUID), "state": PERHAPS, "error": PERHAPS}),
    "NewVersion": shape(
        {
            "id": {"type": "string", "pattern": "^[A-Za-z0-9._@-]{1,40}$"},
            "description": maybe(TEXT),
            "released": {"type": ["boolean", "string", "null"], "default": False},
            "extras": maybe(OPEN),
        },
        optional=("description", "released", "extras"),
        is_open=True,
    ),
    "VersionChange": shape(
        {"description": maybe(TEXT), "released": {"type": ["boolean", "string", "null"]}},
        optional=("description", "released"),
        is_open=True,
    ),
}
