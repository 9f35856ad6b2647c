"""Reverting: a commit, or what an agent did since a point (S36)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.proposals import Create, Delete, Proposal, Put
from tests.verbs.conftest import Open


def test_s36_a_commit_is_undone_field_by_field(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", x=1, y=1)
    ann.put("task/a", x=2, y=2, was={"x": 1, "y": 1})
    bob.put("task/a", y=3, was={"y": 2})
    answer = base.revert(commit=2)
    assert [(one.field, one.was, one.now) for one in answer.reverted] == [("x", 2, 1)]
    assert [(one.record, one.field, one.why) for one in answer.left] == [
        ("task/a", "y", "changed again by bob at revision 3")
    ]
    assert dict(base.get("task/a")) == {"x": 1, "y": 3}


def test_s36_an_agent_s_work_since_a_point_is_undone(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    bob.put("task/a", x=0)
    for number in range(1, 4):
        ann.put("task/a", x=number, was={"x": number - 1})
    ann.put("task/b", x=1)
    ann.archive("task/b", accept=5)
    answer = base.revert(agent="ann", since=2)
    assert not answer.left
    assert dict(base.get("task/a")) == {"x": 1}
    assert base.get("task/b").life == "deleted"
    assert base.verify().is_clean


def test_s36_what_others_did_to_a_record_keeps_it_from_going(base: comity.Workspace) -> None:
    """Undoing the creation would take what someone else wrote with it."""
    base.agent("ann").create("task/a", x=1)
    base.agent("bob").put("task/a", y=1)
    answer = base.revert(commit=1)
    (left,) = answer.left
    assert (left.field, "others changed the record since: y by bob" in left.why) == ("$life", True)
    assert dict(base.get("task/a")) == {"y": 1}
    assert base.get("task/a").life == "live"


@pytest.mark.parametrize("change", ["archive", "delete"])
def test_a_removal_and_a_return_can_be_undone(open_base: Open, change: str) -> None:
    base = open_base("[kinds.task.fields]\nx = {}\n")
    ann = base.agent("ann")
    ann.create("task/a", x=1)
    getattr(ann, change)("task/a", accept=2)
    assert not base.revert(commit=3).left
    assert dict(base.get("task/a")) == {"x": 1}
    assert not base.revert(commit=4).left
    assert base.get("task/a").life == f"{change.removesuffix('e')}ed"


def test_reverting_twice_brings_it_back(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", x=1)
    ann.put("task/a", x=2, was={"x": 1})
    assert base.revert(commit=2).decisions[0].revision == 3
    base.revert(commit=3)
    assert dict(base.get("task/a")) == {"x": 2}


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"commit": 99}, comity.NotFound, "there is no revision 99: the last one is 2"),
        ({"commit": 0}, comity.NotFound, "there is no commit 0: the first one is 1"),
        ({"commit": 1}, comity.InvalidRequest, "commit 1 is an operator's (applied of $definition/current)"),
        ({"agent": "ann", "since": 2}, comity.NotFound, "'ann' has changed no record since 2"),
        ({"agent": "bob"}, comity.NotFound, "'bob' has changed no record, so"),
        ({"agent": "anne"}, comity.NotFound, "there is no agent 'anne'; did you mean 'ann'?"),
        ({}, comity.InvalidRequest, "name either a commit"),
        ({"agent": "ann", "commit": 2}, comity.InvalidRequest, "name either a commit"),
    ],
)
def test_why_there_is_nothing_to_undo_is_told(
    open_base: Open, asked: dict[str, Any], error: type[comity.ComityError], told: str
) -> None:
    base = open_base("[agents]\nann = {}\nbob = {}\n[kinds.task.fields]\nx = {}\n")
    base.agent("ann").put("task/a", x=1)
    with pytest.raises(error) as raised:
        base.revert(**asked)
    assert told in str(raised.value)


def test_what_is_as_it_was_is_not_undone(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    bob.put("task/a", x=1)
    ann.delete("task/a", accept=1)
    ann.restore("task/a")
    ann.put("task/a", x=2, was={"x": 1})
    ann.put("task/a", x=1, was={"x": 2})
    answer = base.revert(agent="ann")
    assert (answer.reverted, answer.left, answer.decisions) == ((), (), ())


def test_a_required_field_of_a_record_that_stays_is_left(open_base: Open) -> None:
    """The creation can't be undone, as somebody else has worked on the record since; what it needs must stay."""
    base = open_base('[kinds.task.fields]\nname = { type = "string", required = true }\nx = {}\ny = {}\n')
    base.agent("ann").create("task/a", name="A", x=1)
    base.agent("bob").put("task/a", y=1)
    answer = base.revert(agent="ann")
    assert [(one.field, one.why) for one in answer.left] == [
        ("$life", "others changed the record since: y by bob at revision 3"),
        ("name", "it is required, and had no value before"),
    ]
    assert dict(base.get("task/a")) == {"name": "A", "y": 1}


def test_what_was_added_is_undone_only_if_nobody_added_since(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    ann.add("task/a", n=5)
    base.agent("bob").add("task/a", n=2)
    answer = base.revert(commit=2)
    assert [one.field for one in answer.left] == ["n"]
    assert base.get("task/a").n == 8


GUARDED = """
[kinds.task.fields]
n = { type = "integer" }

[[kinds.task.guards]]
name  = "no seven"
check = "default(after.n, 0) != 7"
"""


def test_one_record_that_refuses_holds_up_no_other(base: comity.Workspace, tmp_path: Path) -> None:
    """The value that one record would get back is no longer allowed."""
    ann = base.agent("ann")
    ann.propose(Proposal(id="p", changes=tuple(Put(f"task/{name}", {"n": 7 - 7 * (name != "a")}) for name in "abc")))
    ann.propose(Proposal(id="q", changes=tuple(Put(f"task/{name}", {"n": 2}) for name in "abc"), accept=1))
    (tmp_path / "comity.toml").write_text(GUARDED, encoding="utf-8")
    base.apply(tmp_path / "comity.toml")
    assert {one.record for one in base.revert(commit=2, dry=True).reverted} == {"task/b", "task/c"}
    assert base.revision == 3
    answer = base.revert(commit=2)
    assert [(one.record, one.field, "no seven" in one.why) for one in answer.left] == [("task/a", "n", True)]
    assert [record.n for record in base.get_many(["task/a", "task/b", "task/c"])] == [2, 0, 0]


def test_an_agent_may_undo_only_in_its_own_domain(open_base: Open) -> None:
    base = open_base('[agents]\nann = {}\nbob = {}\n[kinds.task.fields]\nx = { owner = "ann" }\n')
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.create("task/a", x=1)
    ann.put("task/a", x=2, was={"x": 1})
    with pytest.raises(comity.Refused, match="belongs to ann"):
        bob.revert(commit=3)
    answer = bob.revert(commit=3, dry=True)
    assert not answer.reverted
    assert "belongs to ann" in answer.left[0].why
    assert ann.revert(commit=3).reverted
    assert base.revert(commit=4).reverted
    assert base.get("task/a").x == 2


def test_a_commit_of_more_events_than_a_page_holds_is_undone_whole(
    base: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = base.agent("ann")
    ann.put("task/z", n=0)
    ann.propose(Proposal(id="p", changes=tuple(Put(f"task/n{number}", {"n": 1}) for number in range(7))))
    ann.put("task/y", n=0)
    monkeypatch.setattr(limits, "HISTORY_PAGE", 3)
    answer = base.revert(agent="ann", since=1)
    assert not answer.left
    assert [record.id for record in base.find("task")] == ["z"]


TREE = """
[kinds.task.fields]
parent = { ref = "task" }
open   = { type = "integer" }
"""


@pytest.mark.parametrize("commits", [1, 3])
def test_the_newest_work_is_undone_first_so_that_children_go_before_their_parents(
    open_base: Open, commits: int
) -> None:
    """A child may be in another batch than its parent, which was changed again after the child was made."""
    base = open_base(TREE)
    ann = base.agent("ann")
    tasks = [Create("task/t000"), *(Create(f"task/t{n:03}", {"parent": f"t{n - 1:03}"}) for n in range(1, 240))]
    for start in range(0, 240, 240 // commits):
        changes = tuple(tasks[start : start + 240 // commits])
        assert ann.propose(Proposal(id=f"p{start}", changes=changes)).is_committed
    ann.put("task/t000", open=1, was={"open": None})
    answer = base.revert(agent="ann", since=1)
    assert (answer.left, len(answer.decisions)) == ((), 3)
    assert base.count("task", life="deleted") == 240
    assert base.verify().is_clean


def test_what_was_removed_comes_back_before_what_refers_to_it(open_base: Open) -> None:
    base = open_base(TREE)
    ann = base.agent("ann")
    parents = tuple(Create(f"task/p{number:03}") for number in range(120))
    children = tuple(Create(f"task/c{number:03}", {"parent": f"p{number:03}"}) for number in range(120))
    assert ann.propose(Proposal(id="made", changes=(*parents, *children))).is_committed
    since = base.revision
    removals = tuple(Delete(change.record) for change in (*children, *parents))
    assert ann.propose(Proposal(id="gone", changes=removals, accept=since)).is_committed
    answer = base.revert(agent="ann", since=since)
    assert (answer.left, len(answer.decisions)) == ((), 3)
    assert base.count("task") == 240
