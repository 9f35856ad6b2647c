"""What is read of a definition that is wrong in parts, and what is known of the rest."""

from __future__ import annotations

import pytest

from comity.errors import InvalidDefinition
from comity.model.reading import mentions, read_partly
from comity.model.reading.partial import left_out, names_in

SOURCE = """\
[agents]
ann = "sellers"
bob = { role = "support", kind = "humn" }

[kinds]
ticket = 3

[kinds.customer]
ownr = "support"

[kinds.customer.fields]
name   = { type = "string", onwer = "support" }
seats  = { minimun = 1, type = "integer" }
status = "string"

[kinds.customer.events.Called]
data = { phone = 3 }
"""


def test_what_could_be_read_is_there_and_what_could_not_is_known() -> None:
    reading = read_partly(SOURCE)
    definition, unread = reading.definition, reading.unread
    assert [agent.name for agent in definition.agents] == ["bob"]
    assert unread.owners == {"ann", "sellers"}
    assert ([kind.name for kind in definition.kinds], unread.kinds) == (["customer"], {"ticket"})
    assert [field.name for field in definition.kinds[0].fields] == ["name", "seats"]
    assert {"status", "phone"} <= unread.fields["customer"]
    path = ("kinds", "customer")
    assert unread.ownership == {path, (*path, "fields", "name")}
    assert unread.contents == {(*path, "fields", "seats"): {"minimun"}}
    with pytest.raises(InvalidDefinition) as caught:
        reading.problems.raise_any()
    assert len(caught.value.problems) == 8


@pytest.mark.parametrize("source", ["fields = 3", "fields = ['a', 'b']"])
def test_a_kind_without_a_table_of_fields_is_there_by_name_alone(source: str) -> None:
    kind = read_partly(f"[kinds.c]\n{source}\n[[kinds.c.guards]]\nname = 'g'\ncheck = 'true'").definition.kinds[0]
    assert (kind.name, kind.fields, kind.guards) == ("c", (), ())


def test_keys_that_nobody_knows_may_have_been_meant_for_any_place() -> None:
    unread = read_partly("[knds.task.fields]\nn = {}").unread
    assert {"task", "n"} <= unread.kinds & unread.owners & unread.fields["customer"]


@pytest.mark.parametrize(
    ("held", "names"),
    [(None, set()), ({"a": {"x": 1}, "b": {}}, {"a", "x"}), (["c", 1], {"c"}), ("d", {"d"}), (3, set())],
)
def test_what_is_left_out_of_a_table(held: object, names: set[str]) -> None:
    assert set(left_out(held, ["b"])) == names


def test_names_are_found_however_deep_they_lie() -> None:
    value: object = "deep"
    for _ in range(5_000):
        value = [value]
    assert list(names_in(value)) == ["deep"]


@pytest.mark.parametrize(
    ("expression", "is_mentioned"),
    [("after.a == 1", True), ("after['a'] == 1", True), ("after.ab == 1", False), ("a", True), ("", False)],
)
def test_mentions(expression: str, is_mentioned: bool) -> None:
    assert mentions(expression, {"a", ""}) is is_mentioned
