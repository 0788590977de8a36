"""A release's export in words: how far it is, whether it can be taken, and when the page should ask again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from app import exports
from app.actor import Actor
from app.errors import NotFound
from app.models import Export
from app.portal import export_words
from app.portal.polling import poll_when
from app.portal.terminology_words import held_words, place
from app.terminology import Version

SAID = {
    "queued": "The export of {} is waiting for a worker.",
    "building": "The export of {} is being made.",
    "ready": "The export of {} is ready to be downloaded.",
    "failed": "The export of {} failed.",
}
NONE_SAID = "The release {} has no export."


def export_of(actor: Actor, version: Version) -> Export | None:
    """The export of a release, whatever became of it."""
    if version.release is None or version.release.export_id is None:
        return None
    try:
        return exports.get_export(actor, version.release.export_id)
    except NotFound:
        return None


def release_lines(actor: Actor, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """What ``_releases.html`` expects, a line for each release."""
    made = exports.exports_of_releases(actor, versions)
    return [
        {
            "version": one,
            "url": url_for("portal.releases.show", **place(one.address), version=one.id),
            "held": held_words(one),
            **export_line(one, made.get(one.release.id)),
        }
        for one in versions
        if one.release is not None
    ]


def export_line(version: Version, export: Export | None, *, answers: int = 0, whole: bool = False) -> dict[str, Any]:
    """What ``_export_line.html`` (and with ``whole`` ``_export.html``) expects."""
    release, state = version.release, export.state if export else None
    if release is None:
        raise ValueError("HEAD has no export")
    progress = exports.progress_of(export) if export else None
    return {
        "version": version,
        "element_id": f"export-{release.id}",
        "export": export,
        "progress": progress,
        "detail": _detail(progress) if progress else None,
        "silence": export_words.silence_of(export, progress) if export and progress and export.is_pending else None,
        "poll_when": poll_when(answers),
        "poll_url": url_for(
            "portal.releases.export_status",
            **place(version.address),
            version=version.id,
            seen=export.version if export else 0,
            state=state,
            n=answers,
            whole="1" if whole else None,
        ),
        "make_url": url_for("portal.releases.make_export", **place(version.address), version=version.id),
    }


def said_of(version: Version, export: Export | None) -> str:
    """What has become of a release's export, to be spoken."""
    known = SAID.get(export.state) if export else None
    return (known or NONE_SAID).format(version.id)


def _detail(progress: exports.Progress) -> str:
    if progress.promised is None:
        return "It begins with counting what belongs to it"
    words = f"{progress.done:,} of {progress.promised:,} concepts and mappings"
    if progress.eta_seconds is not None:
        words += f" · {export_words.time_left(progress.eta_seconds)}"
    return words
