"""Terminology: repositories (sources and collections), their concepts and mappings, releases, diffs, search.

Everything is system-versioned by the repository's own revision: a release is one row that names a number, HEAD is the
newest one, a diff is a range. The JSON of each concept and mapping is made when it is edited; answers and exports are
those documents joined. An :class:`Address` names a repository (``Address.parse("/orgs/WHO/sources/ICD-10/")``);
``version`` is ``"HEAD"`` or a release's id. ``actor`` comes first; where looking, ``None`` is a stranger, who sees only
what an operator opened to the world. Refusals: ``NotFound`` (unknown, or another tenant's), ``Forbidden`` (``reason``
is ``private``, or one may look but not change), ``Invalid`` with ``fields``, ``Duplicate``.

Looking::

    list_repositories(actor, *, owner_kind, owner, kind, search, limit, offset) -> Listed[Repository]
    get_repository(actor, address) -> Repository
    may_edit / may_release / may_manage(actor, repository) -> bool
    list_versions(actor, address, *, released, since, limit, offset) -> Listed[Version]     newest first, HEAD last
    versions_of / version_within(repository, …)                                             of one at hand
    get_version(actor, address, version="HEAD") / latest_version(actor, address) -> Version
    heads_of(repositories) -> list[Version]; latest_versions(repositories) -> dict[id, Version]
    repository_detail(repository) / version_detail / version_row / expansion_detail(version)  the contract's keys
    repository_details(repositories) -> list[dict]; repository_row(repository) -> dict      for lists
    get_content(actor, address, version="HEAD", wish=Wish()) -> Content                     counts, documents, deletions
    content_json(content) -> Iterator[bytes]                                                detail and content, streamed
    get_concept / get_mapping(actor, address, code, version="HEAD") -> Term
    concept_history / mapping_history(actor, address, code) -> list[Term]                   newest first
    mappings_of(actor, address, code) -> MappedBothWays
    relatives_of(actor, address, code, version="HEAD") -> Relatives
    top_of(repository, *, limit, after) -> list[Relative]                                   of a source at hand
    search_concepts(actor, text, address=None, *, limit=25, in_use=False) -> list[Found]
    read_codes(actor, repository_ids, codes) -> Codes                             what codes that records hold mean
    diff(actor, address, older, newer="HEAD", *, what=None, limit=100, offset=0) -> Diff
    preview_release(actor, address) -> Preview
    list_references(actor, address, version="HEAD") -> list[dict]

Changing (each commits)::

    create_repository / update_repository(actor, address, facts: RepositoryFacts) -> Repository
    open_to_world(address, opened)                                                          the operator's
    create_concept(actor, address, wish: ConceptWish, comment=None) -> Term
    edit_concept(actor, address, code, wish, comment=None, *, seen=None) -> Term             wish_of(term) to begin with
    retire_concept(actor, address, code, reason=None) / restore_concept(...) -> Term
    delete_concept(actor, address, code)
    create_mapping, edit_mapping, retire_mapping, restore_mapping, delete_mapping           likewise, of MappingWish
    add_references(actor, address, expressions, *, cascade=False) -> int
    remove_references(actor, address, expressions) -> int

Releasing orders an export in the same transaction, so it is :mod:`app.exports`': ``release_version``,
``edit_release``, ``delete_release``, ``release_export``, ``failed_export``, ``request_release_export``,
``delete_release_export``, ``import_terminology``.
"""

from app.access.repositories import may_edit, may_manage, may_release
from app.terminology.addresses import HEAD, Address, TermAddress
from app.terminology.codes import Coded, Codes, Source, read_codes
from app.terminology.concepts import (
    ConceptWish,
    create_concept,
    delete_concept,
    edit_concept,
    restore_concept,
    retire_concept,
    wish_of,
)
from app.terminology.content import Content, Wish, content_json, content_of, get_content
from app.terminology.departures import Departed
from app.terminology.details import (
    expansion_detail,
    repository_detail,
    repository_details,
    repository_row,
    version_detail,
    version_row,
)
from app.terminology.diffing import OUTCOMES, Diff, Difference, FieldChange, Preview, diff, preview_release
from app.terminology.documents import instant_text
from app.terminology.hierarchy import Relative, Relatives, relatives_of, top_of
from app.terminology.mappings import (
    MappedBothWays,
    MappingWish,
    create_mapping,
    delete_mapping,
    edit_mapping,
    mappings_of,
    restore_mapping,
    retire_mapping,
    wish_of_mapping,
)
from app.terminology.references import add_references, list_references, reference_rows, remove_references
from app.terminology.releasing import ReleaseFacts, add_release, change_release, remove_release
from app.terminology.repositories import (
    DETAILS,
    ChangedMeanwhile,
    Listed,
    RepositoryFacts,
    create_repository,
    facts_of_repository,
    find_owner,
    get_repository,
    handle_of,
    list_repositories,
    open_to_world,
    update_repository,
)
from app.terminology.searching import Found, search_concepts
from app.terminology.terms import Term, concept_history, get_concept, get_mapping, mapping_history
from app.terminology.versions import (
    Counts,
    Version,
    get_version,
    heads_of,
    latest_version,
    latest_versions,
    list_versions,
    version_of,
    version_within,
    versions_of,
)

__all__ = [
    "DETAILS",
    "HEAD",
    "OUTCOMES",
    "Address",
    "ChangedMeanwhile",
    "Coded",
    "Codes",
    "ConceptWish",
    "Content",
    "Counts",
    "Departed",
    "Diff",
    "Difference",
    "FieldChange",
    "Found",
    "Listed",
    "MappedBothWays",
    "MappingWish",
    "Preview",
    "Relative",
    "Relatives",
    "ReleaseFacts",
    "RepositoryFacts",
    "Source",
    "Term",
    "TermAddress",
    "Version",
    "Wish",
    "add_references",
    "add_release",
    "change_release",
    "concept_history",
    "content_json",
    "content_of",
    "create_concept",
    "create_mapping",
    "create_repository",
    "delete_concept",
    "delete_mapping",
    "diff",
    "edit_concept",
    "edit_mapping",
    "expansion_detail",
    "facts_of_repository",
    "find_owner",
    "get_concept",
    "get_content",
    "get_mapping",
    "get_repository",
    "get_version",
    "handle_of",
    "heads_of",
    "instant_text",
    "latest_version",
    "latest_versions",
    "list_references",
    "list_repositories",
    "list_versions",
    "mapping_history",
    "mappings_of",
    "may_edit",
    "may_manage",
    "may_release",
    "open_to_world",
    "preview_release",
    "read_codes",
    "reference_rows",
    "relatives_of",
    "remove_references",
    "remove_release",
    "repository_detail",
    "repository_details",
    "repository_row",
    "restore_concept",
    "restore_mapping",
    "retire_concept",
    "retire_mapping",
    "search_concepts",
    "top_of",
    "update_repository",
    "version_detail",
    "version_of",
    "version_row",
    "version_within",
    "versions_of",
    "wish_of",
    "wish_of_mapping",
]
