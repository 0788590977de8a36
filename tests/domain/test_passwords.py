"""What a new password must be, and how passwords are kept."""

from __future__ import annotations

import pytest

from app.accounts import passwords
from app.accounts.passwords import check_password, hash_password, matches, needs_rehash
from app.accounts.proving import begin_as, prove
from app.errors import Invalid
from app.extensions import db
from tests.factories import PASSWORD, World


@pytest.fixture
def cheap_hashes() -> None:
    passwords.tune(passes=1, kibibytes=8, lanes=1)


@pytest.fixture
def full_strength() -> None:
    """As the portal itself hashes: RFC 9106's second choice."""
    passwords.tune(passes=3, kibibytes=65536, lanes=4)


@pytest.mark.parametrize(
    "good",
    [
        "a long and quiet sentence",
        "Tr9-vexed-Otter",
        "пароль и тихий вечер",
        "kLm3#pWq9!zX",
        "患者の記録は静かな場所に",
    ],
)
def test_a_password_of_twelve_characters_that_nobody_tries_first_is_taken(good: str) -> None:
    check_password(good, email="alice@example.org", name="Alice Moreau")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x1!" * 342, "at most 1024"),
        ("aaaaaaaaaaaaaa", "repeats itself"),
        ("xyzzyxyzzyxyzzy", "repeats itself"),
        ("1212121212121212", "repeats itself"),
        ("Password1234", "tried first"),
        ("P@ssw0rd-2024", "tried first"),
        ("passwordpassword1", "tried first"),
        ("correct horse battery staple", "tried first"),
        ("qwertyuiop[]", "tried first"),
        ("qwertzuiop1234", "tried first"),
        ("1q2w3e4r5t6y7u", "tried first"),
        ("123456789012", "tried first"),
        ("Hospital-2024!", "tried first"),
        ("welcomehospital", "tried first"),
        ("alice.moreau.1984", "own name"),
        ("MoreauAlice99!", "own name"),
    ],
)
def test_what_a_guesser_tries_early_is_refused_with_the_reason(bad: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_password(bad, email="alice@example.org", name="Alice Moreau")
    assert reason in refused.value.fields["password"]


def test_the_length_is_counted_in_characters_as_they_are_kept() -> None:
    # Twelve keys on one keyboard, of which two make one letter: eleven characters.
    with pytest.raises(Invalid, match="at least 12"):
        check_password("Zk7#mWq9!xe\u0301")
    check_password("Zk7#mWq9!xye\u0301")


@pytest.mark.usefixtures("cheap_hashes")
def test_the_same_password_typed_on_another_keyboard_matches() -> None:
    kept = hash_password("Un caf\u00e9 tr\u00e8s tranquille")
    assert matches("Un cafe\u0301 tre\u0300s tranquille", kept)
    assert not matches("Un cafe tres tranquille", kept)


@pytest.mark.usefixtures("full_strength")
def test_a_password_is_kept_as_argon2id_with_its_own_salt() -> None:
    first, second = hash_password("a long and quiet sentence"), hash_password("a long and quiet sentence")
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert "quiet" not in first


@pytest.mark.usefixtures("cheap_hashes")
def test_nothing_matches_a_person_without_a_password() -> None:
    assert not matches("nobody has this password", None)
    assert not matches("", None)


@pytest.mark.usefixtures("cheap_hashes")
def test_a_password_of_a_megabyte_is_not_even_hashed() -> None:
    kept = hash_password("a long and quiet sentence")
    assert not matches("a long and quiet sentence" + "x" * 1_000_000, kept)
    # The empty password stands in for what is too long, and must not open an empty one's door.
    assert not matches("x" * 2000, hash_password(""))


def test_a_hash_of_another_strength_is_known_as_such(cheap_hashes: None) -> None:
    cheap = hash_password("a long and quiet sentence")
    assert not needs_rehash(cheap)
    passwords.tune(passes=2, kibibytes=8, lanes=1)
    assert needs_rehash(cheap)
    assert matches("a long and quiet sentence", cheap)


def test_two_who_sign_in_at_once_with_an_old_hash_both_get_in(domain: World, cheap_hashes: None) -> None:
    passwords.tune(passes=2, kibibytes=8, lanes=1)
    first, second = (prove("alice@example.org", PASSWORD, address=None, request_id=None) for _ in range(2))
    assert begin_as(first, PASSWORD).password_hash != first.password_hash
    db.session.commit()
    assert begin_as(second, PASSWORD).id == second.user_id


def test_an_unknown_person_costs_as_much_work_as_a_known_one(
    full_strength: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    hasher = passwords._strong.hasher
    real = type(hasher).verify
    monkeypatch.setattr(
        type(hasher), "verify", lambda self, kept, given: (verified.append(kept), real(self, kept, given))[1]
    )
    matches("a wrong one entirely", hash_password("a long and quiet sentence"))
    matches("a wrong one entirely", None)
    known, dummy = (kept.rsplit("$", 2)[0] for kept in verified)
    assert known == dummy == "$argon2id$v=19$m=65536,t=3,p=4"
