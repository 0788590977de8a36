"""Signing in and out."""

from __future__ import annotations

from app.api.describing import INSTANT, SWITCH, TEXT, UUID, Json, among, answers, body, operation, ref, several, shape

_TOKEN = {"type": "string", "minLength": 1, "maxLength": 200}

SCHEMAS: dict[str, Json] = {
    "Credentials": shape(
        {
            "username": {"type": "string", "minLength": 1, "maxLength": 254},
            "password": {"type": "string", "minLength": 1, "maxLength": 4096},
        },
        is_open=True,
    ),
    "RefreshToken": shape({"refreshToken": _TOKEN}, is_open=True),
    "Secret": shape({"token": TEXT, "expiration": INSTANT}),
    "SignedIn": shape(
        {
            "userId": UUID, "ownerOrganizationId": UUID, "accessJwt": ref("Secret"), "refreshJwt": ref("Secret"),
            "mfaRequired": SWITCH, "passwordResetRequired": SWITCH,
        }
    ),
    "ServiceCredentials": shape({"id": UUID, "secretKey": _TOKEN}, is_open=True),
    "ServiceAccess": shape({"accessToken": TEXT, "accessTokenExpiration": INSTANT}),
    "Account": shape(
        {
            "username": TEXT, "id": UUID, "ownerOrganizationId": UUID, "groups": several(TEXT), "locked": SWITCH,
            "active": SWITCH, "mfa": shape({"enabled": SWITCH}), "credentialType": among("PASSWORD", "OTP"),
        }
    ),
}  # fmt: skip


def _open(summary: str, sent: str, words: str, answer: str | None) -> Json:
    schema = ref(answer) if answer else None
    return {
        "post": operation(summary, "sign-in", answers(200, words, schema), request_body=body(ref(sent)), is_open=True)
    }


PATHS: dict[str, Json] = {
    "/ums/v2/users/login": _open("Sign in", "Credentials", "A pair of tokens.", "SignedIn"),
    "/ums/v2/users/token/refresh": _open("A new access token", "RefreshToken", "It is here.", "SignedIn"),
    "/ums/v2/users/token/login": _open("A new pair of tokens", "RefreshToken", "They are here.", "SignedIn"),
    "/ums/v2/users/logout": _open("Sign out", "RefreshToken", "The tokens are ended.", None),
    "/ums/v2/services/accessToken": _open(
        "An access token for a personal token", "ServiceCredentials", "It is here.", "ServiceAccess"
    ),
    "/ums/v2/users/self": {"get": operation("Who I am", "sign-in", answers(200, "The account.", ref("Account")))},
}
