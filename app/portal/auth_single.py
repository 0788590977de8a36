"""Signing in by the deployment's OpenID provider: a link there, and the way back."""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.errors import Throttled
from app.portal import auth_second, signed_in
from app.portal.own_paths import own_path
from app.single_sign_on import NotLetIn, Why, single_sign_on

bp = Blueprint("auth_single", __name__, url_prefix="/sign-in/single-sign-on")

TRIP = "single sign-on"
"""Where the cookie keeps the secret of the way to the provider and back, and where the person wanted to go."""
LONGEST = 4000
ANSWERS = ("state", "code", "iss", "error")


class Words(NamedTuple):
    """What a refusal says. ``again``: trying once more may help."""

    status: int
    title: str
    explanation: str
    again: bool


WORDS: dict[Why, Words] = {
    "lost": Words(
        400, "This sign-in cannot be finished",
        "It was begun in another browser or tab, it took longer than fifteen minutes, or it was used already.", True,
    ),
    "denied": Words(
        403, "You were not signed in",
        "Your organization’s sign-in service says that the sign-in was cancelled, or that you may not use Chartroom.",
        True,
    ),
    "not-proved": Words(
        403, "You were not signed in",
        "What your organization’s sign-in service sent could not be verified, so nobody was signed in. Begin again; if "
        "that ends here too, the clocks of the two may differ: tell an administrator.", True,
    ),
    "away": Words(
        503, "Your organization’s sign-in service does not answer",
        "Chartroom works, but it cannot ask who you are. Try again in a minute.", True,
    ),
    "misconfigured": Words(
        503, "Single sign-on is not set up rightly",
        "Chartroom and your organization’s sign-in service do not understand each other. The reason is in "
        "Chartroom’s log: whoever runs it has to mend this.", False,
    ),
    "unverified": Words(
        403, "Your e-mail address is not verified",
        "Your organization’s sign-in service does not say that your e-mail address was verified, and by this address "
        "Chartroom would know you. Have it verified there, then sign in again.", True,
    ),
    "unknown": Words(
        403, "You have no access yet",
        "Your organization’s sign-in service knows you, but nobody has given you a role in Chartroom.", False,
    ),
    "no-role": Words(
        403, "You have no role any more",
        "You are known here, but nobody has given you a role, or the one that you had was taken away.", False,
    ),
    "disabled": Words(403, "Your account is disabled", "An administrator has closed this account.", False),
    "other-subject": Words(
        403, "This e-mail address belongs to another account",
        "Somebody else of your organization’s sign-in service has signed in here with your e-mail address before. An "
        "administrator has to look at it.", False,
    ),
    "taken": Words(
        403, "You cannot sign in here",
        "Your e-mail address cannot be used here. An administrator has to look at it.", False,
    ),
}  # fmt: skip


def return_url(public_url: str) -> str:
    """Where the provider sends people back, in full: the address that people use, whatever asked.

    :param public_url: without a slash at its end
    """
    return f"{public_url}/sign-in/single-sign-on/return"


def label() -> str | None:
    """What stands after "Sign in with", if this deployment has a provider."""
    return single_sign_on.label


@bp.get("")
def begin() -> ResponseReturnValue:
    """Send the browser to the provider. A link leads here: our pages let no form lead elsewhere."""
    onwards = own_path(request.args.get("next"))
    # Somebody who is signed in and shows once more who they are.
    again = request.args.get("again") == "yes"
    if label() is not None and signed_in.is_signed_in() and not again:
        return redirect(onwards or url_for("portal.home"), 303)
    try:
        trip = single_sign_on.begin(auth_second.asking(), anew=again)
    except NotLetIn as refusal:
        return _refused(refusal, onwards)
    except Throttled as refusal:
        return _throttled(refusal)
    session[TRIP] = {"secret": trip.secret, "next": onwards, "again": again}
    return redirect(trip.url, 303)


@bp.get("/return")
def come_back() -> ResponseReturnValue:
    """Begin a session for whoever comes back, or ask for their second step, or say why not."""
    kept = session.pop(TRIP, None)
    kept = kept if isinstance(kept, dict) else {}
    onwards = own_path(kept.get("next"))
    answer = {name: request.args[name][:LONGEST] for name in ANSWERS if name in request.args}
    if label() is not None and signed_in.is_signed_in() and not kept.get("again"):
        # The way back was opened once more, from the browser's history, after it had ended well.
        return redirect(onwards or url_for("portal.home"), 303)
    try:
        entry = single_sign_on.finish(kept.get("secret"), answer, auth_second.asking())
    except NotLetIn as refusal:
        return _refused(refusal, onwards)
    except Throttled as refusal:
        return _throttled(refusal)
    signed_in.end()
    if entry.owes is not None:
        return auth_second.owe(entry.secret, entry.owes, onwards)
    signed_in.begin(entry.secret)
    return redirect(onwards or url_for("portal.home"), 303)


def _refused(refusal: NotLetIn, onwards: str | None) -> ResponseReturnValue:
    words = WORDS[refusal.why]
    contacts = single_sign_on.advisers() if refusal.named_a_person else None
    page = render_template(
        "auth/not_let_in.html", words=words, contacts=contacts, next=onwards, label=single_sign_on.label
    )
    return page, words.status


def _throttled(refusal: Throttled) -> ResponseReturnValue:
    words = Words(429, "Too many tries", refusal.message, False)
    page = render_template("auth/not_let_in.html", words=words, contacts=None, next=None, label=single_sign_on.label)
    return page, 429, {"Retry-After": str(refusal.retry_after)}
