"""Do the part of a claim that was told as JSON: what a worker would do that was given it. For the tests."""

from __future__ import annotations

import json
import sys
from uuid import UUID

from app import create_app
from app.exports.claims import Claim
from app.exports.work import do_part
from config import Config


def main() -> int:
    told = json.loads(sys.argv[1])
    identifiers = {name: UUID(told[name]) for name in ("export_id", "owner_id", "tenant_id")}
    with create_app(Config.from_env()).app_context():
        return 0 if do_part(Claim(**told | identifiers)) else 3


if __name__ == "__main__":
    sys.exit(main())
