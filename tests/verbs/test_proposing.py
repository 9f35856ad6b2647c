"""Single changes as the requests of the table, and whole proposals."""

from __future__ import annotations

from typing import Any

import pytest

import comity
from comity import operations
from comity.model import proposals
from comity.verbs.proposing import proposal_of

REQUESTS: list[tuple[operations.Write, Any]] = [
    (operations.Put(record="a/1", fields={"x": 1}, replace=True), proposals.Put("a/1", {"x": 1}, True)),
    (operations.Check(record="a/1", fields={"x": 1}), proposals.Put("a/1", {"x": 1})),
    (operations.Set(record="a/1", fields={"x": 1}), proposals.Set("a/1", {"x": 1})),
    (operations.Create(record="a/1", fields={"x": 1}), proposals.Create("a/1", {"x": 1})),
    (operations.Add(record="a/1", fields={"x": 1}), proposals.Add("a/1", {"x": 1})),
    (operations.Include(record="a/1", fields={"x": [1]}), proposals.Include("a/1", {"x": [1]})),
    (operations.Exclude(record="a/1", fields={"x": [1]}), proposals.Exclude("a/1", {"x": [1]})),
    (operations.Append(record="a/1", fields={"x": [1]}), proposals.Append("a/1", {"x": [1]})),
    (operations.Emit(record="a/1", event="Seen", fields={"x": 1}), proposals.Emit("a/1", "Seen", {"x": 1})),
    (operations.Archive(record="a/1"), proposals.Archive("a/1")),
    (operations.Restore(record="a/1"), proposals.Restore("a/1")),
    (operations.Delete(record="a/1"), proposals.Delete("a/1")),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "change"), REQUESTS, ids=[type(row[0]).__name__ for row in REQUESTS])
def test_a_request_stands_for_one_change(request_: operations.Write, change: Any) -> None:
    assert proposal_of(request_, "p").changes == (change,)


def test_what_is_said_beside_a_change_goes_with_it() -> None:
    made = proposal_of(
        operations.Put(
            record="a/1", fields={"x": 1}, was={"x": 0}, reason="r", action="act", about=("b/1",), assume=("a.x == 0",),
            accept=3, cause="1.0", not_after="2024-01-01T00:00:00Z",
        ),
        "p",
    )  # fmt: skip
    assert made == proposals.Proposal(
        id="p", changes=(proposals.Put("a/1", {"x": 1}),), reads=(proposals.Was("a/1", {"x": 0}),), reason="r",
        action="act", about=("b/1",), assumptions=("a.x == 0",), accept=3, cause="1.0", not_after=1_704_067_200_000_000,
    )  # fmt: skip
    with pytest.raises(comity.InvalidRequest, match="not_after"):
        proposal_of(operations.Delete(record="a/1", not_after="soon"), "p")


def test_s7_a_change_under_an_id_of_one_s_own_is_one_attempt(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=0)
    first = ann.add("task/a", n=1, id="x1")
    assert ann.add("task/a", n=1, id="x1") == first
    assert base.get("task/a").n == 1
    with pytest.raises(comity.Refused, match="id_reused"):
        ann.add("task/a", n=2, id="x1")


UNREADABLE: list[tuple[operations.Write, str]] = [
    (operations.Include(record="task/a", fields={"tags": 1}), "tags: its elements come as a list"),
    (operations.Exclude(record="task/a", fields={"tags": "x"}), "tags: its elements come as a list"),
    (operations.Append(record="task/a", fields={"tags": None}), "tags: its elements come as a list"),
    (operations.Add(record="task/a", fields={"n": "1"}), "n: only a number can be added, not '1'"),
    (operations.Add(record="task/a", fields={"n": True}), "n: only a number can be added, not True"),
]


@pytest.mark.parametrize(("request_", "problem"), UNREADABLE)
def test_what_could_not_be_read_again_is_never_kept(base: comity.Workspace, request_: Any, problem: str) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1, tags=["x"])
    with pytest.raises(comity.InvalidRequest, match=problem):
        ann.answer(request_)
    assert (base.report().stopped, ann.inbox().items) == (0, ())


def test_options_of_a_handle_that_could_not_be_read_again_are_never_kept(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    with pytest.raises(comity.InvalidRequest, match="leases"), ann.intent(leases={"task/a": 5}) as intent:
        intent.put("task/a", n=1)
    assert base.report().stopped == 0
