"""What Werkzeug compiles for each route, compiled once for all applications that tests make.

Two thousand tests make an application of their own, of the same routes; to compile the functions that build their
addresses took most of the time of a small test. They hold constants only, so they may be shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile: Callable[[Rule, bool], Any] = Rule._compile_builder
_compiled: dict[tuple[Any, ...], Any] = {}


def _compile_once(self: Rule, append_unknown: bool = True) -> Any:
    defaults = tuple(sorted((self.defaults or {}).items()))
    alike = (self.rule, self.subdomain, self.host, tuple(self._trace), defaults, append_unknown)
    if alike not in _compiled:
        _compiled[alike] = _compile(self, append_unknown)
    return _compiled[alike]


def share() -> None:
    """From now on, in this process."""
    Rule._compile_builder = _compile_once  # type: ignore[method-assign]
