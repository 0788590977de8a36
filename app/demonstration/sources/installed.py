"""Finds files inside installed packages without importing the packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class SourceMissing(RuntimeError):
    """A package that the demonstration reads is not installed, or ships without the expected file."""


def package_file(package: str, *parts: str) -> Path:
    """The path of a file that an installed package ships.

    The package is located but not executed: some of them would pull in plotting and statistics libraries
    that the portal has no use for.

    :param package: a top-level package name, such as ``lifelines``
    :param parts: the path below the package's folder
    :raises SourceMissing: the package or the file is not there
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder, *parts)
        if path.is_file():
            return path
    wanted = "/".join((package, *parts))
    raise SourceMissing(f"{wanted} was not found; install the packages of requirements-demo.txt")
