"""Comity's own kinds."""

from __future__ import annotations

import pytest

from comity.errors import InvalidDefinition
from comity.model.built_in import AGENT, DEFINITION, built_in
from comity.model.reading import read_built_in


def test_s23_built_in_kinds_change_by_named_transitions_only() -> None:
    transitions = {
        (kind.name, event.name): (event.lives, event.leads_to, event.actors)
        for kind in built_in().kinds
        for event in kind.events
    }
    assert transitions == {
        (DEFINITION, "applied"): (("absent", "live"), "live", ("operator",)),
        (AGENT, "key_issued"): (("absent", "live"), "live", ("operator",)),
        (AGENT, "key_revoked"): (("live",), "live", ("operator",)),
    }


def test_every_field_of_a_built_in_kind_is_set_by_a_transition() -> None:
    for kind in built_in().kinds:
        assert {field.name for field in kind.fields} == {name for event in kind.events for name in event.then}


def test_actors_of_a_transition_are_checked() -> None:
    source = "[kinds.'$a'.events.e]\nactors = ['operatr']"
    with pytest.raises(InvalidDefinition, match=r"unknown actor 'operatr'; did you mean \"operator\"\?"):
        read_built_in(source, origin="built_in.toml")
