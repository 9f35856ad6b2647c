"""The definition to start from."""

from __future__ import annotations

import re

import pytest

from comity.deciding.compile import compile_definition
from comity.model.reading import read_definition
from comity.verbs.draft import template


@pytest.mark.parametrize("name", ["crm", 'a "quoted" name', "back\\slash", "ümlaut"])
def test_it_loads_as_it_is(name: str) -> None:
    compiled = compile_definition(read_definition(template(name)), 1)
    assert compiled.definition.name == name
    assert not compiled.has_declared_kinds


def test_its_example_loads_once_the_signs_are_taken_away() -> None:
    text = re.sub(r"^#(?! )", "", template("crm"), flags=re.MULTILINE)
    compiled = compile_definition(read_definition(text), 1)
    assert {"customer", "ticket"} <= set(compiled.kinds)
    assert compiled.agents["ops"].kind == "human"
    assert compiled.kinds["customer"].guards
    assert compiled.kinds["customer"].events
    assert compiled.actions
    assert compiled.rules
    assert compiled.definition.tests
    assert compiled.mode("freshness", "customer", "sales") == "shadow"
