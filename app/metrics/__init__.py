"""The face for whoever watches the installation: ``/metrics`` as Prometheus reads it. See ``docs/deployment.md``."""

from __future__ import annotations

from flask import Flask

from app.metrics import scraping
from config import Config

__all__ = ["init_app"]


def init_app(app: Flask) -> None:
    """Answer ``/metrics``, and count requests from now on, if there is a token to ask for them with."""
    app.register_blueprint(scraping.bp)
    config: Config = app.extensions["chartroom.config"]
    if config.metrics_token is not None:
        # Here: the library is loaded by nobody who is not watched.
        from app.metrics.requests import Requests

        app.extensions[scraping.COUNTED] = Requests(app, config.metrics_folder)
