"""Causes: carried along, bounded, traced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.errors import InvalidReference, NotFound, Refused
from comity.workspace import Workspace

SOURCE = """
[kinds.item.fields]
n = { type = "integer" }

[cascades]
depth = 3
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "comity.toml").write_text(SOURCE)
    with comity.open(tmp_path / "base.db", definition=tmp_path / "comity.toml") as opened:
        yield opened


def chain(workspace: Workspace, many: int) -> list[str]:
    """Have as many commits lead to one another, each by another agent on another record; return their events."""
    events: list[str] = []
    for number in range(many):
        cause = events[-1] if events else None
        decision = workspace.agent(f"agent{number}").put(f"item/{number}", n=1, cause=cause)
        events.append(decision.events[0])
    return events


def test_a_chain_of_causes_ends_at_the_depth_that_is_declared(workspace: Workspace) -> None:
    events = chain(workspace, 4)
    with pytest.raises(Refused) as refused:
        workspace.agent("last").put("item/last", n=1, cause=events[-1])
    assert [finding.code for finding in refused.value.decision.refusals] == ["cascade.too_deep"]
    assert refused.value.decision.next.startswith("Stop here")
    assert workspace.agent("last").put("item/last", n=1, cause=events[-2]).is_committed
    assert workspace.agent("other").put("item/other", n=1).is_committed


def test_every_handle_takes_a_cause(workspace: Workspace) -> None:
    agent = workspace.agent("sales")
    root = agent.put("item/a", n=0).events[0]
    with agent.edit("item/a", cause=root) as item:
        item.n = 1
    with agent.intent(cause=root) as intent:
        intent.put("item/b", n=1)
    checked = agent.check("item/c", n=1, cause=root)
    assert checked.is_allowed
    assert [step.cause for step in workspace.trace(root).led_to] == [root, root]


def test_agents_may_answer_each_other_once_and_then_it_is_a_loop(tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db") as workspace:
        sales, support = workspace.agent("sales"), workspace.agent("support")
        cause = sales.put("item/a", n=0).events[0]
        for number, agent in enumerate((support, sales, support), start=1):
            cause = agent.put("item/a", n=number, was={"n": number - 1}, cause=cause).events[0]
        with pytest.raises(Refused) as refused:
            sales.put("item/a", n=9, was={"n": 3}, cause=cause)
        [finding] = refused.value.decision.refusals
        assert (finding.code, finding.subject) == ("cascade.loop", "item/a")
        assert sales.put("item/b", n=9, cause=cause).is_committed


def test_a_cascade_in_shadow_is_only_told(tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text(SOURCE.replace("depth = 3", 'depth = 1\n[checks]\ncascade = "shadow"'))
    with comity.open(tmp_path / "base.db", definition=tmp_path / "comity.toml") as workspace:
        events = chain(workspace, 3)
        with workspace._engine.store.snapshot() as snapshot:
            commit = snapshot.commit(int(events[-1].partition(".")[0]))
        assert commit is not None
        assert commit.payload is not None
        [finding] = [one for one in commit.payload.findings if one.code == "cascade.too_deep"]
        assert (finding.severity, finding.data["shadow"]) == ("warn", "refuse")


def test_a_trace_shows_the_chain_up_and_the_tree_below(workspace: Workspace) -> None:
    root, child, grandchild = chain(workspace, 3)
    other = workspace.agent("x").put("item/x", n=1, cause=root).events[0]
    leaf = workspace.agent("y").put("item/y", n=1, cause=child, reason="as it changed", action=None).events[0]
    traced = workspace.trace(child)
    assert (traced.depth, traced.is_cut) == (1, False)
    assert [(step.event, step.depth) for step in traced.causes] == [(root, 0)]
    assert [(step.event, step.depth, step.cause) for step in traced.led_to] == [
        (grandchild, 2, child),
        (leaf, 2, child),
    ]
    assert traced.led_to[1].records == ("item/y",)
    whole = workspace.trace(root)
    assert [step.event for step in whole.led_to] == [child, grandchild, leaf, other]
    assert [step.depth for step in whole.led_to] == [1, 2, 2, 1]
    assert '"as it changed"' in str(traced)


def test_a_trace_of_nothing_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no event"):
        workspace.trace("99.0")
    with pytest.raises(InvalidReference):
        workspace.trace("soon")


def test_limit_trace_events(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    root = workspace.agent("sales").put("item/a", n=0).events[0]
    for number in range(60):
        workspace.agent("sales").put(f"item/b{number}", n=0, cause=root)
    traced = workspace.trace(root)
    assert (len(traced.led_to), traced.step.more, traced.is_cut) == (50, 1, True)
    monkeypatch.setattr(limits, "TRACE_EVENTS", 10)
    traced = workspace.trace(root)
    assert (len(traced.led_to), traced.is_cut) == (10, True)


def test_what_never_changed_further_up_takes_no_look_there(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text(f"[cascades]\ndepth = {limits.CASCADE_DEPTH_MOST}\n")
    with comity.open(tmp_path / "deep.db", definition=tmp_path / "deep.toml") as workspace:
        sales = workspace.agent("sales")
        cause = sales.put("item/0", n=0).events[0]
        for number in range(1, 60):
            cause = sales.put(f"item/{number}", n=number, cause=cause).events[0]
        with sales.intent(cause=cause) as intent:
            for number in range(300):
                intent.put(f"thing/{number}", n=1)
        assert workspace.trace(cause).depth == 59
        assert workspace.get("thing/299").n == 1
