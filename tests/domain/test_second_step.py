"""The second step at sign-in: codes that are good once, recovery codes, who must have it, what it closes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from app import accounts, administration, clock
from app.accounts import Asking, throttle
from app.accounts.second_step import setting_up
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotReady, Refusal, Throttled
from app.extensions import db
from app.models import AuditEvent, RecoveryCode, SecondStep, User
from tests.factories import PASSWORD, World
from tests.telephone import code_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HERE = Asking("192.0.2.7", "a browser")


def at(moment: datetime) -> None:
    clock.turn(lambda: moment)


def enter(name: str = "alice") -> accounts.Entry:
    return accounts.sign_in(f"{name}@example.org", PASSWORD, address="192.0.2.7", user_agent="a browser")


def actor_in(secret: str) -> Actor:
    actor = accounts.actor_for_secret(secret, touch=True)
    assert actor is not None
    return actor


def with_telephone(name: str = "alice") -> tuple[str, list[str]]:
    """Somebody who set a second step up: the telephone's key and the recovery codes."""
    actor = actor_in(enter(name).secret)
    accounts.begin_second_step(actor, PASSWORD)
    key = accounts.own_set_up(actor).secret
    return key, accounts.confirm_second_step(actor, code_of(key))


def actions(name: str) -> list[str]:
    return list(db.session.scalars(select(AuditEvent.outcome).where(AuditEvent.action == name)))


def test_a_password_alone_then_opens_nothing_and_a_code_begins_a_session(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    entry = enter()
    assert entry.owes == "code"
    assert accounts.actor_for_secret(entry.secret, touch=True) is None
    secret, by_recovery = accounts.finish_with_code(entry.secret, code_of(key, later=1), HERE)
    assert actor_in(secret).user_id == domain.users["alice"].id
    assert by_recovery is False
    with pytest.raises(accounts.StartOver):
        accounts.finish_with_code(entry.secret, code_of(key, later=1), HERE)


def test_a_code_is_taken_once_and_ends_those_before_it(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    at(NOON + timedelta(minutes=5))
    entry, other = enter(), enter()
    assert accounts.finish_with_code(entry.secret, code_of(key), HERE)
    for used in (code_of(key), code_of(key, later=-1)):
        with pytest.raises(Invalid) as refused:
            accounts.finish_with_code(other.secret, used, HERE)
        assert "used already" in refused.value.fields["code"]
    assert accounts.finish_with_code(other.secret, code_of(key, later=1), HERE)
    assert actions("session.code_refused") == ["refused", "refused"]


def test_the_code_that_set_the_telephone_up_signs_nobody_in(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    with pytest.raises(Invalid):
        accounts.finish_with_code(enter().secret, code_of(key), HERE)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "\0", "9" * 5000])
def test_what_is_no_code_is_refused(domain: World, typed: str) -> None:
    at(NOON)
    with_telephone()
    with pytest.raises(Invalid):
        accounts.finish_with_code(enter().secret, typed, HERE)


def test_a_clock_half_a_minute_off_is_forgiven_and_two_minutes_are_not(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    at(NOON + timedelta(hours=1))
    for wrong in (-4, 4):
        with pytest.raises(Invalid):
            accounts.finish_with_code(enter().secret, code_of(key, later=wrong), HERE)
    assert accounts.finish_with_code(enter().secret, code_of(key, later=-1), HERE)


def test_a_recovery_code_works_once_however_it_is_written(domain: World) -> None:
    at(NOON)
    _, codes = with_telephone()
    assert len(set(codes)) == 10
    written = codes[0].lower().replace("-", " ").replace("o", "0").replace("i", "1")
    assert accounts.finish_with_code(enter().secret, written, HERE)[1] is True
    with pytest.raises(Invalid):
        accounts.finish_with_code(enter().secret, codes[0], HERE)
    assert accounts.own_access(domain.actor("alice")).recovery_codes_left == 9
    with pytest.raises(Invalid):
        accounts.renew_recovery_codes(domain.actor("alice"), "not the password")
    fresh = accounts.renew_recovery_codes(domain.actor("alice"), PASSWORD)
    with pytest.raises(Invalid):
        accounts.finish_with_code(enter().secret, codes[1], HERE)
    assert accounts.finish_with_code(enter().secret, fresh[0], HERE)


def test_neither_codes_nor_what_they_are_made_of_lie_in_the_database(domain: World) -> None:
    at(NOON)
    key, codes = with_telephone()
    rows = [*db.session.scalars(select(SecondStep)), *db.session.scalars(select(RecoveryCode))]
    kept = repr([vars(row) for row in rows])
    for secret in (key, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in kept
    assert "last_counter" in kept


def test_ten_wrong_codes_and_then_not_even_the_right_one_for_a_while(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    half = enter().secret
    for _ in range(throttle.CODE.failures):
        with pytest.raises(Invalid):
            accounts.finish_with_code(half, "000000", HERE)
    with pytest.raises(Throttled) as told:
        accounts.finish_with_code(half, code_of(key, later=1), Asking("203.0.113.8", None))
    at(NOON + timedelta(seconds=told.value.retry_after))
    assert accounts.finish_with_code(enter().secret, code_of(key), HERE)


def test_half_a_sign_in_is_over_after_a_quarter_of_an_hour_and_with_the_account(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    late, stopped = enter().secret, enter().secret
    at(NOON + timedelta(minutes=16))
    for half in (late, "never given", ""):
        with pytest.raises(accounts.StartOver):
            accounts.finish_with_code(half, code_of(key), HERE)
    at(NOON + timedelta(minutes=10))
    administration.set_person_active(domain.actor("max"), domain.users["alice"].id, False)
    with pytest.raises(accounts.StartOver):
        accounts.finish_with_code(stopped, code_of(key), HERE)


def test_setting_up_asks_for_the_password_again_and_is_over_after_a_while(domain: World) -> None:
    at(NOON)
    actor = actor_in(enter().secret)
    with pytest.raises(Invalid):
        accounts.begin_second_step(actor, "not the password")
    with pytest.raises(NotReady):
        accounts.own_set_up(actor)
    accounts.begin_second_step(actor, PASSWORD)
    key = accounts.own_set_up(actor).secret
    assert enter().owes is None
    with pytest.raises(Invalid):
        accounts.confirm_second_step(actor, "000000")
    at(NOON + timedelta(minutes=16))
    with pytest.raises(NotReady):
        accounts.confirm_second_step(actor, code_of(key))


def test_the_old_telephone_stays_good_until_the_new_one_has_shown_a_code(domain: World) -> None:
    at(NOON)
    old, codes = with_telephone()
    at(NOON + timedelta(minutes=5))
    actor = actor_in(accounts.finish_with_code(enter().secret, code_of(old), HERE)[0])
    accounts.begin_second_step(actor, PASSWORD)
    new = accounts.own_set_up(actor).secret
    assert new != old
    at(NOON + timedelta(minutes=6))
    assert accounts.finish_with_code(enter().secret, code_of(old), HERE)
    accounts.confirm_second_step(actor, code_of(new))
    at(NOON + timedelta(minutes=7))
    for gone in (code_of(old), codes[0]):
        with pytest.raises(Invalid):
            accounts.finish_with_code(enter().secret, gone, HERE)
    assert accounts.finish_with_code(enter().secret, code_of(new), HERE)


def test_a_new_second_step_signs_out_everywhere_else_and_programs_that_used_the_password(domain: World) -> None:
    at(NOON)
    elsewhere = enter().secret
    program = accounts.sign_in_machine("alice@example.org", PASSWORD)
    here = enter().secret
    actor = actor_in(here)
    _, personal = accounts.tokens.issue_token(actor, "nightly", ("view",), NOON + timedelta(days=2))
    accounts.begin_second_step(actor, PASSWORD)
    accounts.confirm_second_step(actor, code_of(accounts.own_set_up(actor).secret))
    assert accounts.actor_for_secret(elsewhere, touch=True) is None
    assert accounts.actor_for_token(program.access.text) is None
    assert actor_in(here)
    assert accounts.actor_for_token(personal) is not None


def test_a_password_gives_a_program_no_token_where_a_second_step_is_needed(domain: World) -> None:
    at(NOON)
    before = accounts.sign_in_machine("rita@example.org", PASSWORD)
    with_telephone("alice")
    with pytest.raises(Forbidden, match="service account"):
        accounts.sign_in_machine("alice@example.org", PASSWORD)
    with pytest.raises(accounts.WrongCredentials):
        accounts.sign_in_machine("alice@example.org", "not the password")
    with_telephone("max")
    administration.set_second_step_rule(domain.actor("max"), ("clinician",))
    for ask in (
        lambda: accounts.sign_in_machine("rita@example.org", PASSWORD),
        lambda: accounts.refresh_access(before.refresh.text),
        lambda: accounts.renew_sign_in(before.refresh.text),
    ):
        with pytest.raises(Forbidden, match="second step"):
            ask()
    assert accounts.sign_in_machine("ann@example.org", PASSWORD)


def test_a_rule_of_the_tenant_leads_people_to_set_it_up_at_sign_in(domain: World) -> None:
    at(NOON)
    signed_in = enter().secret
    max_ = domain.actor("max")
    assert administration.second_step_rule(max_, ("clinician",)).without == 3
    administration.set_second_step_rule(max_, ("clinician",))
    assert accounts.actor_for_secret(signed_in, touch=True) is None
    entry = enter()
    assert entry.owes == "set-up"
    assert accounts.actor_for_secret(entry.secret, touch=True) is None
    key = accounts.set_up_of(entry.secret).secret
    with pytest.raises(Invalid):
        accounts.finish_with_code(entry.secret, code_of(key), HERE)
    with pytest.raises(Invalid):
        accounts.finish_by_setting_up(entry.secret, "000000", HERE)
    secret, codes = accounts.finish_by_setting_up(entry.secret, code_of(key), HERE)
    assert len(codes) == 10
    alice = actor_in(secret)
    with pytest.raises(Forbidden, match="another telephone"):
        accounts.end_second_step(alice, PASSWORD)
    assert enter().owes == "code"
    assert enter("ann").owes is None
    assert administration.second_step_rule(max_).without == 2


def test_who_asks_it_of_everybody_must_have_it_and_administer_everything(domain: World) -> None:
    at(NOON)
    with pytest.raises(Invalid, match="for yourself first"):
        administration.set_second_step_rule(domain.actor("max"), ("*",))
    with pytest.raises(Invalid):
        administration.set_second_step_rule(domain.actor("max"), ("king",))
    for name in ("nora", "alice"):
        with pytest.raises(Forbidden):
            administration.set_second_step_rule(domain.actor(name), ("clinician",))
    with_telephone("max")
    administration.set_second_step_rule(domain.actor("max"), ("*", "analyst"))
    assert administration.second_step_rule(domain.actor("max")).asked_of == ("*",)
    assert enter("ann").owes == "set-up"
    assert enter("boris").owes is None
    administration.set_second_step_rule(domain.actor("max"), ())
    assert enter("ann").owes is None


def test_ending_it_takes_the_password_and_the_codes_with_it(domain: World) -> None:
    at(NOON)
    _, codes = with_telephone()
    alice = domain.actor("alice")
    with pytest.raises(Invalid):
        accounts.end_second_step(alice, "not the password")
    accounts.end_second_step(alice, PASSWORD)
    assert enter().owes is None
    assert accounts.own_access(alice).recovery_codes_left == 0
    assert codes


def test_an_administrator_forgets_it_for_who_lost_it_and_signs_them_out(domain: World) -> None:
    at(NOON)
    key, _ = with_telephone()
    secret, _ = accounts.finish_with_code(enter().secret, code_of(key, later=1), HERE)
    alice_id = domain.users["alice"].id
    with pytest.raises(Forbidden):
        administration.end_second_step_of(domain.actor("adam"), alice_id)
    administration.end_second_step_of(domain.actor("nora"), alice_id)
    assert accounts.actor_for_secret(secret, touch=True) is None
    assert enter().owes is None
    with pytest.raises(Forbidden):
        administration.end_second_step_of(domain.actor("nora"), domain.users["nora"].id)


def test_what_a_telephone_is_told_names_the_person_and_us(domain: World) -> None:
    at(NOON)
    accounts.begin_second_step(domain.actor("alice"), PASSWORD)
    told = setting_up(db.session.get_one(User, domain.users["alice"].id))
    assert told is not None
    assert told.uri.startswith("otpauth://totp/Chartroom:alice%40example.org?secret=")
    assert setting_up(db.session.get_one(User, UUID(str(domain.users["adam"].id)))) is None


def at_once(app: Flask, deeds: list[Callable[[], object]]) -> list[str]:
    """What comes of things done at the same moment, each in a thread of its own: ``done``, or the refusal's name."""
    start = Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> str:
        with app.app_context():
            start.wait()
            try:
                deed()
            except Refusal as refusal:
                return type(refusal).__name__
            finally:
                db.session.remove()
        return "done"

    with ThreadPoolExecutor(len(deeds)) as pool:
        return sorted(pool.map(run, deeds))


def test_what_may_be_done_once_is_done_once_when_two_try_at_the_same_moment(
    postgresql_app: tuple[Flask, World],
) -> None:
    app, world = postgresql_app
    at(NOON)
    with app.app_context():
        key, codes = with_telephone()
        halves = [enter().secret for _ in range(4)]
        max_, root = world.actor("max"), administration.root_organization(world.acme.id).id
        made = administration.invite_person(max_, "Second Chief", "second@example.org", root, ("administrator",))
        link = (made.link.url or "").rsplit("/", 1)[1]
        db.session.remove()
    code = code_of(key, later=1)
    assert at_once(app, [partial(accounts.finish_with_code, half, code, HERE) for half in halves[:2]]) == [
        "Invalid", "done",
    ]  # fmt: skip
    assert at_once(app, [partial(accounts.finish_with_code, half, codes[0], HERE) for half in halves[2:]]) == [
        "Invalid", "done",
    ]  # fmt: skip
    passwords = ("four quiet herons wade", "five quiet herons wade")
    assert at_once(app, [partial(accounts.use_link, link, password) for password in passwords]) == ["Gone", "done"]
    with app.app_context():
        second = accounts.actor_for_user(made.user_id)
        db.session.remove()
    stop = administration.set_person_active
    outcomes = at_once(app, [partial(stop, max_, made.user_id, False), partial(stop, second, max_.user_id, False)])
    assert outcomes == ["Forbidden", "done"]
