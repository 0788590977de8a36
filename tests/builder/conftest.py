"""The ward of the exports' tests, on either database."""

from __future__ import annotations

from tests.exports.conftest import ward

__all__ = ["ward"]
