"""A telephone with an authenticator app, for tests: what it was told, and the codes that it shows."""

from __future__ import annotations

import html
import re

import pyotp

from app import clock


def code_of(secret: str, *, later: int = 0) -> str:
    """The six digits that an app shows now, or so many time steps later.

    :param secret: base 32, with spaces or without
    """
    return pyotp.TOTP(secret.replace(" ", "")).at(int(clock.now().timestamp()) + 30 * later)


def key_on(page: str) -> str:
    """The key that a page tells a telephone."""
    found = re.search(r'id="second-step-key">([A-Z2-7 ]+)<', page)
    assert found, page
    return found[1]


def recovery_codes_on(page: str) -> list[str]:
    """The recovery codes that a page shows."""
    found = re.search(r'id="codes">([^<]+)<', page)
    assert found, page
    return html.unescape(found[1]).split()
