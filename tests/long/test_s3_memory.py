"""Memory stays flat while hundreds of megabytes go into an object store and come back."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.storage import StorageSettings
from tests.services.seaweedfs import SeaweedFS

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
PIECE = 100_003
PIECES = 2_000
MOST_GROWTH_KIB = 80 * 1024

STREAMS = """
import hashlib, json, sys
from app.storage import StorageSettings, storage

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))

piece, pieces = int(sys.argv[1]), int(sys.argv[2])
storage.bind(StorageSettings.from_json(sys.stdin.read()))
storage.check()
before = peak()
with storage.publishing("large") as sink:
    for number in range(pieces):
        sink.write(number.to_bytes(4, "big") * (piece // 4 + 1))
written = peak()
with storage.publishing("joined") as sink:
    for _ in range(2):
        sink.write(b"between")
        sink.copy("large", 0, storage.size("large"))
joined = peak()
digest, length = hashlib.sha256(), 0
with storage.open("large") as stream:
    while read := stream.read(300_000):
        digest.update(read)
        length += len(read)
print(json.dumps({
    "before": before, "written": written, "joined": joined, "read": peak(),
    "length": length, "sha256": digest.hexdigest(), "joined_length": storage.size("joined"),
}))
"""


def test_two_hundred_megabytes_pass_through_in_flat_memory(s3_server: SeaweedFS, s3_bucket: str) -> None:
    given = s3_server.settings_for(s3_bucket)
    settings = StorageSettings(
        kind="s3",
        bucket=s3_bucket,
        endpoint_url=given["s3_endpoint_url"],
        access_key_id=given["s3_access_key_id"],
        secret_access_key=given["s3_secret_access_key"],
    )
    said = subprocess.run(
        [sys.executable, "-c", STREAMS, str(PIECE), str(PIECES)],
        input=settings.to_json(), cwd=PROJECT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    told = json.loads(said.stdout)
    expected, length = hashlib.sha256(), 0
    for number in range(PIECES):
        piece = number.to_bytes(4, "big") * (PIECE // 4 + 1)
        expected.update(piece)
        length += len(piece)
    assert (told["length"], told["sha256"]) == (length, expected.hexdigest())
    assert told["joined_length"] == 2 * (length + len("between"))
    growth = {step: told[step] - told["before"] for step in ("written", "joined", "read")}
    assert max(growth.values()) < MOST_GROWTH_KIB, growth
