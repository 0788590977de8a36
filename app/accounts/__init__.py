"""Signing in: passwords, second steps, sign-in sessions, links, API tokens, and who somebody is in each request."""

from app.accounts.entering import Entry, let_in, sign_in
from app.accounts.halves import StartOver, finish_by_setting_up, finish_with_code, owed_by, set_up_of
from app.accounts.links import MadeLink, OpenLink, addresses, open_link, request_reset, use_link
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
from app.accounts.mailing import send_due_mail, send_mail_until
from app.accounts.own import (
    OwnAccess,
    SessionLine,
    begin_second_step,
    change_password,
    confirm_second_step,
    end_other_sessions,
    end_second_step,
    end_session,
    list_sessions,
    own_access,
    own_set_up,
    prove_again,
    renew_recovery_codes,
)
from app.accounts.passwords import check_password, hash_password
from app.accounts.people import actor_for_user
from app.accounts.proof import has_password, needs_proof, prove_session, require_proof
from app.accounts.proving import WrongCredentials
from app.accounts.requesting import Allowance, Terms, bind_requests, count_request, terms_of
from app.accounts.second_step import SetUp
from app.accounts.sessions import Asking, actor_for_secret, sign_out
from app.accounts.surroundings import Surroundings, surroundings_of
from app.accounts.throttle import arrival_was_right, bind, count_arrival
from app.accounts.tokens import (
    TokenLine,
    actor_for_token,
    allowed_scopes,
    end_token,
    get_token,
    issue_token,
    list_tokens,
)

bind_links = addresses.bind

__all__ = [
    "Account",
    "Allowance",
    "Asking",
    "Entry",
    "MachineSignIn",
    "MadeLink",
    "OpenLink",
    "OwnAccess",
    "Secret",
    "SessionLine",
    "SetUp",
    "StartOver",
    "Surroundings",
    "Terms",
    "TokenLine",
    "WrongCredentials",
    "WrongToken",
    "access_for_token",
    "actor_for_secret",
    "actor_for_token",
    "actor_for_user",
    "allowed_scopes",
    "arrival_was_right",
    "begin_second_step",
    "bind",
    "bind_links",
    "bind_requests",
    "change_password",
    "check_password",
    "confirm_second_step",
    "count_arrival",
    "count_request",
    "end_other_sessions",
    "end_second_step",
    "end_session",
    "end_token",
    "finish_by_setting_up",
    "finish_with_code",
    "get_token",
    "has_password",
    "hash_password",
    "home_organization",
    "issue_token",
    "let_in",
    "list_sessions",
    "list_tokens",
    "needs_proof",
    "open_link",
    "owed_by",
    "own_access",
    "own_account",
    "own_set_up",
    "prove_again",
    "prove_session",
    "refresh_access",
    "renew_recovery_codes",
    "renew_sign_in",
    "request_reset",
    "require_proof",
    "send_due_mail",
    "send_mail_until",
    "set_up_of",
    "sign_in",
    "sign_in_machine",
    "sign_out",
    "sign_out_machine",
    "surroundings_of",
    "terms_of",
    "use_link",
]
