"""Callers of a lane, and what decides for them, held up where a test wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from comity.coordinator import Submission, submit
from comity.errors import ComityError
from comity.lane import Lane, _Place
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Proposal

T = TypeVar("T")
WAIT_S = 60.0
"""How long a test waits for another thread before it fails; never how long it waits in vain."""


def submission(name: str, *, is_new: bool = True) -> Submission:
    return submit(Proposal(id=name), Caller("sales"), is_new=is_new)


def decision(name: str) -> Decision:
    return Decision(id=name, outcome="committed", revision=1, at=0, definition=0, next="Go on.")


class Deciding:
    """Be a ``decide`` that keeps what it was given, and waits at a gate until a test opens it."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.batches: list[list[str]] = []
        self.repeats: list[str] = []
        self.threads: list[threading.Thread] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        if is_open:
            self.gate.set()
        self.strike: Callable[[], None] | None = None

    def __call__(self, submissions: Sequence[Submission]) -> list[Decision | ComityError]:
        names = [one.proposal.id for one in submissions]
        self.batches.append(names)
        self.repeats += [one.proposal.id for one in submissions if not one.is_new]
        self.threads.append(threading.current_thread())
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        strike, self.strike = self.strike, None
        if strike is not None:
            strike()
        return [decision(name) for name in names]

    def await_batch(self) -> None:
        assert self.entered.acquire(timeout=WAIT_S)


def start(function: Callable[[], T]) -> Future[T]:
    """Run in a thread of its own, whose end gives the result."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - whatever rises is what the test asks for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


class WatchedLane(Lane):
    """Tell when somebody has entered."""

    def __init__(self, deciding: Deciding) -> None:
        super().__init__(deciding)
        self.entered = threading.Semaphore(0)

    def _enter(self, place: _Place) -> None:
        super()._enter(place)
        self.entered.release()


def enter(lane: WatchedLane, *names: str) -> list[Future[Decision]]:
    """Have threads submit, one behind the other, and return when all of them wait in line."""
    futures: list[Future[Decision]] = []
    while lane.entered.acquire(blocking=False):
        """Those who entered before are no concern of ours."""
    for name in names:
        futures.append(start(lambda name=name: lane.submit(submission(name))))
        assert lane.entered.acquire(timeout=WAIT_S)
    return futures
