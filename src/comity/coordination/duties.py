"""Duties: what happens by itself, in small steps that any process may do, any number of times.

A duty tells what is over and releases those whose turn has come. Nothing's correctness
depends on it: what is expired is expired for everybody, told or not (S6), and what waits is
judged afresh whoever has it released. So duties may be done by whoever waits anyway, by a
thread of a process that opted in (:class:`DutyThread`), or by nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from typing import Final, Protocol

from comity import limits
from comity.clock import SECOND_US
from comity.coordination import leases
from comity.coordination.expiry import run_out
from comity.coordination.host import Host
from comity.coordination.outbox import SYSTEM, Outbox
from comity.coordination.queue import TOPIC, Looking, read_tries, releasing, write_tries
from comity.coordination.workflows import Workflows
from comity.coordinator.holding import QUEUED, Holding
from comity.deciding import queues
from comity.lane import Answer, is_committed
from comity.model import refs
from comity.model.built_in import EFFECT, QUEUE, built_in
from comity.model.proposals import Emit, Proposal
from comity.store.contract import Store

EXPIRING: Final = tuple(
    kind.name
    for kind in built_in().kinds
    if kind.name != EFFECT
    and any(event.name == "expired" for event in kind.events)
    and any(field.name == "expires_at" for field in kind.fields)
)
"""The built-in kinds whose records expire by themselves, but for effects: of these the outbox tells."""

_REST: Final = 4
"""How many times as long as a look in vain took there is rest, so that looking takes a fifth of a process at most."""

_SOON_US: Final = 1_000
"""The shortest pause, in microseconds."""

_log: Final = logging.getLogger("comity")


class DutyHost(Host, Protocol):
    """Be an open workspace with all that is due in it."""

    outbox: Outbox
    workflows: Workflows


class Duties:
    """Do what is due in one workspace. Threads take turns; one that finds another at it does nothing."""

    def __init__(self, host: DutyHost) -> None:
        self._host = host
        self._holding = Holding()
        self._busy = threading.Lock()
        self._rest_until_us = 0
        self._told_us = 0
        self._goes_on_behind: queues.Order | None = None

    def run(self, most: int = limits.DUTIES_AT_ONCE) -> int:
        """Do what is due, at most so many steps of each sort; return how many were done."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            begun_us = self._host.clock.boot_us()
            if begun_us < self._rest_until_us:
                return 0
            done = self._tell_expired(most) + self._release(most) + self._host.outbox.run(most)
            done += self._host.workflows.run(most)
            now_us = self._host.clock.boot_us()
            self._rest_until_us = now_us if done else now_us + _REST * (now_us - begun_us)
            return done
        finally:
            self._busy.release()

    def pause_s(self) -> float:
        """Return how long to wait, without a commit, before looking again: until the next effect is due, or a while."""
        next_us = self._host.outbox.next_us
        if next_us is None:
            return limits.DUTY_PAUSE_S
        now_us = self._host.coordinator.time_at(self._host.store.head()).now_us
        return min(limits.DUTY_PAUSE_S, max(next_us - now_us, _SOON_US) / SECOND_US)

    # -- telling what is over

    def _tell_expired(self, most: int) -> int:
        with self._host.store.snapshot() as snapshot:
            now_us = self._host.coordinator.time_at(snapshot.head).now_us
            if now_us < self._told_us + SECOND_US:
                return 0
            over = [*run_out(snapshot, EXPIRING, now_us, most), *islice(leases.run_out(snapshot, now_us), most)]
            versions = snapshot.records([refs.split(change.record) for change in over]) if over else {}
            spent = leases.spent_renewals(snapshot, now_us)
        if spent:
            self._host.store.note(leases.TOPIC, dict.fromkeys(spent))
        self._told_us = now_us
        answers = self._propose([(change, versions[refs.split(change.record)].version) for change in over])
        return sum(is_committed(answer) for answer in answers)

    # -- releasing those whose turn has come

    def _release(self, most: int) -> int:
        with self._host.store.snapshot() as snapshot:
            if QUEUE not in snapshot.kinds():
                return 0
            noted = read_tries(snapshot.noted(TOPIC))
            queue = self._holding.at(snapshot, QUEUED)
            view = self._host.coordinator.view(snapshot)
            looking = Looking(view, noted)
            due = {place.ticket: place for place in looking.due(queue, most, self._goes_on_behind)}
            self._goes_on_behind = looking.goes_on_behind
            tries = {ticket: looking.next_try(place) for ticket, place in due.items()}
            states = snapshot.records([refs.split(ticket) for ticket in due]) if due else {}
            steps = [(releasing(ticket), states[refs.split(ticket)].version) for ticket in due]
        answers = zip(due, self._propose(steps), strict=True)
        gone = {ticket for ticket, answer in answers if is_committed(answer)}
        early = looking.early(due.values(), queue, gone)
        entries = write_tries({place.ticket: tries[place.ticket] for place in early}, noted, queue)
        if entries:
            self._host.store.note(TOPIC, entries)
        return len(gone)

    def _propose(self, steps: Sequence[tuple[Emit, int]]) -> list[Answer]:
        """Return the answers to transitions, each under the id that every process gives it: it happens once (S7)."""
        proposals = [Proposal(id=step_id(change, version), changes=(change,)) for change, version in steps]
        return self._host.propose_many(proposals, SYSTEM)


def step_id(change: Emit, version: int) -> str:
    """Return the id of a duty's step: of a transition of a record at a version; no agent can use it up."""
    name = f"{change.event}:{change.record}:{version}"
    return f"duty~{sha256(name.encode()).hexdigest()[:32]}"


class Work(Protocol):
    """Be something that is done in small steps, whenever there is time for it."""

    def run(self) -> int:
        """Do what is due; return how much of it there was."""
        ...


class DutyThread:
    """Do duties, and whatever else is due by itself, in a thread of their own until it is told to stop."""

    def __init__(self, duties: Duties, store: Store, *more: Work) -> None:
        self._duties = duties
        self._works: tuple[Work, ...] = (duties, *more)
        self._store = store
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="comity duties", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the step that it is at."""
        self._is_stopped.set()
        self._thread.join(limits.LANE_TIMEOUT_S)

    def _work(self) -> None:
        while not self._is_stopped.is_set():
            try:
                revision = self._store.head().revision
                if not sum(work.run() for work in self._works):
                    self._store.wait(revision, self._duties.pause_s())
            except Exception as error:  # noqa: BLE001 - a duty that failed is due again
                _log.warning("a duty failed, and is tried again: %s: %s", type(error).__name__, error)
                self._is_stopped.wait(limits.DUTY_PAUSE_S)
