"""Reads the imports of a source tree with ``ast`` and says where the house's directions are not kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEVELS: tuple[frozenset[str], ...] = tuple(
    frozenset(rooms.split())
    for rooms in (
        "actor errors clock extensions disposition logs arrow",
        "models storage archive jobqueue sending signing mail rounds",
        "rows",
        "builder",
        "access outbox readiness",
        "record",
        "catalog measurements terminology accounts",
        "attachments administration callbacks",
        "exports imports single_sign_on",
        "demonstration erasure operations",
        "portal api jobs cli metrics",
    )
)
"""From the ground up. A room imports from lower levels only: never up, never sideways."""

FACES = LEVELS[-1]
FACES_MAY = frozenset().union(*LEVELS[5:10], {"actor", "errors", "clock", "extensions", "disposition"}) | {
    "models",
    "access",
    "readiness",
    "sending",
    "signing",
}
"""The rooms below that a face speaks to; what is kept, and how, is not among them."""

OF_THE_WEB = frozenset({"extensions", "sending"})
"""Below the faces, and yet of the web: what faces share."""

WEB = ("flask", "werkzeug", "wtforms", "jinja2")
DATABASE = ("sqlalchemy", "flask_sqlalchemy", "flask_migrate", "alembic", "sqlite3", "psycopg", "adbc_driver")
_ENVIRONMENT = ("environ", "environb", "getenv", "putenv")
DATABASE_NAMES = frozenset({"db", "begin_writing", "writing", "take_revision", "prepare_engine", "migrate"})
ADBC_AT = Path("app/rows/sqlite.py")
"""ADBC carries a SQLite library of its own, which must not meet Python's in one process: see app/builder."""
ADBC_ASKED_AT = Path("app/rows/source.py")
FREE = frozenset({"app", "composition", "wsgi", "worker"})
"""Where everything is put together: they import whatever they join."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name: ``from app.models import Entity`` names ``Entity``, ``import app.models`` names nothing."""

    module: str
    name: str | None
    line: int

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def faults_of(root: Path) -> list[str]:
    """Every fault of the tree below ``root`` (which holds ``app/`` and ``config.py``), each as one line of words."""
    faults: list[str] = []
    for file in sorted([*root.glob("app/**/*.py"), *root.glob("*.py")]):
        place = file.relative_to(root)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        faults += [f"{place}:{line}: {words}" for line, words in _faults_in(tree, place)]
    return faults


def room_of(place: Path) -> str:
    """The room that a file belongs to: ``app/portal/auth.py`` → ``portal``, ``app/__init__.py`` → ``app``."""
    if place.parts[0] != "app":
        return place.stem
    name = place.parts[1].removesuffix(".py")
    return "app" if name == "__init__" else name


def imports_of(tree: ast.AST, place: Path) -> Iterator[Import]:
    """Each import of a file wherever it stands: in functions and under ``TYPE_CHECKING`` too."""
    package = place.with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)


def _faults_in(tree: ast.AST, place: Path) -> Iterator[tuple[int, str]]:
    room = room_of(place)
    if room != "config":
        yield from _faults_of_environment(tree)
    yield from _faults_of_libraries(tree, place)
    if room in FREE:
        return
    level = _level(room)
    if level is None:
        if place.parts[0] == "app":
            yield 1, f"{room} has no level in tests/house.py"
        return
    for imported in imports_of(tree, place):
        yield from ((imported.line, words) for words in _faults_of_import(imported, room, level))
    yield from _faults_of_dynamic_imports(tree)
    if room in FACES:
        yield from _faults_of_queries(tree)


def _faults_of_import(imported: Import, room: str, level: int) -> Iterator[str]:
    top = imported.module.split(".")[0]
    if top == "app":
        yield from _faults_of_direction(imported, room, level)
    elif room in FACES:
        if top.startswith(DATABASE):
            yield f"the face {room} touches the database: {imported.dotted}"
    elif top.startswith(WEB) and room not in OF_THE_WEB:
        yield f"{room} is below the faces and imports {imported.dotted}"
    elif top == "config":
        yield f"{room} is below the faces and reads the settings"


def _faults_of_direction(imported: Import, room: str, level: int) -> Iterator[str]:
    other = _room_imported(imported)
    if other == room:
        return
    theirs = _level(other)
    if theirs is None:
        yield f"{room} imports {imported.dotted}, which is no room below"
    elif theirs > level:
        yield f"{room} climbs up to {other}"
    elif theirs == level:
        yield f"{room} reaches sideways to {other}"
    elif room in FACES and (other not in FACES_MAY or imported.name in DATABASE_NAMES):
        yield f"the face {room} reaches past the domain: {imported.dotted}"


def _room_imported(imported: Import) -> str:
    parts = imported.dotted.split(".")
    return parts[1] if len(parts) > 1 else "app"


def _level(room: str) -> int | None:
    return next((number for number, rooms in enumerate(LEVELS) if room in rooms), None)


def _faults_of_environment(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        of_os = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        named = node.attr if isinstance(node, ast.Attribute) and of_os else ""
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            named = next((alias.name for alias in node.names if alias.name in _ENVIRONMENT), "")
        if named in _ENVIRONMENT:
            yield getattr(node, "lineno", 1), "only config.py reads the environment"


def _faults_of_libraries(tree: ast.AST, place: Path) -> Iterator[tuple[int, str]]:
    """Two SQLite libraries in one process lose committed rows: only what a builder imports may bring the second."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lazy = {node.lineno for function in functions for node in ast.walk(function) if isinstance(node, ast.stmt)}
    for imported in imports_of(tree, place):
        named = f"{imported.dotted}."
        if imported.module.startswith("adbc_driver") and place != ADBC_AT:
            yield imported.line, f"{imported.dotted} is imported outside {ADBC_AT}"
        if named.startswith("app.rows.sqlite."):
            if place != ADBC_ASKED_AT:
                yield imported.line, f"app.rows.sqlite is imported outside {ADBC_ASKED_AT}"
            elif imported.line not in lazy:
                yield imported.line, "app.rows.sqlite is imported before it is asked for"
        if named.startswith("app.builder.serving.") and place.parts[:2] != ("app", "builder"):
            yield imported.line, "app.builder.serving is the builder process's own"


def _faults_of_dynamic_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """An import by a name that this reader cannot see, or of our own rooms by text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _called(node) not in ("import_module", "__import__"):
            continue
        given = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else "app"
        if str(given).split(".")[0] == "app":
            yield node.lineno, "an import by a name that nobody can read here"


def _called(call: ast.Call) -> str:
    named = call.func
    return named.id if isinstance(named, ast.Name) else named.attr if isinstance(named, ast.Attribute) else ""


def _faults_of_queries(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Queries through a model or through a session that somebody handed over."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        of_model = isinstance(node.value, ast.Name) and node.value.id[:1].isupper() and node.attr == "query"
        if of_model or node.attr in ("scalars", "scalar", "commit", "rollback"):
            yield node.lineno, f"a face touches the database: .{node.attr}"
