"""``python -m app.builder``: serve the parent that started this process, and end with it."""

from __future__ import annotations

from app.builder.serving import serve

serve()
