"""What this contract's face says of itself."""

from __future__ import annotations

from app.api.biot.openapi import document
from tests.api.describing import Described

FACE = "api.biot."
biot = Described(FACE, document)
operations_of, described = biot.operations_of, biot.described
