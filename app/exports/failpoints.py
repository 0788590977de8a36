"""Named places at which a test may stop or kill the process that builds. In service they do nothing."""

from __future__ import annotations

from collections.abc import Callable

CLAIMED = "claimed"
MID_PART = "mid-part"
BEFORE_STAGING = "before-staging-rename"
AFTER_STAGING = "after-staging-rename"
BEFORE_PART_COMMIT = "before-part-commit"
AFTER_PART_COMMIT = "after-part-commit"
BEFORE_RENAME = "before-rename"
AFTER_RENAME = "after-rename"
BEFORE_COMMIT = "before-publish-commit"
AFTER_COMMIT = "after-publish-commit"
INSIDE_COMMIT = {
    "plan": "inside-plan-commit",
    "build": "inside-part-commit",
    "publish": "inside-publish-commit",
}
"""By step: all is written, and the transaction is still open."""

ALL = (
    CLAIMED, MID_PART, BEFORE_STAGING, AFTER_STAGING, BEFORE_PART_COMMIT, AFTER_PART_COMMIT, BEFORE_RENAME,
    AFTER_RENAME, BEFORE_COMMIT, AFTER_COMMIT, *INSIDE_COMMIT.values(),
)  # fmt: skip

_visit: Callable[[str], None] | None = None


def visit_with(visit: Callable[[str], None] | None) -> None:
    """Let ``visit`` be called at each place; ``None`` ends that."""
    global _visit
    _visit = visit


def reach(place: str) -> None:
    if _visit is not None:
        _visit(place)
