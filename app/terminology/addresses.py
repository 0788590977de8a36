"""Where a repository, a concept or a mapping is: owner, kind and code, and the contract's paths of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.errors import Invalid, NotFound
from app.models import Repository

HEAD = "HEAD"
OWNER_KINDS = ("orgs", "users")
KINDS = {"sources": "source", "collections": "collection"}
CODE = re.compile(r"[A-Za-z0-9._@-]{1,255}")
UNKNOWN = "There is no such repository."
_PATH = re.compile(r"/(orgs|users)/([^/]+)/(sources|collections)/([^/]+)/")
_TERM = re.compile(r"(/(?:orgs|users)/[^/]+/sources/[^/]+/)(?:([^/]+)/)?(concepts|mappings)/([^/]+)/(?:([^/]+)/)?")
RESERVED = frozenset({"HEAD", "latest", "versions", "concepts", "mappings", "export", "processing", "references"})
"""Ids that no version may have: they mean something else in a path."""


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's place: ``owner_kind`` is ``orgs`` or ``users``, ``kind`` ``sources`` or ``collections``.

    Codes are compared exactly.
    """

    owner_kind: str
    owner: str
    kind: str
    short_code: str

    @classmethod
    def parse(cls, path: str) -> Address:
        """The address that a path like ``/orgs/WHO/sources/ICD-10/`` spells.

        :raises NotFound: it is no such path
        """
        found = _PATH.fullmatch(path if path.endswith("/") else f"{path}/")
        if found is None:
            raise NotFound(UNKNOWN)
        return cls(*found.groups())

    @classmethod
    def of(cls, repository: Repository) -> Address:
        owner_kind, owner = owner_of(repository)
        return cls(owner_kind, owner, f"{repository.kind}s", repository.short_code)

    @property
    def owner_path(self) -> str:
        return f"/{self.owner_kind}/{self.owner}/"

    @property
    def path(self) -> str:
        return f"{self.owner_path}{self.kind}/{self.short_code}/"

    def of_version(self, version: str) -> str:
        return self.path if version == HEAD else f"{self.path}{version}/"

    def of_concept(self, code: str) -> str:
        return f"{self.path}concepts/{code}/"

    def of_mapping(self, code: str) -> str:
        return f"{self.path}mappings/{code}/"


@dataclass(frozen=True, slots=True)
class TermAddress:
    """A concept's or mapping's place. ``kind`` is ``concepts`` or ``mappings``; ``release`` may be named, or not."""

    repository: Address
    release: str | None
    kind: str
    code: str

    @classmethod
    def find(cls, path: str) -> TermAddress | None:
        """The address that a path spells; a version of the concept itself at its end is not looked at."""
        found = _TERM.fullmatch(path if path.endswith("/") else f"{path}/")
        if found is None:
            return None
        release = None if found[2] in (None, HEAD) else found[2]
        return cls(Address.parse(found[1]), release, found[3], found[4])


def owner_of(repository: Repository) -> tuple[str, str]:
    """``orgs`` and the organization's short code, or ``users`` and the person's handle."""
    if repository.organization is not None:
        return "orgs", repository.organization.short_code
    if repository.user is None:
        raise ValueError("a repository has an owner")
    return "users", repository.user.handle


def is_code(text: str) -> bool:
    """Whether anything may be called so. What is not need not be looked for, and no database would take a NUL."""
    return CODE.fullmatch(text) is not None


def check_code(code: str, field: str, longest: int = 255) -> str:
    """The code, if a path can name it.

    :raises Invalid: it cannot, in words under ``field``
    """
    if not is_code(code) or len(code) > longest:
        words = f"Use 1 to {longest} of the letters A to Z, digits and the signs . _ @ -"
        raise Invalid(fields={field: words})
    if code in (".", ".."):
        raise Invalid(fields={field: "This means something else in a path. Take another one."})
    return code


def last_code(path: str) -> str:
    """The code at the end of a concept's path."""
    return path.rstrip("/").rpartition("/")[2]
