"""What leaves without identifiers after an administrator marked an attribute as PHI, or took the mark away."""

from __future__ import annotations

from dataclasses import replace

from app import administration
from app.extensions import db
from app.models import Template
from tests.exports.test_life import PATIENTS, make, opened
from tests.factories import World


def mark(world: World, name: str, *, phi: bool) -> None:
    attribute = db.session.get_one(Template, world.templates["patient"].id).attribute(name)
    assert attribute is not None
    spec = replace(administration.spec_of(attribute), phi=phi)
    administration.change_attribute(world.actor("max"), attribute.template_id, attribute.id, spec)


def leaves(world: World, *, without_phi: bool) -> bool:
    archive = opened(world, "alice", make(world, "alice", replace(PATIENTS, without_phi=without_phi)))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b'"age":41' in everything
    return b"Rings at night" in everything


def test_a_value_leaves_without_identifiers_only_while_it_is_not_marked(domain: World) -> None:
    domain.patient(notes="Rings at night", age=41)
    assert leaves(domain, without_phi=True)
    mark(domain, "notes", phi=True)
    assert not leaves(domain, without_phi=True)
    assert leaves(domain, without_phi=False)
    mark(domain, "notes", phi=False)
    assert leaves(domain, without_phi=True)
