"""A record in an agent's hands (S10)."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import comity
from comity.model.proposals import Read


def reads_of(base: comity.Workspace, use: Callable[[comity.Record], object], *fields: str) -> set[str] | None:
    """Return the fields that count as read after a use; None for every one."""
    intent = base.agent("ann").intent()
    use(intent.get("task/a", *fields))
    found: set[str] = set()
    for read in intent._memory.reads():
        assert isinstance(read, Read)
        if read.fields is None:
            return None
        found.update(read.fields)
    return found


@pytest.fixture
def task(base: comity.Workspace) -> comity.Workspace:
    base.agent("ann").put("task/a", n=1, title="t", tags=["x", {"k": [1]}])
    return base


USES: list[tuple[str, Callable[[Any], object], set[str] | None]] = [
    ("repr", repr, set()),
    ("address", lambda it: (it.ref, it.kind, it.id, it.version, it.revision, it.life, it.exists), set()),
    ("truth", bool, set()),
    ("attribute", lambda it: it.n, {"n"}),
    ("item", lambda it: it["n"], {"n"}),
    ("get", lambda it: it.get("n"), {"n"}),
    ("get of an empty field", lambda it: it.get("none"), {"none"}),
    ("in", lambda it: "n" in it, {"n"}),
    ("str", str, None),
    ("dict", dict, None),
    ("iteration", list, None),
    ("length", len, None),
    ("keys", lambda it: it.keys(), None),
    ("comparison", lambda it: it == {"n": 1}, None),
    ("copy", copy.copy, None),
    ("deep copy", copy.deepcopy, None),
    ("serialising", lambda it: json.dumps(dict(it)), None),
    ("unpacking", lambda it: {**it}, None),
]


@pytest.mark.parametrize(("use", "expected"), [row[1:] for row in USES], ids=[row[0] for row in USES])
def test_s10_what_counts_as_read(
    task: comity.Workspace, use: Callable[[Any], object], expected: set[str] | None
) -> None:
    assert reads_of(task, use) == expected


def test_s10_of_fields_named_only_these_are_shown(task: comity.Workspace) -> None:
    assert reads_of(task, dict, "n") == {"n"}
    assert reads_of(task, repr, "n") == {"n"}
    record = task.agent("ann").intent().get("task/a", "n")
    assert dict(record) == {"n": 1}
    with pytest.raises(KeyError, match="wasn't asked for"):
        record.get("title")


def test_s10_a_peek_is_not_collected_and_says_so(task: comity.Workspace) -> None:
    intent = task.agent("ann").intent()
    peeked = intent.peek("task/a")
    assert (peeked.n, dict(peeked)["title"], peeked.is_collected) == (1, "t", False)
    assert intent._memory.reads() == ()
    assert intent.get("task/a").is_collected
    with pytest.raises(TypeError, match="only looked at"):
        peeked.n = 2


def test_values_handed_out_are_immutable(task: comity.Workspace) -> None:
    tags = task.get("task/a").tags
    assert tags == ("x", {"k": (1,)})
    with pytest.raises(TypeError):
        tags[1]["k"] = 2


def test_a_field_that_is_not_there(task: comity.Workspace) -> None:
    record = task.get("task/a")
    with pytest.raises(AttributeError, match="did you mean 'title'"):
        _ = record.titel
    with pytest.raises(KeyError):
        record["titel"]
    assert record.get("titel", "-") == "-"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(record)


def test_a_record_is_written_by_no_serialiser_behind_its_back(task: comity.Workspace) -> None:
    ann = task.agent("ann")
    for record in (ann.get("task/a"), ann.intent().get("task/a"), ann.intent().peek("task/a")):
        for write in (msgspec.json.encode, msgspec.to_builtins, json.dumps):
            with pytest.raises(TypeError):
                write(record)


def test_what_looks_into_a_record_reads_nothing(task: comity.Workspace) -> None:
    intent = task.agent("ann").intent()
    assert intent.get("task/a").__rich_repr__() == [("ref", "task/a"), ("version", 1), ("life", "live")]
    assert [read.fields for read in intent._memory.reads() if isinstance(read, Read)] == [()]


def test_what_is_set_is_seen_and_proposed(task: comity.Workspace) -> None:
    with task.agent("ann").edit("task/a", reason="r") as record:
        record.n = 5
        record["title"] = "new"
        record.add(points=2)
        record.append(tags="z")
        assert (record.n, record.title, dict(record)["n"]) == (5, "new", 5)
    assert dict(task.get("task/a")) == {"n": 5, "title": "new", "tags": ("x", {"k": (1,)}, "z"), "points": 2}


def test_two_handles_of_one_record_agree(task: comity.Workspace) -> None:
    left, right = task.get("task/a"), task.get("task/a")
    assert left == right
    assert left == {"n": 1, "title": "t", "tags": ("x", {"k": (1,)})}
    assert left != 5


def test_a_field_that_was_not_asked_for_can_t_be_had(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", v=1, w=2)
    record = ann.intent().get("task/a", "v")
    assert ("v" in record, "w" in record, "nothing" in record) == (True, False, False)
    with pytest.raises(KeyError, match="wasn't asked for"):
        record["w"]
    with pytest.raises(KeyError, match="wasn't asked for"):
        record.get("w")
    with pytest.raises(AttributeError, match="wasn't asked for"):
        _ = record.w
    assert (record.v, getattr(record, "w", 7)) == (1, 7)


def test_what_looks_at_any_object_reads_nothing(base: comity.Workspace) -> None:
    base.agent("ann").put("task/a", {"n": 1})
    intent = base.agent("ann").intent()
    record = intent.get("task/a")
    assert not hasattr(record, "_repr_html_")
    assert not hasattr(record, "_n")
    base.agent("bob").put("task/a", n=2, was={"n": 1})
    assert intent.stale == ()
