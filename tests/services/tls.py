"""A real TLS proxy (nginx) in front of a plain HTTP server, as an operator would put one there."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services import tied

START_SECONDS = 20
SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

NGINX_CONF = """
daemon off;
master_process off;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate.chain};
        ssl_certificate_key {certificate.key};
        location / {{
            proxy_pass http://127.0.0.1:{upstream_port};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1; clients trust it by its own chain file."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class TLSProxy:
    """A running proxy. ``url`` has no slash at its end; ``certificate.chain`` is what a client trusts."""

    port: int
    certificate: Certificate

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client_context(self) -> ssl.SSLContext:
        """For urllib and http.client: verifies the certificate, trusting this one alone."""
        return ssl.create_default_context(cafile=str(self.certificate.chain))


def make_certificate(folder: Path) -> Certificate:
    """Make a self-signed certificate in a folder, valid for a day."""
    made = Certificate(chain=folder / "certificate.pem", key=folder / "key.pem")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "1", "-subj", "/CN=localhost", "-addext", names, "-keyout", made.key, "-out", made.chain],
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return made


@contextmanager
def running_proxy(upstream_port: int, certificate: Certificate) -> Iterator[TLSProxy]:
    """Run nginx on a private port of 127.0.0.1, forwarding everything to ``upstream_port`` there.

    Sends X-Forwarded-For, -Proto and -Host, and keeps Host: one trusted proxy, no prefix.

    :raises FileNotFoundError: nginx is not here
    :raises RuntimeError: it does not start; carries its log
    """
    nginx = shutil.which("nginx", path=SEARCHED)
    if nginx is None:
        raise FileNotFoundError("nginx is not here: apt install nginx-light")
    with tied.short_directory("tls") as home, (home / "log").open("wb") as log:
        port = free_port()
        conf = home / "nginx.conf"
        conf.write_text(NGINX_CONF.format(home=home, port=port, certificate=certificate, upstream_port=upstream_port))
        child = tied.start([nginx, "-p", home, "-e", "stderr", "-c", conf], log=log, cwd=home)
        try:
            _await(port, child, home / "log")
            yield TLSProxy(port, certificate)
        finally:
            tied.stop(child)


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as refused:
            if child.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"nginx does not start:\n{log.read_text()}") from refused
            time.sleep(0.02)
        else:
            if child.poll() is None:
                return
            raise RuntimeError(f"nginx does not start, and another server has its port:\n{log.read_text()}")
