"""The program of :mod:`tests.services.openid`: Canaille, an identity provider, over a SQLite database of its own.

Started with a folder, a port, a client's id and secret, and the addresses to which it may send people back. Beside
what Canaille answers there is one address for tests, ``PUT /~people``: a person as JSON, who is added or changed.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

READ = ["user_name", "groups", "emails"]


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Canaille says what matters."""


def provider(folder: str, port: int, client_id: str, secret: str, returns: Iterable[str]) -> Flask:
    """Canaille with one client, which people are asked whether they trust."""
    app: Flask = create_app(
        {
            "SECRET_KEY": secret * 2,
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {
                "FORCE_HTTPS": False, "SMTP": None, "HTMX": False, "JAVASCRIPT": False,
                "ENABLE_INTRUDER_LOCKOUT": False, "DATABASE": "sql",
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"], "READ": READ, "WRITE": []}},
                "LOGGING": None,
            },
            "CANAILLE_OIDC": {"TRUSTED_DOMAINS": []},
            "CANAILLE_SQL": {
                "DATABASE_URI": f"sqlite:///{folder}/people.sqlite3", "AUTO_MIGRATE": True,
                "PASSWORD_HASH_PARAMS": {"pbkdf2_sha512__rounds": 1},
            },
        },
    )  # fmt: skip
    mapping = app.config["CANAILLE_OIDC"]["USERINFO_MAPPING"]
    # Its access tokens tell of the person and the second alone, and it refuses to keep the same one twice.
    mapping["WEBSITE"] = "https://example.org/{{ range(1000000000000) | random }}"
    # Whether an address was verified is the organization's knowledge: here those of one domain were not.
    mapping["EMAIL_VERIFIED"] = (
        "{{ 'false' if (user.preferred_email or '').endswith('@unverified.example.org') else 'true' }}"
    )
    with app.app_context(), Backend.instance.session():
        if Backend.instance.get(models.Client, client_id=client_id):
            return app
        client = models.Client(
            client_id=client_id,
            client_secret=secret,
            client_name="Chartroom",
            client_uri="https://chartroom.example.org",
            redirect_uris=list(returns),
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile", "email", "groups"],
            token_endpoint_auth_method="client_secret_basic",
        )
        Backend.instance.save(client)
        client.audience = [client]
        Backend.instance.save(client)
    return app


def keep(app: Flask, facts: dict[str, Any]) -> None:
    """Add or change a person: ``user_name``, ``name``, ``email``, ``password``, ``groups``."""
    with app.app_context(), Backend.instance.session():
        user = Backend.instance.get(models.User, user_name=facts["user_name"]) or models.User()
        user.user_name, user.formatted_name = facts["user_name"], facts["name"]
        user.family_name, user.emails, user.password = facts["name"], [facts["email"]], facts["password"]
        Backend.instance.save(user)
        for group in Backend.instance.query(models.Group):
            if user in group.members and group.display_name not in facts["groups"]:
                group.members = [one for one in group.members if one != user]
                Backend.instance.save(group)
        for name in facts["groups"]:
            group = Backend.instance.get(models.Group, display_name=name) or models.Group(display_name=name, members=[])
            if user not in group.members:
                group.members = [*group.members, user]
            Backend.instance.save(group)


def main(folder: str, port: str, client_id: str, secret: str, *returns: str) -> None:
    app = provider(folder, int(port), client_id, secret, returns)

    @Request.application
    def people(request: Request) -> Response:
        try:
            keep(app, json.loads(request.get_data()))
        except Exception:
            traceback.print_exc()
            raise
        return Response("kept", 200)

    wsgi = DispatcherMiddleware(app.wsgi_app, {"/~people": people})
    make_server("127.0.0.1", int(port), wsgi, threaded=True, request_handler=Quiet).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
