"""The verbs that change a record, and what may be said beside a change."""

from __future__ import annotations

from typing import Any

import pytest

from comity.model import proposals
from comity.model.proposals import AnyChange
from comity.workspace.changes import Changing, Options, Writing, split_options


class Kept(Writing[Any]):
    def _apply(self, change: AnyChange, options: Options) -> tuple[AnyChange, Options]:
        return change, options


CALLS: list[tuple[Any, AnyChange]] = [
    (lambda it: it.put("a/1", x=1), proposals.Put("a/1", {"x": 1})),
    (lambda it: it.put("a/1", {"reason": 1}, replace=True), proposals.Put("a/1", {"reason": 1}, True)),
    (lambda it: it.set("a/1", {"x": 1}, x=2), proposals.Set("a/1", {"x": 2})),
    (lambda it: it.create("a/1"), proposals.Create("a/1")),
    (lambda it: it.add("a/1", x=1), proposals.Add("a/1", {"x": 1})),
    (lambda it: it.include("a/1", x="v", y=("a", "b")), proposals.Include("a/1", {"x": ["v"], "y": ["a", "b"]})),
    (lambda it: it.exclude("a/1", x=["v"]), proposals.Exclude("a/1", {"x": ["v"]})),
    (lambda it: it.append("a/1", {"x": {"k": 1}}), proposals.Append("a/1", {"x": [{"k": 1}]})),
    (lambda it: it.emit("a/1", "Seen", x=1), proposals.Emit("a/1", "Seen", {"x": 1})),
    (lambda it: it.archive("a/1"), proposals.Archive("a/1")),
    (lambda it: it.restore("a/1"), proposals.Restore("a/1")),
    (lambda it: it.delete("a/1"), proposals.Delete("a/1")),
]


@pytest.mark.parametrize(("call", "change"), CALLS, ids=[type(row[1]).__name__ for row in CALLS])
def test_each_verb_makes_its_change(call: Any, change: AnyChange) -> None:
    assert call(Kept()) == (change, Options())


def test_fields_and_options_are_told_apart() -> None:
    fields, options = split_options({"x": 1, "reason": "r", "about": "a/1", "assume": ["a.x == 1"], "was": None})
    assert fields == {"x": 1}
    assert options == Options(reason="r", about=("a/1",), assume=("a.x == 1",))


def test_changes_without_fields_take_none() -> None:
    with pytest.raises(TypeError, match="takes no fields, and got x"):
        Kept().delete("a/1", x=1)
    assert Kept().delete("a/1", reason="r")[1] == Options(reason="r")


def test_a_handle_that_cannot_change_anything_says_so() -> None:
    for call in (lambda: Writing[Any]().put("a/1"), lambda: Changing[Any]().set(x=1)):
        with pytest.raises(TypeError, match="can't change anything"):
            call()
