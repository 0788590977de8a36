"""Invitations and password resets: links that are good once, the newest alone, for a while, by mail or shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import accounts, administration, clock
from app.accounts import throttle
from app.accounts.proving import begin_as, prove
from app.administration import Invited
from app.errors import Duplicate, Forbidden, Gone, Invalid, NotFound, Throttled
from app.extensions import db
from app.mail import MailSettings, NotSent, mailer
from app.models import AuditEvent, Membership, OutboxMessage, SignInLink, User, begin_writing
from app.signing import signing
from config import Config
from tests.conftest import SECRET
from tests.factories import PASSWORD, World
from tests.services.smtp import Postbox, running_smtp
from tests.services.tls import make_certificate
from tests.telephone import code_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NEW = "four quiet herons wade"


def at(moment: datetime) -> None:
    clock.turn(lambda: moment)


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    """A mail server, which the deployment uses."""
    with running_smtp() as box:
        mailer.bind(MailSettings("127.0.0.1", box.port, starttls=False, sender="Chartroom <chartroom@example.org>"))
        yield box
    mailer.bind(MailSettings())


def invite(domain: World, email: str = "ines@example.org", who: str = "nora") -> Invited:
    place = domain.northside.id
    return administration.invite_person(domain.actor(who), "Ines  Ferro", email, place, ("clinician",))


def secret_of(invited: Invited) -> str:
    assert invited.link.url is not None
    return invited.link.url.rsplit("/", 1)[1]


def secret_in(mail: EmailMessage) -> str:
    found = re.search(r"/sign-in/link/([\w-]{43})\s", mail.get_content())
    assert found, mail.get_content()
    return found[1]


def enters(email: str, password: str) -> bool:
    try:
        return bool(accounts.sign_in(email, password, address="192.0.2.9", user_agent=None))
    except accounts.WrongCredentials:
        return False


def test_without_mail_the_administrator_is_given_the_link_and_only_its_digest_is_kept(domain: World) -> None:
    at(NOON)
    invited = invite(domain)
    secret = secret_of(invited)
    assert invited.link.url == f"http://127.0.0.1:8000/sign-in/link/{secret}"
    kept = db.session.scalars(select(SignInLink)).one()
    assert secret not in repr(vars(kept))
    assert len(kept.secret_sha256) == 32
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    shown = accounts.open_link(secret)
    assert (shown.kind, shown.email, shown.name) == ("invitation", "ines@example.org", "Ines Ferro")


def test_an_invitation_sets_the_password_once_and_gives_the_roles_that_were_said(domain: World) -> None:
    at(NOON)
    invited = invite(domain)
    assert not enters("ines@example.org", NEW)
    assert accounts.use_link(secret_of(invited), NEW) == "ines@example.org"
    assert enters("ines@example.org", NEW)
    for again in (accounts.open_link, lambda secret: accounts.use_link(secret, NEW + " again")):
        with pytest.raises(Gone):
            again(secret_of(invited))
    ines = accounts.actor_for_user(invited.user_id)
    assert [(one.organization_id, one.role) for one in ines.standings] == [(domain.northside.id, "clinician")]


@pytest.mark.parametrize("weak", ["short", "password1234", "ines ferro 1", "aaaaaaaaaaaaaaaa", "", "x" * 2000])
def test_a_weak_password_is_refused_and_the_link_stays_good(domain: World, weak: str) -> None:
    at(NOON)
    secret = secret_of(invite(domain))
    with pytest.raises(Invalid) as refused:
        accounts.use_link(secret, weak)
    assert set(refused.value.fields) == {"password"}
    assert accounts.use_link(secret, NEW)


def test_links_that_are_too_old_altered_or_of_nobody_open_nothing(domain: World) -> None:
    at(NOON)
    secret = secret_of(invite(domain))
    altered = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for wrong in (altered, secret[:-1], secret + "A", "", "\0" * 43, "é" * 43, "' OR 1=1 --"):
        with pytest.raises(Gone):
            accounts.open_link(wrong)
    at(NOON + timedelta(days=7))
    with pytest.raises(Gone):
        accounts.use_link(secret, NEW)


def test_only_the_newest_link_is_good_and_none_of_somebody_who_was_disabled(domain: World) -> None:
    at(NOON)
    first = invite(domain)
    second = administration.send_link(domain.actor("nora"), first.user_id)
    with pytest.raises(Gone):
        accounts.open_link(secret_of(first))
    administration.set_person_active(domain.actor("nora"), first.user_id, False)
    with pytest.raises(Gone):
        accounts.use_link(secret_of(second), NEW)
    with pytest.raises(Invalid):
        administration.send_link(domain.actor("nora"), first.user_id)
    administration.set_person_active(domain.actor("nora"), first.user_id, True)
    with pytest.raises(Gone):
        accounts.open_link(secret_of(second))


def test_one_address_is_invited_once_whatever_its_case(domain: World) -> None:
    invite(domain)
    for email in ("ines@example.org", " INES@Example.org ", "boris@example.org"):
        with pytest.raises(Duplicate) as refused:
            invite(domain, email)
        assert set(refused.value.fields) == {"email"}
    assert db.session.scalar(select(func.count()).where(User.email == "ines@example.org").select_from(User)) == 1


def test_nobody_invites_where_they_do_not_administer_or_into_no_role(domain: World) -> None:
    ask = administration.invite_person
    nora = domain.actor("nora")
    for place in (domain.riverside.id, domain.foreign.id, None):
        with pytest.raises(Invalid) as refused:
            ask(nora, "Ines", "ines@example.org", place, ("clinician",))
        assert set(refused.value.fields) == {"organization"}
    for roles in ((), ("king",), ("clinician", "king")):
        with pytest.raises(Invalid) as refused:
            ask(nora, "Ines", "ines@example.org", domain.northside.id, roles)
        assert set(refused.value.fields) == {"roles"}
    for name, email, field in (("", "ines@example.org", "name"), ("Ines", "no address", "email")):
        with pytest.raises(Invalid) as refused:
            ask(nora, name, email, domain.northside.id, ("clinician",))
        assert set(refused.value.fields) == {field}
    with pytest.raises(Forbidden):
        ask(domain.actor("alice"), "Ines", "ines@example.org", domain.northside.id, ("clinician",))
    assert db.session.scalar(select(User.id).where(User.email == "ines@example.org")) is None


def test_who_administers_one_organization_gets_no_link_of_somebody_who_also_belongs_elsewhere(domain: World) -> None:
    nora = domain.actor("nora")
    for name, refusal in (("max", NotFound), ("rita", NotFound), ("boris", NotFound)):
        with pytest.raises(refusal):
            administration.send_link(nora, domain.users[name].id)
    assert administration.send_link(nora, domain.users["alice"].id).link.kind == "reset"
    begin_writing()
    root = administration.root_organization(domain.acme.id).id
    db.session.add(Membership(user_id=domain.users["alice"].id, organization_id=root, role="administrator"))
    db.session.commit()
    with pytest.raises(Forbidden, match="also belongs"):
        administration.send_link(nora, domain.users["alice"].id)
    assert administration.send_link(domain.actor("max"), domain.users["alice"].id)


def test_an_address_is_changed_by_who_administers_all_of_somebody_and_ends_links_to_the_old_one(domain: World) -> None:
    nora, alice, change = domain.actor("nora"), domain.users["alice"].id, administration.change_facts
    mailed = administration.send_link(nora, alice)
    change(nora, alice, "organization-user", {"email": "alice.n@example.org"})
    with pytest.raises(Gone):
        accounts.open_link(secret_of(mailed))
    begin_writing()
    root = administration.root_organization(domain.acme.id).id
    db.session.add(Membership(user_id=alice, organization_id=root, role="administrator"))
    db.session.commit()
    # "Forgot your password?" would bring Nora the whole tenant.
    with pytest.raises(Forbidden, match="also belongs"):
        change(nora, alice, "organization-user", {"email": "nora.again@example.org"})
    assert db.session.get_one(User, alice).email == "alice.n@example.org"
    # Nobody is put where no list shows them.
    hidden = "ines@removed.invalid"
    with pytest.raises(Invalid) as refused:
        invite(domain, hidden)
    assert set(refused.value.fields) == {"email"}
    with pytest.raises(Invalid):
        change(domain.actor("max"), alice, "organization-user", {"email": hidden})
    change(domain.actor("max"), alice, "organization-user", {"email": "alice@example.org"})


def test_a_password_set_in_the_shell_ends_what_the_old_one_opened_and_what_was_just_being_proved(domain: World) -> None:
    alice = domain.users["alice"].id
    program = accounts.sign_in_machine("alice@example.org", PASSWORD)
    mailed = administration.send_link(domain.actor("nora"), alice)
    late = prove("alice@example.org", PASSWORD, address=None, request_id=None)
    administration.set_password(alice, NEW)
    with pytest.raises(accounts.WrongToken):
        accounts.refresh_access(program.refresh.text)
    with pytest.raises(Gone):
        accounts.open_link(secret_of(mailed))
    with pytest.raises(accounts.WrongCredentials):
        begin_as(late, PASSWORD)
    stopped = prove("alice@example.org", NEW, address=None, request_id=None)
    administration.set_person_active(domain.actor("nora"), alice, False)
    with pytest.raises(accounts.WrongCredentials):
        begin_as(stopped, NEW)


def test_a_reset_ends_what_the_old_password_opened_but_not_the_second_step(domain: World) -> None:
    at(NOON)
    browser = accounts.sign_in("alice@example.org", PASSWORD, address=None, user_agent=None).secret
    program = accounts.sign_in_machine("alice@example.org", PASSWORD)
    made = administration.send_link(domain.actor("nora"), domain.users["alice"].id)
    assert accounts.actor_for_secret(browser, touch=True) is not None
    accounts.use_link(secret_of(made), NEW)
    assert accounts.actor_for_secret(browser, touch=True) is None
    assert accounts.actor_for_token(program.access.text) is None
    assert not enters("alice@example.org", PASSWORD)
    assert enters("alice@example.org", NEW)


def test_an_invitation_comes_by_mail_after_the_commit(domain: World, postbox: Postbox) -> None:
    invited = invite(domain)
    assert invited.link.url is None
    assert postbox.mails == []
    assert accounts.send_due_mail() == 1
    [mail] = postbox.mails
    assert (mail["To"], mail["From"]) == ("ines@example.org", "Chartroom <chartroom@example.org>")
    assert "Acme Health" in mail.get_content()
    assert "Ines Ferro" in mail.get_content()
    assert accounts.send_due_mail() == 0
    assert secret_in(mail) not in repr(
        [vars(row) for row in (*db.session.scalars(select(OutboxMessage)), *db.session.scalars(select(AuditEvent)))]
    )
    assert accounts.use_link(secret_in(mail), NEW) == "ines@example.org"
    person = administration.get_person(domain.actor("nora"), invited.user_id)
    assert person.link is not None
    assert (person.link.mail, person.link.state, person.line.state) == ("sent", "used", "active")


def test_a_mail_server_that_is_away_is_asked_again_and_one_that_refuses_is_not(
    domain: World, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts.mailing, "BACKOFF_SECONDS", 0.0)
    invited = invite(domain)
    postbox.refuse = "451 later"
    assert accounts.send_due_mail() == 1
    link = administration.get_person(domain.actor("nora"), invited.user_id).link
    assert link is not None
    assert (link.mail, link.fault) == ("waiting", "The mail server refused the recipient (451).")
    postbox.refuse = "550 nobody here"
    assert accounts.send_due_mail() == 1
    link = administration.get_person(domain.actor("nora"), invited.user_id).link
    assert link is not None
    assert (link.mail, link.fault) == ("failed", "The mail server refused the recipient (550).")
    postbox.refuse = None
    assert accounts.send_due_mail() == 0
    mailer.bind(MailSettings("127.0.0.1", 1, starttls=False))
    administration.send_link(domain.actor("nora"), invited.user_id)
    assert accounts.send_due_mail() == 1
    link = administration.get_person(domain.actor("nora"), invited.user_id).link
    assert link is not None
    assert (link.mail, link.fault) == ("waiting", "The mail server was not reached (ConnectionRefusedError).")


def test_a_mail_whose_link_is_good_no_more_is_not_sent(domain: World, postbox: Postbox) -> None:
    first = invite(domain)
    administration.send_link(domain.actor("nora"), first.user_id)
    assert accounts.send_due_mail() == 1
    assert len(postbox.mails) == 1
    administration.send_link(domain.actor("nora"), first.user_id)
    signing.bind("another secret of more than thirty-two characters")
    try:
        assert accounts.send_due_mail() == 0
    finally:
        signing.bind(SECRET)
    assert len(postbox.mails) == 1
    errors = select(OutboxMessage.last_error).where(OutboxMessage.given_up_at.is_not(None))
    assert set(db.session.scalars(errors)) == {"The link is no longer good."}


def test_mail_goes_out_behind_tls_and_a_password_and_not_to_a_server_of_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with running_smtp(certificate, "portal", "a mail password") as box:
        settings = MailSettings("localhost", box.port, True, "portal", "a mail password", "chartroom@example.org")
        try:
            mailer.bind(settings)
            with pytest.raises(NotSent, match="SSLCertVerificationError"):
                mailer.send("ines@example.org", "Hello", "Words.\n")
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate.chain))
            mailer.send("ines@example.org", "Grüße", "Wörter.\n")
            mailer.bind(MailSettings("localhost", box.port))
            with pytest.raises(NotSent, match=r"refused \(530\)"):
                mailer.send("ines@example.org", "Hello", "Words.\n")
        finally:
            mailer.bind(MailSettings())
    assert [(mail["Subject"], mail.get_content().split()) for mail in box.mails] == [("Grüße", ["Wörter."])]


def test_nothing_that_somebody_typed_becomes_a_header(postbox: Postbox) -> None:
    for address in ("ines@example.org\r\nBcc: all@example.org", "a\nb@example.org"):
        with pytest.raises(NotSent):
            mailer.send(address, "Hello", "Words.\n")
    assert postbox.recipients == []


def test_a_forgotten_password_is_mailed_to_who_has_one_and_nobody_learns_who(domain: World, postbox: Postbox) -> None:
    at(NOON)
    invite(domain)
    begin_writing()
    db.session.get_one(User, domain.users["adam"].id).active = False
    db.session.commit()
    accounts.send_due_mail()
    postbox.mails.clear()
    for email in ("ALICE@example.org ", "nobody@example.org", "adam@example.org", "ines@example.org", "\0"):
        accounts.request_reset(email, address="192.0.2.7")
    accounts.send_due_mail()
    assert [mail["To"] for mail in postbox.mails] == ["alice@example.org"]
    secret = secret_in(postbox.mails[0])
    assert enters("alice@example.org", PASSWORD)
    at(NOON + timedelta(minutes=59))
    accounts.use_link(secret, NEW)
    assert enters("alice@example.org", NEW)


def test_links_are_asked_for_only_so_often_known_or_not(domain: World, postbox: Postbox) -> None:
    at(NOON)
    limits: list[Callable[[], None]] = [
        lambda: accounts.request_reset("alice@example.org", address="192.0.2.7"),
        lambda: accounts.request_reset("nobody@example.org", address="192.0.2.8"),
    ]
    words = []
    for ask in limits:
        for _ in range(throttle.RESET_ACCOUNT.failures):
            ask()
        with pytest.raises(Throttled) as told:
            ask()
        words.append(told.value.message)
    assert words[0] == words[1]
    assert enters("alice@example.org", PASSWORD)


def test_the_settings_of_mail_are_read_and_a_sender_that_is_no_address_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a mail password\n")
    env = {
        "SECRET_KEY": SECRET, "DATA_DIR": str(tmp_path), "SMTP_HOST": "mail.example.org", "SMTP_PORT": "465",
        "SMTP_STARTTLS": "0", "SMTP_PASSWORD_FILE": str(tmp_path / "password"),
    }  # fmt: skip
    config = Config.from_env(env)
    assert (config.smtp_host, config.smtp_port, config.smtp_starttls) == ("mail.example.org", 465, False)
    assert config.smtp_password == "a mail password"
    assert "a mail password" not in repr(config)
    for wrong in ({"SMTP_SENDER": "nobody"}, {"SMTP_SENDER": "a@b.example\nBcc: c@d.example"}, {"SMTP_PORT": "x"}):
        with pytest.raises(ValueError, match="SMTP_"):
            Config.from_env(env | wrong)


def test_the_shell_forgets_a_second_step_when_nobody_else_can(app: Flask, domain: World) -> None:
    max_ = domain.actor("max")
    accounts.begin_second_step(max_, PASSWORD)
    accounts.confirm_second_step(max_, code_of(accounts.own_set_up(max_).secret))
    shell = app.test_cli_runner()
    assert "It is forgotten." in shell.invoke(args=["end-second-step", "MAX@example.org"]).output
    assert "There was none." in shell.invoke(args=["end-second-step", "max@example.org"]).output
    removed = select(func.count()).where(AuditEvent.action == "second_step.removed", AuditEvent.user_id.is_(None))
    assert db.session.scalar(removed) == 1, "nothing is in the record that was not done"
    assert "Nobody has this" in shell.invoke(args=["end-second-step", "no@example.org"]).output
