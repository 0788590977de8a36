"""A worker's turn: claim a part, do it under a beating heart, say what became of it; again, until nothing is left."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app import jobqueue, logs
from app.archive import AlteredFragment
from app.builder.hired import BuilderFault
from app.errors import Refusal, Unavailable
from app.exports.build import build_part
from app.exports.builders import kept_builder
from app.exports.claims import Claim, Lost, claim_part, give_back, held, something_to_claim
from app.exports.heart import Heart
from app.exports.plan import plan_export
from app.exports.publish import BrokenPromise, publish_export
from app.exports.settling import fail_export
from app.extensions import db
from app.models import ExportPart, begin_writing

log = logging.getLogger(__name__)
STEPS = {"plan": plan_export, "build": build_part, "publish": publish_export}


def work_until_idle(worker: str) -> int:
    """Do parts until none may be claimed. Returns how many were done.

    Whoever finds work wakes one more if there is more of it, so that a large export wakes all workers one after the
    other, and a small one none in vain.

    :param worker: a name for whoever looks at the rows: host and process
    """
    done = 0
    rings = True
    while (claim := claim_part(worker)) is not None:
        if rings and something_to_claim():
            jobqueue.ring()
            rings = False
        done += do_part(claim)
    return done


def do_part(claim: Claim) -> bool:
    """Do one claimed part; every fault ends as a later attempt or as an export that failed with words."""
    with logs.about(**claim.for_log):
        done = _do_part(claim)
        if done:
            log.info("part %s was done: %s", claim.ordinal, claim.step)
    return done


def _do_part(claim: Claim) -> bool:
    try:
        if claim.step != "publish":
            # It takes its time to start: beside the planning that costs nobody any.
            kept_builder.here().start()
        with Heart(claim, on_loss=kept_builder.interrupt) as heart:
            STEPS[claim.step](claim, heart)
    except Lost:
        log.info("part %s of export %s is no longer ours", claim.ordinal, claim.export_id)
    except Unavailable as fault:
        log.warning("part %s of export %s found something away", claim.ordinal, claim.export_id)
        _again(claim, fault.message)
    except Refusal as refusal:
        # Its words are for whoever asked; they may name what only they may see.
        log.warning("part %s of export %s was refused: %s", claim.ordinal, claim.export_id, type(refusal).__name__)
        _fail(claim, refusal.message)
    except BuilderFault as fault:
        log.warning("the builder of part %s of export %s broke: %s", claim.ordinal, claim.export_id, fault)
        kept_builder.end()
        _again(claim, "An unexpected fault stopped the work.")
    except (AlteredFragment, BrokenPromise) as fault:
        # Only the kind of fault: its words may name an attached file, and a file a patient.
        log.error("export %s must not be published: %s", claim.export_id, type(fault).__name__)
        _fail(claim, "The written records did not pass the final check, so the archive was not published.")
    except DBAPIError:
        log.warning("the database failed part %s of export %s", claim.ordinal, claim.export_id, exc_info=True)
        _again(claim, "The database did not answer.")
    except Exception:
        log.exception("part %s of export %s broke", claim.ordinal, claim.export_id)
        _again(claim, "An unexpected fault stopped the work.")
    else:
        return True
    return False


def _again(claim: Claim, words: str) -> None:
    db.session.rollback()
    give_back(claim, words)


def _fail(claim: Claim, words: str) -> None:
    db.session.rollback()
    begin_writing()
    still_ours = db.session.execute(select(ExportPart.ordinal).where(held(claim))).first() is not None
    if still_ours:
        fail_export(claim.export_id, words)
    db.session.commit()
