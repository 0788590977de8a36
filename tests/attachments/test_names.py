from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.attachments.names import MAX_BYTES, MAX_CHARACTERS, clean_name
from app.errors import Invalid


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("患者.dcm", "患者.dcm"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\ada\\scan.PNG", "scan.PNG"),
        ("C:scan.png", "scan.png"),
        ("..\\..\\scan.png", "scan.png"),
        ("  .hidden.csv ", "hidden.csv"),
        ("scan\r\nSet-Cookie: a=b.png", "scan Set-Cookie_ a=b.png"),
        ("a\x00b\x07.png", "ab.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("\ufeff\u200bscan.png", "scan.png"),
        ("CON.txt", "_CON.txt"),
        ("com1.tar.csv", "_com1.tar.csv"),
        ("a.png:stream", "a.png_stream"),
        ('what "is" this?.csv', "what _is_ this_.csv"),
        ("two   spaces\u2028here.txt", "two spaces here.txt"),
        ("trailing.dots...", "trailing.dots"),
        ("A\u030angstro\u0308m.csv", "Ångström.csv"),
        ("लक्ष्\u200dमी.csv", "लक्ष्\u200dमी.csv"),
        ("lone\ud800surrogate.csv", "lonesurrogate.csv"),
    ],
)
def test_a_name_is_kept_without_what_could_harm(sent: str, kept: str) -> None:
    assert clean_name(sent).name == kept


@pytest.mark.parametrize("sent", ["", "   ", "...", "/", "folder/", "..", "\u202e\x00"])
def test_a_name_of_which_nothing_is_left_is_refused(sent: str) -> None:
    with pytest.raises(Invalid, match="no name"):
        clean_name(sent)


def test_a_name_of_three_hundred_characters_is_shortened_before_its_extension_and_says_so() -> None:
    found = clean_name("a" * 296 + ".dcm")
    assert found.name == "a" * 124 + ".dcm"
    assert found.shortened
    assert not clean_name("a" * 124 + ".dcm").shortened


def test_a_long_name_in_wide_letters_still_fits_a_file_system() -> None:
    found = clean_name("患" * 126 + ".x")
    assert len(found.name.encode()) <= MAX_BYTES
    assert found.name.endswith("患.x")


def test_shortening_does_not_part_a_letter_from_its_accent() -> None:
    letter = "x\u0301"  # NFC has no single character for it
    assert clean_name(letter * 100 + ".csv").name == letter * 62 + ".csv"


def test_the_extension_is_told_in_lower_case_and_only_the_last_counts() -> None:
    assert clean_name("SCAN.PNG").extension == ".png"
    assert clean_name("scan.png.EXE").extension == ".exe"
    assert clean_name("README").extension == ""
    assert clean_name("1.2.840.113619").extension == ".113619"


@given(st.text(max_size=400))
def test_whatever_is_sent_the_kept_name_is_short_flat_and_stable(sent: str) -> None:
    try:
        found = clean_name(sent)
    except Invalid:
        return
    assert 0 < len(found.name) <= MAX_CHARACTERS
    assert len(found.name.encode()) <= MAX_BYTES
    assert not set('/\\:"\r\n\x00') & set(found.name)
    assert not found.name.startswith(".")
    assert clean_name(found.name).name == found.name
