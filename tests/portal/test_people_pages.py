"""People for administrators, and the links that they send: the pages, what they refuse, and what happens elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from app import accounts, administration
from app.access import ROLE_PERMISSIONS
from app.errors import Forbidden
from app.extensions import db
from app.models import AuditEvent, Membership, begin_writing
from tests.conftest import csrf_token
from tests.factories import PASSWORD, World
from tests.portal.signing_in import enter, words_of
from tests.portal.test_second_step_pages import send, set_up

SignedIn = Callable[[str], FlaskClient]
PEOPLE = "/admin/people/"
RIGHTS = "/admin/roles/"
NEW = "four quiet herons wade"


def of(world: World, name: str, more: str = "") -> str:
    return f"{PEOPLE}{world.users[name].id}{more}"


def invite(browser: FlaskClient, place: UUID, **more: object) -> TestResponse:
    given = {"name": "Ines Ferro", "email": "ines@example.org", "organization": str(place), "roles": "clinician"}
    token = csrf_token(browser, f"{PEOPLE}new")
    return browser.post(PEOPLE, data={"csrf_token": token} | given | more)


def link_on(page: TestResponse) -> str:
    found = re.search(r'id="the-link">http://127\.0\.0\.1:8000(/sign-in/link/[\w-]{43})<', page.text)
    assert found, page.text
    return found[1]


def choose(browser: FlaskClient, link: str, password: str = NEW, again: str | None = None) -> TestResponse:
    return send(browser, link, form="/sign-in", password=password, password_again=again or password)


def test_somebody_is_invited_chooses_a_password_and_is_in(
    app: Flask, world: World, signed_in: SignedIn, client: FlaskClient
) -> None:
    shown = invite(signed_in("nora"), world.northside.id)
    assert shown.headers["Cache-Control"] == "no-store"
    link = link_on(shown)
    page = client.get(link)
    assert "Welcome, Ines Ferro. You sign in as ines@example.org ." in words_of(page)
    # A mail program that looks at the link uses nothing up.
    assert [client.head(link).status_code, app.test_client().get(link).status_code] == [200, 200]
    different = choose(client, link, NEW, "another one entirely")
    assert (different.status_code, "The two are not the same" in words_of(different)) == (422, True)
    weak = choose(client, link, "password1234")
    assert (weak.status_code, "tried first" in words_of(weak)) == (422, True)
    done = choose(client, link)
    assert done.location == "/sign-in"
    assert "Sign in as ines@example.org." in words_of(client.get("/sign-in"))
    assert enter(client, "ines@example.org", NEW).status_code == 303
    assert "Northside Clinic" in client.get("/account/").text
    gone = app.test_client().get(link)
    assert gone.status_code == 410
    assert "This link no longer works" in words_of(gone)
    assert choose(app.test_client(), link).status_code == 410


def test_a_link_is_not_taken_without_a_form_of_ours(world: World, signed_in: SignedIn, client: FlaskClient) -> None:
    link = link_on(invite(signed_in("nora"), world.northside.id))
    assert client.post(link, data={"password": NEW, "password_again": NEW}).status_code == 400
    assert client.get(link).status_code == 200


def test_the_link_of_one_person_signs_out_another_who_sits_there(world: World, signed_in: SignedIn) -> None:
    nora = signed_in("nora")
    link = link_on(invite(nora, world.northside.id))
    assert send(nora, link, password=NEW, password_again=NEW).location == "/sign-in"
    assert nora.get(PEOPLE).status_code == 303


def test_an_invitation_that_cannot_be_says_why_beside_the_field(world: World, signed_in: SignedIn) -> None:
    nora = signed_in("nora")
    for field, wrong in (
        ("name", {"name": " "}),
        ("email", {"email": "ALICE@example.org"}),
        ("email", {"email": "<script>@x"}),
        ("organization", {"organization": str(world.riverside.id)}),
        ("organization", {"organization": "nowhere"}),
        ("roles", {"roles": []}),
        ("roles", {"roles": ["clinician", "king"]}),
    ):
        refused = invite(nora, world.northside.id, **wrong)
        assert refused.status_code == 422
        assert f'id="f-{field}-error"' in refused.text
    places = re.findall(r'<option value="[0-9a-f-]{36}">([^<]+)<', nora.get(f"{PEOPLE}new").text)
    assert places == ["Northside Clinic"]


def test_who_is_disabled_is_out_at_the_next_request_on_every_device(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    desk, phone = signed_in("alice"), signed_in("alice")
    program = accounts_of_program(app)
    assert opens(app, program)
    nora = signed_in("nora")
    asked = words_of(nora.get(of(world, "alice", "/disable")))
    assert "signed out at once on every device" in asked
    assert "2 browsers" in asked
    assert send(nora, of(world, "alice", "/disable")).status_code == 303
    assert [desk.get("/").status_code, phone.get("/").status_code, opens(app, program)] == [303, 303, False]
    assert enter(app.test_client(), "alice@example.org").status_code == 422
    assert "Disabled" in words_of(nora.get(of(world, "alice")))
    assert send(nora, of(world, "alice", "/enable")).status_code == 303
    assert desk.get("/").status_code == 303
    assert enter(app.test_client(), "alice@example.org").status_code == 303
    with app.app_context():
        told = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.active")).all()
        assert [(one.user_id, one.object_id, one.details) for one in told] == [
            (world.users["nora"].id, str(world.users["alice"].id), {"active": active}) for active in (False, True)
        ]


def accounts_of_program(app: Flask) -> str:
    with app.app_context():
        return accounts.sign_in_machine("alice@example.org", PASSWORD).access.text


def opens(app: Flask, secret: str) -> bool:
    headers = {"Authorization": f"Bearer {secret}"}
    return app.test_client().get("/ums/v2/users/self", headers=headers).status_code == 200


def change(browser: FlaskClient, path: str, roles: list[str], *, confirmed: bool = True) -> TestResponse:
    fields = {"csrf_token": csrf_token(browser, PEOPLE), "roles": roles} | ({"confirmed": "yes"} if confirmed else {})
    return browser.post(path, data=fields)


def test_what_somebody_has_taken_is_offered_to_whom_the_record_tells_of_them(
    app: Flask, world: World, signed_in: SignedIn
) -> None:
    signed_in("alice")
    nora, max_ = signed_in("nora"), signed_in("max")
    taken = f"/admin/record/taken/{world.users['alice'].id}"
    offered = [taken in browser.get(of(world, "alice")).text for browser in (nora, max_)]
    assert (offered, nora.get(taken).status_code) == ([True, True], 200)
    with app.app_context():
        begin_writing()
        db.session.execute(delete(Membership).where(Membership.user_id == world.users["alice"].id))
        db.session.commit()
    offered = [taken in browser.get(of(world, "alice")).text for browser in (nora, max_)]
    assert (offered, max_.get(taken).status_code) == ([False, True], 200)


def test_roles_are_changed_after_the_change_was_said_in_words(app: Flask, world: World, signed_in: SignedIn) -> None:
    max_, path = signed_in("max"), of(world, "alice", "/roles")
    wanted = [f"{world.northside.id} analyst", f"{world.riverside.id} clinician"]
    asked = change(max_, path, wanted, confirmed=False)
    words = words_of(asked)
    assert "Alice will be: Analyst in Northside Clinic Clinician in Riverside General" in words
    assert "Alice will no longer be: Clinician in Northside Clinic" in words
    alice = signed_in("alice")
    assert "Clinician, Northside Clinic" in words_of(alice.get("/account/"))
    sent = [html.unescape(one) for one in re.findall(r'name="roles" value="([^"]+)"', asked.text)]
    assert sorted(sent) == sorted(wanted)
    assert change(max_, path, sent).status_code == 303
    assert "Analyst, Northside Clinic Clinician, Riverside General" in words_of(alice.get("/account/"))
    more = change(max_, path, [*wanted, f"{world.northside.id} clinician"], confirmed=False)
    assert "Alice will also be: Clinician in Northside Clinic" in words_of(more), "what is kept is not said to go"
    with app.app_context():
        details = db.session.scalars(select(AuditEvent.details).where(AuditEvent.action == "user.roles")).one()
        assert details == {
            "gained": sorted([f"analyst@{world.northside.id}", f"clinician@{world.riverside.id}"]),
            "lost": [f"clinician@{world.northside.id}"],
        }
    # Now she also belongs where nora does not administer.
    nora = signed_in("nora")
    assert "also belongs where you do not administer" in words_of(nora.get(of(world, "alice")))
    assert change(nora, path, []).status_code == 403
    assert send(nora, of(world, "alice", "/disable"), form=PEOPLE).status_code == 403


def test_nobody_gives_roles_that_are_not_theirs_to_give(app: Flask, world: World, signed_in: SignedIn) -> None:
    nora, path = signed_in("nora"), of(world, "alice", "/roles")
    with app.app_context():
        root = administration.root_organization(world.acme.id).id
    for role in (
        f"{root} administrator", f"{world.riverside.id} clinician", f"{world.foreign.id} clinician",
        f"{world.northside.id} king", "nowhere clinician", f"{world.northside.id}",
    ):  # fmt: skip
        assert change(nora, path, [role]).status_code == 422, role
    assert change(nora, of(world, "nora", "/roles"), []).status_code == 403


def test_the_last_administrator_stays_one_whatever_is_tried(app: Flask, world: World) -> None:
    with app.app_context():
        max_, max_id = world.actor("max"), world.users["max"].id
        root = administration.root_organization(world.acme.id).id
        made = administration.invite_person(max_, "Second Chief", "second@example.org", root, ("administrator",))
        second = accounts.actor_for_user(made.user_id)
        # An invitation that nobody took up is no administrator.
        for deed in (
            lambda: administration.set_person_active(second, max_id, False),
            lambda: administration.change_roles(second, max_id, ()),
            lambda: administration.remove_person(second, max_id),
        ):
            with pytest.raises(Forbidden, match="last administrator"):
                deed()
        with pytest.raises(Forbidden):
            administration.change_roles(max_, max_id, ())
        assert made.link.url is not None
        accounts.use_link(made.link.url.rsplit("/", 1)[1], NEW)
        administration.change_roles(second, max_id, {(root, "analyst")})
        assert accounts.actor_for_user(max_id).standings[0].role == "analyst"
        with pytest.raises(Forbidden):
            administration.change_roles(second, made.user_id, ())


def test_an_administrator_of_another_tenant_or_nobody_sees_none_of_it(world: World, signed_in: SignedIn) -> None:
    boris, alice = signed_in("boris"), signed_in("alice")
    listed = words_of(boris.get(PEOPLE))
    assert "boris@example.org" in listed
    assert "alice@example.org" not in listed
    for more in ("", "/link", "/disable", "/enable", "/second-step"):
        assert boris.get(of(world, "alice", more)).status_code == 404
        assert alice.get(of(world, "adam", more)).status_code == 403
    for path in (PEOPLE, f"{PEOPLE}new", RIGHTS):
        assert alice.get(path).status_code == 403
    assert "People</a>" not in alice.get("/").text


def test_the_list_is_searched_and_leafed_through(
    app: Flask, world: World, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    max_, nora = signed_in("max"), signed_in("nora")
    assert "rita@example.org" not in words_of(nora.get(PEOPLE))
    assert "Nobody matches" in words_of(max_.get(f"{PEOPLE}?q=%25"))
    found = words_of(max_.get(f"{PEOPLE}?q=RIT"))
    assert "rita@example.org" in found
    assert "alice@example.org" not in found
    invite(max_, world.riverside.id)
    invited = words_of(max_.get(f"{PEOPLE}?state=invited"))
    assert ("ines@example.org" in invited, "alice@example.org" in invited) == (True, False)
    monkeypatch.setattr("app.portal.administration_people.PAGE_SIZE", 3)
    seen, path = [], PEOPLE
    while path:
        page = max_.get(path).text
        seen += re.findall(r'<a href="/admin/people/[0-9a-f-]{36}">([^<]+)<', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(following[1]) if following else ""
    assert seen == ["Adam", "Alice", "Ann", "Ines Ferro", "Max", "Nora", "Rita"]
    assert max_.get(f"{PEOPLE}?after=x&id=broken&q=%00&state=king").status_code == 200


def test_the_table_of_rights_is_the_one_that_is_asked(signed_in: SignedIn) -> None:
    page = signed_in("nora").get(RIGHTS)
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', page.text)
    shown = [[cell == "Yes" for cell in re.findall(r"<td[^>]*>(?:<[^>]+>)?(Yes|No)", row)] for row in rows]
    assert [sum(column) for column in zip(*shown, strict=True)] == [len(held) for held in ROLE_PERMISSIONS.values()]
    assert "Administrators of the whole tenant decide this." in words_of(page)


def test_a_second_step_is_asked_of_roles_after_it_was_said_whom_it_touches(signed_in: SignedIn) -> None:
    max_ = signed_in("max")
    alice = signed_in("alice")
    fields = {"csrf_token": csrf_token(max_, RIGHTS), "whom": "roles", "asked_of": ["clinician", "administrator"]}
    asked = words_of(max_.post(f"{RIGHTS}second-step", data=fields))
    assert "of everybody who is clinician or administrator somewhere" in asked
    assert "5 people of those have none yet" in asked
    refused = max_.post(f"{RIGHTS}second-step", data=fields | {"confirmed": "yes"})
    assert (refused.status_code, "for yourself first" in words_of(refused)) == (422, True)
    set_up(max_)
    assert alice.get("/").status_code == 200
    fields["csrf_token"] = csrf_token(max_, RIGHTS)
    assert max_.post(f"{RIGHTS}second-step", data=fields | {"confirmed": "yes"}).location == RIGHTS
    assert alice.get("/").status_code == 303
    assert "4 people have still to set it up" in words_of(max_.get(RIGHTS))


def test_forgot_password_says_the_same_to_everybody(client: FlaskClient) -> None:
    said = []
    for email in ("alice@example.org", "nobody@example.org", "<b>@example.org"):
        answer = send(client, "/sign-in/forgot", email=email)
        assert answer.status_code == 200
        assert "<b>@" not in answer.text
        said.append(words_of(answer).replace(html.escape(email), "…"))
    assert len(set(said)) == 1
    assert send(client, "/sign-in/forgot", email=" ").status_code == 422
    for _ in range(4):
        send(client, "/sign-in/forgot", email="alice@example.org")
    limited = send(client, "/sign-in/forgot", email="alice@example.org")
    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) > 0
    assert client.get("/sign-in/forgot?email=a@b.example").status_code == 200
