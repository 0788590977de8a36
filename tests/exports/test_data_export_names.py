"""What a data export's files are called: safe, each once, and never more than the mask says."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive import check_name
from app.archive.names import folded
from app.exports.kinds.data_export_names import LONGEST_NAME, TOKENS, FileNames, mask_fault, stem_of

WORDS = {
    "thing.id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "thing.name": "Ward 3 / bed 2",
    "thing.serialNumber": "SN-0042",
    "thingDefinition.name": "glucometer",
    "customer.name": "Clínica Ñandú",
    "location.name": "",
}


def stem(mask: str, *, hashed: bool = False, **words: str) -> str:
    return stem_of(mask, WORDS | {name.replace("_", "."): word for name, word in words.items()}, hashed=hashed)


@pytest.mark.parametrize(
    ("mask", "name"),
    [
        ("${thing.serialNumber}", "SN-0042"),
        ("${thing.serialNumber}_${thingDefinition.name}", "SN-0042_glucometer"),
        ("${thing.name}", "Ward 3 _ bed 2"),
        ("../${thing.serialNumber}", "_SN-0042"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\x", "C__x"),
        ("CON", "_CON"),
        ("nul.${thing.serialNumber}", "_nul.SN-0042"),
        ("${customer.name}", "Clínica Ñandú"),
        ("Cli\u0301nica", "Clínica"),
        ("e\u200d\u0301", "é"),
        ("$${thing.serialNumber}}", "$SN-0042}"),
        ("a\u202eb", "ab"),
        ("${location.name}", "device"),
        ("${location.name}${location.id}", "device"),
        (" ... ", "device"),
        ("x" * 300, "x" * 108),
    ],
)
def test_a_mask_becomes_a_safe_name(mask: str, name: str) -> None:
    assert mask_fault(mask) is None
    assert stem(mask) == name


@pytest.mark.parametrize(
    "mask",
    [
        "",
        "   ",
        "${thing.__class__}",
        "${thing}",
        "${}",
        "${THING.ID}",
        "${ thing.id }",
        "${thing.id",
        "${${thing.id}}",
        "a${thing.id}${",
        "a\0b",
        "a\nb",
        "a\ud800",
        "x" * 501,
    ],
)
def test_a_mask_that_says_anything_else_is_refused_in_words(mask: str) -> None:
    fault = mask_fault(mask)
    assert fault is not None
    assert fault.endswith(".")


def test_every_token_of_the_contract_is_known() -> None:
    assert len(TOKENS) == 9
    for token in TOKENS:
        assert mask_fault(f"${{{token}}}") is None
        assert stem_of(f"${{{token}}}", {token: "it"}, hashed=False) == "it"


def test_a_value_that_reads_like_a_token_is_not_taken_for_one() -> None:
    assert stem("${thing.name}", thing_name="${thing.serialNumber}") == "${thing.serialNumber}"


def test_a_hashed_name_is_the_md5_of_the_name() -> None:
    assert stem("${thing.serialNumber}", hashed=True) == hashlib.md5(b"SN-0042", usedforsecurity=False).hexdigest()
    assert stem("../x", hashed=True) == hashlib.md5(b"_x", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("hashed", [False, True])
def test_two_hundred_equal_names_are_numbered(hashed: bool) -> None:
    names = FileNames("csv")
    own = stem("${thingDefinition.name}", hashed=hashed)
    given_out = [names.claim(own)[0] for _ in range(200)]
    assert given_out[:3] == [f"{own}.csv", f"{own}_2.csv", f"{own}_3.csv"]
    assert given_out[-1] == f"{own}_200.csv"


def test_names_that_differ_in_case_alone_are_equal() -> None:
    names = FileNames("csv")
    asked = ("Ward", "WARD", "ward_2", "ward")
    assert [names.claim(one)[0] for one in asked] == ["Ward.csv", "WARD_2.csv", "ward_2_2.csv", "ward_3.csv"]


def test_a_number_fits_into_the_longest_name() -> None:
    names = FileNames("csv")
    given_out = [names.claim(stem("y" * 400))[0] for _ in range(12)]
    assert given_out[0] == "y" * 108 + ".csv"
    assert given_out[-1] == "y" * 105 + "_12.csv"


def test_the_pieces_of_a_large_device_meet_no_other_name() -> None:
    names = FileNames("parquet")
    assert names.claim("a-2") == ["a-2.parquet"]
    assert names.claim("a", 3) == ["a_2-1.parquet", "a_2-2.parquet", "a_2-3.parquet"]
    assert names.claim("a") == ["a_3.parquet"]


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200), st.integers(1, 3)), max_size=30), st.booleans())
def test_whatever_devices_are_called_each_file_has_a_name_that_is_safe_anywhere(devices, hashed: bool) -> None:
    names = FileNames("parquet")
    taken = []
    for serial_number, name, pieces in devices:
        words = {"thing.serialNumber": serial_number, "thing.name": name}
        own = stem_of("${thing.serialNumber}${thing.name}", words, hashed=hashed)
        assert unicodedata.is_normalized("NFC", own)
        taken += names.claim(own, pieces)
    for one in taken:
        check_name(one)
        assert "/" not in one
        assert len(one) <= LONGEST_NAME
    assert len({folded(one) for one in taken}) == len(taken)
