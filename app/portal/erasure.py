"""Erasing a patient for good: what would go, and the question that only its name answers."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import erasure
from app.errors import Invalid
from app.portal.presenting import entity_url, numbers_of_kinds, plural
from app.portal.signed_in import current_actor

bp = Blueprint("erasure", __name__, url_prefix="/entities/patient")

LONGEST = 300


@bp.get("/<uuid:entity_id>/erase")
def ask(entity_id: UUID) -> ResponseReturnValue:
    """What would go, before it does."""
    return _page(entity_id, {})


@bp.post("/<uuid:entity_id>/erase")
def confirm(entity_id: UUID) -> ResponseReturnValue:
    """Erase the patient, if what was typed is what it is called."""
    try:
        erased = erasure.erase_patient(current_actor(), entity_id, typed=request.form.get("typed", "")[:LONGEST])
    except Invalid as refusal:
        return _page(entity_id, refusal.fields), 422
    words = f"{erased.caption} was erased, with everything that belonged to it."
    if erased.archives:
        words += f" {erased.archives} export{'s were' if erased.archives > 1 else ' was'} withdrawn."
    flash(words, "success")
    return redirect(url_for("portal.browse.list", data_type="patient"), 303)


def _page(entity_id: UUID, errors: dict[str, str]) -> str:
    weight = erasure.weigh_erasure(current_actor(), entity_id)
    return render_template(
        "erasure/ask.html",
        weight=weight,
        errors=errors,
        belonging=numbers_of_kinds(weight.belonging),
        patient_url=entity_url("patient", entity_id),
        trail=[(plural("patient"), url_for("portal.browse.list", data_type="patient"))],
    )
