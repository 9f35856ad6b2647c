"""Interrupts: what becomes of everyone in the lane when a leader is struck (S3)."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import chain, count
from opcode import opname
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from comity import lane as lanes
from comity import limits
from comity.lane import Lane
from comity.model.decisions import Decision
from tests.lane_callers import WAIT_S, Deciding, WatchedLane, enter, start, submission

if TYPE_CHECKING:
    from _typeshed import TraceFunction


@pytest.fixture(autouse=True)
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for himself: whoever is served was woken."""
    monkeypatch.setattr(lanes, "_LOOK_S", limits.LANE_TIMEOUT_S)


def test_s3_a_leader_struck_by_ctrl_c_hands_over_before_it_rises() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)

    def interrupt() -> None:
        raise KeyboardInterrupt

    deciding.strike = interrupt
    leader = start(lambda: lane.submit(submission("leader")))
    deciding.await_batch()
    others = enter(lane, "a", "b")
    deciding.gate.set()
    with pytest.raises(KeyboardInterrupt):
        leader.result(WAIT_S)
    assert [other.result(WAIT_S).id for other in others] == ["a", "b"]
    assert deciding.batches == [["leader"], ["a", "b"]]


def test_s3_what_a_struck_leader_had_taken_is_decided_again_as_a_repeat() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    second, third = enter(lane, "second", "third")

    def interrupt() -> None:
        def again() -> None:
            raise KeyboardInterrupt

        deciding.strike = again

    deciding.strike = interrupt
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    with pytest.raises(KeyboardInterrupt):
        second.result(WAIT_S)
    assert third.result(WAIT_S).id == "third"
    assert deciding.batches == [["first"], ["second", "third"], ["third"]]
    assert deciding.repeats == ["third"]


def test_s3_an_interrupt_between_taking_and_deciding_loses_nobody() -> None:
    """The window in which neither the line nor ``decide`` holds the batch."""
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    second, third = enter(lane, "second", "third")
    take = lane._take

    def take_and_strike() -> list[object]:
        lane._take = take
        take()
        raise KeyboardInterrupt

    lane._take = take_and_strike  # type: ignore[method-assign]
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    with pytest.raises(KeyboardInterrupt):
        second.result(WAIT_S)
    assert third.result(WAIT_S).id == "third"
    assert deciding.repeats == ["third"]


def test_s3_one_who_is_struck_when_called_to_lead_has_the_next_called() -> None:
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    first = start(lambda: lane.submit(submission("first")))
    deciding.await_batch()
    heir, next_one = enter(lane, "heir", "next")
    seize = lane._seize

    def strike(_: threading.Lock) -> bool:
        lane._seize = seize
        raise KeyboardInterrupt

    lane._seize = strike  # type: ignore[method-assign]
    deciding.gate.set()
    assert first.result(WAIT_S).id == "first"
    with pytest.raises(KeyboardInterrupt):
        heir.result(WAIT_S)
    assert next_one.result(WAIT_S).id == "next"
    assert deciding.batches == [["first"], ["next"]]
    assert not deciding.repeats


def lets_in(code: bytes, at: int) -> bool:
    """Tell whether an interrupt can come in before an instruction: as a function begins, after a call, in a loop."""
    before = at - 2
    while before > 0 and opname[code[before]] == "CACHE":
        before -= 2
    return opname[code[before]] in {"RESUME", "CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}


def submit_and_be_struck(lane: Lane, nth: int, executor: Executor) -> Future[Decision]:
    """Submit in a thread that an interrupt strikes, once, at the ``nth`` point where one can come in."""
    points = count()

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if frame.f_code.co_filename != lanes.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and lets_in(frame.f_code.co_code, frame.f_lasti) and next(points) == nth:
            raise KeyboardInterrupt
        return trace

    def run() -> Decision:
        sys.settrace(trace)
        try:
            return lane.submit(submission("struck"))
        finally:
            sys.settrace(None)

    return executor.submit(run)


def is_struck(nth: int, ahead: Sequence[str], loop: asyncio.AbstractEventLoop) -> bool:
    """Strike a thread that has another and a task behind it, and lives on; return whether it came that far."""
    deciding = Deciding(is_open=False)
    lane = WatchedLane(deciding)
    others = enter(lane, *ahead)
    with ThreadPoolExecutor(1) as executor:
        struck = submit_and_be_struck(lane, nth, executor)
        while not struck.done() and not lane.entered.acquire(timeout=0.001):
            """It is still on its way to its place, or to where it is struck."""
        others += enter(lane, "thread")
        others.append(asyncio.run_coroutine_threadsafe(lane.submit_async(submission("task")), loop))
        deciding.gate.set()
        assert [other.result(WAIT_S).id for other in others] == [*ahead, "thread", "task"]
        failure = struck.exception(WAIT_S)
        assert lane.submit(submission("after")).id == "after"
        lane.close()
    judged = Counter(chain.from_iterable(deciding.batches)) - Counter(deciding.repeats)
    assert set(judged.values()) == {1}
    assert all(len(batch) == len(set(batch)) for batch in deciding.batches)
    assert failure is None or isinstance(failure, KeyboardInterrupt)
    return failure is not None


@pytest.mark.parametrize("ahead", [[], ["first"]], ids=["leading", "waiting and then leading"])
def test_s3_an_interrupt_strands_nobody_wherever_it_strikes(ahead: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_LOOK_S", 0.01)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        points = next(nth for nth in count() if not is_struck(nth, ahead, loop))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_S)
        loop.close()
    assert points > 40


def test_s3_whoever_leads_next_decides_first_what_a_struck_leader_had_taken() -> None:
    deciding = Deciding()
    lane = WatchedLane(deciding)
    struck = threading.Lock()
    with struck:
        with lane._mutex:
            assert lane._seize(struck)
        (taken,) = enter(lane, "taken")
        with lane._mutex:
            lane._take()
    assert lane.submit(submission("next")).id == "next"
    assert taken.result(WAIT_S).id == "taken"
    assert deciding.batches == [["taken", "next"]]
    assert deciding.repeats == ["taken"]


def test_s3_tasks_find_a_new_pump_where_the_one_they_had_was_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_LOOK_S", 0.01)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    deciding = Deciding()
    lane = WatchedLane(deciding)

    def interrupt() -> None:
        raise KeyboardInterrupt

    deciding.strike = interrupt
    assert asyncio.run(asyncio.wait_for(lane.submit_async(submission("a")), WAIT_S)).id == "a"
    lane.close()
    assert deciding.batches == [["a"], ["a"]]
    assert deciding.repeats == ["a"]
