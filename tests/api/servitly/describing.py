"""What this contract's face says of itself."""

from __future__ import annotations

from app.api.servitly.openapi import document
from tests.api.describing import Described

servitly = Described("api.servitly.", document)
