"""What devices write into their logs: the vocabulary, and lines in the order a device would write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random


class Severity(Enum):
    """How much a record matters; the value is what people read."""

    INFORMATION = "Information"
    WARNING = "Warning"
    FAULT = "Fault"


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of record. ``weight`` is how often it comes up; ``readings`` are (name, low, high, unit)."""

    code: str
    title: str
    message: str
    severity: Severity
    weight: int
    readings: tuple[tuple[str, float, float, str], ...]


ROUTINES: dict[str, tuple[Event, ...]] = {
    "ecg_recorder": (
        Event(
            "E-100",
            "Self-test passed",
            "Power-on self-test finished without findings.",
            Severity.INFORMATION,
            6,
            (
                ("battery", 62.0, 100.0, "%"),
                ("reference", 0.998, 1.002, "mV"),
                ("temperature", 21.0, 34.0, "°C"),
            ),
        ),
        Event(
            "E-120",
            "Recording stored",
            "A 12-lead resting recording was stored and sent.",
            Severity.INFORMATION,
            8,
            (("duration", 10.0, 10.0, "s"), ("sampling", 1000.0, 1000.0, "Hz"), ("noise", 4.0, 22.0, "µV")),
        ),
        Event(
            "E-240",
            "Lead off",
            "An electrode lost contact during the recording.",
            Severity.WARNING,
            4,
            (("impedance", 180.0, 900.0, "kΩ"), ("noise", 40.0, 260.0, "µV")),
        ),
        Event(
            "E-310",
            "Transfer failed",
            "The recording could not be sent and stays in the device's memory.",
            Severity.FAULT,
            1,
            (("attempts", 3.0, 5.0, ""), ("stored", 1.0, 14.0, "recordings")),
        ),
    ),
    "vital_signs_monitor": (
        Event(
            "V-100",
            "Self-test passed",
            "Daily self-test finished without findings.",
            Severity.INFORMATION,
            6,
            (
                ("battery", 55.0, 100.0, "%"),
                ("cuff zero", -0.4, 0.4, "mmHg"),
                ("temperature", 22.0, 37.0, "°C"),
            ),
        ),
        Event(
            "V-115",
            "Session closed",
            "A monitoring session was closed and its values were sent.",
            Severity.INFORMATION,
            8,
            (("values", 240.0, 3600.0, ""), ("gaps", 0.0, 6.0, ""), ("duration", 20.0, 720.0, "min")),
        ),
        Event(
            "V-230",
            "Cuff leak suspected",
            "The cuff lost pressure faster than allowed.",
            Severity.WARNING,
            3,
            (("pressure", 120.0, 190.0, "mmHg"), ("loss", 6.0, 15.0, "mmHg/min")),
        ),
        Event(
            "V-260",
            "Probe contact poor",
            "The SpO₂ probe saw too little perfusion for a reading.",
            Severity.WARNING,
            4,
            (("perfusion", 0.1, 0.3, "%"), ("retries", 2.0, 9.0, "")),
        ),
        Event(
            "V-320",
            "Battery does not hold",
            "The battery fell below its limit in less than the allowed time.",
            Severity.FAULT,
            1,
            (("battery", 4.0, 19.0, "%"), ("hold time", 11.0, 44.0, "min")),
        ),
    ),
    "blood_analyser": (
        Event(
            "B-100",
            "Background count passed",
            "The background count was within limits.",
            Severity.INFORMATION,
            6,
            (("WBC", 0.0, 0.2, "10⁹/L"), ("RBC", 0.0, 0.02, "10¹²/L"), ("PLT", 0.0, 6.0, "10⁹/L")),
        ),
        Event(
            "B-130",
            "Control run accepted",
            "All levels of the control material were within two deviations.",
            Severity.INFORMATION,
            6,
            (("level 1", -1.6, 1.6, "SD"), ("level 2", -1.6, 1.6, "SD"), ("level 3", -1.6, 1.6, "SD")),
        ),
        Event(
            "B-210",
            "Reagent low",
            "A reagent will run out within the day.",
            Severity.WARNING,
            4,
            (("remaining", 3.0, 14.0, "%"), ("tests left", 8.0, 46.0, "")),
        ),
        Event(
            "B-240",
            "Short sample",
            "A tube held less than the aspiration volume.",
            Severity.WARNING,
            3,
            (("volume", 18.0, 74.0, "µL"), ("position", 1.0, 40.0, "")),
        ),
        Event(
            "B-330",
            "Clog cleared",
            "The aperture was blocked; a purge cleared it.",
            Severity.FAULT,
            1,
            (("count time", 9.4, 18.2, "s"), ("purges", 1.0, 3.0, "")),
        ),
    ),
}

CLOSINGS = {
    Severity.INFORMATION: ("result accepted", "queued for transfer", "acknowledged by server"),
    Severity.WARNING: ("operator informed", "repeat requested", "repeat within limits"),
    Severity.FAULT: ("measurement stopped", "operator informed", "service mode entered", "service mode left"),
}
MARKS = {Severity.INFORMATION: "INFO", Severity.WARNING: "WARN", Severity.FAULT: "ERROR"}


def incident_lines(random: Random, event: Event, since: datetime) -> Iterator[str]:
    """The log lines around one record, each with its own time, rising."""
    at = since
    yield _line(at, "INFO", event.code, "begin", event.title)
    for name, low, high, unit in event.readings:
        at += timedelta(milliseconds=random.randrange(120, 4000))
        value = random.uniform(low, high)
        shown = f"{value:.0f}" if low.is_integer() and high.is_integer() else f"{value:.3f}"
        yield _line(at, MARKS[event.severity], event.code, "reading", f"{name}={shown} {unit}".rstrip())
    for words in CLOSINGS[event.severity]:
        at += timedelta(milliseconds=random.randrange(300, 9000))
        yield _line(at, "INFO", event.code, "step", words)
    yield _line(at + timedelta(milliseconds=random.randrange(5, 90)), "INFO", event.code, "end", event.message)


def _line(at: datetime, mark: str, code: str, phase: str, words: str) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {mark:<5} {code} {phase:<7} {words}"
