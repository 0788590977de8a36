"""The description is true: it names every address, and what is answered is as it says."""

from __future__ import annotations

from flask import Flask, jsonify
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.ocl.describing import ocl
from tests.api.ocl.shelf import Shelf


def test_every_address_is_described_and_every_description_has_its_address(app: Flask) -> None:
    assert ocl.described() == ocl.operations_of(app)


def test_it_is_openapi_and_anybody_may_read_it(app: Flask) -> None:
    answer = app.test_client().get("/openapi/ocl.json")
    assert answer.json["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(answer.json).validate()


def test_an_answer_of_another_shape_is_noticed(app: Flask, shelf: Shelf, answers_that_differ: list[str]) -> None:
    app.view_functions["api.ocl.repositories.show"] = lambda **_: jsonify(id=1)
    shelf.get()
    assert len(answers_that_differ) == 1
    answers_that_differ.clear()
