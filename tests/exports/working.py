"""A worker in a process of its own: ``python -m tests.exports.working DATA_DIR PART_ROWS [DATABASE_URL]``.

Does parts until no export is pending any more.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func, select

from app import create_app, exports
from app.extensions import db
from app.models import Export
from app.models.export import PENDING_STATES
from tests.conftest import config_for


def work(data_dir: Path, part_rows: int, database_url: str | None) -> int:
    """Returns how many parts this process did."""
    config = replace(config_for(data_dir), part_rows=part_rows)
    app = create_app(replace(config, database_url=database_url) if database_url else config)
    done = 0
    with app.app_context():
        while True:
            done += exports.work_until_idle("one of several")
            pending = select(func.count()).select_from(Export).where(Export.state.in_(PENDING_STATES))
            if not db.session.execute(pending).scalar_one():
                return done
            db.session.rollback()
            time.sleep(0.02)


if __name__ == "__main__":
    print(work(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))  # noqa: T201
