"""Why somebody is not let in by single sign-on."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from app.errors import Refusal

Why = Literal[
    "lost", "denied", "not-proved", "away", "misconfigured",
    "unverified", "unknown", "no-role", "disabled", "other-subject", "taken",
]  # fmt: skip
"""``lost``: this browser did not begin it, or too long ago, or it was used already. ``denied``: the provider or the
person said no. ``not-proved``: what the provider sent does not hold. ``away``: it does not answer. ``misconfigured``:
the deployment's settings and the provider's do not fit. The rest is about a person whom the provider did name: it does
not say that the e-mail address was verified; nobody here, and no role; somebody here without a role; disabled; known
here as somebody else of the provider; the address belongs to an account of elsewhere."""


class NotLetIn(Refusal):
    """Single sign-on ends here. ``message`` is for the log: a face has its own words for each ``why``.

    :param user_id: whose account it was about, if anybody's
    """

    def __init__(self, why: Why, message: str, user_id: UUID | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.user_id = user_id

    @property
    def named_a_person(self) -> bool:
        """Whether the provider did say who it is: that one may be told whom to ask."""
        return self.why in ("unverified", "unknown", "no-role", "disabled", "other-subject", "taken")

    @property
    def is_ours(self) -> bool:
        """Whether it lies in the machines and not in whoever came."""
        return self.why in ("away", "misconfigured")


def short_name(words: object) -> str:
    """An error's own short name, fit for the log whatever the provider wrote."""
    return "".join(sign for sign in str(words)[:60] if sign.isascii() and (sign.isalnum() or sign in "_-. "))
