"""What docs/biot.md tells people to type is typed here, in its order, and says what the page says."""

from __future__ import annotations

from pathlib import Path

from tests.api.live import Live
from tests.api.pages import run_page
from tests.factories import PASSWORD
from tests.faults.processes import ROOT


def test_the_pages_commands_run_as_they_stand_and_say_what_it_says(live: Live, tmp_path: Path) -> None:
    told = {"BASE": live.url, "EMAIL": live.world.users["alice"].email, "PASSWORD": PASSWORD}
    run_page(ROOT / "docs" / "biot.md", told, tmp_path)
