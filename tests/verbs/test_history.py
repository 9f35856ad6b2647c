"""Looking back: history, a state as of a moment, differences, why, refusals."""

from __future__ import annotations

from typing import Any

import pytest

import comity
from comity import limits
from comity.testing.manual_clock import ManualClock
from tests.verbs.conftest import Open


@pytest.fixture
def filled(base: comity.Workspace, clock: ManualClock) -> comity.Workspace:
    """Revisions 1 to 5, ten seconds apart."""
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1, reason="first")
    clock.advance(seconds=10)
    bob.put("task/a", n=2, was={"n": 1}, reason="second", cause="1.0")
    clock.advance(seconds=10)
    ann.put("memo/m", text="x")
    clock.advance(seconds=10)
    bob.emit("task/a", "Seen", {"where": "here"})
    clock.advance(seconds=10)
    ann.delete("memo/m", accept=4)
    return base


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["5.0", "4.0", "3.0", "2.0", "1.0"]),
        ({"oldest_first": True}, ["1.0", "2.0", "3.0", "4.0", "5.0"]),
        ({"limit": 2}, ["5.0", "4.0"]),
        ({"record": "task/a"}, ["4.0", "2.0", "1.0"]),
        ({"record": "memo"}, ["5.0", "3.0"]),
        ({"agent": "bob"}, ["4.0", "2.0"]),
        ({"agent": "ann", "record": "task/a", "since": 1}, []),
        ({"type": "task.archived"}, []),
        ({"type": "task.updated"}, ["2.0"]),
        ({"type": "Seen"}, ["4.0"]),
        ({"since": 3}, ["5.0", "4.0"]),
        ({"until": 2}, ["2.0", "1.0"]),
        ({"since": "2023-11-14T22:13:40Z"}, ["5.0", "4.0", "3.0"]),
        ({"since": "2023-11-14T22:13:40.000001Z"}, ["5.0", "4.0"]),
        ({"until": "2023-11-14T22:13:40Z"}, ["3.0", "2.0", "1.0"]),
        ({"since": 1, "until": 3, "agent": "ann"}, ["3.0"]),
    ],
    ids=str,
)
def test_history_is_chosen_by_record_agent_type_and_time(
    filled: comity.Workspace, chosen: Any, expected: list[str]
) -> None:
    assert [event.event for event in filled.history(**chosen).events] == expected


def test_an_event_tells_who_why_and_what_was(filled: comity.Workspace) -> None:
    event = filled.history("task/a", type="task.updated").events[0]
    assert (event.by, event.known, event.reason, event.cause) == ("bob", "claimed", "second", "1.0")
    assert (event.was, event.now, event.version) == ({"n": 1}, {"n": 2}, 2)
    assert filled.history(type="Seen").events[0].data == {"where": "here"}
    deleted = filled.history("memo/m").events[0]
    assert (deleted.was, deleted.now) == ({"$life": "live"}, {"$life": "deleted"})


def test_limit_history_page(filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HISTORY_PAGE", 3)
    assert len(filled.history(limit=3).events) == 3
    assert filled.refusals(limit=3).refusals == ()
    for limit in (4, 0, -1):
        with pytest.raises(comity.LimitExceeded):
            filled.history(limit=limit)
        with pytest.raises(comity.LimitExceeded):
            filled.refusals(limit=limit)


def test_everything_as_of_a_moment(filled: comity.Workspace) -> None:
    def shown(moment: Any, target: str | None = None, *filters: str) -> dict[str, Any]:
        return {one.ref: dict(one) for one in filled.at(moment, target, *filters)}

    assert shown(3) == {"memo/m": {"text": "x"}, "task/a": {"n": 2}}
    assert shown(5) == {"task/a": {"n": 2}}
    assert shown(1, "task/a") == {"task/a": {"n": 1}}
    assert shown(3, "memo", "text = x") == {"memo/m": {"text": "x"}}
    assert shown(0) == {}
    assert shown("2023-11-14T22:13:25Z") == {"task/a": {"n": 1}}


def test_limit_query_records_of_a_past_state(filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUERY_RECORDS", 2)
    assert len(filled.at(3, limit=2)) == 2
    with pytest.raises(comity.LimitExceeded, match="between 1 and 2"):
        filled.at(3, limit=3)


def test_differences_between_two_points(filled: comity.Workspace) -> None:
    def found(*moments: Any, target: str | None = None) -> list[tuple[str, str, Any, Any]]:
        answer = filled.diff(*moments, target=target)
        return [(one.record, one.field, one.was, one.now) for one in answer.differences]

    assert found(0, 1) == [("task/a", "$life", "absent", "live"), ("task/a", "n", None, 1)]
    assert found(1, 3, target="task/a") == [("task/a", "n", 1, 2)]
    assert found(2, 3) == [("memo/m", "$life", "absent", "live"), ("memo/m", "text", None, "x")]
    assert found(2, 5, target="memo") == [("memo/m", "$life", "absent", "deleted")]
    assert found(3) == [("memo/m", "$life", "live", "deleted"), ("memo/m", "text", "x", None)]
    assert found(5, 5) == []
    with pytest.raises(comity.InvalidRequest, match="name the earlier moment first"):
        filled.diff(3, 1)


def test_differences_are_found_over_more_commits_than_a_page_holds(
    filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = filled.diff(0)
    monkeypatch.setattr(limits, "HISTORY_PAGE", 2)
    assert filled.diff(0) == whole


def test_why_a_field_has_its_value(filled: comity.Workspace) -> None:
    answer = filled.why("task/a", "n")
    assert answer.event is not None
    assert (answer.value, answer.event.event, answer.event.by) == (2, "2.0", "bob")
    assert [cause.event for cause in answer.causes] == ["1.0"]
    assert answer.rested_on == ("task/a.n was 1",)
    assert "because of task.updated (event 2.0, n 1 → 2) by bob (claimed)" in str(answer)
    earlier = filled.why("task/a", "n", at=1).event
    assert earlier is not None
    assert earlier.event == "1.0"


def test_why_a_record_is_as_it_is(filled: comity.Workspace) -> None:
    last = filled.why("memo/m").event
    assert last is not None
    assert (last.event, filled.why("memo/m").value) == ("5.0", "deleted")
    assert filled.why("memo/m", "text", at=3).value == "x"
    with pytest.raises(comity.NotFound, match="was no record memo/m yet at revision 2"):
        filled.why("memo/m", at=2)


@pytest.mark.parametrize(
    ("verb", "asked", "told"),
    [
        ("history", {"record": "tsk"}, "there is no kind 'tsk'; did you mean 'task'? Kinds here: memo, task."),
        ("history", {"record": "zz"}, "there is no kind 'zz'. Kinds here: memo, task."),
        ("history", {"record": "task/aa"}, "there is no record task/aa; did you mean 'task/a'?"),
        ("history", {"record": "task/zz"}, "there is no record task/zz: nothing was ever written to it"),
        ("history", {"agent": "nobody"}, "there is no agent 'nobody'. Agents here: ann, bob."),
        ("history", {"agent": "bop"}, "did you mean 'bob'?"),
        ("history", {"type": "Sen"}, "there is no event type 'Sen'; did you mean 'Seen'? Event types here:"),
        ("history", {"type": "task.archved"}, "did you mean 'task.archived'?"),
        ("refusals", {"agent": "ane"}, "there is no agent 'ane'; did you mean 'ann'?"),
        ("diff", {"since": 0, "target": "task/aa"}, "did you mean 'task/a'?"),
        ("diff", {"since": 0, "target": "tsk"}, "did you mean 'task'?"),
        ("why", {"record": "task/aa"}, "did you mean 'task/a'?"),
        ("why", {"record": "task/a", "field": "m"}, "task/a has no field 'm'. Its fields: n."),
        ("why", {"record": "memo/m", "field": "txt"}, "memo/m has no field 'txt'; did you mean 'text'?"),
    ],
)
def test_s30_a_name_that_means_nothing_is_told(
    filled: comity.Workspace, verb: str, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(comity.NotFound) as error:
        getattr(filled, verb)(**asked)
    assert told in str(error.value)


def test_s30_what_is_declared_has_an_empty_history(open_base: Open) -> None:
    base = open_base(
        '[agents]\nbob = {}\n[kinds.task.fields]\nstatus = { event = "Moved" }\nn = {}\n[kinds.task.events.Picked]\n'
    )
    bob = base.agent("bob")
    assert [bob.history(type=type).events for type in ("Moved", "Picked", "task.archived")] == [(), (), ()]
    assert (bob.history("task").events, bob.history(agent="bob").events, bob.refusals(agent="bob").refusals) == (
        (),
        (),
        (),
    )
    bob.put("task/a", status="x")
    assert bob.why("task/a", "n").event is None
    with pytest.raises(comity.NotFound, match="did you mean 'status'"):
        bob.why("task/a", "stats")


def test_refusals_are_kept_and_told_newest_first(filled: comity.Workspace, clock: ManualClock) -> None:
    ann = filled.agent("ann")
    for number in range(3):
        clock.advance(seconds=1)
        with pytest.raises(comity.NotCommitted):
            ann.set("task/none", n=number, reason=f"r{number}", action="x")
    refused = filled.refusals(agent="ann").refusals
    assert [one.reason for one in refused] == ["r2", "r1", "r0"]
    assert refused[0].records == ("task/none",)
    assert [finding.code for finding in refused[0].findings] == ["integrity.missing"]
    assert filled.refusals(agent="bob").refusals == ()
    assert len(filled.refusals(since=refused[1].at).refusals) == 2
    with pytest.raises(comity.InvalidRequest):
        filled.refusals(since="soon")
