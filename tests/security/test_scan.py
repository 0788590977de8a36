"""What `make scan` found, as it was kept: the planted holes and nothing else; and how its words are made."""

from __future__ import annotations

from pathlib import Path

from tests.security.holes import make_app
from tests.security.scan import in_words
from tests.security.scanners import Outcome

KEPT = Path(__file__).parents[1] / "results" / "scan.txt"


def test_the_last_scan_found_what_was_planted_and_nothing_in_the_portal() -> None:
    planted, portal = KEPT.read_text().split("The portal, signed in as an administrator:")
    assert "  http://localhost/search?q=a: q (GET) can be injected" in planted
    assert "  Reflected Cross Site Scripting: GET /search (q)" in planted
    assert portal.count(", 0 found, as it should") == 2
    assert "WRONG" not in KEPT.read_text()


def test_a_finding_in_the_portal_and_a_planted_hole_that_is_not_found_are_wrong() -> None:
    clean, hit = (
        Outcome("sqlmap", (), "looked at"),
        Outcome("wapiti", ("SQL Injection: GET /x (q)",), "3 pages crawled"),
    )
    assert list(in_words([clean, hit], wanted=False)) == [
        "sqlmap: 1 runs (looked at), 0 found, as it should",
        "wapiti: 1 runs (3 pages crawled), 1 found, WRONG",
        "  SQL Injection: GET /x (q)",
    ]
    assert next(in_words([clean], wanted=True)).endswith("0 found, WRONG")


def test_the_holes_are_holes() -> None:
    client = make_app().test_client()
    assert "2 found" in client.get("/search?q=r").text
    assert "3 found" in client.get("/search?q=x' OR 'a' LIKE '%25a").text
    assert "<script>" in client.get("/search?q=<script>").text
