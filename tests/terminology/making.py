"""A source to test with, and how its exports are looked into."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from app import exports, terminology
from app.actor import Actor
from app.terminology import Address, ConceptWish, MappingWish, ReleaseFacts, RepositoryFacts, Term

LUNG = Address("orgs", "northside", "sources", "LUNG")
STARTER = Address("orgs", "northside", "collections", "Starter")


def made(actor: Actor, address: Address = LUNG, **facts: Any) -> Address:
    """An empty repository."""
    terminology.create_repository(actor, address, RepositoryFacts(**({"name": address.short_code} | facts)))
    return address


def concept(actor: Actor, code: str, name: str | None = None, *, at: Address = LUNG, **more: Any) -> Term:
    names = [{"name": name or f"The concept {code}", "locale": "en", "name_type": "FULLY_SPECIFIED"}]
    return terminology.create_concept(actor, at, ConceptWish(code, **({"names": names} | more)))


def mapping(actor: Actor, start: str, target: str, *, at: Address = LUNG, **more: Any) -> Term:
    wish = MappingWish("SAME-AS", at.of_concept(start), at.of_concept(target), **more)
    return terminology.create_mapping(actor, at, wish)


def renamed(actor: Actor, code: str, name: str, *, at: Address = LUNG) -> Term:
    return terminology.edit_concept(actor, at, code, ConceptWish(code, [{"name": name, "locale": "en"}]))


def released(actor: Actor, version: str, *, at: Address = LUNG, work: bool = True) -> terminology.Version:
    """A release, and its export made in this process."""
    found = exports.release_version(actor, at, ReleaseFacts(version))
    if work:
        exports.work_until_idle("test")
    return found


def exported(actor: Actor, version: str, *, at: Address = LUNG) -> dict[str, Any]:
    """What ``export.json`` of a release holds; the archive holds nothing else."""
    export = exports.release_export(actor, at, version)
    assert export is not None
    assert export.state == "ready", export.reason
    download = exports.open_archive(actor, export.id)
    with download.stream:
        archive = zipfile.ZipFile(io.BytesIO(download.stream.read()))
    assert archive.namelist() == ["export.json"]
    assert archive.testzip() is None
    found: dict[str, Any] = json.loads(archive.read("export.json"))
    return found


def content(actor: Actor | None, version: str = "HEAD", *, at: Address = LUNG, **wish: Any) -> dict[str, Any]:
    """The JSON of a version with its content."""
    wanted = terminology.Wish(**({"concepts": True, "mappings": True, "references": True, "retired": True} | wish))
    text = b"".join(terminology.content_json(terminology.get_content(actor, at, version, wanted)))
    found: dict[str, Any] = json.loads(text)
    return found
