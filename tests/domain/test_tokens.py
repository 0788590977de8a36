"""API tokens: made within one's rights, shown once, found in constant time, ended with all that came of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, func, select, text, update

from app import accounts, catalog, clock, exports
from app.access import Permission, require
from app.access.visibility import visible_entities
from app.accounts import machines, throttle, tokens
from app.actor import Actor
from app.errors import Forbidden, Invalid, NotFound, Throttled
from app.exports import ReportParams
from app.extensions import db
from app.models import ApiToken, AuditEvent, Membership, User, begin_writing
from tests.factories import PASSWORD, World

NOON = datetime(2024, 5, 2, 12, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)
ALICE = "alice@example.org"

Turn = Callable[[datetime], None]


def issued(world: World, *scopes: str, who: str = "alice", name: str = "a program") -> tuple[ApiToken, str]:
    return accounts.issue_token(world.actor(who), name, scopes or ("view",), clock.now() + A_DAY)


def acting(secret: str) -> Actor:
    actor = accounts.actor_for_token(secret, address="192.0.2.1", request_id="r1")
    assert actor is not None
    return actor


def change(model: type, **values: object) -> None:
    begin_writing()
    db.session.execute(update(model).values(**values))
    db.session.commit()


def actions() -> list[tuple[str, str]]:
    """What was done with tokens and sign-ins, and how it ended; not how the world was made."""
    told = select(AuditEvent.action, AuditEvent.outcome).order_by(AuditEvent.id)
    done = db.session.execute(told.where(AuditEvent.action.regexp_match("^(token|session)[.]")))
    return [(action, outcome) for action, outcome in done]


def test_a_token_acts_for_its_person_within_its_scopes(domain: World) -> None:
    patient = domain.patient().id
    row, secret = issued(domain, "view")
    actor = acting(secret)
    assert (actor.user_id, actor.via, actor.via_id) == (domain.users["alice"].id, "token", row.id)
    assert (actor.address, actor.request_id) == ("192.0.2.1", "r1")
    require(actor, Permission.VIEW)
    assert catalog.get_entity(actor, patient).id == patient
    for permission in set(Permission) - {Permission.VIEW}:
        with pytest.raises(Forbidden):
            require(actor, permission)


def test_a_token_without_the_right_to_see_sees_nothing(domain: World) -> None:
    domain.patient()
    actor = acting(issued(domain, "export_data")[1])
    assert db.session.scalars(visible_entities(actor)).all() == []


def test_a_token_without_the_right_to_export_starts_no_export(domain: World) -> None:
    actor = acting(issued(domain, "view")[1])
    with pytest.raises(Forbidden):
        exports.request_export(actor, "report", ReportParams(("patient",), start=NOON), request_key=uuid4().hex)


@pytest.mark.parametrize(
    ("who", "scopes"), [("ann", {"view", "edit"}), ("alice", {"manage"}), ("max", {"fly"}), ("max", set())]
)
def test_a_token_is_never_made_for_more_than_its_maker_may(domain: World, who: str, scopes: set[str]) -> None:
    with pytest.raises(Invalid) as refused:
        accounts.issue_token(domain.actor(who), "too much", scopes, clock.now() + A_DAY)
    assert list(refused.value.fields) == ["scopes"]
    assert db.session.scalar(select(func.count(ApiToken.id))) == 0


def test_rights_that_are_taken_away_are_taken_from_the_token_too(domain: World) -> None:
    _, secret = issued(domain, "view", "edit")
    change(Membership, role="analyst")
    actor = acting(secret)
    require(actor, Permission.VIEW)
    with pytest.raises(Forbidden):
        require(actor, Permission.EDIT)


@pytest.mark.parametrize(
    ("name", "life", "place"),
    [
        ("", A_DAY, "name"),
        (" \0\t ", A_DAY, "name"),
        ("x" * 101, A_DAY, "name"),
        ("a program", timedelta(0), "expires_at"),
        ("a program", -A_DAY, "expires_at"),
        ("a program", timedelta(days=367), "expires_at"),
    ],
)
def test_a_token_needs_a_name_and_an_end_in_sight(domain: World, name: str, life: timedelta, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        accounts.issue_token(domain.actor("alice"), name, ("view",), clock.now() + life)
    assert list(refused.value.fields) == [place]


def test_two_live_tokens_of_one_person_never_have_one_name(domain: World) -> None:
    row, _ = issued(domain)
    with pytest.raises(Invalid) as refused:
        issued(domain)
    assert list(refused.value.fields) == ["name"]
    issued(domain, who="adam")
    accounts.end_token(domain.actor("alice"), row.id)
    issued(domain)


def test_there_is_an_end_to_how_many_tokens_somebody_has(domain: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_LIVE", 2)
    issued(domain, name="one")
    issued(domain, name="two")
    with pytest.raises(Invalid, match="2 tokens already"):
        issued(domain, name="three")


def test_a_token_cannot_make_another_token(domain: World) -> None:
    actor = acting(issued(domain)[1])
    with pytest.raises(Forbidden):
        accounts.issue_token(actor, "child", ("view",), clock.now() + A_DAY)


def test_nothing_that_is_kept_gives_a_secret_away(app: Flask, domain: World) -> None:
    _, secret = issued(domain)
    signed_in = accounts.sign_in_machine(ALICE, PASSWORD)
    for known in (secret, signed_in.access.text, signed_in.refresh.text):
        hidden = known.rpartition("_")[2] if known.count("_") == 2 else known[27:]
        assert len(hidden) >= 43
        for table in db.metadata.sorted_tables:
            for row in db.session.execute(select(table)):
                assert not any(
                    hidden in str(value) or hidden.encode() in bytes(value if isinstance(value, bytes) else b"")
                    for value in row
                ), table.name


def test_secrets_carry_enough_chance_and_never_repeat(domain: World) -> None:
    secrets = {issued(domain, name=f"number {number}")[1] for number in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) == len("chartroom_") + 16 + 1 + 43 for secret in secrets)


@pytest.mark.parametrize(
    "wrong",
    ["", "chartroom_", "x" * 10_000, "chartroom_\0", "chartroom_" + "0" * 16 + "_" + "é" * 43, "PREFIX_" + "A" * 43],
)
def test_what_is_not_a_secret_of_ours_opens_nothing(domain: World, wrong: str) -> None:
    row, secret = issued(domain)
    for text_ in (
        wrong.replace("PREFIX", f"chartroom_{row.prefix}"),
        secret[:-1],
        secret + "A",
        secret.upper(),
        f" {secret}",
    ):
        assert accounts.actor_for_token(text_) is None


def test_an_ended_or_expired_token_and_one_of_somebody_who_left_open_nothing(domain: World, turn: Turn) -> None:
    turn(NOON)
    row, ended = issued(domain, name="ended")
    _, expiring = issued(domain, name="expiring")
    accounts.end_token(domain.actor("alice"), row.id)
    assert accounts.actor_for_token(ended) is None
    turn(NOON + A_DAY - timedelta(milliseconds=1))
    assert accounts.actor_for_token(expiring) is not None
    turn(NOON + A_DAY)
    assert accounts.actor_for_token(expiring) is None
    _, left = issued(domain, name="left")
    change(User, active=False)
    assert accounts.actor_for_token(left) is None


def test_the_last_use_is_written_once_a_minute_at_most(domain: World, turn: Turn) -> None:
    turn(NOON)
    row, secret = issued(domain)
    begun: list[str] = []
    for seconds, last, writes in ((0, 0, 1), (59, 0, 1), (60, 60, 2), (61, 60, 2)):
        turn(NOON + timedelta(seconds=seconds))
        with writing(begun):
            acting(secret)
        assert accounts.get_token(domain.actor("alice"), row.id).last_used_at == NOON + timedelta(seconds=last)
        assert len(begun) == writes


class writing:  # noqa: N801 - reads as what it does
    """Writes down each writing transaction that begins meanwhile."""

    def __init__(self, begun: list[str]) -> None:
        self._begun = begun

    def __enter__(self) -> None:
        event.listen(db.engine, "before_cursor_execute", self._see)

    def __exit__(self, *_: object) -> None:
        event.remove(db.engine, "before_cursor_execute", self._see)

    def _see(self, _connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement == "BEGIN IMMEDIATE":
            self._begun.append(statement)


def test_a_busy_database_keeps_no_program_from_reading(app: Flask, domain: World) -> None:
    _, secret = issued(domain)
    db.session.execute(text("PRAGMA busy_timeout=1"))
    with db.engine.connect() as other:
        other.exec_driver_sql("PRAGMA query_only=OFF")
        other.rollback()
        other = other.execution_options(writing=True)
        other.exec_driver_sql("SELECT 1")
        assert acting(secret).name == "Alice"
        other.rollback()


def test_nobody_sees_or_ends_the_token_of_somebody_else(domain: World) -> None:
    row, secret = issued(domain)
    for who in ("adam", "max", "boris"):
        assert accounts.list_tokens(domain.actor(who)) == []
        for ask in (accounts.get_token, accounts.end_token):
            with pytest.raises(NotFound):
                ask(domain.actor(who), row.id)
    assert accounts.actor_for_token(secret) is not None


def test_ending_a_token_twice_is_no_fault_and_is_recorded_once(domain: World) -> None:
    row, _ = issued(domain)
    for _ in range(2):
        accounts.end_token(domain.actor("alice"), row.id)
    assert actions() == [("token.issue", "done"), ("token.end", "done")]


def test_ended_and_expired_tokens_are_listed_for_a_while(domain: World, turn: Turn) -> None:
    turn(NOON)
    alice = domain.actor("alice")
    ended = issued(domain, name="ended")[0].id
    expired = issued(domain, name="expired")[0].id
    accounts.end_token(alice, ended)
    turn(NOON + 2 * A_DAY)
    live = issued(domain, name="live")[0].id
    assert {line.id: line.state for line in accounts.list_tokens(alice)} == {
        live: "live", ended: "ended", expired: "expired",
    }  # fmt: skip
    turn(NOON + 92 * A_DAY)
    assert {line.id for line in accounts.list_tokens(alice)} == {live}


def test_a_program_signs_in_with_the_password_and_may_what_its_person_may(domain: World) -> None:
    signed_in = accounts.sign_in_machine("  ALICE@example.org ", PASSWORD, address="192.0.2.1")
    assert signed_in.user_id == domain.users["alice"].id
    assert signed_in.organization_id == domain.northside.id
    actor = acting(signed_in.access.text)
    for permission in (Permission.VIEW, Permission.EDIT, Permission.ATTACH, Permission.EXPORT_DATA):
        require(actor, permission)
    with pytest.raises(Forbidden):
        require(actor, Permission.MANAGE)
    assert actions() == [("token.sign_in", "done")]


def test_a_refresh_token_opens_nothing_and_an_access_token_refreshes_nothing(domain: World) -> None:
    signed_in = accounts.sign_in_machine(ALICE, PASSWORD)
    _, personal = issued(domain)
    assert accounts.actor_for_token(signed_in.refresh.text) is None
    for text_ in (signed_in.access.text, personal):
        for ask in (accounts.refresh_access, accounts.renew_sign_in, accounts.sign_out_machine):
            with pytest.raises(accounts.WrongToken):
                ask(text_)


def test_wrong_passwords_are_counted_together_with_those_at_the_portal(domain: World) -> None:
    at_portal = partial(accounts.sign_in, user_agent=None)
    for ask in (accounts.sign_in_machine, at_portal) * (throttle.PAIR.failures // 2):
        with pytest.raises(accounts.WrongCredentials):
            ask(ALICE, "wrong", address="192.0.2.1")
    with pytest.raises(Throttled):
        accounts.sign_in_machine(ALICE, PASSWORD, address="192.0.2.1")


def test_a_program_that_signed_in_from_an_address_is_known_there(
    domain: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.sign_in_machine(ALICE, PASSWORD, address="192.0.2.1")
    monkeypatch.setattr(throttle, "ADDRESS", throttle.Window("address", 1, 900))
    with pytest.raises(accounts.WrongCredentials):
        accounts.sign_in_machine("adam@example.org", "wrong", address="192.0.2.1")
    assert accounts.sign_in_machine(ALICE, PASSWORD, address="192.0.2.1")
    with pytest.raises(Throttled):
        accounts.sign_in_machine("rita@example.org", PASSWORD, address="192.0.2.1")


def test_a_wrong_password_and_an_unknown_address_answer_alike_and_leave_no_token(domain: World) -> None:
    said = []
    for email in (ALICE, "nobody@example.org", "nul\0@example.org"):
        with pytest.raises(accounts.WrongCredentials) as refused:
            accounts.sign_in_machine(email, "wrong")
        said.append(refused.value.message)
    assert len(set(said)) == 1
    assert db.session.scalar(select(func.count(ApiToken.id))) == 0
    assert set(actions()) == {("session.refused", "refused")}


def test_an_access_token_lasts_for_minutes_and_a_sign_in_for_a_day_however_often_it_is_renewed(
    domain: World, turn: Turn
) -> None:
    turn(NOON)
    signed_in = accounts.sign_in_machine(ALICE, PASSWORD)
    assert signed_in.access.expires_at == NOON + machines.ACCESS_LIFE
    assert signed_in.refresh.expires_at == NOON + machines.REFRESH_LIFE
    turn(NOON + machines.ACCESS_LIFE)
    assert accounts.actor_for_token(signed_in.access.text) is None
    turn(NOON + machines.REFRESH_LIFE - timedelta(minutes=10))
    renewed = accounts.renew_sign_in(signed_in.refresh.text)
    assert renewed.refresh.expires_at == renewed.access.expires_at == NOON + machines.REFRESH_LIFE
    turn(NOON + machines.REFRESH_LIFE)
    with pytest.raises(accounts.WrongToken):
        accounts.renew_sign_in(renewed.refresh.text)
    assert accounts.list_tokens(domain.actor("alice")) == []


def test_refreshing_keeps_the_refresh_token_and_renewing_spends_it(domain: World) -> None:
    first = accounts.sign_in_machine(ALICE, PASSWORD)
    again = accounts.refresh_access(first.refresh.text)
    assert again.refresh == first.refresh
    renewed = accounts.renew_sign_in(first.refresh.text)
    assert renewed.refresh.text != first.refresh.text
    for access in (first.access, again.access, renewed.access):
        assert accounts.actor_for_token(access.text) is not None
    assert [line.kind for line in accounts.list_tokens(domain.actor("alice"))] == ["refresh"]


@pytest.mark.parametrize("ask", [accounts.refresh_access, accounts.renew_sign_in])
def test_a_spent_refresh_token_shown_again_ends_all_that_came_of_its_sign_in(
    domain: World, ask: Callable[[str], object]
) -> None:
    other = accounts.sign_in_machine(ALICE, PASSWORD)
    first = accounts.sign_in_machine(ALICE, PASSWORD)
    renewed = accounts.renew_sign_in(first.refresh.text)
    with pytest.raises(accounts.WrongToken):
        ask(first.refresh.text)
    for access in (first.access, renewed.access):
        assert accounts.actor_for_token(access.text) is None
    with pytest.raises(accounts.WrongToken):
        accounts.renew_sign_in(renewed.refresh.text)
    assert accounts.actor_for_token(other.access.text) is not None
    assert actions()[-1] == ("token.reused", "refused")


def test_of_two_who_renew_with_one_token_at_once_one_is_refused(app: Flask, domain: World) -> None:
    first = accounts.sign_in_machine(ALICE, PASSWORD)
    db.session.rollback()
    ready, got = threading.Barrier(2), []

    def renew() -> None:
        with app.app_context():
            ready.wait(30)
            try:
                got.append(accounts.renew_sign_in(first.refresh.text))
            except accounts.WrongToken:
                got.append(None)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    [winner] = [one for one in got if one is not None]
    assert len(got) == 2
    assert accounts.actor_for_token(winner.access.text) is None


def test_signing_out_ends_both_tokens_and_may_be_said_twice(domain: World) -> None:
    signed_in = accounts.sign_in_machine(ALICE, PASSWORD)
    again = accounts.refresh_access(signed_in.refresh.text)
    for _ in range(2):
        accounts.sign_out_machine(signed_in.refresh.text)
    for access in (signed_in.access, again.access):
        assert accounts.actor_for_token(access.text) is None
    with pytest.raises(accounts.WrongToken):
        accounts.refresh_access(signed_in.refresh.text)
    assert [action for action, _ in actions()] == ["token.sign_in", "token.refresh", "token.sign_out"]


def test_a_service_account_gets_short_access_with_the_scopes_of_its_token(domain: World, turn: Turn) -> None:
    turn(NOON)
    row, secret = issued(domain, "view")
    given = accounts.access_for_token(row.id, secret)
    assert given.expires_at == NOON + machines.ACCESS_LIFE
    assert acting(given.text).scopes == {"view"}
    accounts.end_token(domain.actor("alice"), row.id)
    assert accounts.actor_for_token(given.text) is None


def test_a_service_account_needs_its_own_id_and_a_live_token(domain: World, turn: Turn) -> None:
    turn(NOON)
    row, secret = issued(domain, name="one")
    other, _ = issued(domain, name="other")
    token_id = row.id
    for given_id, given in ((other.id, secret), (uuid4(), secret), (token_id, secret[:-1] + "!"), (token_id, "x")):
        with pytest.raises(accounts.WrongCredentials):
            accounts.access_for_token(given_id, given)
    turn(NOON + A_DAY)
    with pytest.raises(accounts.WrongCredentials):
        accounts.access_for_token(token_id, secret)


def test_what_old_sign_ins_left_behind_goes_with_the_next_one(domain: World, turn: Turn) -> None:
    turn(NOON)
    first = accounts.sign_in_machine(ALICE, PASSWORD)
    accounts.renew_sign_in(first.refresh.text)
    personal = issued(domain)[0].id
    turn(NOON + machines.REFRESH_LIFE + machines.KEPT_AFTER + timedelta(seconds=1))
    accounts.sign_in_machine(ALICE, PASSWORD)
    kinds = db.session.scalars(select(ApiToken.kind).order_by(ApiToken.kind)).all()
    assert kinds == ["access", "personal", "refresh"]
    assert accounts.get_token(domain.actor("alice"), personal).state == "expired"
