"""Refuse a port that cannot be served, before anything is made or changed.

Standard library only: it runs before the virtual environment exists.
"""

import errno
import socket
import sys
import time

PATIENCE_SECONDS = 3.0
"""A portal that was just killed needs a moment to let go of its port."""


def why_not(port: int) -> OSError | None:
    """The reason why 127.0.0.1:port cannot be listened on, or None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as refused:
            return refused
    return None


def main() -> str | None:
    """Return what to tell the person, or None when the port is free."""
    text = sys.argv[1]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        return f"chartroom: PORT must be a number from 1 to 65535, not {text!r}."
    port = int(text)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (reason := why_not(port)) is not None:
        if reason.errno == errno.EACCES:
            return f"chartroom: port {port} is reserved for root. Choose one above 1023: make run PORT=8000"
        if time.monotonic() > give_up:
            return (
                f"chartroom: port {port} is already in use on this machine; nothing was changed.\n"
                f"chartroom: choose another one: make run PORT={port + 1 if port < 65535 else 8000}"
            )
        time.sleep(0.1)
    return None


if __name__ == "__main__":
    sys.exit(main())
