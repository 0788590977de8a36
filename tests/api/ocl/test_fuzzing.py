"""Schemathesis: no 5xx, nothing that is not as described."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.api.fuzzing import Fuzzed, Ids
from tests.api.ocl.shelf import Shelf

FEW, MANY = 1, 20


@pytest.fixture
def face(shelf: Shelf) -> Fuzzed:
    return Fuzzed("/openapi/ocl.json", {"Authorization": f"Token {shelf.machine.token}"}, apart=("/export-archives/",))


@pytest.fixture
def ids(shelf: Shelf) -> Ids:
    """A source with a version whose export is ready."""
    shelf.released("v1")
    real = {
        "owner": "northside", "kind": "sources", "repository": "LUNG", "version": "v1",
        "concept": "A1", "concept_version": "1", "mapping": "1", "mapping_version": "1",
    }  # fmt: skip
    return {"/orgs/": real, "/v1/orgs/": real}


def test_what_schemathesis_sends_is_answered_as_described(app: Flask, face: Fuzzed, ids: Ids) -> None:
    # Both editions and all owners have the same views.
    assert face.faults_of(app, examples=FEW, paths="/orgs/", ids=ids) == []


@pytest.mark.long
def test_whatever_schemathesis_sends_is_answered_as_described(app: Flask, face: Fuzzed, ids: Ids) -> None:
    assert face.faults_of(app, examples=MANY, ids=ids) == []
