"""Names inside an archive cannot climb, and none is lost to another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive import NameBook, UnsafeName, check_name, tidy_segment
from app.archive.names import folded


@pytest.mark.parametrize("name", ["a", "patients.csv", "devices/d 1.csv", "患者.csv", "a..b", "é/ü.txt", "console.csv"])
def test_plain_relative_names_are_accepted(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "./a", "a\\b", "C:evil", "c:/x", "a:stream"),
        *("nul\0l", "new\nline", "del\x7f", "rtl\u202egpj.exe", "zero\u200bwidth", "half\ud800", "a\u2028b"),
        *("CON", "con.csv", "x/Lpt1.txt", "aux .txt", "COM¹.csv", "what?", "a|b"),
        *("trailing.", "trailing ", " leading", "n" * 256, "/".join(["deep"] * 300)),
    ],
)
def test_names_that_could_harm_an_unpacker_are_refused(name: str) -> None:
    with pytest.raises(UnsafeName):
        check_name(name)


@given(text=st.text(alphabet=st.characters(), max_size=400))
def test_anybodys_text_becomes_one_safe_segment(text: str) -> None:
    segment = tidy_segment(text)
    check_name(segment)
    assert "/" not in segment
    assert len(segment.encode()) <= 151
    assert tidy_segment(segment) == segment


@pytest.mark.parametrize(
    ("text", "segment"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("患者.zip", "患者.zip"),
        ("  scan   1.dcm ", "scan 1.dcm"),
        ("NUL.txt", "_NUL.txt"),
        ("...", "file"),
        ("\u202egpj.exe", "gpj.exe"),
        ("x" * 300 + ".dcm", "x" * 146 + ".dcm"),
    ],
)
def test_what_can_be_kept_of_a_name_is_kept(text: str, segment: str) -> None:
    assert tidy_segment(text) == segment


def test_equal_names_are_numbered_in_the_order_of_asking() -> None:
    book = NameBook()
    asked = ["d/a.csv", "d/a.csv", "D/A.csv", "d/a (2).csv", "b", "b", "cafe\u0301", "caf\u00e9"]
    assert [book.claim(name) for name in asked] == [
        "d/a.csv",
        "d/a (2).csv",
        "D/A (3).csv",
        "d/a (2) (2).csv",
        "b",
        "b (2)",
        "cafe\u0301",
        "caf\u00e9 (2)",
    ]


@given(names=st.lists(st.sampled_from(["a", "A", "a (2)", "a (3)", "b.csv", "B.csv", "b (2).csv"]), max_size=30))
def test_no_two_claims_are_one_file_to_anybody(names: list[str]) -> None:
    book = NameBook()
    claimed = [folded(book.claim(name)) for name in names]
    assert len(set(claimed)) == len(claimed)


def test_two_hundred_equal_names_are_two_hundred_names() -> None:
    book = NameBook()
    assert len({book.claim("same.csv") for _ in range(200)}) == 200


def test_an_unsafe_name_cannot_be_claimed() -> None:
    with pytest.raises(UnsafeName):
        NameBook().claim("../x")
