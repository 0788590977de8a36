"""Signing in: passwords, sign-in sessions, and who somebody is on each page."""

from app.accounts.passwords import check_password, hash_password
from app.accounts.people import actor_for_user
from app.accounts.sessions import actor_for_secret, sign_in, sign_out
from app.accounts.surroundings import Surroundings, surroundings_of
from app.accounts.throttle import bind

__all__ = [
    "Surroundings",
    "actor_for_secret",
    "actor_for_user",
    "bind",
    "check_password",
    "hash_password",
    "sign_in",
    "sign_out",
    "surroundings_of",
]
