"""Rows out of the database for exports: read without the ORM, by key range, as they were at a revision."""

from app.rows.entities import Name, Position, Record, Selection, count_current, names_at, pages, positions

__all__ = ["Name", "Position", "Record", "Selection", "count_current", "names_at", "pages", "positions"]
