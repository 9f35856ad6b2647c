"""What an intent remembers: reads by what was used, changes as they came."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import comity
from comity.model.filters import Query
from comity.model.proposals import Add, Put, QueryRead, Read, Set, Was
from comity.workspace.changes import NO_OPTIONS, Options
from comity.workspace.memory import Memory


@pytest.fixture
def memory() -> Iterator[Memory]:
    """A memory whose changes may be dropped without a warning."""
    made = Memory()
    yield made
    made.is_asked = True


def test_s10_a_record_shown_and_not_used_counts_as_existing() -> None:
    memory = Memory()
    memory.hold("a/1", 3)
    assert memory.reads() == (Read("a/1", 3, (), whole=True, touched=True),)


def test_s10_fields_used_count_each_as_of_the_latest_revision_that_showed_them() -> None:
    memory = Memory()
    memory.hold("a/1", 3)
    memory.note("a/1", 3, ("x",))
    memory.hold("a/1", 5)
    memory.note("a/1", 5, ("y",))
    memory.note("a/1", 3, ("y",))
    assert set(memory.reads()) == {
        Read("a/1", 3, ("x",), whole=True, touched=True),
        Read("a/1", 5, ("y",), whole=True, touched=True),
    }


def test_s10_the_whole_used_counts_as_every_field() -> None:
    memory = Memory()
    memory.hold("a/1", 3)
    memory.note("a/1", 3, None)
    assert Read("a/1", 3, None, whole=True) in memory.reads()


def test_s10_fields_asked_for_by_name_show_no_others() -> None:
    """What wasn't shown is overwritten blindly, whatever else of the record was read."""
    memory = Memory()
    memory.hold("a/1", 3, ("x",))
    memory.note("a/1", 3, ("x",), whole=False)
    (read,) = memory.reads()
    assert isinstance(read, Read)
    assert (read.fields, read.whole) == (("x",), False)


def test_searches_and_beliefs_are_reads_too(memory: Memory) -> None:
    memory.searched(Query("a"), 3, ["1", "2"])
    memory.counted(Query("a"), 3, 2)
    memory.change(Set("a/1", {"x": 1}), Options(was={"x": 0}))
    assert memory.reads() == (
        Was("a/1", {"x": 0}),
        QueryRead(Query("a"), 3, ("1", "2")),
        QueryRead(Query("a"), 3, None, 2),
    )


def test_sets_that_follow_one_another_become_one(memory: Memory) -> None:
    for change in (
        Set("a/1", {"x": 1}),
        Set("a/1", {"y": 2}),
        Set("a/1", {"x": 3}),
        Put("a/1", {"z": 1}),
        Add("a/1", {"n": 1}),
    ):
        memory.change(change, Options())
    assert memory.changes == [Set("a/1", {"x": 3, "y": 2}), Put("a/1", {"z": 1}), Add("a/1", {"n": 1})]
    assert memory.pending("a/1") == {"x": 3, "y": 2, "z": 1}


def test_a_replacing_put_stands_alone(memory: Memory) -> None:
    memory.change(Put("a/1", {"x": 1}), Options())
    memory.change(Put("a/1", {"y": 1}, replace=True), Options())
    assert len(memory.changes) == 2


@pytest.mark.parametrize("options", [{"reason": "r"}, {"action": "a"}, {"about": ("a/1",)}, {"accept": 1}, {"id": "p"}])
def test_what_belongs_to_the_intent_goes_with_no_single_change(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="belong to the intent"):
        Memory().change(Set("a/1", {"x": 1}), Options(**options))


def test_changes_that_were_never_judged_are_warned_about() -> None:
    memory = Memory()
    for number in range(4):
        memory.change(Set(f"a/{number}", {"x": 1}), NO_OPTIONS)
    with pytest.warns(comity.UnproposedChanges, match="changes of a/0, a/1, a/2 and 1 more that it never proposed"):
        del memory


def test_an_ended_memory_takes_no_more_and_says_why() -> None:
    memory = Memory()
    memory.change(Set("a/1", {"x": 1}), NO_OPTIONS)
    memory.ended = "it is over"
    with pytest.raises(comity.InvalidRequest, match="it is over"):
        memory.change(Set("a/1", {"x": 2}), NO_OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del memory
