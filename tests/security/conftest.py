"""What the gates share: one site for all who only ask."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import create_app
from app.extensions import db
from tests.conftest import compiled_pages, config_for
from tests.factories import World
from tests.security.planted import give_away
from tests.security.site import PLANTED, Site, make_site


@pytest.fixture(scope="module")
def site(peopled_sqlite: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application with a planted door, full of Alice's things. Asked, never changed."""
    config = config_for(tmp_path_factory.mktemp("site"))
    shutil.copy(peopled_sqlite[0], config.data_dir / "chartroom.sqlite3")
    app = create_app(config)
    app.jinja_env.bytecode_cache = compiled_pages
    app.add_url_rule(PLANTED, "planted", give_away)
    yield make_site(app, peopled_sqlite[1])
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
