"""Pages of documentation whose commands are typed as they stand, in their order."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BETWEEN = "-- what follows was said by command"
SECONDS = 120


@dataclass
class Command:
    """A command and what the page shows of its answer, line by line; ``…`` stands for anything."""

    text: str
    said: list[str] = field(default_factory=list)


def commands_of(page: str) -> list[Command]:
    """The commands of every console block: ``$ `` begins one, ``> `` goes on with it, all else is its answer."""
    found: list[Command] = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line.startswith("> "):
                found[-1].text += "\n" + line[2:]
            else:
                found[-1].said.append(line)
    return found


def fits(shown: list[str], said: list[str]) -> bool:
    return len(shown) == len(said) and all(
        re.fullmatch(".*".join(map(re.escape, one.split("…"))), other) for one, other in zip(shown, said, strict=True)
    )


def run_page(page: Path, told: Mapping[str, str], folder: Path) -> None:
    """Run a page's commands in a folder; fails at the first that does not say what the page shows.

    :param told: the variables that the page asks for
    """
    commands = commands_of(page.read_text(encoding="utf-8"))
    assert len(commands) > 10
    script = "\n".join(f"echo '{BETWEEN} {number}'\n{one.text}" for number, one in enumerate(commands))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)} | dict(told), cwd=folder,
        text=True, capture_output=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    answers = re.split(rf"^{BETWEEN} \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"after {commands[len(answers) - 1].text}\n{answers[-1]}\n{done.stderr}"
    for command, answer in zip(commands, answers, strict=True):
        assert fits(command.said, answer.splitlines()), f"{command.text}\nsaid\n{answer}"
