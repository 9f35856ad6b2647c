"""The lane: callers meet, and their proposals share a commit.

Threads meet as leader and followers: whoever finds the lane free leads a batch, the others
wait; a leader that has its own answer hands over to the first who waits, so that nobody
serves others for ever and a lone caller pays no hop between threads. Callers in an event
loop are served by a pump, a thread that leads like any other. First come, first served (S4).

Whoever has been answered wakes the next who has, so that the threads of a batch don't all
fight for the interpreter at once; and the next batch waits for the last of them, as most come
back at once and then share it. The tasks of a loop that are ready together come together too.

Who leads holds a lock of its own, the *lead*, which the lane knows. The ``with`` statement
lets it go however its block ends, so an interrupt (Ctrl-C) may strike anywhere: nobody takes
a leader that has left for one at work, and what it had taken is decided again, as a repeat,
so that nothing is lost or done twice (S3). A lost wake-up costs at most ``_LOOK_S``.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import msgspec

from comity import limits
from comity.coordinator import Submission
from comity.errors import ComityError, OutcomeUnknown, StoreError, StoreUnavailable
from comity.model.decisions import Decision

Answer = Decision | ComityError
Decide = Callable[[Sequence[Submission]], list[Answer]]
"""Answer proposals in order. A StoreError that rises from it tells that nothing was begun."""

_LOOK_S: Final = 1.0
"""How often those who wait look whether anybody leads."""
_GATHER_S: Final = 0.05
"""How long the first in line waits at most for those who return from the batch before."""


def is_committed(answer: Answer) -> bool:
    """Tell whether a proposal was answered with a commit."""
    return isinstance(answer, Decision) and answer.is_committed


class _Place(msgspec.Struct, eq=False):
    """Be one caller's place in the lane: a task's, with a ``future``, or a thread's.

    A thread that has to wait has a ``wake``, which is held until there is something to do.
    ``next_wake`` is that of the next who was answered by the same batch.
    """

    submission: Submission
    future: asyncio.Future[Answer] | None = None
    until: float = msgspec.field(default_factory=lambda: monotonic() + limits.LANE_TIMEOUT_S)
    wake: threading.Lock | None = None
    next_wake: threading.Lock | None = None
    answer: Answer | None = None


class Lane:
    """Gather submissions into batches for ``decide``, which is called by one thread at a time."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._mutex = threading.Lock()
        self._idle = threading.Condition(self._mutex)
        self._waiting: deque[_Place] = deque()
        self._taken: list[_Place] = []
        self._returning: _Place | None = None
        self._lead = threading.Lock()
        self._pump: threading.Thread | None = None
        self._pump_wake = threading.Lock()
        self._watched: set[asyncio.AbstractEventLoop] = set()
        self._gathering: set[asyncio.AbstractEventLoop] = set()
        self._is_closed = False

    def submit(self, submission: Submission) -> Decision:
        """Return the answer to a proposal; the calling thread may decide others' on the way.

        Raises OutcomeUnknown if its batch doesn't come within ``limits.LANE_TIMEOUT_S``,
        StoreUnavailable if too many wait, or if the store keeps its head from the batch.
        """
        place, lead = _Place(submission), threading.Lock()
        try:
            with lead:
                if (wake := self._join(place, lead)) is not None:
                    self._wait(place, lead, wake)
                while place.answer is None:
                    self._decide_batch(place)
        finally:
            self._leave(place, lead)
        return _result(place.answer)

    def submit_many(self, submissions: Sequence[Submission]) -> list[Answer]:
        """Return the answers to proposals that come together, in order; what failed alone is among them as its error.

        Raises StoreUnavailable if there is no room for all of them.
        """
        if not submissions:
            return []
        places, lead = [_Place(submission) for submission in submissions], threading.Lock()
        try:
            with lead:
                if (wake := self._join_all(places, lead)) is not None:
                    self._wait(places[-1], lead, wake)
                while self._lead is lead and any(place.answer is None for place in places):
                    self._decide_batch()
        finally:
            for place in places:
                self._leave(place, lead)
        return [place.answer or _unknown(place, "no answer") for place in places]

    async def submit_async(self, submission: Submission) -> Decision:
        """Return the answer to a proposal without blocking the event loop. Raises what ``submit`` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        with self._mutex:
            self._enter(_Place(submission, future))
            if loop not in self._watched:
                self._watch(loop)
            if loop not in self._gathering:
                self._gathering.add(loop)
                loop.call_soon(self._call_for, loop)
        return _result(await future)

    def close(self) -> None:
        """Have everyone who waits answered, then let the pump end; later submissions are refused."""
        until = monotonic() + limits.LANE_TIMEOUT_S
        with self._mutex:
            self._is_closed = True
            while not self._call_first() and monotonic() < until:
                self._idle.wait(_LOOK_S)
        if self._pump is not None:
            _rouse(self._pump_wake)
            self._pump.join(limits.LANE_TIMEOUT_S)

    # -- entering, waiting, leaving

    def _enter(self, place: _Place) -> None:
        if self._is_closed or len(self._waiting) >= limits.LANE_WAITING:
            many = f"{limits.LANE_WAITING} proposals wait already: try again in a moment"
            place.answer = StoreUnavailable("the workspace is closed: open it again" if self._is_closed else many)
            raise place.answer
        self._waiting.append(place)

    def _join(self, place: _Place, lead: threading.Lock) -> threading.Lock | None:
        """Enter the lane, and lead if nobody leads or waits; otherwise return what to wait for."""
        with self._mutex:
            self._enter(place)
            if len(self._waiting) == 1 and self._returning is None and self._seize(lead):
                return None
            place.wake = threading.Lock()
            place.wake.acquire()
            return place.wake

    def _join_all(self, places: Sequence[_Place], lead: threading.Lock) -> threading.Lock | None:
        """Enter the lane with all of one thread's places or with none; otherwise as ``_join``."""
        with self._mutex:
            if len(self._waiting) + len(places) > limits.LANE_WAITING:
                raise StoreUnavailable(f"{len(self._waiting)} proposals wait already: try again in a moment")
            is_first, wake = not self._waiting, threading.Lock()
            wake.acquire()
            for place in places:
                place.wake = wake
                self._enter(place)
            return None if is_first and self._seize(lead) else wake

    def _wait(self, place: _Place, lead: threading.Lock, wake: threading.Lock) -> None:
        """Wait for an answer or for the lead."""
        while (left := place.until - monotonic()) > 0:
            wake.acquire(timeout=min(self._patience(place), left))
            if place.answer is not None:
                return
            with self._mutex:
                if self._seize(lead):
                    return
        self._give_up(place)

    def _patience(self, place: _Place) -> float:
        with self._mutex:
            is_first = bool(self._waiting) and self._waiting[0] is place
            return min(_GATHER_S, _LOOK_S) if is_first and self._returning is not None else _LOOK_S

    def _give_up(self, place: _Place) -> None:
        """Answer that the outcome is unknown; leave the line, and any call to lead, to the others."""
        with self._mutex:
            if place.answer is None:
                place.answer = _unknown(place, f"no answer within {limits.LANE_TIMEOUT_S:g} s")
            with suppress(ValueError):
                self._waiting.remove(place)
        if place.future is not None:
            _resolve([(place.future, place.answer)])
        self._hand_over()

    def _leave(self, place: _Place, lead: threading.Lock) -> None:
        """Give up a place that was struck; wake the next who was answered; hand over if it led, or was the last."""
        if place.answer is None:
            self._give_up(place)
        if place.next_wake is not None:
            _rouse(place.next_wake)
        if self._returning is place:
            self._returning = None
            self._hand_over()
        elif self._lead is lead:
            self._hand_over()

    # -- leading

    def _seize(self, lead: threading.Lock) -> bool:
        """Lead with a lock that the caller holds, unless another's is held. The mutex is held."""
        if self._lead is not lead and self._lead.locked():
            return False
        self._lead = lead
        self._put_back()
        return True

    def _decide_batch(self, leader: _Place | None = None) -> None:
        """Decide those who are first. What an interrupt breaks off, the next to lead puts back."""
        with self._mutex:
            batch = self._take()
        try:
            answers = self._decide([place.submission for place in batch])
        except Exception as error:  # noqa: BLE001 - it is the answer
            answers: list[Answer] = [_failure(place, error) for place in batch]
        self._answer(batch, answers, leader)
        self._taken = []

    def _answer(self, batch: list[_Place], answers: list[Answer], leader: _Place | None) -> None:
        """Answer a batch. Of the threads that wait only the first is woken: each then wakes the next."""
        with self._mutex:
            first = self._answer_threads(batch, answers, leader)
        if first is not None:
            _rouse(first)
        _answer_tasks(batch, answers)

    def _answer_threads(
        self, batch: list[_Place], answers: list[Answer], leader: _Place | None
    ) -> threading.Lock | None:
        """Put each thread's answer into its place, and return what wakes the first; the mutex is held."""
        self._returning = first = None
        for place, answer in zip(reversed(batch), reversed(answers), strict=True):
            if place.future is not None:
                continue
            if place.answer is None and place.wake is not None and place is not leader:
                self._returning = self._returning or place
                place.next_wake, first = first, place.wake
            place.answer = answer
        return first

    def _take(self) -> list[_Place]:
        """Take a batch out of the line: at every moment each place is in the line or taken."""
        batch: list[_Place] = []
        self._taken = batch
        size = 0
        while self._waiting and len(batch) < limits.BATCH_PROPOSALS and size < limits.BATCH_BYTES:
            batch.append(self._waiting[0])
            size += len(self._waiting.popleft().submission.encoded)
        return batch

    def _put_back(self) -> None:
        """Have what was taken and not answered decided again, as repeats; the mutex is held, and nobody decides."""
        if self._taken:
            left = {place: None for place in self._taken if place.answer is None}
            for place in left:
                place.submission = place.submission.as_repeat()
            self._waiting = deque([*left, *(place for place in self._waiting if place not in left)])
            self._taken = []

    def _hand_over(self) -> None:
        if self._waiting or self._taken or self._is_closed:
            with self._mutex:
                self._call_first()

    def _call_first(self) -> bool:
        """Wake the first who waits, unless somebody leads or is to; return whether there is neither.

        The mutex is held.
        """
        if self._lead.locked() or self._returning is not None:
            return False
        self._put_back()
        if not self._waiting:
            self._idle.notify_all()
            return True
        first = self._waiting[0]
        if first.future is not None:
            self._wake_pump()
        elif first.wake is not None:
            _rouse(first.wake)
        return False

    # -- the pump and the looks, for callers in event loops

    def _wake_pump(self) -> None:
        """Have the pump see whether it should lead; the mutex is held."""
        if self._pump is None or not self._pump.is_alive():
            self._pump = threading.Thread(target=self._run_pump, name="comity-pump", daemon=True)
            self._pump.start()
        _rouse(self._pump_wake)

    def _run_pump(self) -> None:
        while self._waiting or not self._is_closed:
            self._pump_wake.acquire()
            lead = threading.Lock()
            with lead:
                while self._pump_leads(lead):
                    self._decide_batch()
            self._hand_over()

    def _pump_leads(self, lead: threading.Lock) -> bool:
        """Take or keep the lead as long as the first who waits is a task."""
        with self._mutex:
            return self._seize(lead) and bool(self._waiting) and self._waiting[0].future is not None

    def _call_for(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have those served who came from a loop, now that all of its tasks that were ready have come."""
        with self._mutex:
            self._gathering.discard(loop)
            self._call_first()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have a loop look after its tasks, by one timer for all of them; the mutex is held."""
        self._watched = {loop, *(each for each in self._watched if not each.is_closed())}
        self._gathering = {each for each in self._gathering if not each.is_closed()}
        loop.call_later(min(_LOOK_S, limits.LANE_TIMEOUT_S), self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up the tasks of a loop whose time is up; see to it that somebody leads for the others."""
        with self._mutex:
            line = (*self._taken, *self._waiting)
            tasks = [place for place in line if place.future and place.future.get_loop() is loop]
            if not tasks:
                self._watched.discard(loop)
                return
            self._watch(loop)
            self._call_first()
        now = monotonic()
        for place in tasks:
            if place.answer is None and place.until <= now:
                self._give_up(place)


def _result(answer: Answer) -> Decision:
    if isinstance(answer, Decision):
        return answer
    raise answer


def _rouse(wake: threading.Lock) -> None:
    with suppress(RuntimeError):  # It is awake already.
        wake.release()


def _failure(place: _Place, error: Exception) -> ComityError:
    """Return an exception of the caller's own for what broke its batch off."""
    is_untouched = isinstance(error, StoreError)
    failure = type(error)(*error.args) if is_untouched else _unknown(place, f"{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _unknown(place: _Place, reason: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"{reason}: ask again with the same id", proposal=place.submission.proposal.id)


def _answer_tasks(batch: list[_Place], answers: list[Answer]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Answer], Answer]]] = {}
    for place, answer in zip(batch, answers, strict=True):
        if place.future is not None:
            by_loop.setdefault(place.future.get_loop(), []).append((place.future, answer))
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):  # The loop has been closed; nobody waits for these answers any more.
            loop.call_soon_threadsafe(_resolve, answered)


def _resolve(answered: list[tuple[asyncio.Future[Answer], Answer]]) -> None:
    for future, answer in answered:
        if not future.done():
            future.set_result(answer)
