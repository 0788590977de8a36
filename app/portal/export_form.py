"""The form of a report: what a person typed, kept as it was typed, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID, uuid4

from werkzeug.datastructures import MultiDict

from app import clock
from app.access import ExportRight
from app.exports import ReportParams
from app.portal.typed import LONGEST, read_moment, several, typed_moment

MEGABYTE = 1_000_000
MEASUREMENTS = "measurements"
"""A data type beside those of templates: the period is the time of measurement, and there is nothing attached."""
ANY_TIME = "any"
PERIODS = {
    "creation": "Created in this period",
    "modification": "Last changed in this period",
    ANY_TIME: "Whenever they were created or changed",
}
MEASURED_PERIODS = {ANY_TIME: "Whenever they were measured", "creation": "Measured in this period"}
"""Of chosen records whose measurements alone are asked for: those have no other time."""
ORDERS = {"desc": "Newest first", "asc": "Oldest first"}
FORMATS = {
    "json": ("JSON", "One list of records in each file; what most programs read."),
    "ndjson": ("NDJSON", "One record a line; for large files that are read line by line."),
    "csv": ("CSV", "One row a record; for spreadsheets and statistics."),
    "parquet": ("Parquet", "Columns with types, and units where attributes have one; for DuckDB, Spark, R."),
}
PRESETS = {
    "7-days": "Last 7 days",
    "30-days": "Last 30 days",
    "year": "This year",
    "everything": "Everything so far",
}
NOT_A_MOMENT = "Enter a date and a time, such as 2024-03-11T14:05."


@dataclass
class ReportForm:
    """Every field as text, so that a refused form shows what was typed; ``errors`` by field, ``""`` is the form."""

    data_types: tuple[str, ...] = ()
    period: str = "creation"
    start: str = ""
    end: str = ""
    template_ids: tuple[str, ...] = ()
    order: str = "desc"
    format: str = "json"
    for_spreadsheets: bool = True
    max_file_mb: str = ""
    entity_ids: tuple[str, ...] = ()
    with_files: bool = False
    without_phi: bool = False
    request_key: str = field(default_factory=lambda: str(uuid4()))
    errors: dict[str, str] = field(default_factory=dict)
    too_much: str = ""
    """Why there is no preview though nothing is wrong."""

    without_by_right: bool = False
    """The person's right to export does not reach to what identifies people: that it is left out is no choice."""

    @classmethod
    def opened(cls, args: MultiDict[str, str]) -> ReportForm:
        """The form as an address asks for it: what is not said is as it is by default, in this form."""
        entities = several(args, "entity_id")
        form = cls(
            data_types=several(args, "data_type"),
            period=args.get("period", ANY_TIME if entities else "creation")[:LONGEST],
            start=args.get("start", "")[:LONGEST],
            end=args.get("end", "")[:LONGEST],
            template_ids=several(args, "template_id"),
            order=args.get("order", "desc")[:LONGEST],
            format=args.get("format", "json")[:LONGEST],
            for_spreadsheets=args.get("for_spreadsheets", "1") == "1",
            max_file_mb=args.get("max_file_mb", "")[:LONGEST],
            entity_ids=entities,
            with_files=args.get("with_files") == "1",
            without_phi=args.get("without_phi") == "1",
        )
        form.take_preset(args.get("preset", ""))
        return form

    @classmethod
    def sent(cls, args: MultiDict[str, str]) -> ReportForm:
        """The form as a person sent it: what is not there was not chosen."""
        form = cls(
            data_types=several(args, "data_types"),
            period=args.get("period", "")[:LONGEST],
            start=args.get("start", "")[:LONGEST],
            end=args.get("end", "")[:LONGEST],
            template_ids=several(args, "template_ids"),
            order=args.get("order", "")[:LONGEST],
            format=args.get("format", "")[:LONGEST],
            for_spreadsheets="for_spreadsheets" in args,
            max_file_mb=args.get("max_file_mb", "")[:LONGEST],
            entity_ids=several(args, "entity_ids"),
            with_files="with_files" in args,
            without_phi="without_phi" in args,
            request_key=args.get("request_key", "")[:LONGEST],
        )
        if len(set(args.getlist("period"))) > 1:
            form.errors["period"] = "Choose the creation period or the modification period, not both."
        return form

    @classmethod
    def again(cls, params: ReportParams) -> ReportForm:
        """The form filled with what was asked for before."""
        whenever = params.start is None and params.end is None
        size = params.max_file_bytes
        return cls(
            data_types=params.data_types,
            period=ANY_TIME if whenever else params.period,
            start=typed_moment(params.start),
            end=typed_moment(params.end),
            template_ids=tuple(str(one) for one in params.template_ids),
            order=params.order,
            format=params.format,
            # It means nothing for the other formats; for CSV it is on unless it was taken off.
            for_spreadsheets=params.for_spreadsheets or params.format != "csv",
            max_file_mb="" if size is None else f"{Decimal(size) / MEGABYTE:f}",
            entity_ids=tuple(str(one) for one in params.entity_ids),
            with_files=params.with_files,
            without_phi=params.without_phi,
        )

    def take_preset(self, name: str) -> None:
        """Fill in the period that a preset stands for; another word changes nothing."""
        if name not in PRESETS:
            return
        minute = clock.now().replace(second=0, microsecond=0)
        starts = {
            "7-days": minute - timedelta(days=7),
            "30-days": minute - timedelta(days=30),
            "year": minute.replace(month=1, day=1, hour=0, minute=0),
        }
        self.start = typed_moment(starts.get(name))
        # The whole of the present minute belongs to what there is so far.
        self.end = typed_moment(minute + timedelta(minutes=1)) if name == "everything" else ""
        if self.period not in ("creation", "modification"):
            self.period = "creation"

    def hold_to(self, right: ExportRight) -> None:
        """What the person's right leaves out is left out, and the form says so."""
        if right is ExportRight.WITHOUT_IDENTIFIERS:
            self.without_by_right, self.without_phi, self.with_files = True, True, False

    def is_begun(self) -> bool:
        """Whether enough is filled in for a preview to be of use."""
        return bool(self.data_types and (self.start or self.end or self.entity_ids))

    def params(self) -> ReportParams:
        """What the form asks for. What cannot be read is left out of it, with words in ``errors``."""
        whenever = self.period == ANY_TIME
        if whenever and not self.entity_ids:
            self._refuse("period", "Choose the creation period or the modification period.")
        return ReportParams(
            data_types=self.data_types,
            period="creation" if whenever else self.period,
            start=None if whenever else self._moment("start"),
            end=None if whenever else self._moment("end"),
            template_ids=self._ids("template_ids", "One of the templates does not exist."),
            order=self.order,
            format=self.format,
            max_file_bytes=self._bytes(),
            entity_ids=self._ids("entity_ids", "One of the records does not exist."),
            with_files=self.with_files,
            without_phi=self.without_phi,
            for_spreadsheets=self.for_spreadsheets and self.format == "csv",
        )

    def take_faults(self, fields: dict[str, str]) -> None:
        """Take over what the domain refuses; what could not even be read says so already."""
        for name, words in fields.items():
            if name == "start" and "period" in self.errors:
                continue
            if name == "request_key":
                self.request_key = str(uuid4())
            self._refuse({"max_file_bytes": "max_file_mb", "request_key": ""}.get(name, name), words)

    def query(self) -> dict[str, str | list[str]]:
        """The arguments of the address that opens the form like this."""
        said: dict[str, str | list[str]] = {
            "data_type": list(self.data_types),
            "period": self.period,
            "start": self.start,
            "end": self.end,
            "template_id": list(self.template_ids),
            "order": self.order,
            "format": self.format,
            "for_spreadsheets": "1" if self.for_spreadsheets else "0",
            "max_file_mb": self.max_file_mb,
            "entity_id": list(self.entity_ids),
            "with_files": "1" if self.with_files else "",
            "without_phi": "1" if self.without_phi else "",
        }
        return {name: value for name, value in said.items() if value}

    def _refuse(self, name: str, words: str) -> None:
        self.errors.setdefault(name, words)

    def _moment(self, name: str) -> datetime | None:
        text = getattr(self, name).strip()
        if not text:
            return None
        try:
            return read_moment(text)
        except ValueError:
            self._refuse(name, NOT_A_MOMENT)
            return None

    def _bytes(self) -> int | None:
        text = self.max_file_mb.strip()
        if not text:
            return None
        try:
            size = Decimal(text)
            # Compared before it is reckoned with: an exponent may be longer than any size.
            if not size.is_finite() or not -MEGABYTE <= size <= MEGABYTE:
                raise InvalidOperation
        except InvalidOperation:
            self._refuse("max_file_mb", "Enter a number of megabytes, from 0.05 to 1000, such as 10 or 0.5.")
            return None
        return int(size * MEGABYTE)

    def _ids(self, name: str, words: str) -> tuple[UUID, ...]:
        found: dict[UUID, None] = {}
        for text in getattr(self, name):
            try:
                found[UUID(text)] = None
            except ValueError:
                self._refuse(name, words)
        return tuple(found)
