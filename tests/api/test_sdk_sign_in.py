"""The published client of user management, unmodified, against the running server."""

from __future__ import annotations

from tests.api.live import Clients


def test_the_published_client_signs_in_refreshes_and_signs_out(sdk: Clients) -> None:
    alice = sdk.live.world.users["alice"]
    told = sdk.run("sign_in.py")
    assert told["healthy"]["version"] == "1.0"
    assert told["user"] == str(alice.id)
    assert told["organization"] == str(sdk.live.world.northside.id)
    assert len(set(told["tokens"])) == 3
    assert told["before"]["username"] == alice.email
    assert told["before"]["ownerOrganizationId"] == told["organization"]
    assert told["after"] == {"status": 401, "code": "UNAUTHORIZED"}
    assert told["refused"]["status"] == 401
    assert told["refused"]["code"] == "INVALID_CREDENTIALS"
    assert told["refused"]["trace"]
