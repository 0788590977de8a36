"""The HTML face. The guard hangs on the parent blueprint, once, so a page cannot forget it."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.portal import (
    auth,
    browse,
    callbacks,
    charts,
    data_exports,
    exports,
    file_pieces,
    files,
    frame,
    guard,
    headers,
    health,
    home,
    refusals,
    signed_in,
    slow_bodies,
    tokens,
    upload_body,
)
from app.portal.programs import contract
from app.portal.signed_in import current_actor
from app.portal.upload_body import RoomyRequest

__all__ = ["contract", "current_actor", "init_app", "portal"]

portal = Blueprint("portal", __name__)
portal.before_request(guard.ask)
portal.register_blueprint(auth.bp)
portal.add_url_rule("/", "home", home.home)
portal.register_blueprint(browse.bp)
portal.register_blueprint(callbacks.bp)
portal.register_blueprint(charts.bp)
portal.register_blueprint(data_exports.bp)
portal.register_blueprint(exports.bp)
portal.register_blueprint(files.bp)
portal.register_blueprint(file_pieces.bp)
portal.register_blueprint(tokens.bp)


def init_app(app: Flask) -> None:
    """Put the portal into the application."""
    app.request_class = RoomyRequest
    signed_in.bind()
    headers.init_app(app)
    slow_bodies.init_app(app)
    upload_body.init_app(app)
    refusals.init_app(app)
    frame.init_app(app)
    app.register_blueprint(health.bp)
    app.register_blueprint(portal)
