"""The operations of this contract, by what follows the address of a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.api.describing import OPEN, TEXT, Json, among, answers, body, operation, query, ref, several, within

CODE: Json = {"type": "string", "pattern": "^[A-Za-z0-9._@-]{1,255}$"}
OWNER = within("owner", CODE, "The organization's short code, or the person's handle.")
KIND = within("kind", among("sources", "collections"))
REPOSITORY = within("repository", CODE, "The repository's id.")
VERSION = within("version", CODE, "A version's id, compared exactly; HEAD, or latest for the newest released one.")
CONCEPT = within("concept", CODE, "The concept's id.")
MAPPING = within("mapping", CODE, "The mapping's id.")
COMPRESS: Json = {
    "name": "Compress", "in": "header", "required": False, "schema": among("true"),
    "description": "The same JSON as a zip that holds one export.json.",
}  # fmt: skip
_SWITCH = among("true", "True", "1", "false")
_WHOLE: Json = {"type": "integer", "minimum": 0}
_SINCE = query("updatedSince", TEXT, "Only what changed at that instant or later; UTC without a zone.")
_LIMIT = query("limit", _WHOLE | {"default": 25}, "0 and more than 1,000 are 25; below /v1 more than 500 is refused.")
_PAGE = query("page", {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1})
PAGED = (COMPRESS, _LIMIT, _PAGE)
_VERBOSE = query("verbose", _SWITCH, "Whole objects.")
RETIRED = query("includeRetired", _SWITCH, "Retired ones too.")
_SUMMARY = query("includeSummary", _SWITCH, "How many are active.")
_CONTENT = (
    COMPRESS,
    *(query(f"include{name}", _SWITCH, f"With its {name.lower()}.") for name in ("Concepts", "Mappings", "References")),
    RETIRED,
    _SUMMARY,
    _SINCE,
    query("updatedBy", TEXT, "Only what this person wrote last."),
    query("includeDeleted", _SWITCH, "With updatedSince: what left since then, too."),
    query("limit", _WHOLE | {"default": 30}, "Of concepts, and of mappings; 0 is all. Below /v1 at most 500."),
    query("offset", _WHOLE | {"maximum": 10_000_000, "default": 0}),
)
_ZIP: Json = {"schema": {"type": "string", "format": "binary"}}
_COUNT: Json = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
_PAGING: Json = {
    **{name: _COUNT | {"required": True} for name in ("num_found", "num_returned", "pages", "page_number")},
    "next": {"schema": TEXT},
    "previous": {"schema": TEXT},
}
_CHANGED: Json = {
    "lastUpdated": {
        "schema": TEXT, "required": True, "description": "When its content changed last: updatedSince from then on.",
    },
    "lastUpdatedTimezone": {"schema": TEXT, "required": True},
}  # fmt: skip


def got(words: str, schema: Mapping[str, Any], *, paged: bool = False) -> Json:
    """The answers of a GET of JSON, zipped where that is asked for."""
    told = answers(200, words, schema)
    told["200"]["content"]["application/zip"] = _ZIP
    if paged:
        told["200"]["headers"] = _PAGING
    return told


def read(summary: str, tag: str, schema: Mapping[str, Any], *parameters: Json) -> Json:
    """Something to be read, by strangers too where it is open to the world."""
    made = operation(summary, tag, got(summary + ".", schema), parameters=(COMPRESS, *parameters))
    return {"get": made | {"security": _PERHAPS}}


def listed(summary: str, tag: str, schema: Mapping[str, Any], *parameters: Json) -> Json:
    made = operation(summary, tag, got(summary + ".", several(schema), paged=True), parameters=(*PAGED, *parameters))
    return {"get": made | {"security": _PERHAPS}}


_PERHAPS: list[Json] = [{"token": []}, {"bearer": []}, {}]
_VERSIONED = {"anyOf": [ref("Repository"), ref("Version")]}
_ROWS = {"anyOf": [ref("VersionRow"), ref("BriefVersion"), ref("Version")]}


def _empty(told: Mapping[str, str]) -> Json:
    refused = {"default": answers(200, "")["default"]}
    return {code: {"description": words} for code, words in told.items()} | refused


def _content(summary: str, schema: Mapping[str, Any], *parameters: Json) -> Json:
    told = got(summary + ".", schema)
    # Counts and neighbours come with content alone.
    told["200"]["headers"] = {**{name: {"schema": one["schema"]} for name, one in _PAGING.items()}, **_CHANGED}
    made = operation(summary, "repositories", told, parameters=(*_CONTENT, *parameters))
    return made | {"security": _PERHAPS}


def _changed(summary: str, schema: str) -> Json:
    done = answers(200, "As it is now.", ref("Version"))
    return operation(summary, "versions", done, parameters=(VERSION,), request_body=body(ref(schema)))


_EXPORT_GET = {
    "200": "Below /v1: ready; exportURL says where.",
    "202": "Below /v1: it is being made, from now on if it was not.",
    "204": "There is none.",
    "208": "It is being made.",
    "302": "Ready; Location leads to it. For clients that send X-OCL-CLIENT.",
    "303": "Ready; Location leads to it: once, without a token.",
}
_EXPORT_POST = {
    "202": "It will be made.",
    "204": "There is one (noRedirect).",
    "303": "There is one; URL names this address.",
}
_PROCESSING: Json = {
    "200": {
        "description": "Whether its export is being made.",
        "content": {"text/plain": {"schema": TEXT}, "application/json": {"schema": ref("Processing")}},
    },
    "default": answers(200, "")["default"],
}
_CLEARED: Json = {"200": {"description": "Nothing was stuck."}, "default": answers(200, "")["default"]}

OF_REPOSITORY: dict[str, Json] = {
    "/": {"get": _content("The repository as it is now", ref("Repository"))},
    "/versions/": {
        **listed(
            "Its versions, newest first", "versions", _ROWS,
            query("released", TEXT, "true or false, in any case."), _SINCE, _VERBOSE, query("brief", _SWITCH), _SUMMARY,
        ),
        "post": operation(
            "Release it as it is now; its export is made at once", "versions",
            answers(201, "The version.", ref("Version")), request_body=body(ref("NewVersion")),
        ),
    },
    "/{version}/": {
        "get": _content("A version", _VERSIONED, VERSION),
        "put": _changed("Say anew what it is", "VersionChange"),
        "patch": _changed("Say anew what is sent", "VersionChange"),
        "delete": operation("Delete it with its export", "versions", answers(204, "Deleted."), parameters=(VERSION,)),
    },
    "/{version}/export/": {
        "get": operation("Where its export is", "exports", _empty(_EXPORT_GET), parameters=(VERSION,)),
        "post": operation(
            "Have its export made", "exports", _empty(_EXPORT_POST),
            parameters=(VERSION, query("force", _SWITCH, "Also when there is one."), query("noRedirect", _SWITCH)),
        ),
        "delete": operation("Delete its export", "exports", _empty({"204": "Deleted."}), parameters=(VERSION,)),
    },
    "/{version}/processing/": {
        "get": operation(
            "Whether its export is being made", "exports", _PROCESSING, parameters=(VERSION, query("debug", _SWITCH))
        ),
        "post": operation("Nothing is ever stuck here", "exports", _CLEARED, parameters=(VERSION,)),
    },
    "/concepts/": listed("Its concepts", "terms", ref("Concept"), RETIRED, _SINCE),
    "/{version}/concepts/": listed("A version's concepts", "terms", ref("Concept"), VERSION, RETIRED, _SINCE),
    "/mappings/": listed("Its mappings", "terms", ref("Mapping"), RETIRED, _SINCE),
    "/{version}/mappings/": listed("A version's mappings", "terms", ref("Mapping"), VERSION, RETIRED, _SINCE),
    "/references/": listed("What a collection draws on", "terms", ref("Reference")),
    "/{version}/references/": listed("What a version of a collection draws on", "terms", ref("Reference"), VERSION),
    "/{version}/expansions/": listed(
        "What a version of a collection came to: one expansion", "terms", ref("Expansion"), VERSION
    ),
    "/{version}/expansions/{expansion}/": read(
        "An expansion, named like its version", "terms", ref("Expansion"), VERSION, within("expansion", CODE)
    ),
    "/concepts/{concept}/": read(
        "A concept", "terms", ref("Concept"), CONCEPT,
        query("includeMappings", _SWITCH), query("includeInverseMappings", _SWITCH),
    ),
    "/{version}/concepts/{concept}/": read(
        "A concept as a version holds it", "terms", ref("Concept"), VERSION, CONCEPT,
        query("includeMappings", _SWITCH), query("includeInverseMappings", _SWITCH),
    ),
    "/concepts/{concept}/versions/": listed("All that a concept ever was", "terms", ref("Concept"), CONCEPT),
    "/concepts/{concept}/mappings/": listed(
        "The mappings of a concept", "terms", ref("Mapping"), CONCEPT, query("includeInverseMappings", _SWITCH)
    ),
    "/concepts/{concept}/extras/": read("What is said of a concept besides", "terms", OPEN, CONCEPT),
    "/concepts/{concept}/{concept_version}/": read(
        "A concept as it was", "terms", ref("Concept"), CONCEPT, within("concept_version", CODE)
    ),
    "/mappings/{mapping}/": read("A mapping", "terms", ref("Mapping"), MAPPING),
    "/{version}/mappings/{mapping}/": read(
        "A mapping as a version holds it", "terms", ref("Mapping"), VERSION, MAPPING
    ),
    "/mappings/{mapping}/versions/": listed("All that a mapping ever was", "terms", ref("Mapping"), MAPPING),
    "/mappings/{mapping}/{mapping_version}/": read(
        "A mapping as it was", "terms", ref("Mapping"), MAPPING, within("mapping_version", CODE)
    ),
}  # fmt: skip

_FOUND = query("q", TEXT, "What an id or a name holds.")
LIST_OF_REPOSITORIES = listed(
    "Repositories, by name", "repositories", {"anyOf": [ref("RepositoryRow"), ref("Repository")]}, _FOUND, _VERBOSE
)
