"""Chartroom's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Config


def create_app(config: Config) -> Flask:
    """Build the application that web, worker and shell share.

    :param config: every setting; the environment is not read here
    """
    # Imported when it is asked for: a builder, which is a process of this package too, needs none of it.
    from app.composition import compose

    return compose(config)
