"""Intents and edits: leaving proposes, an exception withdraws (S19)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import comity
from comity.testing.manual_clock import ManualClock


def test_s19_leaving_proposes_and_raises_unless_it_committed(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    with ann.intent(reason="r") as intent:
        intent.get("task/a").n = 2
    assert intent.decision is not None
    assert intent.decision.revision == 2
    intent = ann.intent()
    assert intent.get("task/a").n == 2
    bob.put("task/a", n=3, was={"n": 2})
    intent.put("task/b", n=1)
    with pytest.raises(comity.Conflict) as caught, intent:
        """Leaving is what proposes."""
    assert caught.value.decision is intent.decision
    assert not base.get("task/b").exists


def test_s19_an_exception_inside_withdraws(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    intent.put("task/a", n=1)
    with pytest.raises(ZeroDivisionError), intent:
        raise ZeroDivisionError
    assert intent.decision is None
    assert base.revision == 0


def test_s19_what_was_proposed_by_hand_is_not_proposed_again(base: comity.Workspace) -> None:
    with base.agent("ann").intent() as intent:
        intent.put("task/a", n=1)
        assert intent.propose().is_committed
    assert base.revision == 1
    with pytest.raises(comity.InvalidRequest, match="has committed"):
        intent.put("task/a", n=2)


def test_s19_a_decision_dropped_unread_warns(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    intent.put("task/a", n=1)
    with pytest.warns(comity.UnreadDecision, match="dropped unread"):
        intent.propose()


def test_an_intent_that_only_looked_proposes_nothing(base: comity.Workspace) -> None:
    with base.agent("ann").intent() as intent:
        intent.get("task/a")
    assert intent.decision is None


def test_s12_a_refused_intent_is_repaired_by_accepting(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    intent = ann.intent()
    assert intent.get("task/a").n == 1
    bob.put("task/a", n=2, was={"n": 1})
    intent.set("task/a", n=9)
    refused = intent.propose()
    assert refused.is_conflict
    bob.put("task/a", n=3, was={"n": 2})
    again = intent.propose(accept=refused.revision)
    assert again.is_conflict
    assert intent.propose(accept=again.revision).is_committed


def test_each_attempt_has_an_id_of_its_own_that_begins_with_the_intent_s(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    intent = ann.intent()
    intent.set("task/none", n=1)
    ids = [intent.propose().id, intent.propose().id, intent.check().id]
    assert len(set(ids)) == 3
    assert all(one.startswith(intent.id) for one in ids)


def test_s5_a_pinned_intent_reads_as_of_its_revision(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    ann.put("task/a", n=2, was={"n": 1})
    intent = ann.intent(at=1)
    assert intent.get("task/a").n == 1
    assert [record.n for record in intent.find("task")] == [1]
    intent.set("task/a", n=7)
    assert intent.propose().is_conflict


def test_a_field_asked_for_by_name_makes_no_other_write_less_blind(base: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text("[kinds.task.fields]\na = {}\nb = {}\n", encoding="utf-8")
    base.apply(tmp_path / "comity.toml")
    ann = base.agent("ann")
    ann.put("task/t", a=1, b=1)
    intent = ann.intent()
    record = intent.get("task/t", "a")
    assert record.a == 1
    record.b = 2
    assert [finding.code for finding in intent.propose().refusals] == ["freshness.blind_write"]


def test_retrying_runs_again_on_a_conflict_and_only_then(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=0)
    runs: list[int] = []

    def work(intent: comity.Intent) -> int:
        record = intent.get("task/a")
        runs.append(record.n)
        if len(runs) < 3:
            bob.put("task/a", n=record.n + 10, was={"n": record.n})
        record.n = record.n + 1
        return record.n

    assert ann.retrying(work) == 21
    assert runs == [0, 10, 20]
    with pytest.raises(comity.Conflict):
        ann.retrying(lambda intent: (runs.clear(), work(intent)), attempts=1)
    with pytest.raises(comity.Refused):
        ann.retrying(lambda intent: intent.set("task/none", n=1))
    with pytest.raises(comity.InvalidRequest, match="at least 1"):
        ann.retrying(work, attempts=0)


def test_async_handles_have_the_same_verbs(base: comity.Workspace) -> None:
    async def main() -> None:
        ann = base.async_agent("ann")
        await ann.put("task/a", n=1)
        async with ann.edit("task/a") as record:
            record.n = record.n + 1
        async with ann.intent(reason="r") as intent:
            page = await intent.find("task", n=2)
            page[0].n = 3
        assert (await ann.get("task/a")).n == 3
        await asyncio.gather(*(ann.add("task/a", n=1) for _ in range(50)))
        assert (await ann.get("task/a")).n == 53
        with pytest.raises(comity.Conflict):
            await ann.put("task/a", n=0, was={"n": 1})
        async with ann.intent() as intent:
            intent.put("task/b", n=1)
            assert (await intent.check()).is_allowed
        assert await ann.count("task") == 2

    asyncio.run(main())


def test_s6_a_deadline_that_is_over_is_refused(tmp_path: Path) -> None:
    clock = ManualClock()
    with comity.open(tmp_path / "base.db", clock=clock) as base:
        intent = base.agent("ann").intent(not_after="2023-11-14T22:13:21Z")
        intent.put("task/a", n=1)
        assert intent.check().is_allowed
        clock.advance(seconds=1)
        assert [finding.code for finding in intent.propose().refusals] == ["shape.expired"]
        for wrong in ("soon", ""):
            with pytest.raises(comity.InvalidRequest):
                base.agent("ann").intent(not_after=wrong)
