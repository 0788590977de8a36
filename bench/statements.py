"""The statements that one would type: the same rows in the same order as ours, with the same revision predicate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from app.extensions import db
from app.models.types import to_milliseconds
from bench import measured
from bench.data import Dataset, Device

ISO_POSTGRESQL = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
QUICK_POSTGRESQL = "{0} AT TIME ZONE 'UTC'"
ISO_SQLITE = "strftime('%Y-%m-%dT%H:%M:%fZ', {0} / 1000.0, 'unixepoch')"
EPOCH_SQLITE = "{0}"


class Statements:
    """For one database, as it is at the revision that it has now.

    :param time: how an instant is written, with ``{0}`` for its column
    :param planted: read an earlier state, so that the content differs a little: some values and captions
    """

    def __init__(self, data: Dataset, on_postgresql: bool, time: str, *, planted: bool = False) -> None:
        self._data = data
        self._on_postgresql = on_postgresql
        self._time = time
        newest = db.session.execute(text("SELECT max(revision) FROM tenant")).scalar_one()
        # The last revision is of edited patients, the last but two of corrected values.
        self.patients_revision = newest - 1 if planted else newest
        self.revision = newest - 3 if planted else newest
        clinics = db.session.execute(text("SELECT id, name FROM organization")).all()
        self._clinics = {str(known): name for known, name in clinics}
        db.session.rollback()

    def wide(
        self, devices: Sequence[Device], start: datetime = measured.START, end: datetime = measured.END
    ) -> list[str]:
        """Device, time, a column for each metric."""
        columns = ", ".join(f"max(value) FILTER (WHERE metric_id = {metric})" for metric, _ in self._data.metrics)
        shown = f"{self._time.format('time')}, {columns}"
        if self._on_postgresql and len(devices) > 1:
            # One statement: quicker than one for each device.
            chosen = self._values(" AND series_id = one.series", start, end)
            listed = ", ".join(f"({device.series}, '{device.key}')" for device in devices)
            return [
                f"SELECT one.key, made.* FROM (VALUES {listed}) AS one (series, key) CROSS JOIN LATERAL "
                f"(SELECT {shown} FROM ({chosen}) AS found GROUP BY time ORDER BY time) AS made"
            ]
        return [
            f"SELECT '{device.key}', {shown} FROM ({self._values(f' AND series_id = {device.series}', start, end)}) "
            "AS found GROUP BY time ORDER BY time"
            for device in devices
        ]

    def long(self, devices: Sequence[Device], named: dict[str, str]) -> list[str]:
        """A row for each value, with the columns of ours.

        :param named: what ours calls each device
        """
        called = " ".join(f"WHEN {metric} THEN '{name}'" for metric, name in self._data.metrics)
        return [
            f"SELECT {self._time.format('time')}, '{named[device.key]}', NULL, NULL, CASE metric_id {called} END, "
            f"value FROM ({self._values(f' AND series_id = {device.series}')}) AS found ORDER BY time, metric_id"
            for device in devices
        ]

    def patients(self, since: datetime) -> str:
        """A JSON object for each patient, spliced of the ready texts."""
        quoted = "to_json(caption)" if self._on_postgresql else "json_quote(caption)"
        clinics = " ".join(
            f'WHEN \'{known}\' THEN \'{{"id":"{known}","name":"{name}"}}\'' for known, name in self._clinics.items()
        )
        template = self._data.patient_template
        times = {name: self._time.format(name) for name in ("created_at", "updated_at")}
        columns = "id, caption, organization_id, attributes, phi_attributes, created_at, updated_at"
        begin = f"'{since.isoformat()}'" if self._on_postgresql else str(to_milliseconds(since))
        chosen = (
            f"tenant_id = '{self._data.tenant}' AND data_type = 'patient' AND revision <= {self.patients_revision} "
            f"AND created_at >= {begin}"
        )
        return (
            f'SELECT \'{{"_id":"\' || id || \'","_caption":\' || {quoted} || '
            f'\',"_template":{{"id":"{template}","name":"patient"}},"_ownerOrganization":\' || '
            f"CASE organization_id {clinics} END || "
            f'\',"_creationTime":"\' || {times["created_at"]} || '
            f'\'","_lastModifiedTime":"\' || {times["updated_at"]} || \'",\' || '
            "substr(attributes, 2, length(attributes) - 2) || ',' || substr(phi_attributes, 2) "
            f"FROM (SELECT {columns} FROM entity WHERE {chosen} UNION ALL SELECT {columns} FROM entity_history "
            f"WHERE {chosen} AND superseded_by > {self.patients_revision}) AS found ORDER BY created_at, id"
        )

    def _values(self, condition: str, start: datetime = measured.START, end: datetime = measured.END) -> str:
        if self._on_postgresql:
            begin, stop = f"'{start.isoformat()}'", f"'{end.isoformat()}'"
        else:
            begin, stop = str(to_milliseconds(start)), str(to_milliseconds(end))
        chosen = f"time >= {begin} AND time < {stop} AND batch <= {self.revision}{condition}"
        columns = "time, metric_id, value"
        return (
            f"SELECT {columns} FROM measurement WHERE {chosen} UNION ALL "
            f"SELECT {columns} FROM measurement_history WHERE {chosen} AND superseded_by > {self.revision}"
        )
