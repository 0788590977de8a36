"""Signing in and out for programs. Every token that is given here works for the other contracts too."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app import accounts
from app.accounts import MachineSignIn, Secret
from app.api.bearer import current_actor
from app.api.biot import present
from app.api.parse import Fields, json_body

LONGEST_TOKEN = 200

bp = Blueprint("sign_in", __name__, url_prefix="/ums/v2")


@bp.post("/users/login")
def log_in() -> ResponseReturnValue:
    """The e-mail address is the username. Throttled together with the portal's sign-in."""
    fields = Fields(json_body())
    username = fields.text("username", least=1, most=254, required=True)
    password = fields.text("password", least=1, most=4096, required=True)
    fields.check()
    signed_in = accounts.sign_in_machine(
        username or "", password or "", address=request.remote_addr, request_id=g.request_id
    )
    return _signed_in(signed_in)


@bp.post("/users/token/refresh")
def refresh() -> ResponseReturnValue:
    """A new access token; the refresh token stays as it is."""
    return _signed_in(accounts.refresh_access(_refresh_token(), address=request.remote_addr, request_id=g.request_id))


@bp.post("/users/token/login")
def renew() -> ResponseReturnValue:
    """A new pair; the refresh token is spent by it."""
    return _signed_in(accounts.renew_sign_in(_refresh_token(), address=request.remote_addr, request_id=g.request_id))


@bp.post("/users/logout")
def log_out() -> ResponseReturnValue:
    """End the refresh token and the access tokens that came of its sign-in."""
    accounts.sign_out_machine(_refresh_token(), address=request.remote_addr, request_id=g.request_id)
    return "", 200


@bp.post("/services/accessToken")
def access_for_service() -> ResponseReturnValue:
    """A personal token's id and secret for a short-lived access token."""
    fields = Fields(json_body())
    token_id = fields.uuid("id", required=True)
    secret = fields.text("secretKey", least=1, most=LONGEST_TOKEN, required=True)
    fields.check()
    given = accounts.access_for_token(
        cast(UUID, token_id), secret or "", address=request.remote_addr, request_id=g.request_id
    )
    return jsonify(accessToken=given.text, accessTokenExpiration=present.instant(given.expires_at))


@bp.get("/users/self")
def own_account() -> ResponseReturnValue:
    """Who the token acts for."""
    account = accounts.own_account(current_actor())
    return jsonify(
        username=account.email,
        id=str(account.user_id),
        ownerOrganizationId=str(account.organization_id),
        groups=[],
        locked=False,
        active=True,
        mfa={"enabled": False},
        credentialType="PASSWORD",
    )


def _refresh_token() -> str:
    fields = Fields(json_body())
    token = fields.text("refreshToken", least=1, most=LONGEST_TOKEN, required=True)
    fields.check()
    return token or ""


def _signed_in(signed_in: MachineSignIn) -> ResponseReturnValue:
    return jsonify(
        userId=str(signed_in.user_id),
        ownerOrganizationId=str(signed_in.organization_id),
        accessJwt=_secret(signed_in.access),
        refreshJwt=_secret(signed_in.refresh),
        mfaRequired=False,
        passwordResetRequired=False,
    )


def _secret(secret: Secret) -> present.Json:
    return {"token": secret.text, "expiration": present.instant(secret.expires_at)}
