"""Signing in: passwords, sign-in sessions, API tokens, and who somebody is in each request."""

from app.accounts.machines import (
    Account,
    MachineSignIn,
    Secret,
    WrongToken,
    access_for_token,
    home_organization,
    own_account,
    refresh_access,
    renew_sign_in,
    sign_in_machine,
    sign_out_machine,
)
from app.accounts.passwords import check_password, hash_password
from app.accounts.people import actor_for_user
from app.accounts.proving import WrongCredentials
from app.accounts.sessions import actor_for_secret, sign_in, sign_out
from app.accounts.surroundings import Surroundings, surroundings_of
from app.accounts.throttle import bind
from app.accounts.tokens import (
    TokenLine,
    actor_for_token,
    allowed_scopes,
    end_token,
    get_token,
    issue_token,
    list_tokens,
)

__all__ = [
    "Account",
    "MachineSignIn",
    "Secret",
    "Surroundings",
    "TokenLine",
    "WrongCredentials",
    "WrongToken",
    "access_for_token",
    "actor_for_secret",
    "actor_for_token",
    "actor_for_user",
    "allowed_scopes",
    "bind",
    "check_password",
    "end_token",
    "get_token",
    "hash_password",
    "home_organization",
    "issue_token",
    "list_tokens",
    "own_account",
    "refresh_access",
    "renew_sign_in",
    "sign_in",
    "sign_in_machine",
    "sign_out",
    "sign_out_machine",
    "surroundings_of",
]
