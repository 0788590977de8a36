"""Ids of demonstration records: the same on every machine, so that a load can be continued after a break."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f3c1e0a-54b7-4e0c-9d0f-2f4b8f1c7a55")


def record_id(kind: str, name: str) -> UUID:
    """The id of a demonstration record.

    :param kind: what it is (``trial_patient``, ``device``…)
    :param name: what the source calls it, unique among its kind
    """
    return uuid5(_NAMESPACE, f"{kind}/{name}")
