"""Schemathesis over this contract's face."""

from __future__ import annotations

from flask import Flask

from tests.api.fuzzing import Fuzzed, Ids

SIGN_IN = "/ums/v2/"
"""Tried apart, without a token: so many wrong passwords would only be throttled."""


def faults_of(app: Flask, token: str, *, examples: int, paths: str = "", ids: Ids | None = None) -> list[str]:
    """See :meth:`tests.api.fuzzing.Fuzzed.faults_of`."""
    face = Fuzzed("/openapi/biot.json", {"Authorization": f"Bearer {token}"}, (SIGN_IN,))
    return face.faults_of(app, examples=examples, paths=paths, ids=ids)
