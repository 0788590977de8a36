"""What docs/ocl.md tells people to type is typed here, in its order, and says what the page says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app import accounts, administration, clock, terminology
from app.terminology import Address, ConceptWish
from tests.api.live import Live
from tests.api.pages import run_page
from tests.factories import World
from tests.faults.processes import ROOT
from tests.terminology.making import made, mapping

SOURCE = Address("orgs", "WHO", "sources", "ICD-10")
NAMES = {"A15": "Respiratory tuberculosis", "A15.0": "Confirmed", "A15.1": "Tuberculosis of lung", "A15.2": "Twice"}


def test_the_pages_commands_run_as_they_stand_and_say_what_it_says(live: Live, tmp_path: Path) -> None:
    with live.at_hand() as world:
        _fill(world)
        _, token = accounts.issue_token(
            world.actor("max"), "as documented", ("view", "edit", "manage"), clock.now() + timedelta(days=1)
        )
    told = {"BASE": live.url, "TOKEN": token, "SOURCE": f"{live.url}{SOURCE.path.rstrip('/')}"}
    run_page(ROOT / "docs" / "ocl.md", told, tmp_path)


def _fill(world: World) -> None:
    administration.create_organization(world.acme.id, "World Health Organization", "WHO")
    actor = world.actor("max")
    made(actor, SOURCE)
    for code, name in NAMES.items():
        wish = ConceptWish(code, names=[{"name": name, "locale": "en", "name_type": "FULLY_SPECIFIED"}])
        terminology.create_concept(actor, SOURCE, wish)
    mapping(actor, "A15.0", "A15.1", at=SOURCE)
    terminology.delete_concept(actor, SOURCE, "A15.2")
