"""Waiting for whatever is pending: its turn, an owner, a human (S20)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from comity import limits
from comity.clock import SECOND_US, Clock
from comity.coordination.tickets import look_at
from comity.coordinator import Coordinator
from comity.model.decisions import Decision
from comity.store.contract import Store

T = TypeVar("T")


class Host(Protocol):
    """Be an open workspace in which one can wait."""

    store: Store
    clock: Clock
    coordinator: Coordinator

    def do_due(self) -> int:
        """Do what is due by itself, in a small bite; return how much was done."""
        ...


def wait(host: Host, agent: str, ticket: str, timeout_s: float) -> Decision:
    """Return the decision on what waits under a ticket as soon as it is one, or that it is pending still.

    Who waits does the duties meanwhile, so that an embedded workspace moves without any
    other process (S32).
    """

    def decide() -> Decision:
        with host.store.snapshot() as snapshot:
            return look_at(host.coordinator, snapshot, ticket, agent)

    return watch(host, decide, lambda decision: not decision.is_pending, timeout_s)


def watch(host: Host, look: Callable[[], T], is_over: Callable[[T], bool], timeout_s: float) -> T:
    """Return what a look finds once it is what was waited for, or when the time is over; with 0 it looks once."""
    begun_us, waited_s = host.clock.boot_us(), 0.0
    while True:
        revision = host.store.head().revision
        found = look()
        # A clock in the hands of a test may stand still, while the waiting takes its time.
        spent_s = max(waited_s, (host.clock.boot_us() - begun_us) / SECOND_US)
        if is_over(found) or spent_s >= timeout_s:
            return found
        if not host.do_due():
            pause_s = min(timeout_s - spent_s, limits.WAIT_LOOK_S)
            waited_s += 0.0 if host.store.wait(revision, pause_s) else pause_s
