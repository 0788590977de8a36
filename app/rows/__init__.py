"""Rows out of the database for exports: read without the ORM, by key range, as they were at a revision.

Workers plan with :mod:`app.rows.entities`; builders read through :func:`app.rows.source.open_source`, which knows a
module for each database. Nothing is imported here, so that a builder does not pay for what only workers need.
"""
