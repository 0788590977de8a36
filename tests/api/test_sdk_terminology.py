"""The released clients of terminology's contract, unmodified, through the whole flow against the running server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app import accounts, clock, exports, terminology
from app.terminology import ReleaseFacts
from tests.api.live import Clients
from tests.terminology.making import LUNG, concept, made, mapping, renamed


def test_both_clients_and_the_command_do_the_whole_flow(sdk: Clients, tmp_path: Path) -> None:
    with sdk.live.at_hand() as world:
        nora = world.actor("nora")
        made(nora)
        for code in ("A1", "A2", "A3"):
            concept(nora, code)
        mapping(nora, "A1", "A2")
        first = exports.release_version(nora, LUNG, ReleaseFacts("v1"))
        since = (first.content_changed_at + timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renamed(nora, "A2", "Renamed")
        terminology.delete_concept(nora, LUNG, "A3")
        _, token = accounts.issue_token(
            nora, "as published", ("view", "edit", "manage"), clock.now() + timedelta(days=1)
        )
    told = sdk.run("ocl.py", who="nora", token=token, folder=str(tmp_path), since=since)
    assert [one["id"] for one in told["versions"]["results"]] == ["v1", "HEAD"]
    assert (told["versions"]["count"], told["released"]["count"]) == (2, 1)
    assert told["repository"]["summary"] == {"active_concepts": 2, "active_mappings": 1}
    assert told["first"][-1] == told["second"][-1] == told["third"][-1] == "ready"
    assert set(told["first"] + told["second"] + told["third"]) <= {"processing", "ready"}
    assert (told["again"], told["deleted"], told["none"]) == ("already_exists", "deleted", "not_found")
    assert (told["unknown"], told["created"]) == (404, "accepted")
    assert [one["id"] for one in told["archive"]["concepts"]] == ["A1", "A2", "A3"]
    assert (told["made"]["id"], told["made"]["version"]) == ("LUNG", "v2")
    assert [one["id"] for one in told["concepts"]["results"]] == ["A2"]
    assert [one["id"] for one in told["diff"]["concepts"]] == ["A2"]
    assert [one["id"] for one in told["diff"]["deleted_concepts"]] == ["A3"]
    assert told["concept"]["url"] == LUNG.of_concept("A1")
    assert told["command_status"]["status"] == "ready"
    assert told["command_saved"].startswith("LUNG_v1.")
    assert (told["command_archive"], told["latest"], told["mapped"]) == ("v1", "v2", "A2")
    assert (told["stats"]["Concepts"]["Total"], told["waited"], told["resources"]) == (2, 3, 4)
