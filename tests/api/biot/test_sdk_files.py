"""The published clients of files, unmodified, against the running server."""

from __future__ import annotations

from tests.api.live import Clients


def test_the_published_client_sends_a_file_in_one_and_in_parts_and_gets_its_bytes_back(sdk: Clients) -> None:
    told = sdk.run("files.py")
    assert told["healthy"]["version"] == "1.0"
    assert told["single"] == {
        "id": told["single"]["id"], "name": "log.csv", "type": "text/csv", "sha256": told["sent"],
    }  # fmt: skip
    assert told["joined"] == {"id": told["joined"]["id"], "name": "parts.csv", "sha256": told["sent_in_parts"]}
    assert told["again"] == {"status": 409, "code": "ALREADY_STORED"}
    assert told["unknown"] == "NOT_FOUND"


def test_the_wrapper_sends_files_in_each_of_its_ways_and_gets_their_bytes_back(sdk: Clients) -> None:
    told = sdk.run("wrapper_files.py")
    assert told["got"] == [told["sent"]] * 3
    assert len(set(told["ids"])) == 3


def test_the_guide_to_files_step_by_step_with_the_published_clients(sdk: Clients) -> None:
    world = sdk.live.world
    told = sdk.run("attach.py", template=str(world.templates["patient"].id), organization=str(world.northside.id))
    assert told["too_early"] == 400
    assert {name: told["read"][name] for name in ("id", "name", "mimeType", "size")} == {
        "id": told["id"],
        "name": "analysis.csv",
        "mimeType": "text/csv",
        "size": 38,
    }
    assert (told["same"], told["type"]) == (True, "text/csv")
