"""Arrow, imported when something of it is first used: with its functions it takes 35 MB, and few processes ever do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv
else:

    class _WhenUsed:
        """Stands for a module."""

        def __init__(self, load: Callable[[], Any]) -> None:
            self._load = load

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._load(), name)
            # The next time it is found here, and this is not asked.
            setattr(self, name, found)
            return found

    def _arrow() -> Any:
        import pyarrow

        return pyarrow

    def _functions() -> Any:
        import pyarrow.compute

        return pyarrow.compute

    def _csv() -> Any:
        import pyarrow.csv

        return pyarrow.csv

    pa, pc, pacsv = map(_WhenUsed, (_arrow, _functions, _csv))

__all__ = ["pa", "pacsv", "pc"]
