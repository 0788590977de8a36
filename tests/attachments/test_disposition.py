from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.disposition import content_disposition

PLAIN = r"[ !#$&'()+,\-.0-9=@A-Z\[\]^_`a-z{}~]+"
SHAPE = re.compile(rf"attachment; filename=\"{PLAIN}\"(; filename\*=UTF-8''[A-Za-z0-9%!#$&+.^_`|~-]+)?")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("患者.zip", "attachment; filename=\"download.zip\"; filename*=UTF-8''%E6%82%A3%E8%80%85.zip"),
        (
            "Müller scan.png",
            "attachment; filename=\"Muller scan.png\"; filename*=UTF-8''M%C3%BCller%20scan.png",
        ),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("..\\x.zip", 'attachment; filename="x.zip"'),
        (
            "a\r\nX-Evil: 1.zip",
            "attachment; filename=\"aX-Evil_ 1.zip\"; filename*=UTF-8''aX-Evil%3A%201.zip",
        ),
        (
            'a"; filename="b.exe',
            "attachment; filename=\"a__ filename=_b.exe\"; filename*=UTF-8''a%22%3B%20filename%3D%22b.exe",
        ),
        ("100%.csv", "attachment; filename=\"100_.csv\"; filename*=UTF-8''100%25.csv"),
        ("", 'attachment; filename="download"'),
        ("...", 'attachment; filename="download"'),
        ("evil\u202egpj.exe", 'attachment; filename="evilgpj.exe"'),
    ],
)
def test_the_header_carries_the_name_and_nothing_else(name: str, header: str) -> None:
    assert content_disposition(name) == header


def test_a_file_may_be_shown_in_place_when_asked_so_and_no_third_word_is_taken() -> None:
    assert content_disposition("a.webp", "inline") == 'inline; filename="a.webp"'
    with pytest.raises(ValueError, match="disposition"):
        content_disposition("a.webp", "attachment\r\nX: y")


@given(st.text(max_size=200))
def test_no_name_breaks_out_of_the_header(name: str) -> None:
    header = content_disposition(name)
    assert SHAPE.fullmatch(header), header
    header.encode("latin-1")
    if "filename*" in header:
        shown = unquote(header.rpartition("''")[2])
        assert not set("/\\\r\n\x00") & set(shown)
