"""The form of an export of measurements: what a person typed, kept as it was typed, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from werkzeug.datastructures import MultiDict

from app import clock
from app.exports import DataExportParams, TemplateMetrics
from app.portal.export_form import NOT_A_MOMENT
from app.portal.typed import LONGEST, read_moment, several, typed_moment

DEFAULT_MASK = "${thing.serialNumber}"
TOKENS = {
    "${thing.serialNumber}": "serial number",
    "${thing.name}": "device’s name",
    "${thing.id}": "device’s ID in Chartroom",
    "${thingDefinition.name}": "template’s name",
    "${thingDefinition.id}": "template’s ID",
    "${customer.name}": "organization’s name",
    "${customer.id}": "organization’s ID",
    "${location.name}": "location’s name",
    "${location.id}": "location’s ID",
}
FORMATS = {
    "csv": ("CSV", "One row for each time, one column for each metric; for spreadsheets and statistics."),
    "parquet": ("Parquet", "Columns with types and units; for DuckDB, Spark, pandas, R."),
}
TIMESTAMPS = {
    "ISO_8601": ("ISO 8601", "2020-01-07T21:20:00.000Z"),
    "EPOCH_MILLIS": ("Epoch milliseconds", "1578432000000"),
}
PRESETS = {
    "24-hours": "Last 24 hours",
    "7-days": "Last 7 days",
    "30-days": "Last 30 days",
    "year": "This year",
    "everything": "Everything there is",
}
EVERY, TICKED = "every", "ticked"
WHICH_METRICS = {EVERY: "Every metric", TICKED: "Only the ticked ones"}
LONGEST_MASK = 600
"""Beyond what the domain takes, so that it is refused and not cut."""
_BROKEN_PERIOD = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
"""Stands in for a period that cannot be read, so that the domain can judge the other fields."""


@dataclass
class DataExportForm:
    """Every field as text, so that a refused form shows what was typed; ``errors`` by field, ``""`` is the form."""

    organization_id: str = ""
    location_id: str = ""
    device_ids: tuple[str, ...] = ()
    which_metrics: str = EVERY
    metric_ids: tuple[str, ...] = ()
    without_empty_devices: bool = True
    start: str = ""
    end: str = ""
    format: str = "csv"
    for_spreadsheets: bool = True
    include_unit: bool = False
    timestamp_format: str = "ISO_8601"
    file_name: str = DEFAULT_MASK
    hash_file_name: bool = False
    device_search: str = ""
    request_key: str = field(default_factory=lambda: str(uuid4()))
    errors: dict[str, str] = field(default_factory=dict)
    too_much: str = ""
    """Why there is no preview though nothing is wrong."""
    too_much_to_offer: str = ""
    """Why the metrics are not listed though nothing is wrong."""

    @classmethod
    def opened(cls, args: MultiDict[str, str]) -> DataExportForm:
        """The form as an address asks for it: what is not said is as it is by default."""
        return cls(
            organization_id=args.get("organization", "")[:LONGEST],
            location_id=args.get("location", "")[:LONGEST],
            device_ids=several(args, "device"),
            which_metrics=TICKED if "metric" in args else EVERY,
            metric_ids=several(args, "metric"),
            without_empty_devices=args.get("without_empty_devices", "1") == "1",
            start=args.get("start", "")[:LONGEST],
            end=args.get("end", "")[:LONGEST],
            format=args.get("format", "csv")[:LONGEST],
            for_spreadsheets=args.get("for_spreadsheets", "1") == "1",
            include_unit=args.get("include_unit") == "1",
            timestamp_format=args.get("timestamp_format", "ISO_8601")[:LONGEST],
            file_name=args.get("file_name", DEFAULT_MASK)[:LONGEST_MASK],
            hash_file_name=args.get("hash_file_name") == "1",
        )

    @classmethod
    def sent(cls, args: MultiDict[str, str]) -> DataExportForm:
        """The form as a person sent it: what is not there was not chosen."""
        return cls(
            organization_id=args.get("organization_id", "")[:LONGEST],
            location_id=args.get("location_id", "")[:LONGEST],
            device_ids=several(args, "device_ids"),
            # Where there is nothing to tick, there is nothing to choose from either.
            which_metrics=args.get("which_metrics", TICKED if "metric_ids" in args else EVERY)[:LONGEST],
            metric_ids=several(args, "metric_ids"),
            without_empty_devices="without_empty_devices" in args,
            start=args.get("start", "")[:LONGEST],
            end=args.get("end", "")[:LONGEST],
            format=args.get("format", "")[:LONGEST],
            for_spreadsheets="for_spreadsheets" in args,
            include_unit="include_unit" in args,
            timestamp_format=args.get("timestamp_format", "")[:LONGEST],
            file_name=args.get("file_name", "")[:LONGEST_MASK],
            hash_file_name="hash_file_name" in args,
            device_search=args.get("device_search", "")[:LONGEST].strip(),
            request_key=args.get("request_key", "")[:LONGEST],
        )

    @classmethod
    def again(cls, params: DataExportParams) -> DataExportForm:
        """The form filled with what was asked for before."""
        return cls(
            organization_id=str(params.organization_id or ""),
            location_id=str(params.location_id or ""),
            device_ids=tuple(str(one) for one in params.device_ids),
            which_metrics=TICKED if params.metric_ids else EVERY,
            metric_ids=tuple(str(one) for one in params.metric_ids),
            without_empty_devices=params.without_empty_devices,
            start=typed_moment(params.start),
            end=typed_moment(params.end),
            format=params.format,
            # It means nothing for Parquet; for CSV it is on unless it was taken off.
            for_spreadsheets=params.for_spreadsheets or params.format != "csv",
            include_unit=params.include_unit,
            timestamp_format=params.timestamp_format,
            file_name=params.file_name,
            hash_file_name=params.hash_file_name,
        )

    @property
    def scope(self) -> str:
        """What the offered metrics depend on; the page keeps it, so that a preview knows when to offer others."""
        return " ".join([self.organization_id, self.location_id, *sorted(self.device_ids)])

    def take_preset(self, name: str, offered: Sequence[TemplateMetrics]) -> None:
        """Fill in the period that a preset stands for; another word changes nothing.

        :param offered: what there is, for the preset that takes all of it
        """
        if name not in PRESETS:
            return
        minute = clock.now().replace(second=0, microsecond=0)
        starts = {
            "24-hours": minute - timedelta(hours=24),
            "7-days": minute - timedelta(days=7),
            "30-days": minute - timedelta(days=30),
            "year": minute.replace(month=1, day=1, hour=0, minute=0),
        }
        # The whole of the present minute belongs to what there is so far.
        end = minute + timedelta(minutes=1)
        if name == "everything":
            start, end = self._extent(offered, (starts["30-days"], end))
        else:
            start = starts[name]
        self.start, self.end = typed_moment(start), typed_moment(end)

    def fill_period(self, offered: Sequence[TemplateMetrics]) -> None:
        """Put in the ends that are missing: the form stands on everything there is until somebody says otherwise."""
        typed = self.start, self.end
        if not all(typed):
            self.take_preset("everything", offered)
            self.start, self.end = typed[0] or self.start, typed[1] or self.end

    def act(self, args: MultiDict[str, str], offered: Sequence[TemplateMetrics]) -> None:
        """Do what a button of the form asks for beside sending it: choose, drop, tick, fill in."""
        if added := args.get("add_device", "")[:LONGEST]:
            self.device_ids = tuple(dict.fromkeys([*self.device_ids, added]))
        if removed := args.get("remove_device", "")[:LONGEST]:
            self.device_ids = tuple(one for one in self.device_ids if one != removed)
        if "remove_devices" in args:
            self.device_ids = ()
        for group in offered:
            own = [str(one.id) for one in group.metrics]
            if args.get("tick") == str(group.template_id):
                self.metric_ids = tuple(dict.fromkeys([*self.metric_ids, *own]))
                self.which_metrics = TICKED
            if args.get("untick") == str(group.template_id):
                self.metric_ids = tuple(one for one in self.metric_ids if one not in own)
                self.which_metrics = TICKED
        self.take_preset(args.get("preset", ""), offered)

    def params(self) -> DataExportParams:
        """What the form asks for. What cannot be read is left out of it, with words in ``errors``."""
        start, end = self._moment("start"), self._moment("end")
        if start is None or end is None:
            start, end = _BROKEN_PERIOD
        return DataExportParams(
            start=start,
            end=end,
            organization_id=self._id("organization_id", self.organization_id, "There is no such organization."),
            location_id=self._id("location_id", self.location_id, "There is no such location."),
            device_ids=self.read_devices(),
            metric_ids=self._metrics(),
            without_empty_devices=self.without_empty_devices,
            file_name=self.file_name,
            hash_file_name=self.hash_file_name,
            include_unit=self.include_unit,
            timestamp_format=self.timestamp_format,
            format=self.format,
            for_spreadsheets=self.for_spreadsheets and self.format == "csv",
        )

    def read_devices(self) -> tuple[UUID, ...]:
        """The chosen devices that can be ids at all."""
        words = "One of the devices does not exist."
        known = (self._id("device_ids", text, words) for text in self.device_ids)
        return tuple(dict.fromkeys(one for one in known if one is not None))

    def take_faults(self, fields: dict[str, str]) -> None:
        """Take over what the domain refuses; what could not even be read says so already."""
        for name, words in fields.items():
            if name == "request_key":
                self.request_key = str(uuid4())
            self._refuse("" if name == "request_key" else name, words)

    def _extent(
        self, offered: Sequence[TemplateMetrics], otherwise: tuple[datetime, datetime]
    ) -> tuple[datetime, datetime]:
        """From the first to the last day of the ticked metrics, or of all; the roll-ups know whole days."""
        metrics = [one for group in offered for one in group.metrics if one.first and one.last]
        ticked = [one for one in metrics if str(one.id) in self.metric_ids] or metrics
        if not ticked:
            return otherwise
        first = min(one.first for one in ticked if one.first)
        last = max(one.last for one in ticked if one.last)
        return _day(first), _day(last) + timedelta(days=1)

    def _refuse(self, name: str, words: str) -> None:
        self.errors.setdefault(name, words)

    def _moment(self, name: str) -> datetime | None:
        text = getattr(self, name).strip()
        if not text:
            self._refuse(name, "Say from when." if name == "start" else "Say until when.")
            return None
        try:
            return read_moment(text)
        except ValueError:
            self._refuse(name, NOT_A_MOMENT)
            return None

    def _id(self, name: str, text: str, words: str) -> UUID | None:
        try:
            return UUID(text) if text else None
        except ValueError:
            self._refuse(name, words)
            return None

    def _metrics(self) -> tuple[int, ...]:
        if self.which_metrics == TICKED and not self.metric_ids:
            self._refuse("metric_ids", "No metric is ticked. Tick those that you want, or choose every metric.")
        elif self.which_metrics == EVERY and self.metric_ids:
            words = "Some metrics are ticked, but every metric is chosen. Choose only the ticked ones, or untick them."
            self._refuse("metric_ids", words)
        elif self.which_metrics not in WHICH_METRICS:
            self._refuse("metric_ids", "Choose every metric, or only the ticked ones.")
        read = read_numbers(self.metric_ids)
        if len(read) != len(self.metric_ids):
            self._refuse("metric_ids", "One of the metrics does not exist.")
        return tuple(read)


def read_numbers(texts: Sequence[str]) -> list[int]:
    """Those that can be a metric's number at all."""
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 18]


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
