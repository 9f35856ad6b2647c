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

from comity import limits
from comity.coordinator import Submission
from comity.errors import ComityError, OutcomeUnknown, StoreUnavailable
from comity.model.decisions import Decision

Answer = Decision | ComityError
Decide = Callable[[Sequence[Submission]], list[Answer]]


class _Place:
    """Be one caller's place in the lane. ``wake`` is held until there is something to do."""

    __slots__ = ("answer", "future", "leads", "loop", "submission", "thread", "wake")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.answer: Answer | None = None
        self.leads = False
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
        with self._mutex:
            self._enter(place)
            if self._leader is None:
                self._leader = place.thread
                place.leads = True
            else:
                place.wake = threading.Lock()
                place.wake.acquire()
        if not place.leads:
            self._wait(place)
        if place.leads and place.answer is None:
            self._lead(place)
        return _result(place)

    async def submit_async(self, submission: Submission) -> Decision:
        """Return the answer to a proposal without blocking the event loop."""
        place = _Place(submission)
        place.loop = asyncio.get_running_loop()
        place.future = place.loop.create_future()
        with self._mutex:
            self._enter(place)
            if self._leader is None:
                self._start_pump()
        answer = await place.future
        if isinstance(answer, Decision):
            return answer
        raise answer

    def close(self) -> None:
        """Let the pump end when nobody waits; later submissions are refused."""
        with self._mutex:
            self._is_closed = True
            pump = self._pump
        if pump is not None:
            self._pump_wake.release()
            pump.join()

    # -- entering and waiting

    def _enter(self, place: _Place) -> None:
        if self._is_closed:
            raise StoreUnavailable("the workspace is closed: open it again")
        if len(self._waiting) >= limits.LANE_WAITING:
            raise StoreUnavailable(f"{limits.LANE_WAITING} proposals wait already: try again in a moment")
        self._waiting.append(place)

    def _wait(self, place: _Place) -> None:
        """Wait for an answer or for leadership; take over from a leader that has died."""
        wake = place.wake
        assert wake is not None
        left = limits.LANE_TIMEOUT_S
        try:
            while not wake.acquire(timeout=min(1.0, left)):
                left -= 1.0
                if self._take_over(place):
                    return
                if left <= 0:
                    raise self._give_up(place)
        except BaseException:
            self._leave(place)
            raise

    def _take_over(self, place: _Place) -> bool:
        with self._mutex:
            if self._leader is None or self._leader.is_alive() or place.answer is not None:
                return False
            self._waiting.extendleft(reversed([taken.again() for taken in self._taken if taken.answer is None]))
            self._taken = []
            self._leader = place.thread
            place.leads = True
            return True

    def _give_up(self, place: _Place) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"no answer within {limits.LANE_TIMEOUT_S:g} s: ask again with the same id", proposal=place.submission.proposal.id
        )

    def _leave(self, place: _Place) -> None:
        """Give up a place; if leadership was passed to it meanwhile, pass it on."""
        with self._mutex:
            if place in self._waiting:
                self._waiting.remove(place)
            if place.leads:
                self._hand_over()

    # -- leading

    def _lead(self, place: _Place) -> None:
        """Decide batches until the own answer is there, then hand over."""
        try:
            while place.answer is None:
                self._decide_batch()
        finally:
            with self._mutex:
                if place in self._waiting:
                    self._waiting.remove(place)
                self._hand_over()

    def _decide_batch(self) -> None:
        with self._mutex:
            batch = self._take()
        try:
            answers = self._decide([place.submission for place in batch])
        except Exception as error:
            self._answer(batch, [_unexpected(error, place) for place in batch])
        except BaseException:
            self._put_back(batch)
            raise
        else:
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

    def _put_back(self, batch: list[_Place]) -> None:
        with self._mutex:
            self._waiting.extendleft(reversed([place.again() for place in batch]))
            self._taken = []

    def _answer(self, batch: list[_Place], answers: list[Answer]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Place]] = {}
        for place, answer in zip(batch, answers, strict=True):
            place.answer = answer
            if place.wake is not None:
                place.wake.release()
            elif place.loop is not None:
                by_loop.setdefault(place.loop, []).append(place)
        for loop, places in by_loop.items():
            _wake_loop(loop, places)

    def _hand_over(self) -> None:
        """Make the first who waits the leader; the mutex is held."""
        if not self._waiting:
            self._leader = None
            return
        first = self._waiting[0]
        if first.loop is not None:
            self._start_pump()
        elif first.wake is None:
            self._leader = None
        else:
            first.leads = True
            self._leader = first.thread
            first.wake.release()

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


def _result(place: _Place) -> Decision:
    answer = place.answer
    if isinstance(answer, Decision):
        return answer
    assert answer is not None
    raise answer


def _unexpected(error: Exception, place: _Place) -> ComityError:
    unknown = OutcomeUnknown(f"{type(error).__name__}: {error}: ask again with the same id", proposal=place.submission.proposal.id)
    unknown.__cause__ = error
    return unknown


def _wake_loop(loop: asyncio.AbstractEventLoop, places: list[_Place]) -> None:
    try:
        loop.call_soon_threadsafe(_resolve, places)
    except RuntimeError:
        """The loop has been closed; nobody waits for these answers any more."""


def _resolve(places: list[_Place]) -> None:
    for place in places:
        if place.future is not None and not place.future.done():
            place.future.set_result(place.answer)
