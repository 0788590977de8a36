"""Sign in, refresh, sign out, with the published client of user management; writes what it got as JSON."""

import json
import os
import sys

import biotmed_ums_sdk as ums

base, email, password = (os.environ[name] for name in ("BASE", "EMAIL", "PASSWORD"))


def account(token):
    """Who the server says that the token acts for, or the status with which it refuses."""
    with ums.ApiClient(ums.Configuration(host=f"{base}/ums", access_token=token)) as client:
        try:
            return ums.SelfUserAPIApi(client).self_get_user().to_dict()
        except ums.ApiException as refusal:
            return {"status": refusal.status, "code": json.loads(refusal.body)["code"]}


with ums.ApiClient(ums.Configuration(host=f"{base}/ums")) as client:
    login = ums.LoginAPIApi(client)
    healthy = ums.HealthCheckAPIApi(client).health_check().to_dict()
    first = login.login(ums.LoginRequestV2(username=email, password=password))
    refreshed = login.refresh_token(ums.RefreshTokenRequest(refresh_token=first.refresh_jwt.token))
    renewed = login.token_login(ums.LoginWithTokenRequest(refresh_token=refreshed.refresh_jwt.token))
    before = account(renewed.access_jwt.token)
    login.logout(ums.LogoutRequest(refresh_token=renewed.refresh_jwt.token))
    after = account(renewed.access_jwt.token)
    try:
        login.login(ums.LoginRequestV2(username=email, password="not the password"))
        refused = None
    except ums.exceptions.UnauthorizedException as refusal:
        refused = {"status": refusal.status, "code": refusal.data.code, "trace": refusal.data.trace_id}

json.dump(
    {
        "healthy": healthy,
        "user": str(first.user_id),
        "organization": str(first.owner_organization_id),
        "expires": first.access_jwt.expiration.isoformat(),
        "tokens": [one.access_jwt.token for one in (first, refreshed, renewed)],
        "before": before,
        "after": after,
        "refused": refused,
    },
    sys.stdout,
    default=str,
)
