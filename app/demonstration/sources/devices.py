"""The devices of three invented clinics and the records they wrote: made up, and always the same.

Nine devices are described one by one, with a life that a visitor can follow in their logs; a fleet of
bedside monitors stands behind them, so that a device export has some weight. Every choice comes from a
generator with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from app.demonstration.sources.device_events import ROUTINES, Severity, incident_lines

ECG_RECORDER, VITAL_SIGNS_MONITOR, BLOOD_ANALYSER = "ecg_recorder", "vital_signs_monitor", "blood_analyser"
NORTHSIDE, RIVERSIDE, FJORD = "northside", "riverside", "fjord"
WARDS = {
    NORTHSIDE: ("Outpatient clinic", "Day ward", "Laboratory"),
    RIVERSIDE: ("Cardiology ward", "Medical ward", "Emergency department", "Laboratory"),
    FJORD: ("Consulting rooms",),
}
SEED = "chartroom devices 1"
FLEET_SIZE = 150
LOGS_A_DEVICE = 60
SERVICES = 3
FLEET_SINCE = datetime(2022, 3, 7, 7, 30, tzinfo=UTC)
STATUSES = ("In service", "In service", "In service", "In service", "Under maintenance", "Withdrawn")


@dataclass(frozen=True, slots=True)
class Device:
    """``device_id`` is the device's own text, ``kind`` one of the three templates, ``site`` a clinic."""

    device_id: str
    kind: str
    site: str
    ward: str
    name: str
    manufacturer: str
    model: str
    serial_number: str
    unique_device_identifier: str
    firmware: str
    status: str
    network_address: str
    last_service: date
    next_service: date
    service_history: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceLog:
    """A record that a device wrote. ``lines`` is the excerpt of its log file that belongs to it."""

    device_id: str
    number: int
    title: str
    severity: str
    status: str
    event_code: str
    message: str
    occurrences: int
    lines: tuple[str, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def file_name(self) -> str:
        """A name for the excerpt as a file."""
        return f"{self.device_id}-{self.created_at:%Y%m%d-%H%M%S}.log"


#: device id, kind, site, ward, name, manufacturer, model, firmware, status, created, updated
DESCRIBED = (
    (
        "ECG-EL250-0017",
        ECG_RECORDER,
        RIVERSIDE,
        "Cardiology ward",
        "Resting ECG, cardiology",
        "Mortara Instrument",
        "ELI 250",
        "2.1.3",
        "In service",
        "2012-11-19 09:12",
        "2024-02-06 15:41",
    ),
    (
        "ECG-EL250-0042",
        ECG_RECORDER,
        NORTHSIDE,
        "Outpatient clinic",
        "Resting ECG, outpatients",
        "Mortara Instrument",
        "ELI 250",
        "2.1.1",
        "In service",
        "2013-06-03 08:05",
        "2023-09-18 10:22",
    ),
    (
        "VSM-ARGUS-1101",
        VITAL_SIGNS_MONITOR,
        RIVERSIDE,
        "Medical ward",
        "Bay 1 monitor",
        "Argus Bedside",
        "A30",
        "5.4.0",
        "In service",
        "2019-04-11 13:30",
        "2024-05-02 06:58",
    ),
    (
        "VSM-ARGUS-1102",
        VITAL_SIGNS_MONITOR,
        RIVERSIDE,
        "Medical ward",
        "Bay 2 monitor",
        "Argus Bedside",
        "A30",
        "5.4.0",
        "Under maintenance",
        "2019-04-11 14:05",
        "2024-05-21 16:17",
    ),
    (
        "VSM-ARGUS-1207",
        VITAL_SIGNS_MONITOR,
        NORTHSIDE,
        "Day ward",
        "Infusion chair monitor",
        "Argus Bedside",
        "A20",
        "4.9.6",
        "In service",
        "2020-10-26 07:45",
        "2023-12-29 11:03",
    ),
    (
        "LAB-CYTO-0003",
        BLOOD_ANALYSER,
        NORTHSIDE,
        "Laboratory",
        "CD4/CD8 counter",
        "Cytoline",
        "FlowLite 2",
        "1.18",
        "In service",
        "2017-01-16 10:00",
        "2024-04-15 08:36",
    ),
    (
        "LAB-HEMA-0009",
        BLOOD_ANALYSER,
        RIVERSIDE,
        "Laboratory",
        "Haematology analyser",
        "Corvane",
        "H-480",
        "3.7.2",
        "In service",
        "2018-08-20 11:20",
        "2024-01-24 19:12",
    ),
    (
        "LAB-HEMA-0004",
        BLOOD_ANALYSER,
        NORTHSIDE,
        "Laboratory",
        "Haematology analyser, old",
        "Corvane",
        "H-310",
        "2.9.9",
        "Withdrawn",
        "2014-02-10 09:40",
        "2021-07-30 12:00",
    ),
    (
        "VSM-ARGUS-3001",
        VITAL_SIGNS_MONITOR,
        FJORD,
        "Consulting rooms",
        "Room 1 monitor",
        "Argus Bedside",
        "A20",
        "5.1.2",
        "In service",
        "2021-02-22 08:10",
        "2024-03-04 09:27",
    ),
)


def devices() -> Iterator[Device]:
    """The described devices, then the fleet; no two share a creation or a change time."""
    random = Random(SEED)
    for number, row in enumerate(DESCRIBED, start=1):
        yield _device(random, number, row[:9], _instant(row[9]), _instant(row[10]))
    for number in range(1, FLEET_SIZE + 1):
        site = RIVERSIDE if number % 2 else NORTHSIDE
        ward = random.choice([known for known in WARDS[site] if known != "Laboratory"])
        created = FLEET_SINCE + timedelta(hours=97 * number, minutes=random.randrange(60))
        updated = created + timedelta(days=20 + random.randrange(150), minutes=number, seconds=random.randrange(60))
        model, firmware = random.choice(("M4", "M6")), random.choice(("7.0.2", "7.1.0", "7.1.4"))
        facts = (
            f"VSM-ORBIT-{2000 + number}",
            VITAL_SIGNS_MONITOR,
            site,
            ward,
            f"{ward}, monitor {number}",
            "Orbit Medical",
            model,
            firmware,
            random.choice(STATUSES),
        )
        yield _device(random, number + 100, facts, created, updated)


def device_logs() -> Iterator[DeviceLog]:
    """What the described devices wrote, oldest first for each: routine and, now and then, a fault."""
    for device in devices():
        if any(device.device_id == row[0] for row in DESCRIBED):
            yield from _logs_of(device)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def _device(random: Random, number: int, facts: tuple[str, ...], created: datetime, updated: datetime) -> Device:
    device_id, kind, site, ward, name, manufacturer, model, firmware, status = facts
    serviced = updated.date() - timedelta(days=random.randrange(5, 60))
    serial = f"{created:%Y%m%d}-{number:03d}"
    return Device(
        device_id=device_id,
        kind=kind,
        site=site,
        ward=ward,
        name=name,
        manufacturer=manufacturer,
        model=model,
        serial_number=serial,
        unique_device_identifier=f"(01)0950600{number:07d}(11){created:%y%m%d}(21){serial}",
        firmware=firmware,
        status=status,
        network_address=f"192.0.2.{number % 254 + 1}",
        last_service=serviced,
        next_service=serviced + timedelta(days=365),
        service_history="\n".join(_service_history(random, kind, firmware, serviced)),
        created_at=created,
        updated_at=updated,
    )


def _service_history(random: Random, kind: str, firmware: str, last: date) -> Iterator[str]:
    """The last three yearly services, newest first."""
    checks = {
        ECG_RECORDER: ("lead cable continuity", "1 mV calibration pulse", "paper transport", "battery hold time"),
        VITAL_SIGNS_MONITOR: ("cuff leak test", "SpO₂ probe check", "alarm volume", "battery hold time"),
        BLOOD_ANALYSER: ("background count", "three-level control", "aspiration volume", "waste sensor"),
    }[kind]
    for year in range(SERVICES):
        first, second = random.sample(checks, 2)
        yield (
            f"{last - timedelta(days=365 * year):%Y-%m-%d}: Electrical safety passed "
            f"({random.randrange(18, 92)} µA leakage). {first[0].upper()}{first[1:]} and {second} within limits"
            f"{f'; firmware {firmware} kept' if year == 0 else ''}. Cleaned, labelled and returned to its place."
        )


def _logs_of(device: Device) -> Iterator[DeviceLog]:
    random = Random(f"{SEED} {device.device_id}")
    span = device.updated_at - device.created_at
    routines = ROUTINES[device.kind]
    for number in range(1, LOGS_A_DEVICE + 1):
        share = (number - random.random() * 0.8) / (LOGS_A_DEVICE + 1)
        created = device.created_at + timedelta(seconds=int(span.total_seconds() * share))
        event = random.choices(routines, weights=[known.weight for known in routines])[0]
        lines = tuple(incident_lines(random, event, created))
        settled = created + timedelta(seconds=random.randrange(40, 4 * 86400))
        status = "Closed"
        if event.severity is not Severity.INFORMATION and share > 0.9:
            status = random.choice(("Open", "Acknowledged"))
        yield DeviceLog(
            device_id=device.device_id,
            number=number,
            title=event.title,
            severity=event.severity.value,
            status=status,
            event_code=event.code,
            message=event.message,
            occurrences=random.randrange(1, 7),
            lines=lines,
            created_at=created,
            updated_at=created if status == "Open" else min(settled, device.updated_at),
        )
