"""What this contract's answers are made of: times, references, pages, absolute addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import request

Json = dict[str, Any]


def instant(moment: datetime | None) -> str | None:
    """As ``2023-04-02T13:13:05.703Z``: UTC, always with milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def absolute(path: str) -> str:
    """An address of ours, with the scheme and the host that the client used.

    :param path: as ``url_for`` gives it, with its first slash
    """
    return request.host_url.rstrip("/") + path


def template_of(template_id: UUID, name: str, label: str) -> Json:
    """``_template`` of an entity, and ``template`` of a reference."""
    return {"id": str(template_id), "name": name, "displayName": label, "parentTemplate": None}


def reference(target_id: UUID | str, name: str, organization_id: UUID | None, template: Mapping[str, Any]) -> Json:
    """Another entity as its six keys; some clients parse none that lacks one.

    :param target_id: our id, or a device's own
    :param organization_id: the organization that owns the target; an organization owns itself
    :param template: of the target, by :func:`template_of`
    """
    return {
        "id": str(target_id),
        "name": name,
        "organizationId": None if organization_id is None else str(organization_id),
        "templateId": template["id"],
        "templateName": template["name"],
        "template": dict(template),
    }


def page(
    data: Sequence[Any],
    total: int,
    *,
    number: int,
    limit: int,
    sort: Sequence[Mapping[str, Any]] = (),
    filters: Mapping[str, Any] | None = None,
    text: str | None = None,
) -> Json:
    """The answer to every search: both keys always, the numbers always whole."""
    return {
        "data": list(data),
        "metadata": {
            "page": {"totalResults": total, "page": number, "limit": limit},
            "sort": [dict(one) for one in sort],
            "filter": dict(filters or {}),
            "freeTextSearch": text,
        },
    }
