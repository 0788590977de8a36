"""Signing in through the form, and reading what a person reads."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import csrf_token
from tests.factories import PASSWORD


def enter(
    browser: FlaskClient, email: str = "alice@example.org", password: str = PASSWORD, **more: str
) -> TestResponse:
    token = csrf_token(browser, "/sign-in")
    return browser.post("/sign-in", data={"csrf_token": token, "email": email, "password": password} | more)


def words_of(answer: TestResponse) -> str:
    """What a person reads: no tags, no tokens, one space between words."""
    main = answer.text.split("<main", 1)[-1].split("</main>", 1)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())
