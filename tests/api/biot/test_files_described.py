"""What files answer is what /openapi/biot.json says of them."""

from __future__ import annotations

from typing import Any

import jsonschema
from flask.testing import FlaskClient

from tests.api.biot.sent import LOG, PARTS, announce, announce_parts, put, refused, sent
from tests.api.conftest import Machine


def fits(document: dict[str, Any], name: str, answer: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate(answer, schema, jsonschema.Draft202012Validator)


def test_every_answer_of_files_fits_its_description(machine: Machine, client: FlaskClient) -> None:
    document = machine.get("/openapi/biot.json").get_json()
    made = announce(machine)
    fits(document, "FileAddress", made)
    fits(document, "Error", refused(put(client, made["signedUrl"][:-1], LOG), 403))
    fits(document, "FileAddress", machine.get(f"/file/v1/files/{sent(machine)}/download").get_json())
    begun = announce_parts(machine, 1)
    fits(document, "FilePartsAddresses", begun)
    more = machine.post(f"{PARTS}{begun['id']}", json={"fromPart": 2, "toPart": 3}).get_json()
    fits(document, "FilePartsAddresses", more)
    tag = put(client, begun["signedUrls"][0]["signedUrl"], LOG).headers["ETag"]
    named = {"parts": [{"partNumber": 1, "etag": tag}]}
    fits(document, "FilePartNames", named)
    fits(document, "FileAddress", machine.post(f"{PARTS}{begun['id']}/complete", json=named).get_json())
