"""What docs/servitly.md tells people to type is typed here, in its order, and says what the page says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from app import accounts, clock
from app.extensions import db
from app.measurements import load_measurements, series_for
from app.models import Metric, begin_writing
from app.models.types import to_milliseconds
from tests.api.live import Live
from tests.api.pages import run_page
from tests.factories import World
from tests.faults.processes import ROOT

FIRST = "2024-01-07T21:20:00+00:00"


def test_the_pages_commands_run_as_they_stand_and_say_what_it_says(live: Live, tmp_path: Path) -> None:
    with live.at_hand() as world:
        _measure(world)
        # Riverside's: nothing else is asked of it on this server.
        _, token = accounts.issue_token(
            world.actor("rita"), "as documented", ("view", "export_data"), clock.now() + timedelta(days=1)
        )
    told = {"BASE": live.url, "TENANT": "acme", "TOKEN": token}
    run_page(ROOT / "docs" / "servitly.md", told, tmp_path)


def _measure(world: World) -> None:
    device_id = world.device(world.riverside, key="SV-1", serial_number="SV-0001").id
    wanted = select(Metric.name, Metric.id).where(Metric.template_id == world.templates["device"].id)
    metrics = dict(db.session.execute(wanted).all())
    begin_writing()
    series_id = series_for(world.acme.id, device_id=device_id).id
    db.session.commit()
    first = to_milliseconds(clock.now().fromisoformat(FIRST))
    for name, times, values in (("cd4", [first, first + 300_000], [812.0, 815.5]), ("cd8", [first + 300_000], [640.0])):
        load_measurements(world.acme.id, series_id, metrics[name], times, values)
