"""Say where the portal is and how to sign in, once it really answers."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 60.0


def answers(address: str) -> bool:
    """Whether the portal's own health page says 200."""
    # A proxy named in the environment has no business with the loopback address.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def sign_in_lines(credentials: Path) -> list[str]:
    """The sign-in details as a small table; empty when no demonstration data was loaded."""
    try:
        known = json.loads(credentials.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    head = ("role", "email", "password", "organization", "tenant")
    rows = [head] + [tuple(str(user.get(name) or "") for name in head) for user in known["users"]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    table = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return ["", "Demonstration data. Sign in as one of:", *table, f"  (kept in {credentials})"]


def end_of_log() -> list[str]:
    """The last lines that the web process wrote."""
    log = Path(os.environ["LOG_DIR"], "web.log")
    return log.read_text(errors="replace").splitlines()[-25:] if log.exists() else []


def main() -> int:
    """Wait for the portal; 1 when it does not come."""
    address = f"http://127.0.0.1:{os.environ['PORT']}"
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not answers(address):
        if time.monotonic() > give_up:
            print("chartroom: the portal does not answer. The end of its log:", *end_of_log(), sep="\n")
            return 1
        time.sleep(0.2)
    lines = sign_in_lines(Path(os.environ["DATA_DIR"], "demo-credentials.json"))
    print("", f"Chartroom is open at {address}", *lines, "", "Ctrl-C stops it; the data stays.", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
