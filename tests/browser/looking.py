"""Looking at a page as a checker does: accessibility by axe-core, overflow, and pictures for people."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
ALL = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_LAYOUT = ["color-contrast", "target-size", "scrollable-region-focusable", "aria-hidden-focus", "link-in-text-block"]
"""The rules whose answer a width can change, for a page that was looked at with all at another width."""
RUN_AXE = """async (rules) => {
  const found = await axe.run(document, {resultTypes: ["violations"], runOnly: rules});
  return found.violations.map(one => `${one.id}: ${one.help}: ` + one.nodes.slice(0, 3).map(
    node => `${node.target.join(" ")} (${node.any.concat(node.all, node.none).map(each => each.message).join("; ")})`
  ).join(" | "));
}"""
RUNS_OVER = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide && document.body.scrollWidth <= wide) return null;
  const over = [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > wide + 0.5);
  return over.slice(0, 3).map(one => `${one.tagName.toLowerCase()}.${one.className}`).join(", ") || "something";
}"""
PICTURES = os.environ.get("CHARTROOM_PICTURES")
"""A folder for a full-page picture of every page that the tests look at, for people to leaf through."""


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def violations(page: Page, rules: list[str] = ALL) -> list[str]:
    """What axe-core finds wrong on the page as it stands."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe())
    return page.evaluate(RUN_AXE, rules)


def runs_over(page: Page) -> str | None:
    """What makes the page scroll sideways, or None."""
    return page.evaluate(RUNS_OVER)


def picture(page: Page, name: str) -> None:
    """Keep a picture where CHARTROOM_PICTURES says, if it says so."""
    if PICTURES:
        path = Path(PICTURES) / (re.sub(r"[^\w.-]+", "_", name) + ".png")
        # Hiding the caret would leave empty styles in the page, which its policy refuses as soon as htmx copies them.
        page.screenshot(path=path, full_page=True, caret="initial")


def faults_of(page: Page, name: str, rules: list[str] = ALL) -> list[str]:
    """Everything that is wrong with how the page stands there, each in a sentence."""
    picture(page, name)
    found = [f"{name}: {words}" for words in violations(page, rules)]
    if over := runs_over(page):
        found.append(f"{name}: scrolls sideways because of {over}")
    return found
