"""An application as nobody should build it, on which the scanners show that they find something."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, request
from werkzeug.serving import make_server

from tests.services.tls import free_port

FORM = '<html><body><form action="/search"><input name="q" value="a"><input type="submit"></form></body></html>'


def make_app() -> Flask:
    """Its search puts what was typed into a query and into the page, as it is."""
    app = Flask("holes")
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    kept.executescript("CREATE TABLE patient (name TEXT); INSERT INTO patient VALUES ('ana'), ('boris'), ('carla');")
    turn = threading.Lock()
    app.add_url_rule("/", "form", lambda: FORM)

    @app.get("/search")
    def search() -> str:
        typed = request.args.get("q", "")
        with turn:
            found = kept.execute(f"SELECT name FROM patient WHERE name LIKE '%{typed}%'").fetchall()
        return f"<html><body><p>You typed {typed}</p><p>{len(found)} found: {found}</p></body></html>"

    return app


@contextmanager
def running() -> Iterator[str]:
    """Served on this machine; its address, without a slash at its end."""
    port = free_port()
    for name in ("werkzeug", "holes"):
        logging.getLogger(name).disabled = True
    server = make_server("127.0.0.1", port, make_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
