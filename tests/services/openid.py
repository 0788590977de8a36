"""A real OpenID provider of the tests' own: Canaille, which asks for PKCE, signs its tokens and asks for consent."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.services import tied
from tests.services.tls import free_port

START_SECONDS = 60
PASSWORD = secrets.token_urlsafe(12)
"""Of everybody at the provider."""

_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="csrf_token"')


class OpenIDProvider:
    """A provider with one client. Its people survive :meth:`kill` and :meth:`start`, its keys do not."""

    def __init__(self, home: Path, returns: Sequence[str]) -> None:
        self.port = free_port()
        self.client_id = "chartroom"
        self.client_secret = secrets.token_urlsafe(24)
        self._home, self._returns = home, list(returns)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when it answers; nothing to do when it runs.

        :raises RuntimeError: it does not start; carries its log
        """
        if self._child is not None and self._child.poll() is None:
            return
        program = [sys.executable, "-W", "ignore", "-m", "tests.services.openid_server"]
        with (self._home / "log").open("ab") as log:
            self._child = tied.start(
                [*program, self._home, str(self.port), self.client_id, self.client_secret, *self._returns], log=log,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
        self._await(self._child)

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(tied.STOP_SECONDS)

    def keep(self, user_name: str, email: str, groups: Sequence[str] = (), name: str = "") -> None:
        """Add a person or change them. Addresses at ``unverified.example.org`` are told as not verified."""
        facts = {"user_name": user_name, "name": name or user_name.title(), "email": email, "password": PASSWORD}
        request = urllib.request.Request(
            f"{self.issuer}/~people", json.dumps({**facts, "groups": list(groups)}).encode(), method="PUT"
        )
        urllib.request.urlopen(request, timeout=20).close()

    def _await(self, child: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_SECONDS
        while child.poll() is None and time.monotonic() < give_up:
            try:
                urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=5).close()
            except urllib.error.HTTPError as fault:
                raise RuntimeError((self._home / "log").read_text()[-8000:]) from fault
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"Canaille does not start:\n{(self._home / 'log').read_text()[-8000:]}")


class ProviderBrowser:
    """A person's browser at the provider: it signs in there, and answers whether the portal is trusted."""

    def __init__(self, user_name: str) -> None:
        self._user_name = user_name
        self._web = requests.Session()

    def go(self, url: str, *, trust: bool = True) -> str:
        """Follow the portal's redirect to the provider, sign in if asked; answers the address that it sends back to."""
        page = self._get(url)
        for _ in range(6):
            if isinstance(page, str):
                return page
            if 'name="password"' in page.text:
                page = self._submit(page, {"password": PASSWORD})
            elif 'name="login"' in page.text:
                page = self._submit(page, {"login": self._user_name})
            elif 'value="accept"' in page.text:
                page = self._submit(page, {"answer": "accept" if trust else "deny"})
            else:
                break
        raise AssertionError(f"the provider does not know what to do: {page if isinstance(page, str) else page.text}")

    def _submit(self, page: requests.Response, more: dict[str, str]) -> requests.Response | str:
        token = _TOKEN.search(page.text)
        form = {"csrf_token": unescape(token.group(1) or token.group(2))} if token else {}
        action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        target = urljoin(page.url, unescape(action.group(1))) if action else page.url
        return self._followed(self._web.post(target, form | more, allow_redirects=False, timeout=20))

    def _get(self, url: str) -> requests.Response | str:
        return self._followed(self._web.get(url, allow_redirects=False, timeout=20))

    def _followed(self, answer: requests.Response) -> requests.Response | str:
        here = answer.url
        while answer.is_redirect:
            there = urljoin(answer.url, answer.headers["Location"])
            if there.split("/")[2] != here.split("/")[2]:
                return there
            answer = self._web.get(there, allow_redirects=False, timeout=20)
        return answer


@contextmanager
def running_provider(returns: Sequence[str]) -> Iterator[OpenIDProvider]:
    """A started provider; stopped at the end, started again or not.

    :param returns: the addresses to which its client may have people sent back
    """
    with tied.short_directory("op") as home:
        provider = OpenIDProvider(home, returns)
        try:
            provider.start()
            yield provider
        finally:
            provider.kill()
