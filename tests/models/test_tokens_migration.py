"""Tokens of before machines could sign in keep working; what a sign-in gave does not outlive its columns."""

from __future__ import annotations

from datetime import timedelta

import flask_migrate
from sqlalchemy import text

from app import accounts, clock
from app.extensions import db
from app.models import begin_writing
from tests.factories import PASSWORD, World


def test_personal_tokens_outlive_the_migration_both_ways_and_sign_ins_do_not(domain: World) -> None:
    alice = domain.actor("alice")
    row, secret = accounts.issue_token(alice, "a program", ("view",), clock.now() + timedelta(days=1))
    token_id = row.id
    signed_in = accounts.sign_in_machine(domain.users["alice"].email, PASSWORD)
    db.session.remove()
    flask_migrate.downgrade(revision="0004")
    begin_writing()
    assert db.session.execute(text("SELECT name FROM api_token")).all() == [("a program",)]
    db.session.remove()
    flask_migrate.upgrade()
    assert accounts.actor_for_token(signed_in.access.text) is None
    assert accounts.actor_for_token(secret) is not None
    accounts.end_token(alice, token_id)
    assert accounts.actor_for_token(secret) is None
