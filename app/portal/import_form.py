"""The form that says what the columns of a file are."""

from __future__ import annotations

from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from app import imports
from app.imports import Columns, Found, Guess, Writing

SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
"""A tab does not outlive every form, so signs go by names."""
SIGN_NAMES = {sign: name for name, sign in SIGNS.items()}
POINTS = {"point": ".", "comma": ","}
POINT_NAMES = {sign: name for name, sign in POINTS.items()}
ENCODING_WORDS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16 (little endian)",
    "utf-16-be": "UTF-16 (big endian)",
    "windows-1252": "Windows-1252 (Western Europe)",
}
SIGN_WORDS = {"comma": "Comma", "semicolon": "Semicolon", "tab": "Tab", "bar": "Upright line |"}
POINT_WORDS = {"point": "Point: 36.5", "comma": "Comma: 36,5"}
_COLUMN = "column-"
_MOST_DIGITS = 4


@dataclass
class ColumnsForm:
    """What was chosen, or is suggested; ``errors`` by the names of the fields."""

    writing: Writing
    columns: Columns
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def suggested(cls, found: Found, guess: Guess) -> ColumnsForm:
        return cls(found.writing, guess.columns)

    @classmethod
    def parse(cls, sent: MultiDict[str, str]) -> ColumnsForm:
        """What somebody sent; what cannot be read is looked at as not chosen, and the domain says so."""
        layout = sent.get("layout", "wide")
        metrics = {
            place: name
            for key, name in sent.items()
            if key.startswith(_COLUMN) and name and (place := _number(key.removeprefix(_COLUMN))) is not None
        }
        columns = Columns(
            layout=layout,
            time=_number(sent.get("time")),
            time_kind=sent.get("time_kind") or None,
            zone=sent.get("zone") or None,
            decimal=POINTS.get(sent.get("decimal", ""), ""),
            device=_number(sent.get("device")),
            metric=_number(sent.get("metric")) if layout != "wide" else None,
            value=_number(sent.get("value")) if layout != "wide" else None,
            metrics=metrics if layout == "wide" else {},
        )
        return cls(writing_of(sent), columns)

    def take_faults(self, faults: dict[str, str], message: str) -> None:
        """Show a refusal at its fields."""
        self.errors |= faults or {"": message}


def writing_of(sent: MultiDict[str, str]) -> Writing:
    """How the file is written, as somebody chose it."""
    heading = _number(sent.get("heading"))
    return Writing(
        encoding=sent.get("encoding", ""),
        delimiter=SIGNS.get(sent.get("delimiter", ""), ""),
        heading=-1 if heading is None else heading,
    )


def _number(text: str | None) -> int | None:
    if not text or not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        return None
    return int(text)


def choices(found: Found) -> dict[str, list[tuple[str, str]]]:
    """The options of the form's lists."""
    places = [(str(place), name) for place, name in enumerate(found.names)]
    return {
        "encodings": list(ENCODING_WORDS.items()),
        "signs": list(SIGN_WORDS.items()),
        "points": list(POINT_WORDS.items()),
        "places": places,
        "kinds": list(imports.KINDS.items()),
        "zones": [(zone, zone.replace("_", " ")) for zone in imports.zones()],
        "layouts": list(imports.LAYOUTS.items()),
    }
