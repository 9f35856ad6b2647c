"""S7: one id is one attempt."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

import comity
from comity import limits
from comity.clock import SystemClock
from comity.coordinator import Coordinator, submit
from comity.model.decisions import Decision
from comity.model.proposals import Add, Caller, Create, Proposal, Put, Read, Set, Was
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from tests.semantics.conftest import Open

DAY_US = 86_400_000_000


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.refusals]


ATTEMPTS: dict[str, Proposal] = {
    "committed": Proposal(id="p", changes=(Put("a/1", {"n": 1}), Create("b/1", {"m": [1, {"x": None}]})), reason="why"),
    "nothing to change": Proposal(id="p", changes=(Put("base/1", {"n": 1}),)),
    "empty": Proposal(id="p"),
    "refused": Proposal(id="p", changes=(Set("a/none", {"n": 1}),)),
    "refused twice": Proposal(
        id="p", changes=(Put("base/1", {"n": 3}), Set("a/none", {"n": 1})), reads=(Read("base/1", 1, ("n",)),)
    ),
    "malformed": Proposal(id="p", changes=(Put("a/1", {"": 1}), Put("nowhere", {"n": 1}))),
    "warned": Proposal(id="p", changes=(Put("bases/1", {"n": 1}), Put("base/2", {"n": 5}))),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_s07_a_repeat_gets_the_very_answer_of_the_first(open_again: Open, name: str) -> None:
    """Here, through another handle, and after everything was closed and opened again."""
    ws = open_again()
    sales = ws.agent("sales")
    sales.put("base/1", n=0)
    sales.put("base/1", n=1, was={"n": 0})
    sales.put("base/2", n=1)
    first = sales.propose(ATTEMPTS[name])
    revision = ws.revision
    ws.agent("other").put("base/9", n=9)  # The world goes on; the answer doesn't change with it.
    assert sales.propose(ATTEMPTS[name]) == first
    assert open_again().agent("sales").propose(ATTEMPTS[name]) == first
    ws.close()
    again = open_again()
    assert again.agent("sales").propose(ATTEMPTS[name]) == first
    assert again.revision == revision + 1


@pytest.mark.parametrize("name", ATTEMPTS)
def test_s07_same_id_other_content_is_refused(ws: comity.Workspace, name: str) -> None:
    sales = ws.agent("sales")
    sales.put("base/1", n=1)
    sales.propose(ATTEMPTS[name])
    revision = ws.revision
    other = sales.propose(Proposal(id="p", changes=(Put("c/1", {"n": 1}),)))
    assert codes(other) == ["shape.id_reused"]
    assert ws.revision == revision
    assert codes(sales.propose(Proposal(id="p", changes=(Put("c/1", {"n": 1}),)))) == ["shape.id_reused"]


def test_s07_same_id_same_content_of_another_agent_is_refused(ws: comity.Workspace) -> None:
    proposal = Proposal(id="p", changes=(Add("a/1", {"n": 1}),))
    ws.agent("sales").put("a/1", n=0)
    assert ws.agent("sales").propose(proposal).is_committed
    assert codes(ws.agent("support").propose(proposal)) == ["shape.id_reused"]
    assert ws.get("a/1").n == 1


def test_s07_the_order_in_which_fields_are_written_is_no_other_content(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    assert sales.put("a/1", {"x": 1, "y": 2}, id="p") == sales.put("a/1", {"y": 2, "x": 1}, id="p")


def test_s07_a_repeat_that_meets_its_own_success_is_answered_with_it(ws: comity.Workspace) -> None:
    """The first one moved what it had read; judged again, it would be a conflict with itself."""
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    first = sales.put("a/1", n=2, was={"n": 1}, id="mine")
    assert first.is_committed
    assert sales.put("a/1", n=2, was={"n": 1}, id="mine") == first
    assert sales.create("a/2", id="made") == sales.create("a/2", id="made")
    assert ws.get("a/1").version == 2


def test_s07_a_refused_attempt_stays_refused_though_it_could_succeed_now(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    proposal = Proposal(id="p", changes=(Set("a/1", {"n": 1}),))
    first = sales.propose(proposal)
    assert codes(first) == ["integrity.missing"]
    sales.put("a/1", n=0)
    assert sales.propose(proposal) == first
    assert sales.propose(Proposal(id="p2", changes=(Set("a/1", {"n": 1}),), accept=ws.revision)).is_committed


def test_s07_a_conflict_is_repeated_with_what_had_moved_then(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    support.put("a/1", n=2, was={"n": 1}, reason="first")
    stale = Proposal(id="p", changes=(Put("a/1", {"n": 5}),), reads=(Read("a/1", 1, ("n",)),))
    first = sales.propose(stale)
    support.put("a/1", n=3, was={"n": 2}, reason="second")
    again = sales.propose(stale)
    assert again == first
    assert again.findings[0].moved[0].now == 2
    assert str(again.explain()) == str(first.explain())


def test_s07_a_refused_id_is_known_in_another_process(open_again: Open) -> None:
    here, there = open_again(), open_again()
    proposal = Proposal(id="p", changes=(Set("a/1", {"n": 1}),))
    first = here.agent("sales").propose(proposal)
    there.agent("sales").put("a/1", n=0)
    assert there.agent("sales").propose(proposal) == first
    assert codes(there.agent("sales").propose(Proposal(id="p"))) == ["shape.id_reused"]


def test_s07_a_dry_run_does_not_use_up_its_id(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    proposal = Proposal(id="p", changes=(Create("a/1"),))
    assert sales.propose(proposal, dry=True).outcome == "allowed"
    assert sales.propose(proposal).is_committed
    assert codes(sales.propose(proposal, dry=True)) == ["integrity.exists"]
    assert ws.refusals().refusals == ()


def test_s07_repeats_within_one_batch(path: Any) -> None:
    """The same attempt twice, another one under its id, and a refused one twice: in one transaction."""
    store = SqliteStore.open(str(path), clock=SystemClock())
    coordinator = Coordinator(store, SystemClock(), os.urandom)
    caller = Caller("sales")

    def ask(id: str, *changes: Any) -> Any:
        return submit(Proposal(id=id, changes=changes), caller)

    coordinator.decide([ask("base", Put("a/1", {"n": 0}))])
    one, two, other, no, no_again, made, no_third = coordinator.decide(
        [
            ask("p", Add("a/1", {"n": 1})),
            ask("p", Add("a/1", {"n": 1})),
            ask("p", Add("a/1", {"n": 2})),
            ask("q", Set("a/2", {"n": 1})),
            ask("q", Set("a/2", {"n": 1})),
            ask("r", Create("a/2")),
            ask("q", Set("a/2", {"n": 1})),
        ]
    )
    assert isinstance(one, Decision)
    assert one.is_committed
    assert two == one
    assert isinstance(other, Decision)
    assert codes(other) == ["shape.id_reused"]
    assert isinstance(no, Decision)
    assert codes(no) == ["integrity.missing"]
    assert no == no_again == no_third
    assert isinstance(made, Decision)
    assert made.is_committed
    with store.snapshot() as snapshot:
        assert snapshot.records([("a", "1")])[("a", "1")].values == {"n": 1}
        assert snapshot.head.revision == 3
    assert coordinator.decide([ask("p", Add("a/1", {"n": 1})), ask("q", Set("a/2", {"n": 1}))]) == [one, no]
    store.close()


def test_s07_many_threads_with_one_id_are_one_attempt(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", n=0)
    answers: list[Decision] = []

    def repeat() -> None:
        answers.append(ws.agent("sales").add("a/1", n=1, id="once"))

    threads = [threading.Thread(target=repeat) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert ws.get("a/1").n == 1


def test_s07_a_repeat_after_its_deadline_gets_the_answer(open_again: Open, clock: ManualClock) -> None:
    sales = open_again(clock=clock).agent("sales")
    deadline = clock.wall_us() + 5_000_000
    in_time = Proposal(id="p", changes=(Put("a/1", {"n": 1}),), not_after=deadline)
    first = sales.propose(in_time)
    clock.advance(seconds=10)
    assert sales.propose(in_time) == first
    assert codes(sales.propose(Proposal(id="late", not_after=deadline))) == ["shape.expired"]


@pytest.mark.parametrize(("days", "expected"), [(29, []), (31, ["shape.too_large"])])
def test_s07_a_deadline_lies_within_the_retention_of_answers(
    open_again: Open, clock: ManualClock, days: int, expected: list[str]
) -> None:
    sales = open_again(clock=clock).agent("sales")
    assert codes(sales.propose(Proposal(id="p", not_after=clock.wall_us() + days * DAY_US))) == expected


def test_s07_an_intent_that_proposes_again_makes_a_new_attempt(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", n=1)
    intent = sales.intent()
    assert intent.get("a/1").n == 1
    intent.set("a/1", n=2)
    support.put("a/1", n=7, was={"n": 1})
    first = intent.propose()
    second = intent.propose(accept=ws.revision)
    assert first.is_conflict
    assert second.is_committed
    assert first.id != second.id


def test_s07_a_proposal_with_was_repeats_after_reopening(open_again: Open) -> None:
    ws = open_again()
    ws.agent("sales").put("a/1", n=1)
    proposal = Proposal(id="p", changes=(Put("a/1", {"n": 2}),), reads=(Was("a/1", {"n": 1}),))
    first = ws.agent("sales").propose(proposal)
    ws.close()
    assert open_again().agent("sales").propose(proposal) == first


def test_s07_an_answer_is_kept_longer_than_a_deadline_may_lie_ahead() -> None:
    assert limits.ANSWERS_KEPT_DAYS > limits.NOT_AFTER_DAYS


def test_s07_a_refused_id_is_known_until_its_time_is_over(open_again: Open, clock: ManualClock) -> None:
    """Store time decides: a jump of the wall clock drops nothing, and what was committed is known for ever."""
    sales = open_again(clock=clock).agent("sales")
    done = Proposal(id="done", changes=(Put("b/1", {"n": 1}),))
    committed = sales.propose(done)
    proposal = Proposal(id="p", changes=(Set("a/1", {"n": 1}),))
    first = sales.propose(proposal)
    sales.put("a/1", n=0)
    clock.advance(seconds=limits.ANSWERS_KEPT_DAYS * 86_400 - 60)
    sales.propose(Proposal(id="another", changes=(Set("a/2", {"n": 1}),)))
    clock.jump(seconds=86_400)
    sales.propose(Proposal(id="after the jump", changes=(Set("a/2", {"n": 1}),)))
    assert sales.propose(proposal) == first
    clock.advance(seconds=61)
    sales.propose(Proposal(id="one more", changes=(Set("a/2", {"n": 1}),)))
    assert sales.propose(proposal).is_committed
    assert sales.propose(done) == committed
    assert [refusal.proposal for refusal in sales.refusals().refusals] == ["one more", "after the jump", "another"]


def test_s07_dropping_is_shared_out_over_those_who_come(open_again: Open, clock: ManualClock) -> None:
    ws = open_again(clock=clock)
    sales = ws.agent("sales")
    for number in range(200):
        sales.propose(Proposal(id=f"old{number}", changes=(Set("a/1", {"n": 1}),)))
    clock.advance(seconds=(limits.ANSWERS_KEPT_DAYS + 1) * 86_400)
    left = []
    for number in range(4):
        sales.propose(Proposal(id=f"new{number}", changes=(Set("a/1", {"n": 1}),)))
        left.append(ws.stats().refusals)
    assert left[0] > left[1] > left[2]
    assert left[-1] == 4
    assert ws.verify().is_clean
