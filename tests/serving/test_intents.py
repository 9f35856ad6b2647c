"""Intents held for agents that forget: handles, proof of receipt, repeats, bounds (S8, S17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, LimitExceeded, ReadsLost
from comity.model.decisions import Decision
from comity.model.proposals import Add, AnyChange, Proposal, Put
from comity.server.intents import HeldIntents
from comity.server.turns import Turn
from comity.workspace import Agent, Workspace

ACME = "customer/acme"


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with comity.open(tmp_path / "crm.db") as workspace:
        workspace.agent("sales").put(ACME, status="active", health="good")
        yield workspace


@pytest.fixture
def sales(ws: Workspace) -> Agent:
    return ws.agent("sales")


@pytest.fixture
def support(ws: Workspace) -> Agent:
    return ws.agent("support")


def read(held: HeldIntents, agent: Agent, handle: str | None = None, record: str = ACME, *fields: str) -> str:
    with held.turn("main", agent, handle) as turn:
        turn.show(turn.get(record, *fields), fields)
        return turn.handle()


def told(held: HeldIntents, agent: Agent, handle: str) -> tuple[str, str]:
    """Return the handle and the news of a call that only looks."""
    with held.turn("main", agent, handle) as turn:
        turn.tell()
        return turn.handle(), str(turn.news or "")


def write(
    held: HeldIntents, agent: Agent, handle: str, change: AnyChange, *, accept: int | None = None, again: bool = False
) -> tuple[str, Decision, bool]:
    with held.turn("main", agent, handle) as turn:
        decision = turn.propose(
            f"{abs(hash(str(change))):x}", lambda id: drafted(turn, change, id, accept), again=again
        )
        return turn.handle(), decision, turn.is_repeat


def drafted(turn: Turn, change: AnyChange, id: str, accept: int | None) -> Proposal:
    turn.intent.collect(change)
    return turn.intent.draft(id, accept=accept)


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


def test_s17_the_first_read_opens_an_intent_and_each_answer_has_a_handle(sales: Agent) -> None:
    held = HeldIntents()
    first = read(held, sales)
    second = read(held, sales, first)
    assert first.partition(".")[0] == second.partition(".")[0]
    assert (first.partition(".")[2], second.partition(".")[2]) == ("1", "2")
    assert read(held, sales).partition(".")[0] != first.partition(".")[0]


def test_s17_what_was_read_and_arrived_counts(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales)
    support.put(ACME, status="at_risk", was={"status": "active"})
    handle, decision, _ = write(held, sales, handle, Put(ACME, {"campaign": "q4"}))
    assert codes(decision) == ["freshness.changed"]
    _, decision, _ = write(held, sales, handle, Put(ACME, {"campaign": "q4"}), accept=decision.revision)
    assert decision.is_committed


def test_s17_an_answer_that_was_lost_proves_nothing(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales)
    support.put(ACME, status="at_risk", was={"status": "active"})
    read(held, sales, handle)  # Its answer, with the new status, never arrived.
    _, decision, _ = write(held, sales, handle, Put(ACME, {"campaign": "q4"}))
    assert codes(decision) == ["freshness.changed"]


def test_s17_a_lost_answer_beside_a_later_one_never_renews_an_older_read(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    first = read(held, sales)
    support.put(ACME, status="at_risk", was={"status": "active"})
    read(held, sales, first)  # Lost, though a later answer arrives.
    later = read(held, sales, first, "customer/globex")
    _, decision, _ = write(held, sales, later, Put(ACME, {"campaign": "q4"}))
    assert codes(decision) == ["freshness.changed"]


def test_s17_calls_made_at_once_with_one_handle_all_count(ws: Workspace, sales: Agent) -> None:
    ws.agent("sales").put("customer/globex", status="active")
    held = HeldIntents()
    first = read(held, sales, None, "customer/initech")
    read(held, sales, first)
    later = read(held, sales, first, "customer/globex")
    _, decision, _ = write(held, sales, later, Put(ACME, {"status": "at_risk"}))
    assert decision.is_committed  # Not blind: it was read by one of the calls.


def test_s17_news_are_repeated_until_their_answer_has_arrived(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales)
    support.put(ACME, health="poor", was={"health": "good"}, reason="call")
    lost, news = told(held, sales, handle)
    again, same = told(held, sales, handle)
    assert "health is now poor" in news
    assert "health is now poor" in same
    assert told(held, sales, again)[1] == ""
    with pytest.raises(ReadsLost):
        told(held, sales, lost.replace(".2", ".99"))


def test_s17_a_handle_that_does_not_match_is_refused(sales: Agent) -> None:
    held = HeldIntents()
    first = read(held, sales)
    second = read(held, sales, first)
    read(held, sales, second)
    for handle in (first, "iaaaaa.1", second.replace(".2", ".7")):
        with pytest.raises(ReadsLost, match=r"freshness\.reads_lost"):
            read(held, sales, handle)
    for handle in ("acme", "i7k2", "I7K2MQ.1", "", "i7k2mq.1\n"):
        with pytest.raises(InvalidRequest, match="is no handle"):
            read(held, sales, handle)


def test_s17_no_other_caller_can_use_a_handle(ws: Workspace, sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales)
    with pytest.raises(ReadsLost):
        read(held, support, handle)
    with pytest.raises(ReadsLost), held.turn("other", sales, handle):
        pass
    assert read(held, ws.agent("sales"), handle)


def test_s17_a_server_that_started_anew_knows_no_intent(sales: Agent) -> None:
    handle = read(HeldIntents(), sales)
    with pytest.raises(ReadsLost, match="A change that it proposed may have been made"):
        read(HeldIntents(), sales, handle)


def test_s8_the_same_content_is_the_same_attempt(sales: Agent) -> None:
    held = HeldIntents()
    first = read(held, sales)
    _, decision, _ = write(held, sales, first, Add(ACME, {"tickets": 1}))
    handle, lost, is_repeat = write(held, sales, first, Add(ACME, {"tickets": 1}))
    assert (lost.id, is_repeat) == (decision.id, True)
    _, known, is_repeat = write(held, sales, handle, Add(ACME, {"tickets": 1}))
    assert (known.id, is_repeat) == (decision.id, True)
    assert sales.get(ACME).tickets == 1


def test_s8_again_means_it_twice_and_its_repeat_does_not(sales: Agent) -> None:
    held = HeldIntents()
    handle, *_ = write(held, sales, read(held, sales), Add(ACME, {"tickets": 1}))
    _, second, is_repeat = write(held, sales, handle, Add(ACME, {"tickets": 1}), again=True)
    assert not is_repeat
    _, same, is_repeat = write(held, sales, handle, Add(ACME, {"tickets": 1}), again=True)
    assert (same.id, is_repeat) == (second.id, True)
    assert sales.get(ACME).tickets == 2


def test_s8_what_was_refused_is_tried_anew_once_the_refusal_has_arrived(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    first = read(held, sales)
    support.put(ACME, status="at_risk", was={"status": "active"})
    refused, decision, _ = write(held, sales, first, Put(ACME, {"campaign": "q4"}))
    _, same, is_repeat = write(held, sales, first, Put(ACME, {"campaign": "q4"}))
    assert (same.id, is_repeat) == (decision.id, True)
    fresh = read(held, sales, refused)
    _, other, is_repeat = write(held, sales, fresh, Put(ACME, {"campaign": "q4"}))
    assert other.is_committed
    assert not is_repeat


def test_an_intent_goes_on_after_its_commit_as_knowing_what_it_wrote(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle, decision, _ = write(held, sales, read(held, sales), Put(ACME, {"status": "at_risk"}))
    assert decision.is_committed
    handle, decision, _ = write(held, sales, handle, Put(ACME, {"status": "active", "campaign": "q4"}))
    assert decision.is_committed
    handle, decision, _ = write(held, sales, handle, Put("customer/globex", {"status": "active"}))
    handle, decision, _ = write(held, sales, handle, Put("customer/globex", {"status": "at_risk"}))
    assert decision.is_committed
    support.put(ACME, campaign="q1", was={"campaign": "q4"})
    _, decision, _ = write(held, sales, handle, Put(ACME, {"campaign": "q2"}))
    assert codes(decision) == ["freshness.changed"]


def test_what_was_searched_for_counts_until_a_commit(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    with held.turn("main", sales) as turn:
        page = turn.find("customer", "status = active", limit=10)
        assert [record.ref for record in page] == [ACME]
        handle = turn.handle()
    support.put("customer/globex", status="active")
    _, decision, _ = write(held, sales, handle, Put("note/1", {"text": "one customer"}))
    assert codes(decision) == ["freshness.query_changed"]


def test_fields_that_were_named_are_what_counts(sales: Agent, support: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales, None, ACME, "health")
    support.put(ACME, status="at_risk", was={"status": "active"})
    _, decision, _ = write(held, sales, handle, Put(ACME, {"health": "poor"}))
    assert decision.is_committed


def test_an_opening_call_whose_answer_was_lost_opens_no_other(sales: Agent) -> None:
    held = HeldIntents()
    handles: list[str] = []
    for _ in range(2):
        with held.turn("main", sales, opening="renew acme") as turn:
            turn.tell()
            handles.append(turn.handle())
    assert handles[0].partition(".")[0] == handles[1].partition(".")[0]
    told(held, sales, handles[1])
    with held.turn("main", sales, opening="renew acme") as turn:
        assert turn.handle().partition(".")[0] != handles[0].partition(".")[0]


# -- bounds


def test_the_intents_of_one_caller_are_bounded(
    ws: Workspace, sales: Agent, support: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HELD_INTENTS_PER_CALLER", 2)
    held = HeldIntents()
    others = read(held, support)
    first, second = read(held, sales), read(held, sales)
    first = read(held, sales, first)
    read(held, sales)  # The second is the one that was longest unused.
    assert read(held, sales, first)
    assert read(held, support, others)
    with pytest.raises(ReadsLost):
        read(held, sales, second)


def test_all_intents_together_are_bounded(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_INTENTS", 3)
    held = HeldIntents()
    handles = [(name, read(held, ws.agent(name))) for name in ("a", "b", "c", "d")]
    assert len(held) == 3
    with pytest.raises(ReadsLost):
        read(held, ws.agent("a"), handles[0][1])
    assert read(held, ws.agent("d"), handles[3][1])


def test_what_the_intents_of_one_caller_remember_is_bounded(
    sales: Agent, support: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HELD_BYTES_PER_CALLER", 20_000)
    held = HeldIntents()
    others, first = read(held, support), read(held, sales)
    handle, decision, _ = write(held, sales, read(held, sales), Put("note/1", {"text": "x" * 30_000}))
    assert decision.is_committed
    assert write(held, sales, handle, Put("note/1", {"text": "x" * 30_000}))[2]
    assert read(held, support, others)
    with pytest.raises(ReadsLost):
        read(held, sales, first)


def test_what_all_intents_remember_is_bounded(sales: Agent, support: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_BYTES", 20_000)
    held = HeldIntents()
    others = read(held, support)
    write(held, sales, read(held, sales), Put("note/1", {"text": "x" * 30_000}))
    assert len(held) == 1
    with pytest.raises(ReadsLost):
        read(held, support, others)


def test_an_intent_that_is_not_used_is_forgotten(sales: Agent) -> None:
    now = [0.0]
    held = HeldIntents(seconds=lambda: now[0])
    handle = read(held, sales)
    now[0] = limits.HELD_INTENT_S - 1
    handle = read(held, sales, handle)
    now[0] += limits.HELD_INTENT_S
    with pytest.raises(ReadsLost):
        read(held, sales, handle)
    assert len(held) == 0


def test_one_intent_proposes_only_so_many_different_changes(sales: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELD_ATTEMPTS", 2)
    held = HeldIntents()
    handle = read(held, sales)
    for number in range(2):
        handle, *_ = write(held, sales, handle, Put(f"note/{number}", {"text": "a"}))
    with pytest.raises(LimitExceeded, match="2 different changes"):
        write(held, sales, handle, Put("note/3", {"text": "a"}))
    assert write(held, sales, handle, Put("note/1", {"text": "a"}))[2]


def test_one_intent_reads_only_so_much(sales: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READS_PER_PROPOSAL", 2)
    held = HeldIntents()
    handle = read(held, sales, read(held, sales), "customer/globex")
    with pytest.raises(LimitExceeded, match="has read 2 records"):
        read(held, sales, handle, "customer/initech")


def test_answers_of_which_none_arrives_are_bounded(sales: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPROVEN_ANSWERS", 3)
    held = HeldIntents()
    handle = read(held, sales)
    last = [read(held, sales, handle) for _ in range(5)][-1]
    _, decision, _ = write(held, sales, last, Put(ACME, {"status": "at_risk"}))
    assert decision.is_committed


def test_many_threads_share_one_intent_and_none_gets_anothers_count(sales: Agent) -> None:
    held = HeldIntents()
    handle = read(held, sales)
    found: list[Any] = []

    def look() -> None:
        for _ in range(25):
            found.append(read(held, sales, handle))  # noqa: PERF401

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 100
