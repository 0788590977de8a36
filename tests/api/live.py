"""A running server with a worker behind it, and the vendor's own clients that ask it, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import Config
from tests.browser.portal import Web, at_hand, environment
from tests.factories import PASSWORD, World
from tests.faults.processes import RECONCILER, ROOT, WORKER, Kept

SDK_SECONDS = 120
SCRIPTS = Path(__file__).parent / "sdk"


class Live:
    """A deployment over one folder. ``url`` has no slash at its end."""

    def __init__(self, config: Config, world: World) -> None:
        self.config, self.world = config, world
        self._web = Web(config, config.data_dir / "web.log")
        self._others = [
            Kept(name, command, environment(config), config.data_dir / f"{name}.log")
            for name, command in (("worker", WORKER), ("reconciler", RECONCILER))
        ]

    @property
    def url(self) -> str:
        return self._web.url

    def start(self) -> None:
        for other in self._others:
            other.revive()
        self._web.start()

    def stop(self) -> None:
        for other in self._others:
            other.end()
        self._web.stop()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """In here exports are taken and nothing is built."""
        for other in self._others:
            other.end()
        try:
            yield
        finally:
            for other in self._others:
                other.revive()

    @contextmanager
    def at_hand(self) -> Iterator[World]:
        """In here the tests' own process may ask the domain and the database."""
        with at_hand(self.config):
            yield self.world


@dataclass(frozen=True)
class Clients:
    """The published packages, unmodified: only their ``Configuration`` is set, by the scripts in ``tests/api/sdk``."""

    python: Path
    live: Live

    def run(self, script: str, who: str = "alice", **given: str) -> Any:
        """Run a script of ``tests/api/sdk`` as that person; answers the JSON that it wrote to its standard output.

        The script finds ``BASE``, ``EMAIL``, ``PASSWORD`` and what is ``given`` (in capitals) in its environment.
        """
        told = {"BASE": self.live.url, "EMAIL": self.live.world.users[who].email, "PASSWORD": PASSWORD}
        told |= {name.upper(): value for name, value in given.items()}
        done = subprocess.run(
            [self.python, "-I", SCRIPTS / script],
            env={"PATH": os.environ["PATH"]} | told, cwd=self.live.config.data_dir,
            text=True, capture_output=True, check=False, timeout=SDK_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{script} said:\n{done.stderr[-4000:]}\n{done.stdout[-2000:]}"
        return json.loads(done.stdout)


def python_of_clients() -> Path:
    """The interpreter of the environment that holds the published packages; made, or brought up to date, if need be."""
    home = Path(f"{sys.prefix}-sdk")
    made = subprocess.run(
        ["ops/venv", "sdk"], env=dict(os.environ) | {"VENV": str(home)}, cwd=ROOT,
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return home / "bin" / "python"
