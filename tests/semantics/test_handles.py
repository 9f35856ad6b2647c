"""S19 and the handles: leaving a block, decisions as values, retrying, async."""

# ruff: noqa: PT012, PT031 - what happens inside the blocks is what is tested

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest

import comity
from comity.model.proposals import Proposal, Put


def test_s19_leaving_the_block_proposes(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    with sales.intent(reason="new customer") as intent:
        intent.create("customer/acme", status="active")
        intent.create("contact/ann", customer="acme")
        assert not ws.get("customer/acme").exists
    assert intent.decision is not None
    assert intent.decision.is_committed
    assert ws.revision == 1
    assert {event.reason for event in ws.history().events} == {"new customer"}


def test_s19_an_exception_inside_withdraws(ws: comity.Workspace) -> None:
    with pytest.raises(ZeroDivisionError), ws.agent("sales").intent() as intent:
        intent.create("customer/acme")
        _ = 1 / 0
    assert (ws.revision, intent.decision) == (0, None)
    with pytest.raises(KeyboardInterrupt), ws.agent("sales").edit("customer/acme") as acme:
        acme.status = "active"
        raise KeyboardInterrupt
    assert ws.revision == 0


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda intent: (intent.get("a/1").n, intent.put("b/1", n=1)), comity.Conflict),
        (lambda intent: intent.set("a/none", n=1), comity.Refused),
        (lambda intent: intent.put("nowhere", n=1), comity.Refused),
    ],
)
def test_s19_what_did_not_commit_raises_with_its_decision(
    ws: comity.Workspace, make: Any, error: type[comity.NotCommitted]
) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    with pytest.raises(error) as raised, sales.intent() as intent:
        make(intent)
        ws.agent("support").put("a/1", n=2, was={"n": 1})
    assert raised.value.decision is intent.decision
    assert not raised.value.decision.is_committed
    assert str(raised.value) == raised.value.decision.explain()


def test_s19_a_block_that_changes_nothing_proposes_nothing(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    with sales.edit("a/1") as record:
        assert record.n == 1
        ws.agent("support").put("a/1", n=2, was={"n": 1})
    assert ws.refusals().refusals == ()


def test_s19_a_value_to_match_on_comes_from_an_explicit_propose(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    with sales.intent() as intent:
        intent.set("a/none", n=1)
        match intent.propose():
            case comity.Decision(outcome="refused", findings=findings):
                assert "integrity.missing" in [finding.code for finding in findings]
            case other:
                pytest.fail(f"{other}")
    assert ws.revision == 0


def test_s19_a_committed_intent_takes_no_more(ws: comity.Workspace) -> None:
    intent = ws.agent("sales").intent()
    intent.create("a/1")
    assert intent.propose().is_committed
    with pytest.raises(comity.InvalidRequest):
        intent.create("a/2")
    with pytest.raises(comity.InvalidRequest):
        intent.propose()


def test_s19_a_decision_that_is_dropped_unread_warns(ws: comity.Workspace) -> None:
    intent = ws.agent("sales").intent()
    intent.set("a/none", n=1)
    with pytest.warns(comity.UnreadDecision, match="dropped unread"):
        intent.propose()
        gc.collect()


def test_s19_a_decision_that_was_looked_at_does_not_warn(ws: comity.Workspace) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for look in (lambda d: d.outcome, lambda d: d.is_committed, lambda d: d.explain(), lambda d: d == 1, str):
            intent = ws.agent("sales").intent()
            intent.set("a/none", n=1)
            look(intent.propose())
            gc.collect()


def test_s19_all_or_nothing(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    intent = sales.intent()
    intent.create("a/1", n=1)
    intent.set("a/none", n=1)
    intent.create("a/2", n=1)
    assert not intent.propose().is_committed
    assert (ws.revision, ws.get("a/1").exists, ws.get("a/2").exists) == (0, False, False)


def test_s19_all_findings_are_told_at_once(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.create("customer/acme", name="Acme", status="churned")
    intent = sales.intent()
    assert intent.get("customer/acme").status == "churned"
    support.put("customer/acme", open_tickets=1, was={"open_tickets": 0})
    intent.set("customer/acme", status="active", open_tickets=5)
    intent.create("ticket/1", title="x", customer="nobody")
    codes = {finding.code for finding in intent.propose().refusals}
    assert codes >= {
        "ownership.other_domain",
        "freshness.changed",
        "guard.churned_is_final",
        "integrity.missing_target",
    }


def test_s19_the_own_changes_show_on_the_handle(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", n=1)
    with ws.agent("sales").edit("a/1") as record:
        record.n = 2
        record["m"] = 3
        assert (record.n, record.m, dict(record)) == (2, 3, {"n": 2, "m": 3})
    assert dict(ws.get("a/1")) == {"n": 2, "m": 3}


def test_s19_names_of_the_handle_are_set_as_items(ws: comity.Workspace) -> None:
    with ws.agent("sales").edit("a/1") as record:
        for name in ("version", "kind", "get", "_private"):
            with pytest.raises(AttributeError, match="name of the handle"):
                setattr(record, name, 1)
        record["version"] = 7
    assert ws.get("a/1")["version"] == 7
    assert ws.get("a/1").version == 1


def test_s19_retrying_runs_again_on_a_conflict_only(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    tries: list[int] = []

    def double(intent: comity.Intent) -> int:
        record = intent.get("a/1")
        tries.append(record.n)
        if len(tries) < 3:
            support.add("a/1", n=10)
        record.n = record.n * 2
        return len(tries)

    assert sales.retrying(double) == 3
    assert (tries, ws.get("a/1").n) == ([1, 11, 21], 42)
    tries.clear()
    with pytest.raises(comity.Conflict):
        sales.retrying(double, attempts=2)
    assert len(tries) == 2
    with pytest.raises(comity.Refused):
        sales.retrying(lambda intent: intent.set("a/none", n=1), attempts=3)
    with pytest.raises(comity.InvalidRequest):
        sales.retrying(double, attempts=0)


def test_s19_async_handles_are_the_same_awaited(ws: comity.Workspace) -> None:
    async def scenario() -> None:
        sales, support = ws.async_agent("sales"), ws.async_agent("support")
        assert (await sales.put("a/1", n=1)).is_committed
        with pytest.raises(comity.Conflict):
            async with sales.edit("a/1") as record:
                assert record.n == 1
                await support.put("a/1", n=2, was={"n": 1})
                record.m = 1
        async with sales.intent(reason="all") as intent:
            (found,) = await intent.find("a", "n > 1")
            assert await intent.count("a") == 1
            found.m = 5
        assert intent.decision is not None
        assert intent.decision.is_committed
        assert (await sales.get("a/1")).m == 5
        with pytest.raises(RuntimeError):
            async with sales.intent() as intent:
                intent.put("a/2", n=1)
                raise RuntimeError
        assert not (await sales.get("a/2")).exists
        tries: list[int] = []

        async def work(intent: comity.AsyncIntent) -> int:
            record = await intent.get("a/1")
            tries.append(record.n)
            if len(tries) == 1:
                await support.add("a/1", n=1)
            record.n = record.n + 1
            return record.n

        assert await sales.retrying(work) == 4
        assert (await sales.check("a/1", n=9)).is_allowed
        assert (await sales.propose(Proposal(id="p", changes=(Put("a/3", {"n": 1}),)))).is_committed

    asyncio.run(scenario())
    assert ws.verify().is_clean


def test_s19_many_tasks_share_commits_and_lose_nothing(ws: comity.Workspace) -> None:
    async def scenario() -> None:
        ws.agent("sales").put("a/1", n=0)
        agents = [ws.async_agent(f"agent{n}") for n in range(8)]
        await asyncio.gather(*[agent.add("a/1", n=1) for agent in agents for _ in range(25)])

    asyncio.run(scenario())
    assert ws.get("a/1").n == 200
    assert ws.revision == 201


def test_s19_async_callers_of_two_loops_and_threads_share_the_lane(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", n=0)

    async def add() -> None:
        await asyncio.gather(*[ws.async_agent("sales").add("a/1", n=1) for _ in range(20)])

    async def scenario() -> None:
        work = [asyncio.to_thread(asyncio.run, add()) for _ in range(2)]
        work += [asyncio.to_thread(ws.agent("x").add, "a/1", n=1) for _ in range(20)]
        await asyncio.gather(add(), *work)

    asyncio.run(scenario())
    assert ws.get("a/1").n == 80


def test_s19_a_check_is_a_judgement_without_the_commit(crm: comity.Workspace) -> None:
    sales, support = crm.agent("sales"), crm.agent("support")
    sales.create("customer/acme", name="Acme", status="active")
    revision = crm.revision
    assert sales.check("customer/acme", status="at_risk", was={"status": "active"}).outcome == "allowed"
    refused = support.check("customer/acme", name="Mine", was={"name": "Acme"})
    assert [finding.code for finding in refused.refusals] == ["ownership.other_domain"]
    assert (crm.revision, crm.refusals().refusals) == (revision, ())


def test_a_closed_workspace_says_so(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    ws.close()
    ws.close()
    for use in (lambda: sales.put("a/1", n=1), lambda: sales.get("a/1"), lambda: ws.revision):
        with pytest.raises(comity.StoreError, match="closed"):
            use()
