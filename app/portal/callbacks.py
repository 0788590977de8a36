"""Callbacks: who was told of the end of which export, what they answered, and what is still to be tried."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import callbacks
from app.portal.signed_in import current_actor
from app.portal.typed import cursor_after, read_cursor

bp = Blueprint("callbacks", __name__, url_prefix="/account/callbacks")

PAGE_SIZE = 25
STATES = {
    "waiting": ("Waiting", "info"),
    "delivered": ("Delivered", "success"),
    "given-up": ("Given up", "danger"),
}


@bp.get("/")
def index() -> ResponseReturnValue:
    """Every telling of an export's end that the person may see, newest first."""
    actor = current_actor()
    before = read_cursor(request.args.get("before"))
    found = callbacks.list_deliveries(actor, before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return render_template(
        "callbacks/index.html",
        deliveries=shown,
        states=STATES,
        first_url=url_for(".index") if before else None,
        next_url=url_for(".index", before=cursor_after(last.created_at, last.id)) if last else None,
        secret=callbacks.secret_of(actor.user_id),
    )


@bp.get("/<uuid:delivery_id>")
def show(delivery_id: UUID) -> ResponseReturnValue:
    """One of them with its tries."""
    found = callbacks.get_delivery(current_actor(), delivery_id)
    return render_template("callbacks/show.html", delivery=found, states=STATES)


@bp.post("/<uuid:delivery_id>/again")
def send_again(delivery_id: UUID) -> ResponseReturnValue:
    """Try it again, now."""
    callbacks.send_again(current_actor(), delivery_id)
    flash("It is sent again within a few seconds.", "success")
    return redirect(url_for(".show", delivery_id=delivery_id), 303)


@bp.post("/<uuid:delivery_id>/end")
def end(delivery_id: UUID) -> ResponseReturnValue:
    """Try it no more."""
    callbacks.end_delivery(current_actor(), delivery_id)
    return redirect(url_for(".show", delivery_id=delivery_id), 303)
