"""Signing in by an OpenID provider: the way there and back, what it says about a person, and who that is here."""

from app.single_sign_on.entering import SingleSignOn, Trip, single_sign_on
from app.single_sign_on.refusing import NotLetIn, Why
from app.single_sign_on.settings import Settings, parse_roles

__all__ = ["NotLetIn", "Settings", "SingleSignOn", "Trip", "Why", "parse_roles", "single_sign_on"]
