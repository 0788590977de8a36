"""Every page of the portal with real ids, found in the application's own map of addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from tests.browser.peopled import Contents

Values = Mapping[str, Any]

MORE_ADDRESSES: dict[str, tuple[str, ...]] = {
    "portal.browse.list": ("?q=nobody-is-called-so", "?sort=-updated_at&size=50"),
    "portal.charts.values": ("?from=yesterday", "?period=24-hours", "?layout=stacked"),
    "portal.dictionary.index": ("?q=cd8", "?q=nothing-is-called-so"),
    "portal.exports.index": ("?whose=all",),
    "portal.people.index": ("?q=nobody-is-called-so", "?state=invited"),
    "portal.organizations.index": ("?q=nobody-is-called-so",),
    "portal.templates.attributes.new": ("?kind=FILE",),
    "portal.auth_second.code": ("?recovery=1",),
    "portal.terminology.index": ("?q=tuberc", "?q=nothing-is-called-so", "?kind=collections"),
    "portal.repositories.show": ("?q=a15.1",),
    "portal.repositories.changes": ("?what=changed", "?older=1.0&newer=1.0"),
    "portal.concepts.show": ("?release=1.0",),
    "portal.record.index": ("?what=taken", "?from=yesterday"),
}
"""Addresses of a page that look different, beside the bare one."""
SHELF = {"owner_kind": "orgs", "owner": "northside", "kind": "sources", "short_code": "LUNG"}
"""The source of Northside’s; its collection has the same owner."""


@dataclass(frozen=True)
class Stop:
    """One address to look at. ``refusal``: the status with which the portal should say no there, or None."""

    endpoint: str
    values: Values
    path: str
    refusal: int | None = None


def rules_of_portal(app: Flask) -> list[Rule]:
    """What can be asked for with GET in the portal."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("portal.") and "GET" in (rule.methods or ())
    ]


def stops(app: Flask, contents: Contents) -> list[Stop]:
    """Each address of the portal with each example of its values.

    :raises LookupError: an address takes values of which there is no example here
    """
    return [
        Stop(
            rule.endpoint, values, path + more, 400 if "yesterday" in more else expected_refusal(rule.endpoint, values)
        )
        for rule in rules_of_portal(app)
        for values, path in _addresses(app, rule, contents)
        for more in ("", *_more(rule.endpoint, values, contents))
    ]


def expected_refusal(endpoint: str, values: Values) -> int | None:
    """Where the portal should say no to somebody who may see everything: to what is not there."""
    if endpoint in ("portal.exports.download", "portal.exports.file"):
        return {"expired": 410, "ready": None}.get(values["state"], 409)
    if endpoint == "portal.concepts.new" and values["kind"] == "collections":
        return 403
    if endpoint.startswith("portal.auth_single."):
        # The portal of these tests has no provider.
        return 404
    return None


def _addresses(app: Flask, rule: Rule, contents: Contents) -> Iterator[tuple[Values, str]]:
    for values in examples(rule, contents):
        real = {name: value for name, value in values.items() if name in rule.arguments}
        with app.test_request_context():
            yield values, app.url_for(rule.endpoint, **real)


def examples(rule: Rule, contents: Contents) -> list[dict[str, Any]]:
    """Real values for what an address takes.

    :raises LookupError: there are none here: add some
    """
    patient = {"data_type": "patient", "entity_id": contents.patient}
    known: dict[frozenset[str], list[dict[str, Any]]] = {
        frozenset(): [{}],
        frozenset({"data_type"}): [{"data_type": kind} for kind in ("patient", "device", "generic-entity", "command")],
        frozenset({"data_type", "entity_id"}): [
            patient,
            {"data_type": "device", "entity_id": contents.device},
            {"data_type": "generic-entity", "entity_id": contents.log},
        ],
        frozenset({"data_type", "entity_id", "attribute"}): [
            patient | {"attribute": "analysis_file"},
            patient | {"attribute": "images"},
        ],
        frozenset({"data_type", "entity_id", "attribute", "file_id"}): [
            patient | {"attribute": "images", "file_id": contents.image},
        ],
        frozenset({"entity_id"}): [{"entity_id": contents.patient}],
        frozenset({"user_id"}): [{"user_id": contents.person}],
        frozenset({"organization_id"}): [{"organization_id": contents.organization}],
        frozenset({"organization_id", "location_id"}): [
            {"organization_id": contents.organization, "location_id": contents.location}
        ],
        frozenset({"template_id"}): [{"template_id": contents.template}],
        frozenset({"template_id", "attribute_id"}): [
            {"template_id": contents.template, "attribute_id": contents.attribute}
        ],
        frozenset({"template_id", "metric_id"}): [{"template_id": contents.template, "metric_id": contents.metric}],
        frozenset({"secret"}): [{"secret": contents.link}],
        frozenset({"event_id"}): [{"event_id": contents.event}],
        frozenset({"file_id"}): [{"file_id": contents.image}],
        frozenset({"token_id"}): [{"token_id": contents.token}],
        frozenset({"whose"}): [{"whose": "several"}, {"whose": contents.device}],
        frozenset({"whose", "file_id"}): [{"whose": "several", "file_id": contents.image}],
        frozenset({"import_id"}): [{"import_id": one} for one in contents.imports.values()],
        frozenset({"delivery_id"}): [{"delivery_id": contents.delivery}],
        frozenset({"export_id"}): [{"export_id": one, "state": state} for state, one in contents.exports.items()],
        frozenset(SHELF): [SHELF, SHELF | {"kind": "collections", "short_code": "Starter"}],
        frozenset({*SHELF, "version"}): [SHELF | {"version": "1.0"}],
        frozenset({*SHELF, "code"}): [SHELF | {"code": "A15"}, SHELF | {"code": "B20"}],
        frozenset({"export_id", "ordinal"}): [
            {"export_id": contents.exports[state], "state": state, "ordinal": 0} for state in ("ready", "failed")
        ],
    }
    try:
        return known[frozenset(rule.arguments)]
    except KeyError:
        raise LookupError(f"{rule.rule} takes values of which the browser tests know no example") from None


def _more(endpoint: str, values: Values, contents: Contents) -> tuple[str, ...]:
    if endpoint == "portal.exports.new":
        return (f"?data_type=patient&entity_id={contents.patient}", "?data_type=measurements&preset=year")
    if endpoint == "portal.data_exports.new":
        of_device = f"?device={contents.device}"
        return (of_device, f"{of_device}&format=parquet&preset=24-hours")
    if values.get("kind") == "collections" and endpoint == "portal.repositories.changes":
        return ()
    if endpoint == "portal.browse.list" and values["data_type"] != "patient":
        return ()
    return MORE_ADDRESSES.get(endpoint, ())
