"""The HTML face. The guard hangs on the parent blueprint, once, so a page cannot forget it."""

from __future__ import annotations

from flask import Blueprint, Flask

from app.portal import (
    account,
    account_second_step,
    administration_attributes,
    administration_metrics,
    administration_operations,
    administration_organizations,
    administration_people,
    administration_roles,
    administration_settings,
    administration_templates,
    auth,
    auth_links,
    auth_second,
    auth_single,
    browse,
    callbacks,
    charts,
    data_exports,
    dictionary,
    erasure,
    exports,
    file_pieces,
    files,
    frame,
    guard,
    headers,
    health,
    home,
    import_upload,
    imports,
    proof,
    record,
    refusals,
    signed_in,
    slow_bodies,
    terminology,
    terminology_concepts,
    terminology_links,
    terminology_releases,
    terminology_repositories,
    tokens,
    upload_body,
)
from app.portal.auth_links import link_url
from app.portal.auth_single import return_url
from app.portal.programs import contract
from app.portal.signed_in import current_actor
from app.portal.upload_body import RoomyRequest

__all__ = ["contract", "current_actor", "init_app", "link_url", "portal", "return_url"]

portal = Blueprint("portal", __name__)
portal.before_request(guard.ask)
portal.register_blueprint(auth.bp)
portal.register_blueprint(auth_links.bp)
portal.register_blueprint(auth_second.bp)
portal.register_blueprint(auth_single.bp)
portal.register_blueprint(account.bp)
portal.register_blueprint(account_second_step.bp)
portal.register_blueprint(administration_organizations.bp)
portal.register_blueprint(administration_operations.bp)
portal.register_blueprint(administration_people.bp)
portal.register_blueprint(administration_roles.bp)
portal.register_blueprint(administration_settings.bp)
administration_templates.bp.register_blueprint(administration_attributes.bp)
administration_templates.bp.register_blueprint(administration_metrics.bp)
portal.register_blueprint(administration_templates.bp)
portal.add_url_rule("/", "home", home.home)
portal.register_blueprint(browse.bp)
portal.register_blueprint(callbacks.bp)
portal.register_blueprint(charts.bp)
portal.register_blueprint(data_exports.bp)
portal.register_blueprint(dictionary.bp)
portal.register_blueprint(erasure.bp)
portal.register_blueprint(exports.bp)
portal.register_blueprint(files.bp)
portal.register_blueprint(file_pieces.bp)
portal.register_blueprint(import_upload.bp)
portal.register_blueprint(imports.bp)
portal.register_blueprint(record.bp)
portal.register_blueprint(terminology.bp)
portal.register_blueprint(terminology_repositories.bp)
portal.register_blueprint(terminology_releases.bp)
portal.register_blueprint(terminology_concepts.bp)
portal.register_blueprint(terminology_links.bp)
portal.register_blueprint(tokens.bp)


def init_app(app: Flask) -> None:
    """Put the portal into the application."""
    app.request_class = RoomyRequest
    signed_in.bind()
    headers.init_app(app)
    slow_bodies.init_app(app)
    upload_body.init_app(app)
    refusals.init_app(app)
    proof.init_app(app)
    frame.init_app(app)
    app.register_blueprint(health.bp)
    app.register_blueprint(portal)
