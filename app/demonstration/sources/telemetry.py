"""What devices say about themselves each morning: battery and temperature over their last year. Made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random

from app.demonstration.sources.devices import SEED, Device

DAYS = 365
MORNING = time(5, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """One morning's self-test: battery capacity in percent, temperature inside the case in °C."""

    taken_at: datetime
    battery: float
    temperature: float


def readings(device: Device) -> Iterator[Reading]:
    """A reading for each day of the year before the device's last change, oldest first.

    The battery ages a little each day; the temperature follows the season and the room.
    """
    random = Random(f"{SEED} readings {device.device_id}")
    last = datetime.combine(device.updated_at.date(), MORNING)
    battery, room = random.uniform(88, 98), random.uniform(22, 26)
    for day in range(DAYS, 0, -1):
        taken_at = last - timedelta(days=day, seconds=random.randrange(600))
        battery -= random.uniform(0, 0.06)
        summer = 1 - abs(taken_at.timetuple().tm_yday - 200) / 183
        yield Reading(
            taken_at,
            battery=round(battery + random.uniform(-0.4, 0.4), 1),
            temperature=round(room + 5 * summer + random.uniform(-0.7, 0.7), 1),
        )
