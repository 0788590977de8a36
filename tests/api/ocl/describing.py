"""What this contract's face says of itself."""

from __future__ import annotations

from app.api.ocl.openapi import document
from tests.api.describing import Described

ocl = Described("api.ocl.", document)
