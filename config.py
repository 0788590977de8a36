"""Settings: the only reader of the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MEGABYTE = 1_000_000
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a deployment may set. Durations are in seconds, sizes in bytes.

    ``public_url`` is the address that people use (``https://export.example.org``); https there makes cookies Secure and
    switches HSTS on. ``trusted_proxies`` is how many proxies in front may name the client's address and scheme.
    ``storage`` is ``local`` (below ``data_dir``) or ``s3``. Hosts in ``callback_allowed_hosts`` may be called back
    though they are not public, at any port and without TLS. Without ``smtp_host`` no mail is sent: links are then shown
    to the administrator who makes them. Without ``metrics_token`` there are no metrics; ``metrics_folder`` is where the
    web's processes add up what they count, which the server's own settings name (``ops/gunicorn.conf.py``).
    Without ``oidc_issuer`` there is no single sign-on; ``oidc_roles`` are roles by group, each ``role@organization``.
    """

    secret_key: str = field(repr=False)
    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    public_url: str = "http://127.0.0.1:8000"
    trusted_proxies: int = 0
    max_upload_bytes: int = 200 * MEGABYTE
    lease_seconds: float = 60.0
    beat_seconds: float = 15.0
    give_up_seconds: float = 45.0
    reconcile_seconds: float = 5.0
    backoff_seconds: float = 2.0
    backoff_limit_seconds: float = 300.0
    attempts: int = 8
    audit_years: int = 6
    partition_rows: int = 50_000
    deadline_seconds: float = 6 * 3600.0
    part_rows: int = 40_000
    fragment_rows: int = 5_000
    idle_seconds: float = 30 * 60.0
    session_seconds: float = 12 * 3600.0
    body_idle_seconds: float = 20.0
    body_seconds: float = 30.0
    upload_idle_seconds: float = 60.0
    callback_seconds: float = 10.0
    callback_backoff_seconds: float = 5.0
    callback_attempts: int = 9
    callback_allowed_hosts: frozenset[str] = frozenset()
    storage: str = "local"
    s3_endpoint_url: str | None = None
    s3_public_endpoint: str | None = None
    s3_bucket: str = ""
    s3_prefix: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = field(default=None, repr=False)
    s3_path_style: bool = True
    s3_signed_downloads: bool = True
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_starttls: bool = True
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    smtp_sender: str = "chartroom@localhost"
    metrics_token: str | None = field(default=None, repr=False)
    metrics_folder: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_tenant: str = ""
    oidc_label: str = "single sign-on"
    oidc_scopes: str = "openid profile email"
    oidc_roles_claim: str = "groups"
    oidc_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    queue_name: str = "chartroom"
    log_level: str = "INFO"

    @property
    def behind_tls(self) -> bool:
        return self.public_url.startswith("https://")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the settings; unset ones take the defaults above.

        :raises ValueError: a required setting is missing or one cannot be read; the message names it
        """
        env = os.environ if environ is None else environ
        data_dir = Path(env.get("DATA_DIR", "data")).resolve()
        numbers = {name: _number(env, name, kind) for name, kind in NUMBERS.items() if env.get(name.upper())}
        return cls(
            secret_key=_secret_key(env, data_dir),
            data_dir=data_dir,
            database_url=env.get("DATABASE_URL") or f"sqlite:///{data_dir / 'chartroom.sqlite3'}",
            redis_url=env.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
            public_url=(env.get("PUBLIC_URL") or f"http://127.0.0.1:{env.get('PORT') or 8000}").rstrip("/"),
            queue_name=env.get("QUEUE_NAME") or "chartroom",
            log_level=env.get("LOG_LEVEL") or "INFO",
            callback_allowed_hosts=_hosts(env.get("CALLBACK_ALLOWED_HOSTS") or ""),
            **_object_store(env),
            **_mail(env),
            **_single_sign_on(env),
            **_metrics(env),
            **numbers,  # type: ignore[arg-type]
        )


_KINDS = {"int": int, "float": float}
NUMBERS: dict[str, type[int] | type[float]] = {
    one.name: _KINDS[one.type] for one in fields(Config) if isinstance(one.type, str) and one.type in _KINDS
}
"""The settings that are numbers, each read from the variable of its name in capitals."""

SWITCHES = {"": None, "1": True, "true": True, "yes": True, "on": True} | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


def _number(env: Mapping[str, str], name: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(env[name.upper()])
    except ValueError as fault:
        raise ValueError(f"{name.upper()} must be a number, not {env[name.upper()]!r}") from fault


def _hosts(text: str) -> frozenset[str]:
    """Host names and addresses, with commas or spaces between them; an IPv6 address with or without brackets."""
    return frozenset(one.strip("[].").lower() for one in text.replace(",", " ").split()) - {""}


def _object_store(env: Mapping[str, str]) -> dict[str, Any]:
    endpoint = env.get("S3_ENDPOINT_URL") or None
    return {
        "storage": env.get("STORAGE") or "local",
        "s3_endpoint_url": endpoint,
        "s3_public_endpoint": env.get("S3_PUBLIC_ENDPOINT") or None,
        "s3_bucket": env.get("S3_BUCKET") or "",
        "s3_prefix": env.get("S3_PREFIX") or "",
        "s3_region": env.get("S3_REGION") or "us-east-1",
        "s3_access_key_id": _given(env, "S3_ACCESS_KEY_ID"),
        "s3_secret_access_key": _given(env, "S3_SECRET_ACCESS_KEY"),
        # Amazon's own names the bucket in the host name; most others have no such names.
        "s3_path_style": _switch(env, "S3_PATH_STYLE", endpoint is not None),
        "s3_signed_downloads": _switch(env, "S3_SIGNED_DOWNLOADS", True),
    }


def _mail(env: Mapping[str, str]) -> dict[str, Any]:
    sender = env.get("SMTP_SENDER") or "chartroom@localhost"
    if "@" not in sender or "\n" in sender or "\r" in sender:
        raise ValueError("SMTP_SENDER must be an address, as in Chartroom <chartroom@example.org>")
    return {
        "smtp_host": env.get("SMTP_HOST") or "",
        "smtp_starttls": _switch(env, "SMTP_STARTTLS", True),
        "smtp_user": _given(env, "SMTP_USER"),
        "smtp_password": _given(env, "SMTP_PASSWORD"),
        "smtp_sender": sender,
    }


def _metrics(env: Mapping[str, str]) -> dict[str, Any]:
    token = _given(env, "METRICS_TOKEN")
    if token is not None and not (len(token) >= 16 and token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("METRICS_TOKEN must hold at least 16 plain characters without spaces")
    # The name is the library's own.
    folder = env.get("PROMETHEUS_MULTIPROC_DIR")
    return {"metrics_token": token, "metrics_folder": Path(folder) if folder else None}


def _single_sign_on(env: Mapping[str, str]) -> dict[str, Any]:
    issuer = env.get("OIDC_ISSUER") or ""
    if not issuer:
        return {}
    parts = urlsplit(issuer)
    if not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)) or not parts.hostname:
        raise ValueError("OIDC_ISSUER must be an https address; http only for a provider on this same host")
    for name in ("OIDC_CLIENT_ID", "OIDC_TENANT"):
        if not env.get(name):
            raise ValueError(f"{name} must be set together with OIDC_ISSUER")
    scopes = env.get("OIDC_SCOPES") or "openid profile email"
    if "openid" not in scopes.split():
        raise ValueError("OIDC_SCOPES must name openid")
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": env["OIDC_CLIENT_ID"],
        "oidc_client_secret": _given(env, "OIDC_CLIENT_SECRET"),
        "oidc_tenant": env["OIDC_TENANT"],
        "oidc_label": env.get("OIDC_LABEL") or "single sign-on",
        "oidc_scopes": scopes,
        "oidc_roles_claim": env.get("OIDC_ROLES_CLAIM") or "groups",
        "oidc_roles": _roles(env.get("OIDC_ROLES") or "{}"),
    }


def _roles(text: str) -> dict[str, tuple[str, ...]]:
    words = 'OIDC_ROLES must be JSON as in {"ward nurses": ["clinician@northside"]}'
    try:
        found = json.loads(text)
    except ValueError as fault:
        raise ValueError(words) from fault
    if not isinstance(found, dict):
        raise ValueError(words)
    listed = {group: [roles] if isinstance(roles, str) else roles for group, roles in found.items()}
    if not all(isinstance(roles, list) and all(isinstance(one, str) for one in roles) for roles in listed.values()):
        raise ValueError(words)
    return {group: tuple(roles) for group, roles in listed.items()}


def _given(env: Mapping[str, str], name: str) -> str | None:
    """A setting that may stand in a file of its own, which ``…_FILE`` names."""
    if env.get(name):
        return env[name]
    path = env.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as fault:
        raise ValueError(f"{name}_FILE names a file that cannot be read") from fault


def _switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    said = (env.get(name) or "").strip().lower()
    if said not in SWITCHES:
        raise ValueError(f"{name} must be 1 or 0, not {env[name]!r}")
    return default if SWITCHES[said] is None else bool(SWITCHES[said])


def _secret_key(env: Mapping[str, str], data_dir: Path) -> str:
    secret = env.get("SECRET_KEY") or ""
    if not secret:
        path = Path(env.get("SECRET_KEY_FILE") or data_dir / "secret-key")
        secret = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if len(secret) < 32:
        raise ValueError("SECRET_KEY, or the file that SECRET_KEY_FILE names, must hold at least 32 characters")
    return secret
