"""Shared objects, unbound; each room's ``init_app`` binds them to an application."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base of every model."""


Base.metadata.naming_convention = NAMING


class ReadableReferrer(CSRFProtect):  # type: ignore[misc]  # Flask-WTF carries no types
    """Flask-WTF's check, which takes a Referer apart without asking whether it can be."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Ask for the token of our own page.

        :raises CSRFError: it is missing or wrong, or the Referer is not of our own page or cannot be read
        """
        try:
            _ = urlsplit(request.referrer or "").port
        except ValueError:
            raise CSRFError("The referrer cannot be read.") from None
        super().protect(apply_exemptions)


db = SQLAlchemy(model_class=Base)
migrate = Migrate()
login_manager = LoginManager()
csrf = ReadableReferrer()
