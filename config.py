"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a deployment may set. Durations are in seconds, sizes in bytes.

    ``public_url`` is the address that people use (``https://export.example.org``); https there makes cookies Secure and
    switches HSTS on. ``trusted_proxies`` is how many proxies in front may name the client's address and scheme.
    ``storage`` is ``local`` (below ``data_dir``) or ``s3``. Hosts in ``callback_allowed_hosts`` may be called back
    though they are not public, at any port and without TLS. Without ``smtp_host`` no mail is sent: links are then shown
    to the administrator who makes them.
    """

    secret_key: str
    data_dir: Path
    database_url: str
    redis_url: str
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
    part_rows: int = 20_000
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
