"""Comity's own kinds."""

from __future__ import annotations

import pytest

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.built_in import AGENT, DEFINITION, LEASE, built_in
from comity.model.reading import read_built_in

COMPUTED = {LEASE}
"""The kinds whose fields no expression sets: see ``comity.deciding.leasing``."""


def test_s23_built_in_kinds_change_by_named_transitions_only() -> None:
    for kind in built_in().kinds:
        assert kind.events
        for event in kind.events:
            assert event.actors, f"{kind.name} {event.name} is no transition"
            assert (event.check is None) == (event.why is None), f"{kind.name} {event.name}"


def test_s23_operators_alone_change_definitions_and_keys() -> None:
    transitions = {
        (kind.name, event.name): (event.lives, event.leads_to, event.actors)
        for kind in built_in().kinds
        if kind.name in (DEFINITION, AGENT)
        for event in kind.events
    }
    assert transitions == {
        (DEFINITION, "applied"): (("absent", "live"), "live", ("operator",)),
        (AGENT, "key_issued"): (("absent", "live"), "live", ("operator",)),
        (AGENT, "key_revoked"): (("live",), "live", ("operator",)),
    }


def test_every_field_of_a_built_in_kind_is_set_by_a_transition() -> None:
    for kind in built_in().kinds:
        if kind.name not in COMPUTED:
            assert {field.name for field in kind.fields} == {name for event in kind.events for name in event.then}


def test_limit_lease_s() -> None:
    [lease] = [kind for kind in built_in().kinds if kind.name == LEASE]
    spans = [field for event in lease.events for field in event.data if field.name in ("ttl_s", "wait_s")]
    assert {field.schema["maximum"] for field in spans} == {limits.LEASE_S}
    assert len(spans) == 3


def test_actors_of_a_transition_are_checked() -> None:
    source = "[kinds.'$a'.events.e]\nactors = ['operatr']"
    with pytest.raises(InvalidDefinition, match=r"unknown actor 'operatr'; did you mean \"operator\"\?"):
        read_built_in(source, origin="built_in.toml")
