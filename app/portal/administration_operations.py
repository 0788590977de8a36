"""How it all does, for administrators of a whole tenant: what waits, who works, what failed, what is kept."""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import operations
from app.errors import AlreadyRunning, Forbidden, Invalid, NotReady, Throttled
from app.operations import Lease, Queue, TenantState
from app.portal import export_words
from app.portal.signed_in import current_actor
from app.portal.typed import cursor_after, read_cursor

bp = Blueprint("operations", __name__, url_prefix="/admin/operations")

PAGE_SIZE = 25
EVERY_SECONDS = 10
DOING = {
    "exports": ("makes exports", "make exports"),
    "imports": ("takes in measurements", "take in measurements"),
    "nothing": ("waits for work", "wait for work"),
}


@bp.get("/")
def index() -> ResponseReturnValue:
    """The whole page."""
    actor = current_actor()
    shown = _status()
    before = read_cursor(request.args.get("before"))
    found = operations.list_failed(actor, before=before, limit=PAGE_SIZE + 1)
    lines = found[:PAGE_SIZE]
    last = lines[-1].export if len(found) > PAGE_SIZE else None
    return render_template(
        "operations/index.html",
        lines=lines,
        title_of=export_words.title_of,
        first_url=url_for(".index") if before else None,
        next_url=url_for(".index", before=cursor_after(last.requested_at, last.id)) if last else None,
        **shown,
    )


@bp.get("/status")
def status() -> ResponseReturnValue:
    """The part of the page that htmx asks for again; 204 while there is nothing new to say."""
    shown = _status()
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("operations/_status.html", **shown)


@bp.post("/exports/<uuid:export_id>/again")
def again(export_id: UUID) -> ResponseReturnValue:
    """Have a failed export made once more, for whoever asked for it."""
    try:
        retried = operations.try_again(current_actor(), export_id)
    except Forbidden as refusal:
        if refusal.reason != operations.NOT_THEIRS:
            raise
        flash(refusal.message, "warning")
    except Invalid as refusal:
        flash(" ".join([refusal.message, *refusal.fields.values()]).strip(), "warning")
    except (AlreadyRunning, NotReady, Throttled) as refusal:
        flash(refusal.message, "warning")
    else:
        if not retried.is_new:
            flash("It was tried again before; nothing was asked for now.", "info")
        else:
            flash(f"{export_words.title_of(retried.export)} is made once more, for whoever asked for it.", "success")
    return redirect(url_for(".index"), 303)


def _status() -> dict[str, Any]:
    """What ``_status.html`` expects."""
    state = operations.tenant_state(current_actor())
    queue = operations.look_at_queue()
    seen = _digest(state, queue)
    return {
        "state": state,
        "queue": queue,
        "workers": _workers(queue) if queue else None,
        "waited": export_words.span(state.own.oldest_seconds),
        "step_of": step_of,
        "seen": seen,
        "poll_url": url_for(".status", seen=seen),
        "poll_when": f"every {EVERY_SECONDS}s",
    }


def step_of(lease: Lease) -> str:
    """What a worker does for an export."""
    if lease.step == "build":
        return f"Part {lease.number:,} of {lease.parts:,}"
    return "Counting what belongs to it" if lease.step == "plan" else "Putting the archive together"


def _workers(queue: Queue) -> str:
    """``2 workers are alive: 1 makes exports, 1 waits for work.``"""
    if not queue.alive:
        return "None is alive. What is asked for waits until one is."
    told = [f"{count:,} {DOING[what][count != 1]}" for what, count in queue.workers.items() if count]
    return f"{queue.alive:,} alive: {', '.join(told)}"


def _digest(state: TenantState, queue: Queue | None) -> str:
    """Of all that is shown: a page that shows it already is told nothing."""
    told = repr((astuple(state), None if queue is None else (queue.rings, sorted(queue.workers.items()))))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
