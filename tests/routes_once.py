"""What Werkzeug compiles for each route, compiled once for all applications that tests make.

Two thousand tests make an application of their own, of the same routes; to take the rules apart and to compile the
functions that build their addresses took most of the time of a small test. Both hold constants only, so they may be
shared: no converter of ours looks at the map that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile: Callable[[Rule], None] = Rule.compile
_compiled: dict[tuple[Any, ...], Rule] = {}


def _compile_once(self: Rule) -> None:
    assert self.map is not None
    host = self.host if self.map.host_matching else self.subdomain
    defaults = tuple(sorted((self.defaults or {}).items()))
    alike = (self.rule, host, self.merge_slashes, defaults, tuple(self.map.converters.items()))
    if alike not in _compiled:
        _compile(self)
        _compiled[alike] = self
    done = _compiled[alike]
    self._parts, self._trace, self._converters = done._parts, done._trace, done._converters
    self.arguments = set(done.arguments)
    self._build = done._build.__func__.__get__(self, None)  # type: ignore[attr-defined]
    self._build_unknown = done._build_unknown.__func__.__get__(self, None)  # type: ignore[attr-defined]


def share() -> None:
    """From now on, in this process."""
    Rule.compile = _compile_once  # type: ignore[method-assign]
