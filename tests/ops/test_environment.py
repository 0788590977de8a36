"""`ops/venv`: quick when nothing changed, whole again when it was broken, plain words when it cannot be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.running import ROOT, environment


class Checkout:
    """A checkout whose portal needs no package, so that nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        shutil.copytree(ROOT / "ops", folder / "ops")
        (folder / "requirements.txt").write_text("# nothing\n")

    def make(self, purpose: str = "run", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run ``ops/venv run``, or for another purpose."""
        return subprocess.run(
            ["ops/venv", purpose], cwd=self.folder, text=True, capture_output=True, check=False,
            env=environment(**{"VENV": ".venv", "PYTHON": sys.executable, **settings}),
        )  # fmt: skip

    def works(self) -> bool:
        python = self.venv / "bin" / "python"
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """One in which nothing was made yet."""
    return Checkout(tmp_path / "a checkout")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One whose environment was made; each test leaves it whole."""
    made = Checkout(tmp_path_factory.mktemp("made") / "a checkout")
    first = made.make()
    assert first.returncode == 0, first.stderr
    return made


def test_it_is_changed_only_when_the_requirements_say_something_else(made: Checkout) -> None:
    assert made.works()
    assert made.make().stdout == ""
    (made.folder / "requirements.txt").touch()
    assert made.make().stdout == ""
    (made.folder / "requirements.txt").write_text("# something else\n")
    assert "Installing" in made.make().stdout


@pytest.mark.long
def test_the_clients_of_a_contract_get_an_environment_beside(made: Checkout) -> None:
    (made.folder / "requirements-sdk.txt").write_text("# nothing\n")
    first, again = (made.make("sdk", VENV=".venv-sdk") for _ in range(2))
    assert "Installing what requirements-sdk.txt" in first.stdout
    assert again.stdout == ""
    assert not (made.venv / ".installed-sdk").exists()
    assert made.make().stdout == ""


def test_a_broken_one_is_made_again(made: Checkout) -> None:
    (made.venv / "bin" / "python").unlink()
    assert "Making a virtual environment" in made.make().stdout
    assert made.works()


@pytest.mark.long
def test_one_whose_installation_was_killed_is_made_again(made: Checkout) -> None:
    (made.venv / ".installing").touch()
    half = made.venv / "half a package"
    half.touch()
    assert "Making a virtual environment" in made.make().stdout
    assert made.works()
    assert not half.exists()


def test_a_folder_that_is_something_else_is_never_removed(checkout: Checkout) -> None:
    checkout.venv.mkdir(parents=True)
    precious = checkout.venv / "precious"
    precious.touch()
    refused = checkout.make()
    assert refused.returncode != 0
    assert "is in the way" in refused.stderr
    assert precious.exists()


def stand_in(folder: Path, script: str) -> str:
    """A python of another kind: the real one, told to be different."""
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_python_that_is_too_old_is_named_with_what_to_install(checkout: Checkout, tmp_path: Path) -> None:
    # Only its answer to "are you new enough?" can be had from a Python that is not here.
    refused = checkout.make(PYTHON=stand_in(tmp_path, "exit 1"))
    assert refused.returncode != 0
    assert "Python 3.11 or newer is needed" in refused.stderr
    assert "sudo apt install python3.11 python3.11-venv" in refused.stderr


def test_a_python_without_ensurepip_is_named_with_what_to_install(checkout: Checkout, tmp_path: Path) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    # As Debian ships it: venv is there, ensurepip is in another package.
    (hiding / "ensurepip.py").write_text("raise ImportError\n")
    crippled = stand_in(tmp_path, f'PYTHONPATH="{hiding}" exec "{sys.executable}" "$@"')
    refused = checkout.make(PYTHON=crippled)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert refused.returncode != 0
    assert f"sudo apt install python{version}-venv" in refused.stderr
    assert not checkout.venv.exists()
