"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a deployment may set. Durations are in seconds, sizes in bytes.

    ``public_url`` is the address that people use (``https://export.example.org``); https there makes cookies Secure and
    switches HSTS on. ``trusted_proxies`` is how many proxies in front may name the client's address and scheme.
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
    deadline_seconds: float = 6 * 3600.0
    part_rows: int = 20_000
    fragment_rows: int = 5_000
    idle_seconds: float = 30 * 60.0
    session_seconds: float = 12 * 3600.0
    body_idle_seconds: float = 20.0
    body_seconds: float = 30.0
    upload_idle_seconds: float = 60.0
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
            **numbers,  # type: ignore[arg-type]
        )


NUMBERS: dict[str, type[int] | type[float]] = {
    "trusted_proxies": int,
    "max_upload_bytes": int,
    "lease_seconds": float,
    "beat_seconds": float,
    "give_up_seconds": float,
    "reconcile_seconds": float,
    "backoff_seconds": float,
    "backoff_limit_seconds": float,
    "attempts": int,
    "deadline_seconds": float,
    "part_rows": int,
    "fragment_rows": int,
    "idle_seconds": float,
    "session_seconds": float,
    "body_idle_seconds": float,
    "body_seconds": float,
    "upload_idle_seconds": float,
}


def _number(env: Mapping[str, str], name: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(env[name.upper()])
    except ValueError as fault:
        raise ValueError(f"{name.upper()} must be a number, not {env[name.upper()]!r}") from fault


def _secret_key(env: Mapping[str, str], data_dir: Path) -> str:
    secret = env.get("SECRET_KEY") or ""
    if not secret:
        path = Path(env.get("SECRET_KEY_FILE") or data_dir / "secret-key")
        secret = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if len(secret) < 32:
        raise ValueError("SECRET_KEY, or the file that SECRET_KEY_FILE names, must hold at least 32 characters")
    return secret
