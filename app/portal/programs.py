"""How a program asks for what a person asked for here: the very request, to be copied. Composition brings its words."""

from __future__ import annotations

import json
import pprint
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.exports import ReportParams
from app.models import Export
from app.portal.signed_in import settings

PATH = "/dms/v1/data/reports/export"
TOKEN = "CHARTROOM_TOKEN"  # noqa: S105 - the name of a variable
_CURL = """\
curl -X POST {url} \\
  -H "Authorization: Bearer ${token}" \\
  -H "Content-Type: application/json" \\
  -d {body}"""
_PYTHON = """\
import json
import os
import urllib.request

wanted = {body}
asking = urllib.request.Request(
    {url!r},
    data=json.dumps(wanted).encode(),
    headers={{
        "Authorization": "Bearer " + os.environ[{token!r}],
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(asking) as answer:
    report = json.load(answer)
print(report["id"], report["status"])"""

Request = Callable[[ReportParams, str | None, str | None], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class AsProgram:
    """One request in two languages; the token stands in an environment variable."""

    curl: str
    python: str
    token: str = TOKEN


class _Contract:
    def __init__(self) -> None:
        self._request: Request | None = None

    def bind(self, request: Request) -> None:
        """
        :param request: the body that asks for the same as some parameters do, with a name and a callback address;
            ``None`` where it cannot be said
        """
        self._request = request

    def body_for(self, export: Export) -> dict[str, Any] | None:
        if self._request is None or export.kind != "report":
            return None
        return self._request(ReportParams.from_json(export.params), export.label, export.callback_url)


contract = _Contract()


def as_program(export: Export) -> AsProgram | None:
    """The request that makes the same export; ``None`` for one that programs cannot ask for."""
    body = contract.body_for(export)
    if body is None:
        return None
    url = settings().public_url + PATH
    text = json.dumps(body, indent=2, ensure_ascii=False)
    literal = pprint.pformat(body, width=100, sort_dicts=False)
    return AsProgram(
        curl=_CURL.format(url=shlex.quote(url), token=TOKEN, body=shlex.quote(text)),
        python=_PYTHON.format(url=url, token=TOKEN, body=literal),
    )
