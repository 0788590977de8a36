"""Imports go down, never up or sideways; the domain knows no web, a face no database. The checker is checked too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import faults_of

ROOT = Path(__file__).resolve().parent.parent


def test_every_import_of_the_house_goes_down() -> None:
    assert faults_of(ROOT) == []


def planted(root: Path, place: str, code: str) -> list[str]:
    """What is found in a house that holds nothing but this file."""
    file = root / place
    file.parent.mkdir(parents=True)
    file.write_text(code, encoding="utf-8")
    return faults_of(root)


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("app/catalog/planted.py", "from app.portal import current_actor", "catalog climbs up to portal"),
        ("app/catalog/planted.py", "from app import exports", "catalog climbs up to exports"),
        ("app/models/planted.py", "def f():\n    from app.catalog import records", "models climbs up to catalog"),
        ("app/models/planted.py", "import app.exports.build", "models climbs up to exports"),
        ("app/accounts/planted.py", "from ..catalog import records", "accounts reaches sideways to catalog"),
        ("app/portal/planted.py", "from app.cli import init_app", "portal reaches sideways to cli"),
        ("app/access/planted.py", "from app import outbox", "access reaches sideways to outbox"),
        ("app/exports/planted.py", "from flask import current_app", "exports is below the faces"),
        ("app/catalog/planted.py", "from flask_login import current_user", "catalog is below the faces"),
        ("app/storage/planted.py", "from werkzeug.utils import secure_filename", "storage is below the faces"),
        ("app/exports/planted.py", "from config import Config", "exports is below the faces and reads the settings"),
        ("app/portal/planted.py", "from sqlalchemy import select", "the face portal touches the database"),
        ("app/portal/planted.py", "from app.extensions import csrf, db", "reaches past the domain: app.extensions.db"),
        ("app/portal/planted.py", "from app.models import begin_writing", "app.models.begin_writing"),
        ("app/portal/planted.py", "from app.storage import storage", "reaches past the domain: app.storage"),
        ("app/portal/planted.py", "def f(session):\n    return session.scalars(1)", "touches the database: .scalars"),
        ("app/portal/planted.py", "from app.models import User\nUser.query", "touches the database: .query"),
        ("app/jobs/planted.py", "import sqlite3", "the face jobs touches the database"),
        ("app/exports/planted.py", "import os\nos.environ['X']", "only config.py reads the environment"),
        ("app/portal/planted.py", "from os import getenv", "only config.py reads the environment"),
        ("app/exports/planted.py", "importlib.import_module('app.' + 'portal')", "by a name that nobody can read"),
        ("app/catalog/planted.py", "__import__('app.portal')", "by a name that nobody can read"),
        ("app/cellar.py", "", "cellar has no level"),
        ("app/rows/planted.py", "import adbc_driver_sqlite.dbapi", "imported outside app/rows/sqlite.py"),
        ("app/exports/planted.py", "def f():\n    import adbc_driver_manager", "imported outside app/rows/sqlite.py"),
        ("app/composition.py", "from adbc_driver_sqlite import dbapi", "imported outside app/rows/sqlite.py"),
        ("app/exports/planted.py", "from app.rows.sqlite import SQLiteSource", "imported outside app/rows/source.py"),
        ("app/builder/planted.py", "def f():\n    from app.rows import sqlite", "imported outside app/rows/source.py"),
        ("app/rows/source.py", "from app.rows.sqlite import SQLiteSource", "before it is asked for"),
        ("app/rows/source.py", "from . import sqlite", "before it is asked for"),
        ("app/exports/planted.py", "from app.builder.serving import serve", "the builder process's own"),
        ("app/exports/planted.py", "def f():\n    from app.builder import serving", "the builder process's own"),
        ("app/catalog/planted.py", "from app import create_app", "which is no room below"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, place: str, code: str, words: str) -> None:
    [fault] = planted(tmp_path, place, code)
    assert fault.startswith(f"{place}:")
    assert words in fault


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("app/catalog/planted.py", "from app.models import Entity, begin_writing\nfrom app import clock"),
        ("app/portal/planted.py", "from flask import request\nfrom app import exports\nfrom app.models import Entity"),
        ("app/exports/planted.py", "from sqlalchemy import select\nfrom app.attachments import names"),
        ("app/catalog/planted.py", "from .records import add_entity"),
        ("app/rows/sqlite.py", "import adbc_driver_manager\nimport adbc_driver_sqlite.dbapi as adbc"),
        ("app/rows/source.py", "def f():\n    from app.rows.sqlite import SQLiteSource"),
        ("app/builder/__main__.py", "from app.builder.serving import serve"),
    ],
)
def test_what_the_house_allows_is_no_fault(tmp_path: Path, place: str, code: str) -> None:
    assert planted(tmp_path, place, code) == []
