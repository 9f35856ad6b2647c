"""Standing in line with a proposal that others overtake: in their turn, in threads, in event loops."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, Refused
from comity.model.decisions import Decision, Finding, Moved
from comity.model.proposals import Archive, Effect, Emit, Proposal, Put, Read, Set, Was
from comity.testing.manual_clock import ManualClock
from comity.workspace.intents import AsyncIntent, Intent
from comity.workspace.standing import Wanted, span_in_line, wanted_of

ACME, GLOBEX = "customer/acme", "customer/globex"


@pytest.fixture
def board(base: comity.Workspace) -> comity.Workspace:
    for record in (ACME, GLOBEX):
        base.agent("setup").create(record, n=0, m=0)
    return base


def overtaken(board: comity.Workspace, name: str = "ann", **options: Any) -> Intent:
    """Return an intent that changes what somebody else has changed since it looked."""
    intent = board.agent(name).intent(**options)
    intent.set(ACME, n=intent.get(ACME)["n"] + 1)
    board.agent("other").add(ACME, n=10)
    return intent


def leases(board: comity.Workspace) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(place.agent, place.state, place.fields) for place in board.leases().places]


# -- alone in line


def test_who_is_refused_has_the_turn_and_repairs_with_one_call(board: comity.Workspace) -> None:
    ann = overtaken(board)
    refused = ann.propose(in_line="30s")
    assert refused.is_conflict
    assert refused.next.startswith("Decide again with the values now; if it still stands, repeat it with accept=3.")
    assert refused.next.endswith("It is your turn: nobody else changes customer/acme until 2023-11-14T22:14:20Z.")
    assert leases(board) == [("ann", "held", ("n",))]
    with pytest.raises(Refused, match=r"lease\.held"):
        board.agent("other").add(ACME, n=1)
    board.agent("other").add(ACME, m=1)
    ann.set(ACME, n=refused.findings[0].moved[0].now + 1)
    assert ann.propose(accept=refused.revision).is_committed
    assert (board.get(ACME)["n"], leases(board)) == (11, [])


def test_what_is_not_refused_takes_no_place(board: comity.Workspace) -> None:
    with board.agent("ann").intent() as intent:
        intent.set(ACME, n=intent.get(ACME)["n"] + 1)
        assert intent.propose(in_line="30s").is_committed
    assert board.revision == 3


def test_the_refusal_that_was_shown_stays_the_answer_where_nothing_moved_on(board: comity.Workspace) -> None:
    """Standing in line proposes nothing anew then: the log tells of one refusal."""
    ann = overtaken(board)
    refused = ann.propose(in_line=30)
    assert refused.id == f"{ann.id}.1"
    assert [one.proposal for one in board.refusals().refusals] == [refused.id]


def test_leaving_and_withdrawing_give_the_turn_up(board: comity.Workspace) -> None:
    with overtaken(board) as intent:
        assert intent.propose(in_line="30s").is_conflict
        assert leases(board)
    assert leases(board) == []
    intent = overtaken(board)
    assert intent.propose(in_line="30s").is_conflict
    intent.withdraw()
    assert leases(board) == []


def test_a_turn_that_has_run_out_is_taken_anew(board: comity.Workspace, clock: ManualClock) -> None:
    ann = overtaken(board)
    first = ann.propose(in_line="30s")
    clock.advance(seconds=61)
    board.agent("other").add(ACME, n=1)
    second = ann.propose(accept=first.revision, in_line="30s")
    assert second.findings[0].moved[0].now == 11
    assert leases(board) == [("ann", "held", ("n",))]
    assert ann.propose(accept=second.revision).is_committed


# -- behind others


def test_in_line_0_takes_the_place_and_goes_on_with_it(board: comity.Workspace) -> None:
    ann, bob = overtaken(board, "ann"), overtaken(board, "bob")
    shown = ann.propose(in_line=0)
    assert ann.place is not None
    assert ann.place.state == "held"
    behind = bob.propose(in_line=0)
    assert bob.place is not None
    assert bob.place.ahead == 1
    assert behind.next.endswith("You stand in line for customer/acme, 1 ahead: propose again, and wait there.")
    assert bob.propose(in_line=0).is_conflict
    assert [state for _, state, _ in leases(board)] == ["held", "waiting"]
    assert ann.propose(accept=shown.revision).is_committed
    in_turn = bob.propose(in_line=0)
    assert in_turn.findings[0].moved[0].now == 1, "what is there in its turn, not what was there when it joined"
    assert bob.propose(accept=in_turn.revision).is_committed
    assert leases(board) == []


def test_who_is_only_held_up_by_the_turn_of_another_commits_in_its_own(board: comity.Workspace) -> None:
    ann = overtaken(board)
    shown = ann.propose(in_line="30s")
    bob = board.agent("bob").intent()
    bob.add(ACME, n=5)
    assert [finding.code for finding in bob.propose(in_line=0).refusals] == ["lease.held"]
    assert ann.propose(accept=shown.revision).is_committed
    assert bob.propose(in_line=0).is_committed
    assert leases(board) == []


@contextmanager
def passing(board: comity.Workspace, clock: ManualClock) -> Generator[None]:
    """Have time pass once two stand in line."""

    def pass_() -> None:
        while len(board.leases().places) < 2:
            time.sleep(0.001)
        clock.advance(seconds=2)

    thread = threading.Thread(target=pass_)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_no_turn_in_time_leaves_the_refusal_as_it_was(board: comity.Workspace, clock: ManualClock) -> None:
    with board.agent("bob").lease(ACME):
        ann = board.agent("ann").intent()
        ann.set(ACME, n=ann.get(ACME)["n"] + 1)
        with passing(board, clock):
            refused = ann.propose(in_line="1s")
        assert [finding.code for finding in refused.refusals] == ["lease.held"]
        assert leases(board) == [("bob", "held", ())]
    assert ann.propose().is_committed


@pytest.mark.parametrize("wait", ["", "soon", -1, 1.5, True])
def test_a_wait_that_is_no_span_is_refused_before_anything_is_proposed(board: comity.Workspace, wait: object) -> None:
    with pytest.raises(InvalidRequest, match="in_line"):
        span_in_line(wait)  # type: ignore[arg-type]
    intent = overtaken(board)
    with pytest.raises(InvalidRequest, match="in_line"):
        intent.propose(in_line=wait)  # type: ignore[arg-type]
    assert intent.propose().id == f"{intent.id}.1"


def test_s7_an_id_of_the_callers_is_for_one_attempt(board: comity.Workspace) -> None:
    intent = overtaken(board)
    with pytest.raises(InvalidRequest, match="leave the id out"):
        intent.propose(id="mine", in_line="30s")
    assert intent.propose(id="mine").is_conflict


def test_who_has_announced_that_it_goes_ahead_stands_in_no_second_line(board: comity.Workspace) -> None:
    ann = overtaken(board, about=ACME)
    ann.announce(exclusive=True)
    places = leases(board)
    assert ann.propose(in_line="30s").is_conflict
    assert leases(board) == places
    ann.withdraw()
    assert leases(board) == []


# -- what one stands in line for


MOVED = Finding("freshness.changed", "it moved", ACME, moved=(Moved(ACME, "n", 1, 2, "bob", 0, "2.1"),))
DIED = Finding("freshness.changed", "it died", ACME, moved=(Moved(ACME, "$life", "live", "archived", "bob", 0, "2.1"),))
HELD = Finding("lease.held", "bob holds it", GLOBEX)
SEARCH = Finding("freshness.query_changed", "it finds something else", "customer")
RULE = Finding("rule.not_now", "not now", ACME, "defer")

WANTED: list[tuple[str, tuple[Finding, ...], dict[str, Any], Wanted | None]] = [
    ("what has moved", (MOVED,), {}, Wanted((ACME,), ("n",))),
    ("what it writes too", (MOVED,), {"changes": (Set(ACME, {"m": 1}), Put(GLOBEX, {"k": 1}))},
     Wanted((ACME, GLOBEX), ("m", "k", "n"))),
    ("what it reads there too", (MOVED,), {"reads": (Read(ACME, 1, ("m",)), Was(ACME, {"k": 1}), Read("note/a", 1))},
     Wanted((ACME,), ("m", "k", "n"))),
    ("all of what it reads whole", (MOVED,), {"reads": (Read(ACME, 1, None),)}, Wanted((ACME,), ())),
    ("all of what it replaces", (MOVED,), {"changes": (Put(ACME, {"m": 1}, True),)}, Wanted((ACME,), ())),
    ("all of what it archives", (MOVED,), {"changes": (Archive(ACME),)}, Wanted((ACME,), ())),
    ("all that an event may change", (MOVED,), {"changes": (Emit(ACME, "Called"),)}, Wanted((ACME,), ())),
    ("all of what died", (DIED,), {}, Wanted((ACME,), ())),
    ("all of what an effect concerns", (MOVED,), {"effects": (Effect("email", ACME),)}, Wanted((ACME,), ())),
    ("all of several kinds", (MOVED,), {"changes": (Set("note/a", {"m": 1}),)}, Wanted((ACME, "note/a"), ())),
    ("what others hold", (HELD,), {"changes": (Set(GLOBEX, {"m": 1}),)}, Wanted((GLOBEX,), ("m",))),
    ("not what it holds", (MOVED, HELD), {"leases": {ACME: "t:1"}}, Wanted((GLOBEX,), ("n",))),
    ("nothing where it holds all", (MOVED,), {"leases": {ACME: "t:1"}}, None),
    ("nothing of Comity's own", (HELD,), {"changes": (Emit("$intent/i", "closed"),)}, Wanted((GLOBEX,), ())),
    ("records, not searches", (MOVED, SEARCH), {}, Wanted((ACME,), ("n",))),
    ("nothing for a search alone", (SEARCH,), {}, None),
    ("nothing where a rule is in the way too", (MOVED, RULE), {}, None),
    ("nothing where nothing is", (), {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("findings", "proposal", "expected"), [row[1:] for row in WANTED], ids=[row[0] for row in WANTED]
)
def test_one_stands_in_line_for(
    findings: tuple[Finding, ...], proposal: dict[str, Any], expected: Wanted | None
) -> None:
    decision = Decision(id="p", outcome="refused", revision=2, at=0, definition=1, next="", findings=findings)
    assert wanted_of(Proposal(id="p", **proposal), decision) == expected


def test_no_more_is_stood_in_line_for_than_can_be_leased() -> None:
    decision = Decision(id="p", outcome="refused", revision=2, at=0, definition=1, next="", findings=(MOVED,))
    changes = tuple(Set(f"customer/{number}", {"n": 1}) for number in range(limits.LEASE_SUBJECTS))
    assert wanted_of(Proposal(id="p", changes=changes), decision) is None
    some = wanted_of(Proposal(id="p", changes=changes[1:]), decision)
    assert some is not None
    assert len(some.subjects) == limits.LEASE_SUBJECTS


COVERS = [
    (Wanted((ACME, GLOBEX), ()), Wanted((ACME,), ("n",)), True),
    (Wanted((ACME,), ("n", "m")), Wanted((ACME,), ("n",)), True),
    (Wanted((ACME,), ("n",)), Wanted((ACME,), ()), False),
    (Wanted((ACME,), ("n",)), Wanted((ACME,), ("m",)), False),
    (Wanted((ACME,), ()), Wanted((ACME, GLOBEX), ()), False),
]


@pytest.mark.parametrize(("held", "asked", "covers"), COVERS)
def test_a_turn_covers_another(held: Wanted, asked: Wanted, covers: bool) -> None:
    assert held.covers(asked) is covers


def test_who_wants_more_than_it_has_stands_in_line_anew(board: comity.Workspace) -> None:
    ann = overtaken(board)
    assert ann.propose(in_line="30s").is_conflict
    dict(ann.get(GLOBEX))
    board.agent("other").add(GLOBEX, n=1)
    second = ann.propose(in_line="30s")
    assert sorted(place.subject for place in board.leases().places) == [ACME, GLOBEX]
    assert ann.propose(accept=second.revision).is_committed


# -- retrying


def test_retrying_in_line_is_not_overtaken_twice(board: comity.Workspace) -> None:
    tries: list[int] = []

    def increment(intent: Intent) -> int:
        seen = intent.get(ACME)["n"]
        if not tries:
            board.agent("other").add(ACME, n=10)
        else:
            with pytest.raises(Refused, match=r"lease\.held"):
                board.agent("other").add(ACME, n=10)
        tries.append(seen)
        intent.set(ACME, n=seen + 1)
        return seen + 1

    assert board.agent("ann").retrying(increment, in_line="30s") == 11
    assert (tries, leases(board)) == ([0, 10], [])


def test_retrying_gives_its_turn_up_whatever_happens(board: comity.Workspace) -> None:
    tries: list[int] = []

    def fail(intent: Intent) -> None:
        if tries:
            raise KeyError
        tries.append(1)
        intent.set(ACME, n=intent.get(ACME)["n"] + 1)
        board.agent("other").add(ACME, n=10)

    with pytest.raises(KeyError):
        board.agent("ann").retrying(fail, in_line="30s")
    assert leases(board) == []


def test_retrying_without_a_line_takes_only_conflicts_for_a_reason_to_go_on(
    board: comity.Workspace, clock: ManualClock
) -> None:
    def change(intent: Intent) -> None:
        intent.add(ACME, n=1)

    with board.agent("bob").lease(ACME):
        with pytest.raises(Refused, match=r"lease\.held"):
            board.agent("ann").retrying(change)
        with passing(board, clock), pytest.raises(Refused, match=r"lease\.held"):
            board.agent("ann").retrying(change, attempts=2, in_line=1)


# -- crowds


def test_in_threads_nobody_is_refused_twice_for_what_others_did(board: comity.Workspace) -> None:
    repairs: list[int] = []
    met = threading.Barrier(32)

    def work(number: int) -> None:
        intent = board.agent(f"agent_{number}").intent()
        dict(intent.get(ACME))
        met.wait()
        intent.set(ACME, last=number)
        decision, calls = intent.propose(in_line="60s"), 0
        while not decision.is_committed:
            decision, calls = intent.propose(accept=decision.revision), calls + 1
        repairs.append(calls)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(repairs) == 32
    assert max(repairs) == 1
    assert leases(board) == []


def test_tasks_stand_in_line_without_blocking_the_loop(board: comity.Workspace) -> None:
    async def work(number: int) -> Decision:
        intent = board.async_agent(f"agent_{number}").intent()
        dict(await intent.get(ACME))
        intent.set(ACME, last=number)
        decision = await intent.propose(in_line="60s")
        return decision if decision.is_committed else await intent.propose(accept=decision.revision)

    async def crowd() -> list[Decision]:
        return await asyncio.gather(*map(work, range(24)))

    assert all(decision.is_committed for decision in asyncio.run(crowd())), "more tasks than there are threads"
    assert leases(board) == []


def test_who_is_cancelled_in_line_gives_the_place_up(board: comity.Workspace) -> None:
    async def wait() -> None:
        intent = board.async_agent("ann").intent()
        dict(await intent.get(ACME))
        intent.set(ACME, n=1)
        waiting = asyncio.ensure_future(intent.propose(in_line="60s"))
        while len(board.leases().places) < 2:
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with board.agent("bob").lease(ACME):
        asyncio.run(wait())
        assert [agent for agent, *_ in leases(board)] == ["bob"]


def test_async_retrying_in_line(board: comity.Workspace) -> None:
    tries: list[int] = []

    async def increment(intent: AsyncIntent) -> int:
        seen: int = (await intent.get(ACME))["n"]
        if not tries:
            board.agent("other").add(ACME, n=10)
        tries.append(seen)
        intent.set(ACME, n=seen + 1)
        return seen + 1

    assert asyncio.run(board.async_agent("ann").retrying(increment, in_line="30s")) == 11
    assert leases(board) == []
