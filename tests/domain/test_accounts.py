"""Signing in, staying signed in, and ending it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import flask_migrate
import pytest
from sqlalchemy import select

from app import accounts, administration, clock, create_app
from app.accounts import passwords
from app.accounts.throttle import ACCOUNT, ADDRESS, PAIR, failures
from app.actor import Actor
from app.errors import Invalid, NotFound, Throttled
from app.extensions import db
from app.models import AuditEvent, SignInSession, User, begin_writing
from config import Config
from tests.factories import PASSWORD, World
from tests.services.valkey import Valkey

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WRONG = "a loud and short sentence"


def at(moment: datetime) -> None:
    clock.turn(lambda: moment)


def enter(name: str = "alice", password: str = PASSWORD, address: str = "192.0.2.7") -> str:
    return accounts.sign_in(f"{name}@example.org", password, address=address, user_agent="a browser").secret


def who(secret: str, *, touch: bool = True) -> Actor | None:
    return accounts.actor_for_secret(secret, touch=touch)


def events(action: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.action == action)))


def test_the_right_password_begins_a_session_that_names_its_owner(domain: World) -> None:
    secret = enter()
    actor = who(secret)
    assert actor is not None
    assert actor.user_id == domain.users["alice"].id
    assert [(one.organization_id, one.role) for one in actor.standings] == [(domain.northside.id, "clinician")]
    begun = events("session.begin")
    assert [(event.user_id, event.address, event.outcome) for event in begun] == [(actor.user_id, "192.0.2.7", "done")]
    assert begun[0].via_id == actor.via_id


def test_only_the_digest_of_a_long_secret_is_kept(domain: World) -> None:
    secret = enter()
    row = db.session.scalars(select(SignInSession)).one()
    assert len(secret) >= 43  # 256 bits in base64
    assert row.secret_sha256 == hashlib.sha256(secret.encode()).digest()
    assert enter() != secret


def test_the_case_and_the_edges_of_an_address_do_not_matter(domain: World) -> None:
    assert accounts.sign_in("  ALICE@Example.ORG ", PASSWORD, address=None, user_agent=None).secret


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(domain: World, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        enter(name, WRONG)
    assert refused.value.message == "Wrong e-mail address or password."
    assert refused.value.fields == {}


def test_a_person_who_left_gets_that_same_answer_even_with_the_right_password(domain: World) -> None:
    secret = enter()
    begin_writing()
    db.session.get_one(User, domain.users["alice"].id).active = False
    db.session.commit()
    with pytest.raises(Invalid, match=r"Wrong e-mail address or password\."):
        enter()
    assert who(secret) is None
    with pytest.raises(NotFound):
        accounts.actor_for_user(domain.users["alice"].id)


def test_refusals_are_recorded_without_what_was_typed(domain: World) -> None:
    for name in ("alice", "Canary-Tiger-77"):
        with pytest.raises(Invalid):
            enter(name, WRONG)
    known, unknown = events("session.refused")
    assert (known.object_id, known.tenant_id) == (str(domain.users["alice"].id), domain.acme.id)
    assert (unknown.object_id, unknown.tenant_id) == (None, None)
    assert {known.outcome, unknown.outcome} == {"refused"}
    assert {known.address, unknown.address} == {"192.0.2.7"}
    assert "canary" not in repr([vars(event) for event in (known, unknown)]).casefold()


def test_ten_wrong_passwords_are_answered_and_the_eleventh_has_to_wait(domain: World) -> None:
    at(NOON)
    for _ in range(10):
        with pytest.raises(Invalid):
            enter(password=WRONG)
    with pytest.raises(Throttled) as refused:
        enter()
    at(NOON + timedelta(seconds=refused.value.retry_after))
    assert enter()


def test_an_unknown_address_is_throttled_exactly_like_a_known_one(domain: World) -> None:
    at(NOON)
    told = []
    for name in ("alice", "nobody"):
        for _ in range(10):
            with pytest.raises(Invalid):
                enter(name, WRONG, address=f"192.0.2.{len(name)}")
        with pytest.raises(Throttled) as refused:
            enter(name, WRONG, address=f"192.0.2.{len(name)}")
        told.append((refused.value.message, refused.value.retry_after))
    assert told[0] == told[1]


def test_the_owner_gets_in_from_elsewhere_while_a_stranger_is_throttled(domain: World) -> None:
    at(NOON)
    for _ in range(10):
        with pytest.raises(Invalid):
            enter(password=WRONG, address="198.51.100.1")
    with pytest.raises(Throttled):
        enter(address="198.51.100.1")
    assert enter(address="192.0.2.7")


def test_many_addresses_together_cannot_lock_the_owner_out_of_a_known_one(
    domain: World, cheap_guesses: Callable[[str, int], None]
) -> None:
    at(NOON)
    enter(address="192.0.2.7")
    cheap_guesses("alice@example.org", ACCOUNT.failures)
    with pytest.raises(Throttled):
        enter(address="203.0.113.250")
    assert enter(address="192.0.2.7")
    assert enter("adam", address="203.0.113.250")


@pytest.fixture
def cheap_guesses() -> Callable[[str, int], None]:
    """So many failures on one account from everywhere, without the hashes that each would cost."""

    def guess(account: str, times: int) -> None:
        for _ in range(times):
            failures.add(ACCOUNT, account)

    return guess


def test_one_address_cannot_try_many_accounts(domain: World) -> None:
    at(NOON)
    failures.add(ADDRESS, "198.51.100.1", ADDRESS.failures)
    with pytest.raises(Throttled):
        enter(address="198.51.100.1")
    assert enter(address="192.0.2.7")


def test_a_neighbour_who_tries_many_accounts_cannot_lock_an_owner_out_of_a_known_address(domain: World) -> None:
    at(NOON)
    enter(address="192.0.2.7")
    failures.add(ADDRESS, "192.0.2.7", ADDRESS.failures)
    with pytest.raises(Throttled):
        enter("adam", address="192.0.2.7")
    for _ in range(3):
        assert enter(address="192.0.2.7")
    with pytest.raises(Throttled):
        enter("adam", address="192.0.2.7")


def test_from_a_known_address_too_only_ten_wrong_passwords_are_answered(domain: World) -> None:
    at(NOON)
    enter(address="192.0.2.7")
    for _ in range(PAIR.failures):
        with pytest.raises(Invalid):
            enter(password=WRONG, address="192.0.2.7")
    with pytest.raises(Throttled):
        enter(password=WRONG, address="192.0.2.7")


def test_all_addresses_of_one_ipv6_network_count_as_one(domain: World) -> None:
    at(NOON)
    for number in range(10):
        with pytest.raises(Invalid):
            enter(password=WRONG, address=f"2001:db8:1:2::{number:x}")
    with pytest.raises(Throttled):
        enter(address="2001:db8:1:2:ffff::1")
    assert enter(address="2001:db8:1:3::1")


def test_success_forgets_the_failures_of_that_account_from_there(domain: World) -> None:
    at(NOON)
    for _ in range(2):
        for _ in range(9):
            with pytest.raises(Invalid):
                enter(password=WRONG)
        assert enter()


def test_a_throttled_try_does_not_lengthen_the_wait(domain: World) -> None:
    at(NOON)
    for _ in range(10):
        with pytest.raises(Invalid):
            enter(password=WRONG)
    waits = []
    for _ in range(30):
        with pytest.raises(Throttled) as refused:
            enter(password=WRONG)
        waits.append(refused.value.retry_after)
    assert len(set(waits)) == 1


def test_failures_are_counted_for_all_processes_in_valkey_and_survive_its_loss(domain: World, valkey: Valkey) -> None:
    at(NOON)
    failures.bind(valkey.url, "shared")
    assert failures.add(PAIR, "somebody").total == 1
    failures.bind(valkey.url, "shared")  # as another process would
    assert failures.add(PAIR, "somebody").total == 2
    valkey.kill()
    assert failures.add(PAIR, "somebody").total == 1
    with pytest.raises(Invalid):
        enter(password=WRONG)


def test_a_session_left_alone_ends_after_half_an_hour(domain: World) -> None:
    at(NOON)
    secret = enter()
    at(NOON + timedelta(minutes=30))
    assert who(secret, touch=False)
    at(NOON + timedelta(minutes=30, seconds=1))
    assert who(secret) is None


def test_a_person_at_work_stays_signed_in_but_not_beyond_twelve_hours(domain: World) -> None:
    at(NOON)
    secret = enter()
    for quarter in range(48):
        at(NOON + timedelta(minutes=15 * quarter))
        assert who(secret)
    at(NOON + timedelta(hours=12))
    assert who(secret)
    at(NOON + timedelta(hours=12, seconds=1))
    assert who(secret) is None


def test_polling_does_not_keep_a_session_alive(domain: World) -> None:
    at(NOON)
    secret = enter()
    for minute in range(30):
        at(NOON + timedelta(minutes=minute))
        assert who(secret, touch=False)
    at(NOON + timedelta(minutes=31))
    assert who(secret, touch=False) is None


def test_reading_many_pages_within_a_minute_writes_nothing(domain: World) -> None:
    at(NOON)
    secret = enter()
    at(NOON + timedelta(seconds=59))
    who(secret)
    assert db.session.scalars(select(SignInSession.seen_at)).one() == NOON
    at(NOON + timedelta(seconds=60))
    who(secret)
    assert db.session.scalars(select(SignInSession.seen_at)).one() == NOON + timedelta(seconds=60)


def test_signing_out_ends_that_session_alone_and_is_recorded_once(domain: World) -> None:
    first, second = enter(), enter()
    actor = who(first)
    assert actor is not None
    accounts.sign_out(actor)
    accounts.sign_out(actor)
    assert who(first) is None
    assert who(second) is not None
    assert [event.object_id for event in events("session.end")] == [str(actor.via_id)]


def test_an_ended_session_is_not_brought_back_by_a_page_that_was_on_its_way(domain: World) -> None:
    at(NOON)
    secret = enter()
    at(NOON + timedelta(minutes=5))
    actor = who(secret, touch=False)
    assert actor is not None
    accounts.sign_out(actor)
    assert who(secret) is None
    assert db.session.scalars(select(SignInSession.seen_at)).one() == NOON


def test_a_secret_that_was_never_given_opens_nothing(domain: World) -> None:
    enter()
    for guess in ("", "x" * 43, "0" * 10_000):
        assert who(guess) is None


def test_a_hash_of_an_older_strength_is_made_anew_at_the_next_sign_in(domain: World) -> None:
    before = db.session.get_one(User, domain.users["alice"].id).password_hash
    passwords.tune(passes=1, kibibytes=8, lanes=1)
    enter()
    after = db.session.get_one(User, domain.users["alice"].id, populate_existing=True).password_hash
    assert after is not None
    assert after != before
    assert after.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert enter()


def test_a_new_password_ends_every_session_of_the_old_one(domain: World) -> None:
    secret = enter()
    administration.set_password(domain.users["alice"].id, "another quite calm line")
    assert who(secret) is None
    with pytest.raises(Invalid):
        enter()
    assert enter(password="another quite calm line")


def test_an_actor_for_a_job_carries_the_roles_of_now(domain: World) -> None:
    actor = accounts.actor_for_user(domain.users["ann"].id)
    assert (actor.via, actor.sees_whole_tenant) == ("job", True)
    assert [one.role for one in actor.standings] == ["analyst"]


def test_signing_in_is_the_same_on_postgresql(config: Config, postgresql_url: str) -> None:
    app = create_app(replace(config, database_url=postgresql_url))
    with app.app_context():
        flask_migrate.upgrade()
        administration.create_tenant("acme", "Acme Health")
        clinic = administration.create_organization(administration.tenant_by_slug("acme").id, "Clinic", "clinic")
        administration.create_user(clinic.tenant_id, clinic.id, "alice@example.org", "Alice", PASSWORD, "clinician")
        at(NOON)
        with pytest.raises(Invalid, match="Wrong e-mail"):
            accounts.sign_in("\x00nobody@example.org", WRONG, address="192.0.2.7", user_agent=None)
        secret = enter()
        at(NOON + timedelta(minutes=20))
        actor = who(secret)
        assert actor is not None
        at(NOON + timedelta(minutes=45))
        assert who(secret, touch=False) == actor
        accounts.sign_out(actor)
        assert who(secret) is None
        assert [event.outcome for event in events("session.refused")] == ["refused"]
        db.session.remove()
        db.engine.dispose()
