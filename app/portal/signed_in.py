"""Who is signed in: the cookie's secret turned into an actor, once for each request."""

from __future__ import annotations

from typing import cast

from flask import current_app, g, request, session
from flask_login import UserMixin, current_user, login_user, logout_user

from app import accounts
from app.actor import Actor
from app.extensions import login_manager
from config import Config

POLLING = frozenset(
    {
        "portal.exports.status",
        "portal.imports.status",
        "portal.operations.status",
        "portal.releases.export_status",
    }
)
"""Endpoints that a page asks again by itself: they do not keep a sign-in alive."""


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login carries no types
    """What Flask-Login passes around: the actor, found again by the secret in the cookie."""

    def __init__(self, actor: Actor, secret: str) -> None:
        self.actor = actor
        self._secret = secret

    def get_id(self) -> str:
        return self._secret


def bind() -> None:
    """Let Flask-Login find people by the secret in their cookie."""
    # Clinics change their addresses in the middle of a day; a stolen cookie is ended by its row.
    login_manager.session_protection = None
    login_manager.user_loader(_load)


def is_signed_in() -> bool:
    return bool(current_user.is_authenticated)


def current_actor() -> Actor:
    """The actor of a request that came through the guard."""
    return cast(SignedIn, current_user).actor


def settings() -> Config:
    """The deployment's settings, for faces alone: the domain takes values."""
    return cast(Config, current_app.extensions["chartroom.config"])


def begin(secret: str) -> None:
    """Put a new session's secret into the cookie. Nothing that the cookie held before is kept."""
    session.clear()
    actor = _find(secret, touch=True)
    if actor is None:
        raise RuntimeError("a session that was just begun is not found")
    login_user(SignedIn(actor, secret))


def end() -> None:
    """End the session of this request, if there is one, and empty the cookie."""
    if is_signed_in():
        accounts.sign_out(current_actor())
    logout_user()
    session.clear()


def had_session() -> bool:
    """Whether the cookie holds a session's secret, alive or dead."""
    return "_user_id" in session


def _load(secret: str) -> SignedIn | None:
    actor = _find(secret, touch=request.endpoint not in POLLING)
    return None if actor is None else SignedIn(actor, secret)


def _find(secret: str, *, touch: bool) -> Actor | None:
    config = settings()
    return accounts.actor_for_secret(
        secret,
        touch=touch,
        address=request.remote_addr,
        request_id=g.request_id,
        idle_seconds=config.idle_seconds,
        session_seconds=config.session_seconds,
    )
