"""The lane: callers meet, and their proposals share a commit.

Threads meet as leader and followers: whoever finds the lane free leads a batch, the others
wait; a leader that has its own answer hands over to the first who waits, so that nobody
serves others for ever and a lone caller pays no hop between threads. Callers in an event
loop are served by a pump, a thread that leads like any other. First come, first served (S4).

A leader that is struck by an exception of its own (Ctrl-C too) hands over before it rises,
and what it had taken is decided again as a repeat, so nothing is lost or done twice (S3).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from comity import limits
from comity.coordinator import Submission
from comity.errors import ComityError, OutcomeUnknown, StoreUnavailable
from comity.model.decisions import Decision

Answer = Decision | ComityError
Decide = Callable[[Sequence[Submission]], list[Answer]]

_LOOK_S: Final = 1.0
"""How often one who waits looks whether its leader is alive."""


class _Place:
    """Be one caller's place in the lane. ``wake`` is held until there is something to do."""

    __slots__ = ("answer", "future", "loop", "submission", "thread", "wake")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.answer: Answer | None = None
        self.wake: threading.Lock | None = None
        self.thread = threading.current_thread()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Answer] | None = None

    def again(self) -> _Place:
        """Return this place for another try, in which the first one's answer is looked up."""
        self.submission = self.submission.as_repeat()
        return self


class Lane:
    """Gather submissions into batches for ``decide``, which is called by one thread at a time."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._mutex = threading.Lock()
        self._idle = threading.Condition(self._mutex)
        self._waiting: deque[_Place] = deque()
        self._taken: list[_Place] = []
        self._leader: threading.Thread | None = None
        self._pump: threading.Thread | None = None
        self._pump_wake = threading.Semaphore(0)
        self._is_closed = False

    def submit(self, submission: Submission) -> Decision:
        """Return the answer to a proposal; the calling thread may decide others' on the way.

        Raises OutcomeUnknown after ``limits.LANE_TIMEOUT_S``, StoreUnavailable when too many wait.
        """
        place = _Place(submission)
        try:
            if not self._join(place):
                self._wait(place)
            while place.answer is None:
                self._decide_batch()
        finally:
            self._leave(place)
        return _result(place)

    async def submit_async(self, submission: Submission) -> Decision:
        """Return the answer to a proposal without blocking the event loop."""
        place = _Place(submission)
        place.loop = asyncio.get_running_loop()
        place.future = place.loop.create_future()
        with self._mutex:
            self._enter(place)
            if self._leader is None or not self._leader.is_alive():
                self._put_back()
                self._start_pump()
        answer = await place.future
        if isinstance(answer, Decision):
            return answer
        raise answer

    def close(self) -> None:
        """Have everyone who waits answered, then let the pump end; later submissions are refused."""
        with self._mutex:
            self._is_closed = True
            self._idle.wait_for(lambda: self._leader is None, limits.LANE_TIMEOUT_S)
            pump = self._pump
        if pump is not None:
            self._pump_wake.release()
            pump.join(limits.LANE_TIMEOUT_S)

    # -- entering and waiting

    def _enter(self, place: _Place) -> None:
        if self._is_closed:
            raise StoreUnavailable("the workspace is closed: open it again")
        if len(self._waiting) >= limits.LANE_WAITING:
            raise StoreUnavailable(f"{limits.LANE_WAITING} proposals wait already: try again in a moment")
        self._waiting.append(place)

    def _join(self, place: _Place) -> bool:
        """Enter the lane; return whether the place leads."""
        place.wake = threading.Lock()
        place.wake.acquire()
        with self._mutex:
            self._enter(place)
            if self._leader is None:
                self._leader = place.thread
            return self._leader is place.thread

    def _wait(self, place: _Place) -> None:
        """Wait for an answer or for leadership; take over from a leader that has died."""
        wake = place.wake
        assert wake is not None
        left = limits.LANE_TIMEOUT_S
        while not wake.acquire(timeout=max(min(_LOOK_S, left), 0)):
            left -= _LOOK_S
            if place.answer is not None or self._take_over(place):
                return
            if left <= 0:
                raise self._give_up(place)

    def _take_over(self, place: _Place) -> bool:
        with self._mutex:
            if self._leader is None or not self._leader.is_alive():
                self._put_back()
                self._leader = place.thread
            return self._leader is place.thread

    def _give_up(self, place: _Place) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"no answer within {limits.LANE_TIMEOUT_S:g} s: ask again with the same id",
            proposal=place.submission.proposal.id,
        )

    def _leave(self, place: _Place) -> None:
        """Give up a place, with its answer or without; hand over if it leads."""
        with self._mutex:
            if self._leader is place.thread:
                self._put_back()
                self._drop(place)
                self._hand_over()
            else:
                self._drop(place)

    def _drop(self, place: _Place) -> None:
        if place.answer is None and place in self._waiting:
            self._waiting.remove(place)

    # -- leading

    def _decide_batch(self) -> None:
        """Decide those who are first. What an exception of the caller's own breaks off is put back on leaving."""
        with self._mutex:
            batch = self._take()
        try:
            answers = self._decide([place.submission for place in batch])
        except Exception as error:  # noqa: BLE001 - it is the answer
            answers: list[Answer] = [_unexpected(error, place) for place in batch]
        self._answer(batch, answers)

    def _take(self) -> list[_Place]:
        batch: list[_Place] = []
        size = 0
        while self._waiting and len(batch) < limits.BATCH_PROPOSALS and size < limits.BATCH_BYTES:
            place = self._waiting.popleft()
            size += len(place.submission.encoded)
            batch.append(place)
        self._taken = batch
        return batch

    def _put_back(self) -> None:
        """Have what was taken and not answered decided again, as repeats; the mutex is held."""
        self._waiting.extendleft(reversed([place.again() for place in self._taken if place.answer is None]))
        self._taken = []

    def _answer(self, batch: list[_Place], answers: list[Answer]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Place]] = {}
        for place, answer in zip(batch, answers, strict=True):
            place.answer = answer
            if place.wake is not None:
                _rouse(place.wake)
            elif place.loop is not None:
                by_loop.setdefault(place.loop, []).append(place)
        for loop, places in by_loop.items():
            _wake_loop(loop, places)
        self._taken = []

    def _hand_over(self) -> None:
        """Make the first who waits the leader; the mutex is held."""
        if not self._waiting:
            self._leader = None
            self._idle.notify_all()
            return
        first = self._waiting[0]
        if first.wake is None:
            self._start_pump()
        else:
            self._leader = first.thread
            _rouse(first.wake)

    # -- the pump, for callers in event loops

    def _start_pump(self) -> None:
        if self._pump is None or not self._pump.is_alive():
            self._pump = threading.Thread(target=self._run_pump, name="comity-pump", daemon=True)
            self._pump.start()
        self._leader = self._pump
        self._pump_wake.release()

    def _run_pump(self) -> None:
        while True:
            self._pump_wake.acquire()
            while self._pump_leads():
                self._decide_batch()
            if self._is_closed:
                return

    def _pump_leads(self) -> bool:
        with self._mutex:
            if self._leader is not self._pump:
                return False
            if self._waiting and self._waiting[0].loop is not None:
                return True
            self._hand_over()
            return self._leader is self._pump


def _rouse(wake: threading.Lock) -> None:
    """Wake a place; it may be awake already, having looked for itself."""
    if wake.locked():
        wake.release()


def _result(place: _Place) -> Decision:
    answer = place.answer
    if isinstance(answer, Decision):
        return answer
    assert answer is not None
    raise answer


def _unexpected(error: Exception, place: _Place) -> ComityError:
    unknown = OutcomeUnknown(
        f"{type(error).__name__}: {error}: ask again with the same id", proposal=place.submission.proposal.id
    )
    unknown.__cause__ = error
    return unknown


def _wake_loop(loop: asyncio.AbstractEventLoop, places: list[_Place]) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, places)
    except RuntimeError:
        """The loop has been closed; nobody waits for these answers any more."""


def _resolve(places: list[_Place]) -> None:
    for place in places:
        future, answer = place.future, place.answer
        if future is not None and answer is not None and not future.done():
            future.set_result(answer)
