"""Every address × everybody who may come to it: other tenant, other organization, another person, a role too small.

What is walked is ``app.url_map``; the policies are those of ``DOORS`` in tests/test_doors.py.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from app import administration
from app.access import ROLE_PERMISSIONS, Permission
from app.extensions import db
from app.models import User
from tests.factories import PASSWORD
from tests.security import planted as planted_doors
from tests.security.site import PLANTED, Site
from tests.test_doors import DOORS, INTRUDERS, Address, Door, addresses_of

PERMISSIONS = {"export": Permission.EXPORT_DATA} | {one.value: one for one in Permission if one is not Permission.VIEW}
"""What ``needs`` of a door says, where it is a permission that a role may lack."""
HAVE_NO_PERMISSION = {"nobody", "sign-in", "token", "view"}
PEOPLE = {"alice": "clinician", "ann": "analyst", "max": "administrator"}
"""Somebody of each role, who sees what stands in the addresses."""
ONE_ORGANIZATION = "/admin/organizations/<uuid:organization_id>"
OF_ONE_ORGANIZATION = (
    "entity", "file", "export", "delivery", "import", "token", "user", "session", "event", "organization", "location",
)  # fmt: skip
NAMING = ("<uuid:", "_key>", "<short_code>", "<whose>", "<int:event_id>")


def told_apart(site: Site, addresses: Iterable[Address]) -> list[str]:
    """Where an intruder learns whether a thing exists: told in words, one line for each."""
    found = []
    for who, address, real, unknown in site.pairs(addresses):
        door = DOORS[address.name]
        if real.told != unknown.told:
            differing = [one for one in zip(real.told, unknown.told, strict=True) if one[0] != one[1]]
            found.append(f"{who}: {address.name} tells what exists from what does not: {differing}")
        elif door.of and real.status not in ((403, 404) if door.needs in PERMISSIONS else (404,)):
            found.append(f"{who}: {address.name} answers {real.status}, not 404")
    return found


def without_example(site: Site) -> list[str]:
    """Addresses with an id or a key of something in them, of which the walk knows no real one."""
    return [
        address.name
        for address in site.addresses()
        if any(part in address.rule.rule for part in NAMING) and site.paths(address) is None
    ]


def without_policy(addresses: Iterable[Address]) -> list[str]:
    return [address.name for address in addresses if address.name not in DOORS]


def let_in(site: Site, who: str, addresses: Iterable[Address]) -> list[str]:
    """Addresses where somebody whose role is too small was not refused, or whose policy no table knows."""
    found = []
    for address in addresses:
        needs = DOORS[address.name].needs
        if needs not in PERMISSIONS and needs not in HAVE_NO_PERMISSION:
            found.append(f"{address.name}: nothing is known of the policy {needs}")
        elif needs in PERMISSIONS and PERMISSIONS[needs] not in ROLE_PERMISSIONS[PEOPLE[who]]:
            answer = site.ask(who, address, site.things.path(site.app, address, **site.particular(address.rule)))
            # Whoever does not even see the thing may be told that there is none.
            if answer.status not in ((403, 404) if DOORS[address.name].of else (403,)):
                found.append(f"{who}: {address.name} answers {answer.status}, not 403")
    return found


def test_every_address_has_a_policy_and_an_example(site: Site) -> None:
    assert without_policy(site.addresses()) == []
    assert without_example(site) == []


def test_a_thing_of_others_is_answered_byte_for_byte_like_one_that_does_not_exist(site: Site) -> None:
    assert told_apart(site, site.addresses()) == []


def test_the_walk_finds_a_planted_door_without_a_policy_and_one_that_gives_away_what_exists(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    [planted] = [address for address in addresses_of(site.app) if address.rule.rule == PLANTED]
    assert without_policy([*site.addresses(), planted]) == [planted.name]
    monkeypatch.setitem(DOORS, planted.name, Door("view", "entity"))
    boris, rita = told_apart(site, [planted])
    assert boris.startswith(f"boris: {planted.name} tells what exists from what does not: [(403, 404)")
    assert rita.startswith(f"rita: {planted.name} tells what exists from what does not: [(403, 404)")


def test_the_walk_finds_a_planted_door_that_a_role_too_small_opens_and_a_policy_that_nobody_knows(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    [planted] = [address for address in addresses_of(site.app) if address.rule.rule == PLANTED]
    monkeypatch.setitem(DOORS, planted.name, Door("manage", "entity"))
    monkeypatch.setattr(planted_doors, "ANSWER", ("Welcome.", 200))
    assert let_in(site, "alice", [planted]) == [f"alice: {planted.name} answers 200, not 403"]
    assert let_in(site, "max", [planted]) == []
    monkeypatch.setitem(DOORS, planted.name, Door("be somebody", "entity"))
    assert let_in(site, "max", [planted]) == [f"{planted.name}: nothing is known of the policy be somebody"]


@pytest.mark.parametrize("who", PEOPLE)
def test_a_role_gets_where_its_row_of_the_table_lets_it_and_nowhere_else(site: Site, who: str) -> None:
    assert let_in(site, who, site.addresses()) == []


def is_for_whole_tenant(address: Address) -> bool:
    """What counts in every organization: settings, templates, which organizations there are, how everybody signs in."""
    rule, changes = address.rule.rule, address.method != "GET"
    if rule.startswith(("/admin/settings", "/admin/operations")):
        return True
    if rule.startswith("/admin/templates"):
        return changes or rule.endswith(("/new", "/edit")) or "_id>/attributes/<" in rule or "_id>/metrics/<" in rule
    return rule == "/admin/organizations/new" or (
        changes and rule in ("/admin/organizations/", "/admin/roles/second-step", f"{ONE_ORGANIZATION}/remove")
    )


def test_who_administers_one_organization_gets_nowhere_that_counts_in_all(site: Site) -> None:
    beyond = [one for one in site.addresses() if DOORS[one.name].needs == "manage" and is_for_whole_tenant(one)]
    paths = {one.name: site.things.path(site.app, one, **site.particular(one.rule)) for one in beyond}
    told = {one.name: site.ask("nora", one, paths[one.name]).status for one in beyond}
    assert {name: status for name, status in told.items() if status != 403} == {}
    # They are there for who administers the whole tenant.
    read = {site.ask("max", one, paths[one.name]).status for one in beyond if one.method == "GET"}
    assert (len(beyond) > 20, read) == (True, {200})


def test_who_administers_another_organization_is_told_nothing_of_this_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = site.world
    with site.app.app_context():
        olga = administration.create_user(
            world.acme.id, world.riverside.id, "olga@example.org", "Olga", PASSWORD, "administrator"
        )
        monkeypatch.setitem(world.users, "olga", db.session.get_one(User, olga.id))
        assert world.users["olga"].email
    for kind in OF_ONE_ORGANIZATION:
        monkeypatch.setitem(INTRUDERS, kind, ("olga",))
    walked = [one for one in site.addresses() if DOORS[one.name].of in OF_ONE_ORGANIZATION]
    assert len({DOORS[one.name].of for one in walked if DOORS[one.name].needs == "manage"}) > 4
    assert told_apart(site, walked) == []
