"""How the application is put together: settings, shared objects, faces. No logic lives here."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import (
    accounts,
    api,
    attachments,
    callbacks,
    cli,
    exports,
    imports,
    jobqueue,
    logs,
    metrics,
    portal,
    single_sign_on,
)
from app.exports.pace import Pace
from app.extensions import csrf, db, login_manager, migrate
from app.mail import MailSettings, mailer
from app.models.transactions import prepare_engine
from app.signing import signing
from app.storage import StorageSettings, storage
from config import Config


def compose(config: Config) -> Flask:
    """Build the application that web, worker and shell share.

    :param config: every setting; the environment is not read here
    """
    app = Flask("app", template_folder="../templates", static_folder="../static")
    app.config.update(_flask_settings(config))
    app.extensions["chartroom.config"] = config
    logs.init(config.log_level)
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    _bind_rooms(app, config)
    _bind_faces(app)
    return app


def _flask_settings(config: Config) -> dict[str, object]:
    return {
        "SECRET_KEY": config.secret_key,
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        # A database's complaint is logged or kept as a reason; what was being written may be a patient's.
        "SQLALCHEMY_ENGINE_OPTIONS": {"hide_parameters": True},
        "SESSION_COOKIE_NAME": "__Host-chartroom" if config.behind_tls else "chartroom",
        "SESSION_COOKIE_SECURE": config.behind_tls,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        # The portal asks for the token itself, after sign-in and permission: CSRF reads the whole form first.
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_TIME_LIMIT": None,
        "MAX_CONTENT_LENGTH": 2 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024,
        "MAX_FORM_PARTS": 100,
    }


def _bind_rooms(app: Flask, config: Config) -> None:
    db.init_app(app)
    migrate.init_app(app, db, directory="migrations")
    login_manager.init_app(app, add_context_processor=False)
    csrf.init_app(app)
    signing.bind(config.secret_key)
    storage.bind(_storage(config))
    attachments.bind(config.data_dir / "incoming", config.max_upload_bytes)
    jobqueue.bind(config.redis_url, config.queue_name)
    accounts.bind(config.redis_url, config.queue_name)
    accounts.bind_requests(config.redis_url, config.queue_name)
    mailer.bind(_mail(config))
    accounts.bind_links(lambda secret: portal.link_url(config.public_url, secret))
    single_sign_on.single_sign_on.bind(_single_sign_on(config))
    exports.current_pace.bind(_pace(config))
    # Its sign of life comes with each block of the file, which takes longer than a beat.
    imports.current_pace.bind(imports.Pace(2 * config.lease_seconds, config.attempts, config.backoff_seconds))
    callbacks.bind(_callbacks(config), lambda export_id: api.report_body(export_id, config.public_url))
    with app.app_context():
        prepare_engine(db.engine)


def _storage(config: Config) -> StorageSettings:
    if config.storage == "local":
        return StorageSettings.local(config.data_dir / "storage")
    return StorageSettings(
        kind=config.storage,
        bucket=config.s3_bucket,
        prefix=config.s3_prefix,
        endpoint_url=config.s3_endpoint_url,
        public_endpoint_url=config.s3_public_endpoint,
        region=config.s3_region,
        path_style=config.s3_path_style,
        access_key_id=config.s3_access_key_id,
        secret_access_key=config.s3_secret_access_key,
        signed_downloads=config.s3_signed_downloads,
    )


def _callbacks(config: Config) -> callbacks.Settings:
    return callbacks.Settings(
        listed=config.callback_allowed_hosts,
        seconds=config.callback_seconds,
        backoff=config.callback_backoff_seconds,
        attempts=config.callback_attempts,
    )


def _mail(config: Config) -> MailSettings:
    return MailSettings(
        host=config.smtp_host,
        port=config.smtp_port,
        starttls=config.smtp_starttls,
        user=config.smtp_user,
        password=config.smtp_password,
        sender=config.smtp_sender,
    )


def _single_sign_on(config: Config) -> single_sign_on.Settings | None:
    if not config.oidc_issuer:
        return None
    return single_sign_on.Settings(
        issuer=config.oidc_issuer,
        client_id=config.oidc_client_id,
        client_secret=config.oidc_client_secret,
        tenant=config.oidc_tenant,
        returns_to=portal.return_url(config.public_url),
        label=config.oidc_label,
        scopes=config.oidc_scopes,
        roles_claim=config.oidc_roles_claim,
        roles=single_sign_on.parse_roles(config.oidc_roles),
    )


def _pace(config: Config) -> Pace:
    return Pace(
        lease=config.lease_seconds,
        beat=config.beat_seconds,
        give_up=config.give_up_seconds,
        backoff=config.backoff_seconds,
        backoff_limit=config.backoff_limit_seconds,
        attempts=config.attempts,
        deadline=config.deadline_seconds,
        part_rows=config.part_rows,
        fragment_rows=config.fragment_rows,
    )


def _bind_faces(app: Flask) -> None:
    # First: what it measures is all that the others do for a request.
    metrics.init_app(app)
    portal.init_app(app)
    portal.contract.bind(api.request_again)
    api.init_app(app)
    cli.init_app(app)
