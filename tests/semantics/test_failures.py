"""S3: one proposal can't sink another."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

import comity
from comity import limits
from comity.coordinator import Coordinator, Submission
from comity.deciding.gates.definition import digest_of
from comity.errors import ComityError, OutcomeUnknown, StoreError
from comity.model.decisions import Decision
from comity.model.proposals import (
    Caller,
    Create,
    Emit,
    Proposal,
    Put,
    Read,
)
from comity.testing.faulty_store import Fault, FaultyStore
from comity.workspace.opening import Workspace
from tests.semantics.asking import SALES, ask, decisions
from tests.semantics.conftest import Open
from tests.semantics.running import DEADLINE_S, Stall, run_process, start, wait_for, waiting

# -- S3: one can't sink another


def test_s03_a_proposal_that_breaks_a_check_is_refused_alone(coordinator: Coordinator) -> None:
    broken = Proposal(id="broken", changes=(Put("a/1", [1]),))  # type: ignore[arg-type]
    bad = Submission(broken, SALES, b'{"id":"broken"}', b"x" * 32)
    first, second, third = coordinator.decide([ask("one", Put("a/1", {"n": 1})), bad, ask("two", Put("a/2", {"n": 1}))])
    assert isinstance(first, Decision)
    assert first.is_committed
    assert isinstance(third, Decision)
    assert third.is_committed
    assert isinstance(second, Decision)
    assert [finding.code for finding in second.refusals] == ["shape.unjudgeable"]


def test_s03_a_proposal_that_breaks_the_batch_is_answered_alone(coordinator: Coordinator) -> None:
    broken = Proposal(id="broken", changes=(Put(5, {}),))  # type: ignore[arg-type]
    bad = Submission(broken, SALES, b'{"id":"broken"}', b"x" * 32)
    first, second, third = coordinator.decide([ask("one", Put("a/1", {"n": 1})), bad, ask("two", Put("a/2", {"n": 1}))])
    assert isinstance(first, Decision)
    assert first.is_committed
    assert isinstance(third, Decision)
    assert third.is_committed
    assert isinstance(second, ComityError) or not second.is_committed


@pytest.mark.parametrize(
    "wrong",
    [
        {"changes": (Put(cast("str", 5), {}),)},
        {"changes": (Put("a/1", {"n": 1}),), "reason": 5},
        {"changes": (Put("a/1", {"n": 1}),), "about": (7,)},
        {"changes": (Put("a/1", {"n": 1}),), "reads": (Read("a/1", cast("int", "soon")),)},
        {"changes": (Put("a/1", {"n": 1}),), "accept": "now"},
    ],
    ids=["record", "reason", "about", "revision", "accept"],
)
def test_s03_what_could_not_be_read_back_is_never_written(ws: comity.Workspace, wrong: dict[str, Any]) -> None:
    sales = ws.agent("sales")
    with pytest.raises(comity.InvalidRequest):
        sales.propose(Proposal(id="p", **wrong))
    assert ws.history().events == ()
    assert ws.refusals().refusals == ()


def test_s03_a_batch_that_fails_is_tried_one_by_one(coordinator: Coordinator, store: FaultyStore) -> None:
    store.plan(Fault("append", "after"))
    answers = decisions(coordinator.decide([ask(str(n), Put(f"a/{n}", {"n": n})) for n in range(5)]))
    assert [answer.revision for answer in answers] == [1, 2, 3, 4, 5]


def test_s03_a_batch_that_committed_before_it_failed_is_not_done_twice(
    coordinator: Coordinator, store: FaultyStore
) -> None:
    coordinator.decide([ask("base", Put("a/1", {"n": 0}))])
    store.plan(Fault("commit", "after"))
    answers = decisions(coordinator.decide([ask(str(n), Put(f"a/{n}", {"n": n})) for n in range(2, 5)]))
    assert [answer.revision for answer in answers] == [2, 3, 4]
    with store.snapshot() as snapshot:
        assert snapshot.head.revision == 4


def test_s03_a_lone_commit_whose_answer_was_lost_is_not_called_a_failure(faulty: Workspace, store: FaultyStore) -> None:
    """The caller made no id, so it could never ask again: "store failed" would have it add twice."""
    sales = faulty.agent("sales")
    sales.put("a/1", n=0)
    store.plan(Fault("commit", "after"))
    with suppress(OutcomeUnknown):  # Which names the id to ask again with.
        assert sales.add("a/1", n=1).is_committed
    assert faulty.get("a/1").n == 1


@pytest.mark.parametrize(("call", "side"), [("batch", "after"), ("commit", "before"), ("commit", "after")])
def test_s03_a_leader_that_is_interrupted_hands_over(
    faulty: Workspace, store: FaultyStore, call: Any, side: Any
) -> None:
    stall = Stall(KeyboardInterrupt())
    store.plan(Fault(call, side, strike=stall))
    led: list[object] = []
    followed: list[object] = []
    leader = start(lambda: faulty.agent("leader").put("a/1", n=1, id="led"), led)
    assert stall.entered.wait(DEADLINE_S)
    followers = [start(lambda n=n: faulty.agent("follower").put(f"b/{n}", n=n), followed) for n in range(3)]
    wait_for(lambda: waiting(faulty) == 3)
    stall.go.set()
    for thread in (leader, *followers):
        thread.join(DEADLINE_S)
    assert [type(one) for one in led] == [KeyboardInterrupt]
    assert all(isinstance(one, Decision) and one.is_committed for one in followed), followed
    assert faulty.agent("leader").put("a/1", n=1, id="led").is_committed
    assert faulty.get("a/1").version == 1
    assert faulty.verify().is_clean


def test_s03_a_leader_taken_by_ctrl_c_takes_nobody_of_its_batch_along(faulty: Workspace, store: FaultyStore) -> None:
    """The followers are already in the batch whose leader is struck: they are decided again, as repeats."""
    first, second = Stall(), Stall(KeyboardInterrupt())
    store.plan(Fault("batch", "after", strike=first), Fault("commit", "after", nth=2, strike=second))
    results: list[list[object]] = [[], [], []]
    threads = [start(lambda: faulty.agent("a").put("a/0", n=0), results[0])]
    assert first.entered.wait(DEADLINE_S)
    for n in (1, 2):
        threads.append(start(lambda n=n: faulty.agent("a").put(f"a/{n}", n=n), results[n]))
        wait_for(lambda n=n: waiting(faulty) == n)
    first.go.set()
    assert second.entered.wait(DEADLINE_S)
    second.go.set()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert isinstance(results[0][0], Decision)
    assert isinstance(results[1][0], KeyboardInterrupt)
    assert isinstance(results[2][0], Decision)
    assert [faulty.get(f"a/{n}").version for n in range(3)] == [1, 1, 1]


INTERRUPTED = """
import random, signal, sys, threading
import comity

class Struck(KeyboardInterrupt):
    pass

def strike(*_):
    raise Struck

ws = comity.open(sys.argv[1])
ours, theirs = ws.agent("ours"), ws.agent("theirs")
ours.put("a/1", n=0)
ours.put("a/2", n=0)
chance, done, struck = random.Random(7), [0], 0
is_over = threading.Event()

def add():
    while not is_over.is_set():
        theirs.add("a/2", n=1)
        done[0] += 1

other = threading.Thread(target=add)
other.start()
signal.signal(signal.SIGALRM, strike)
for n in range(1500):
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3))
        ours.add("a/1", n=1, id=f"p{n}")
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Struck:
        struck += 1
is_over.set()
other.join(30)
assert not other.is_alive(), "the other thread waits for ever"
for n in range(1500):
    ours.add("a/1", n=1, id=f"p{n}")
assert ws.get("a/1").n == 1500, ws.get("a/1").n
assert ws.get("a/2").n == done[0]
assert struck > 100, struck
assert ws.verify().is_clean
ws.close()
"""


def test_s03_ctrl_c_at_any_point_neither_blocks_the_others_nor_loses_or_doubles_anything(path: Path) -> None:
    """The main thread is struck over a thousand times, wherever it happens to be, while another thread works on."""
    done = run_process(INTERRUPTED, path)
    assert done.returncode == 0, done.stderr


def test_s03_a_follower_whose_time_is_up_learns_that_it_can_ask_again(
    faulty: Workspace, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall = Stall()
    store.plan(Fault("batch", "after", strike=stall))
    results: list[object] = []
    leader = start(lambda: faulty.agent("a").put("a/0", n=0), results)
    assert stall.entered.wait(DEADLINE_S)
    monkeypatch.setattr(limits, "LANE_TIMEOUT_S", 0.05)
    with pytest.raises(OutcomeUnknown) as unknown:
        faulty.agent("a").put("a/1", n=1, id="mine")
    assert unknown.value.proposal == "mine"
    stall.go.set()
    leader.join(DEADLINE_S)
    assert faulty.agent("a").put("a/1", n=1, id="mine").is_committed
    assert faulty.get("a/1").version == 1


def test_s03_a_definition_is_adopted_within_the_batch_and_only_with_it(
    coordinator: Coordinator, store: FaultyStore
) -> None:
    """What follows is judged by the new definition; where the batch fails, by the one that is in force."""
    source = '[kinds.a.fields]\nn = { type = "integer" }\n'
    data: dict[str, Any] = {"source": source, "digest": digest_of(source), "replaces": 0, "scanned": 0}
    root = Caller("root", "os_user")

    def batch(name: str) -> list[Submission]:
        apply = ask(f"apply-{name}", Emit("$definition/current", "applied", data), caller=root)
        return [apply, ask(f"put-{name}", Create(f"a/{name}", {"m": 1}))]

    store.plan(Fault("commit", nth=1), Fault("commit", nth=2))
    applied, put = coordinator.decide(batch("one"))
    assert isinstance(applied, ComityError)
    assert isinstance(put, Decision)
    assert put.is_committed
    data["scanned"] = 0
    first, second = decisions(coordinator.decide(batch("two")))
    assert [finding.code for finding in first.refusals] == ["definition.unfit"]
    assert second.is_committed
    data["source"] = source.replace("n =", "m =")
    data["digest"] = digest_of(data["source"])
    third, fourth = decisions(coordinator.decide([*batch("three")[:1], ask("x", Create("a/x", {"n": 1}))]))
    assert third.is_committed
    assert [finding.code for finding in fourth.refusals] == ["shape.unknown_field"]
    assert (third.definition, fourth.definition) == (0, 1)


def test_s03_a_cancelled_async_caller_learns_the_outcome_by_its_id(faulty: Workspace, store: FaultyStore) -> None:
    async def scenario() -> tuple[Decision, Decision]:
        sales = faulty.async_agent("sales")
        await sales.put("a/1", n=0)
        stall = Stall()
        store.plan(Fault("batch", "after", strike=stall))
        task = asyncio.create_task(sales.add("a/1", n=1, id="once"))
        other = asyncio.create_task(sales.add("a/1", n=10))
        await asyncio.to_thread(stall.entered.wait, DEADLINE_S)
        task.cancel()
        stall.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await sales.add("a/1", n=1, id="once"), await other

    once, other = asyncio.run(scenario())
    assert once.is_committed
    assert other.is_committed
    assert faulty.get("a/1").n == 11


def test_s03_a_failing_store_never_hangs_async_callers(faulty: Workspace, store: FaultyStore) -> None:
    async def scenario() -> list[Any]:
        sales = faulty.async_agent("sales")
        store.plan(*[Fault("batch", nth=n) for n in range(1, 30)])
        puts = [sales.put(f"a/{n}", n=n) for n in range(5)]
        failed = await asyncio.wait_for(asyncio.gather(*puts, return_exceptions=True), DEADLINE_S)
        store.plan()
        assert (await sales.put("a/9", n=9)).is_committed
        return failed

    assert all(isinstance(one, StoreError) for one in asyncio.run(scenario()))


FORK = """
import os, sys, warnings
import comity
warnings.simplefilter("ignore")
ws = comity.open(sys.argv[1])
sales = ws.agent("sales")
sales.put("a/1", n=1)
child = os.fork()
if child == 0:
    uses = [lambda: sales.put("a/1", n=2, accept=1), lambda: sales.get("a/1")]
    uses += [lambda: ws.agent("x"), lambda: ws.revision]
    for use in uses:
        try:
            use()
        except (comity.NotPermitted, comity.StoreError) as error:
            assert "fork" in str(error), error
        else:
            os._exit(1)
    with comity.open(sys.argv[1]) as own:
        own.agent("child").put("a/2", n=2)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
sales.put("a/1", n=3, accept=1)
ws.close()
"""


def test_s03_a_handle_used_after_a_fork_is_refused(path: Path, open_again: Open) -> None:
    done = run_process(FORK, path)
    assert done.returncode == 0, done.stderr
    again = open_again()
    assert [again.get("a/1").n, again.get("a/2").n] == [3, 2]


DYING = """
import os, sys
from comity.clock import SystemClock
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore, die
from comity.verbs.engine import Engine
from comity.workspace.opening import Workspace
store = FaultyStore(SqliteStore.open(sys.argv[1], clock=SystemClock()))
sales = Workspace(Engine(store, "x", SystemClock(), os.urandom)).agent("sales")
store.plan(Fault(sys.argv[2], sys.argv[3], strike=die))
sales.put("a/1", n=1, id="mine")
"""


@pytest.mark.parametrize(
    ("call", "side", "is_there"),
    [
        ("turn", "before", False),
        ("batch", "after", False),
        ("append", "after", False),
        ("commit", "before", False),
        ("commit", "after", True),
    ],
)
def test_s03_a_process_that_dies_as_leader_leaves_all_or_nothing(
    path: Path, open_again: Open, call: str, side: str, is_there: bool
) -> None:
    ws = open_again()
    assert run_process(DYING, path, call, side).returncode == -9
    sales = ws.agent("sales")
    assert sales.put("b/1", n=1).is_committed  # Nobody waits for the dead.
    assert ws.get("a/1").exists is is_there
    assert sales.put("a/1", n=1, id="mine").revision == (1 if is_there else 2)
    assert ws.get("a/1").version == 1
    assert ws.verify().is_clean
