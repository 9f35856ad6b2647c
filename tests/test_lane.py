"""The lane: who leads, who follows, in which order, and for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

import comity
from comity import lane as lanes
from comity import limits
from comity.coordinator import Submission
from comity.errors import ComityError, OutcomeUnknown, StoreUnavailable
from comity.lane import Lane
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Proposal, Put
from tests.lane_callers import WAIT_S, Deciding, WatchedLane, decision, enter, start, submission


@pytest.fixture(autouse=True)
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for himself: whoever is served was woken."""
    monkeypatch.setattr(lanes, "_LOOK_S", limits.LANE_TIMEOUT_S)


def test_a_lone_caller_is_served_by_its_own_thread() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    assert lane.submit(submission("a")).id == "a"
    assert deciding.threads == [threading.current_thread()]
    assert lane.submit(submission("b")).id == "b"
    assert deciding.batches == [["a"], ["b"]]


def test_s4_those_who_came_meanwhile_share_the_next_batch_in_order() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    names = [f"n{number}" for number in range(20)]
    others = enter(lane, *names)
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    assert [other.result(WAIT_S).id for other in others] == names
    assert deciding.batches == [["first"], names]


def test_s4_a_batch_is_bounded_and_its_leader_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BATCH_PROPOSALS", 3)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    others = enter(lane, *"abcdefg")
    deciding.gate.set()
    for future in (first, *others):
        future.result(WAIT_S)
    assert deciding.batches == [["first"], ["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert len(set(deciding.threads)) == 4


def test_a_batch_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BATCH_BYTES", 1)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    others = enter(lane, "a", "b")
    deciding.gate.set()
    for future in (first, *others):
        future.result(WAIT_S)
    assert deciding.batches == [["first"], ["a"], ["b"]]


def test_an_error_among_the_answers_rises_for_its_caller_alone() -> None:
    failed = StoreUnavailable("busy")
    lane = Lane(lambda batch: [failed if one.proposal.id == "bad" else decision(one.proposal.id) for one in batch])
    with pytest.raises(StoreUnavailable) as caught:
        lane.submit(submission("bad"))
    assert caught.value is failed
    assert lane.submit(submission("good")).is_committed


def test_s3_a_fault_in_deciding_is_answered_as_an_unknown_outcome_with_the_id() -> None:
    def fail(batch: Sequence[Submission]) -> list[Decision | ComityError]:
        raise RuntimeError("a fault")

    lane = Lane(fail)
    with pytest.raises(OutcomeUnknown, match="RuntimeError: a fault") as caught:
        lane.submit(submission("a"))
    assert caught.value.proposal == "a"
    assert caught.value.retry == "same"
    assert not lane._lead.locked()


def test_an_answer_whose_wake_up_was_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_LOOK_S", 0.01)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    (second,) = enter(lane, "second")
    with lane._mutex:
        lane._waiting.pop().answer = decision("second")
    assert second.result(WAIT_S).id == "second"
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"


def test_no_answer_in_time_is_an_unknown_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    monkeypatch.setattr(limits, "LANE_TIMEOUT_S", 0.01)
    with pytest.raises(OutcomeUnknown) as caught:
        lane.submit(submission("late"))
    assert caught.value.proposal == "late"
    assert not lane._waiting
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    assert deciding.batches == [["first"]]


def test_limit_lane_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LANE_WAITING", 2)
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    waiting = enter(lane, "a", "b")
    with pytest.raises(StoreUnavailable, match="2 proposals wait already"):
        lane.submit(submission("c"))
    deciding.gate.set()
    assert [future.result(WAIT_S).id for future in (first, *waiting)] == ["first", "a", "b"]
    assert lane.submit(submission("d")).id == "d"


def test_closing_has_those_who_wait_answered_and_refuses_those_who_come() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    others = enter(lane, "a", "b")
    closed = start(lane.close)
    deciding.gate.set()
    closed.result(WAIT_S)
    assert list(chain.from_iterable(deciding.batches)) == ["first", "a", "b"]
    assert [future.result(WAIT_S).id for future in (first, *others)] == ["first", "a", "b"]
    with pytest.raises(StoreUnavailable, match="closed"):
        lane.submit(submission("late"))
    lane.close()


def test_many_threads_each_get_their_own_answer() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    names = [f"p{number}" for number in range(400)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda name: lane.submit(submission(name)).id, names))
    assert answers == names
    assert sorted(chain.from_iterable(deciding.batches)) == sorted(names)
    assert not lane._lead.locked()


# -- callers in event loops


def test_tasks_share_batches_and_leave_the_loop_free() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(lane.submit_async(submission("first")))
        await loop.run_in_executor(None, deciding.await_batch)
        tasks = [asyncio.create_task(lane.submit_async(submission(f"t{number}"))) for number in range(10)]
        await asyncio.sleep(0)
        deciding.gate.set()
        return [(await task).id for task in [first, *tasks]]

    names = asyncio.run(main())
    lane.close()
    assert deciding.batches == [["first"], names[1:]]
    assert threading.current_thread() not in deciding.threads


def test_s3_a_cancelled_task_is_decided_all_the_same_and_harms_nobody() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)

    async def main() -> str:
        first = asyncio.create_task(lane.submit_async(submission("first")))
        await asyncio.get_running_loop().run_in_executor(None, deciding.await_batch)
        gone = asyncio.create_task(lane.submit_async(submission("gone")))
        other = asyncio.create_task(lane.submit_async(submission("other")))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        deciding.gate.set()
        await first
        return (await other).id

    assert asyncio.run(main()) == "other"
    lane.close()
    assert deciding.batches == [["first"], ["gone", "other"]]


def test_a_loop_that_was_closed_meanwhile_harms_nobody() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)

    async def leave() -> None:
        task = asyncio.create_task(lane.submit_async(submission("gone")))
        await asyncio.get_running_loop().run_in_executor(None, deciding.await_batch)
        task.cancel()

    asyncio.run(leave())
    (thread,) = enter(lane, "thread")
    deciding.gate.set()
    assert thread.result(WAIT_S).id == "thread"
    lane.close()


def test_threads_and_tasks_take_turns_in_order() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()

    async def main() -> list[str]:
        task = asyncio.create_task(lane.submit_async(submission("task")))
        await asyncio.sleep(0)
        (thread,) = enter(lane, "thread")
        deciding.gate.set()
        return [(await task).id, (await asyncio.wrap_future(thread)).id]

    assert asyncio.run(main()) == ["task", "thread"]
    assert first.result(WAIT_S).id == "first"
    lane.close()
    assert deciding.batches == [["first"], ["task", "thread"]]


def test_an_error_rises_in_the_task_that_asked() -> None:
    lane = Lane(lambda batch: [StoreUnavailable("busy") for _ in batch])

    async def main() -> None:
        with pytest.raises(StoreUnavailable, match="busy"):
            await lane.submit_async(submission("a"))

    asyncio.run(main())
    lane.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        asyncio.run(lane.submit_async(submission("late")))


def test_s3_a_task_whose_time_is_up_learns_that_it_can_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    monkeypatch.setattr(limits, "LANE_TIMEOUT_S", 0.05)

    async def main() -> list[str]:
        taken = asyncio.create_task(lane.submit_async(submission("taken")))
        await asyncio.get_running_loop().run_in_executor(None, deciding.await_batch)
        waiting = asyncio.create_task(lane.submit_async(submission("waiting")))
        for task, name in ((taken, "taken"), (waiting, "waiting")):
            with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.05 s") as caught:
                await asyncio.wait_for(task, WAIT_S)
            assert caught.value.proposal == name
        monkeypatch.undo()
        deciding.gate.set()
        again = [lane.submit_async(submission(name, is_new=False)) for name in ("taken", "waiting")]
        return [decision.id for decision in await asyncio.gather(*again)]

    assert asyncio.run(main()) == ["taken", "waiting"]
    lane.close()
    assert list(chain.from_iterable(deciding.batches)) == ["taken", "taken", "waiting"]
    assert deciding.repeats == ["taken", "waiting"]


def test_a_lane_remembers_no_loop_that_has_ended() -> None:
    lane = WatchedLane(Deciding())
    for name in "abc":
        asyncio.run(lane.submit_async(submission(name)))
    assert len(lane._watched) == 1
    lane.close()


# -- a store that keeps its head from others


def test_s3_where_the_store_keeps_its_head_each_of_the_batch_may_try_again() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    others = enter(lane, "a", "b")

    def refuse() -> None:
        def again() -> None:
            raise StoreUnavailable("another writer")

        deciding.strike = again

    deciding.strike = refuse
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    failures = [other.exception(WAIT_S) for other in others]
    assert [str(failure) for failure in failures] == ["another writer"] * 2
    assert failures[0] is not failures[1]
    assert [lane.submit(submission(name, is_new=False)).id for name in "ab"] == ["a", "b"]


def test_s3_nobody_waits_for_ever_for_a_writer_that_has_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with comity.open(tmp_path / "base.db") as stopped, comity.open(tmp_path / "base.db") as ws:
        agent = ws.agent("a")
        monkeypatch.setattr(limits, "STORE_BUSY_S", 0.05)
        with stopped._engine.store.turn():
            with pytest.raises(StoreUnavailable, match="another writer"):
                agent.put("note/1", text="one", id="mine")
            proposal = Proposal(id="mine-too", changes=(Put("note/2", {"text": "two"}),))
            with pytest.raises(StoreUnavailable, match="another writer"):
                asyncio.run(answer_of(ws, proposal))
        assert agent.put("note/1", text="one", id="mine").is_committed
        assert asyncio.run(answer_of(ws, proposal)).is_committed


async def answer_of(ws: comity.Workspace, proposal: Proposal) -> Decision:
    return await ws._engine.propose_async(proposal, Caller("a"))


def returning(lane: Lane) -> lanes._Place:
    """Have the lane believe that one who was answered hasn't come back from it yet."""
    place = lanes._Place(submission("gone"), answer=decision("gone"))
    lane._returning = place
    return place


def test_the_next_batch_waits_for_the_last_who_returns_from_the_one_before() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    last = returning(lane)
    first, second = enter(lane, "first", "second")
    lane._leave(last, threading.Lock())
    assert [first.result(WAIT_S).id, second.result(WAIT_S).id] == ["first", "second"]
    assert deciding.batches == [["first", "second"]]


def test_one_who_does_not_return_holds_nobody_up_for_long() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    returning(lane)
    assert lane.submit(submission("next")).id == "next"
    assert deciding.batches == [["next"]]


def test_each_of_a_batch_wakes_the_next() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    others = enter(lane, *map(str, range(20)))
    deciding.gate.set()
    assert [one.result(WAIT_S).id for one in (first, *others)] == ["first", *map(str, range(20))]
    assert lane._returning is None
