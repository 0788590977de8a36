"""Nothing may go wrong in a browser unseen: script errors, refusals of the content security policy, lost parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  window.reportViolation(`${event.violatedDirective} refused ${event.blockedURI || "inline"}`);
});
"""
_STATUS_ECHO = "Failed to load resource: the server responded with a status of"
# What htmx says when a newer question takes the place of one under way, as hx-sync asks. A question that fails says
# so in a word of its own too (htmx:sendError, htmx:timeout, htmx:responseError).
_REPLACED = ("htmx:sendAbort,", "htmx:afterRequest,")


class Watch:
    """Collects what goes wrong in the pages of the contexts that it watches; a test that left any has failed."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def over(self, context: BrowserContext, *, script: bool = True) -> None:
        """Watch every page that the context opens from now on.

        :param script: whether pages of the context run script at all
        """
        if script:
            context.expose_function("reportViolation", lambda words: self._note(f"policy: {words}"))
            context.add_init_script(REPORT_VIOLATIONS)
        context.on("page", self._over_page)

    @contextmanager
    def expecting(self, pattern: str) -> Iterator[None]:
        """Within, faults that the pattern matches are what the test is about."""
        self._expected.append(re.compile(pattern))
        yield
        self._expected.pop()

    def take(self) -> list[str]:
        """What was found until now; it is not held against the test any more."""
        found, self.faults = self.faults, []
        return found

    def _over_page(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda fault: self._note(f"script: {fault} at {page.url}"))
        page.on("response", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        # A status is seen for itself, where a page that refuses is told from a part that is missing.
        if message.type in ("error", "warning") and not message.text.startswith((_STATUS_ECHO, *_REPLACED)):
            self._note(f"console: {message.text} ({message.location.get('url')})")

    def _see(self, response: Response) -> None:
        of_page = response.request.is_navigation_request()
        if response.status >= 500 or (response.status >= 400 and not of_page):
            self._note(f"answer: {response.status} {response.request.method} {response.url}")

    def _note(self, fault: str) -> None:
        if not any(pattern.search(fault) for pattern in self._expected):
            self.faults.append(fault)
