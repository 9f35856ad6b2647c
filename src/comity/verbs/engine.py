"""What a verb works with: the store, the lane to its head, and how moments and callers are understood."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeGuard, TypeVar

from comity.clock import Clock, format_time, parse_time
from comity.coordination.alert_post import AlertPost
from comity.coordination.duties import Duties, DutyThread
from comity.coordination.erasing import Erasing
from comity.coordination.hiding import hide
from comity.coordination.news import Presences, looking
from comity.coordination.outbox import Outbox
from comity.coordination.retention import Retention
from comity.coordination.watching import Watch
from comity.coordination.workflows import Workflows
from comity.coordinator import Coordinator, EntropyPool, Submission, submit
from comity.deciding.case import withheld_from
from comity.deciding.compile import Compiled
from comity.errors import InvalidRequest, NotFound
from comity.feed import Callbacks
from comity.lane import Answer, Lane
from comity.listening import Listening
from comity.model.decisions import Decision
from comity.model.ids import Entropy, make_id
from comity.model.proposals import AnyChange, Caller, Proposal
from comity.store.contract import Snapshot, Store

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Take how much is done, of how much."""


class Engine:
    """Hold one open workspace: its store, its coordinator and the lane that leads to it."""

    def __init__(self, store: Store, url: str, clock: Clock, entropy: Entropy) -> None:
        self.store = store
        self.url = url
        self.clock = clock
        self.entropy = EntropyPool(entropy)
        self.coordinator = Coordinator(store, clock, self.entropy)
        self.lane = Lane(self.coordinator.decide)
        self.presences = Presences()
        self.listening = Listening(looking(store))
        self.callbacks = Callbacks(store)
        self.outbox = Outbox(self)
        self.workflows = Workflows(self)
        self.duties = Duties(self)
        self.watch = Watch(self)
        self.alert_post = AlertPost(self)
        self.erasing = Erasing(self)
        self.retention = Retention(self)
        self._duty: DutyThread | None = None
        with store.snapshot() as snapshot:
            self.coordinator.prime(snapshot)

    def definition(self) -> Compiled:
        """Return the definition that judges now."""
        with self.store.snapshot() as snapshot:
            return self.coordinator.definition(snapshot)

    def shown(self, caller: Caller, answer: T) -> T:
        """Return an answer as its caller may see it, by the definition that judges now (S39)."""
        withheld = withheld_from(caller, self.coordinator.judging())
        return answer if withheld is None else hide(withheld, answer)

    def make_id(self) -> str:
        """Return a new id for a proposal."""
        return make_id(self.clock, self.entropy)

    def revision_at(self, moment: int | str) -> int:
        """Return the revision that a moment means for good: later commits don't change it.

        Raises NotFound for a time that hasn't come, whose revision is still open.
        """
        now_us = self.coordinator.time_at(self.store.head()).now_us
        with self.store.snapshot() as snapshot:
            revision = revision_of(snapshot, moment)
        if _is_time(moment) and parse_time(moment) > now_us:
            raise NotFound(f"{moment} hasn't come yet: in this workspace it is {format_time(now_us)}")
        return revision

    def propose(self, proposal: Proposal, caller: Caller, *, is_new: bool = False, dry: bool = False) -> Decision:
        """Return the decision on a proposal; ``is_new`` tells that nobody can have used, or known, its id before."""
        return self.lane.submit(submit(proposal, caller, is_new=is_new, dry=dry))

    def propose_change(self, caller: Caller, change: AnyChange, reason: str | None) -> Decision:
        """Return the decision on a single change, as a proposal under an id of its own."""
        return self.propose(Proposal(id=self.make_id(), changes=(change,), reason=reason), caller, is_new=True)

    def propose_many(
        self, proposals: Iterable[Proposal], caller: Caller, *, is_new: bool = False, dry: bool = False
    ) -> list[Answer]:
        """Return the decisions on proposals that share commits, in order; one that fails alone has its error."""
        return self._submit([_ready(proposal, caller, is_new=is_new, dry=dry) for proposal in proposals])

    def propose_each(self, steps: Iterable[tuple[Proposal, Caller]], *, dry: bool = False) -> list[Answer]:
        """Return the same for proposals of several callers."""
        return self._submit([_ready(proposal, caller, is_new=False, dry=dry) for proposal, caller in steps])

    def _submit(self, ready: Sequence[Submission | InvalidRequest]) -> list[Answer]:
        answers = iter(self.lane.submit_many([one for one in ready if isinstance(one, Submission)]))
        return [next(answers) if isinstance(one, Submission) else one for one in ready]

    def propose_async(
        self, proposal: Proposal, caller: Caller, *, is_new: bool = False, dry: bool = False
    ) -> Awaitable[Decision]:
        """Return the decision on a proposal, to be awaited: the event loop isn't blocked."""
        return self.lane.submit_async(submit(proposal, caller, is_new=is_new, dry=dry))

    def do_duties(self) -> None:
        """Do what is due, in a thread of its own, from now until the workspace is closed."""
        if self._duty is None:
            self._duty = DutyThread(self.duties, self.store, self.watch, self.alert_post, self.erasing, self.retention)

    def do_due(self) -> int:
        """Do what is due by itself, in a small bite, and look for alerts; return how much was done."""
        works = (self.duties, self.watch, self.alert_post, self.erasing, self.retention)
        return sum(work.run() for work in works)

    @property
    def does_duties(self) -> bool:
        """Tell whether this process does what is due."""
        return self._duty is not None

    def close(self) -> None:
        """Answer what waits, then release the store."""
        if self._duty is not None:
            self._duty.stop()
        self.outbox.close()
        self.alert_post.close()
        self.listening.close()
        self.callbacks.close()
        self.lane.close()
        self.store.close()


def _ready(proposal: Proposal, caller: Caller, *, is_new: bool, dry: bool) -> Submission | InvalidRequest:
    try:
        return submit(proposal, caller, is_new=is_new, dry=dry)
    except InvalidRequest as error:
        return error


def revision_of(snapshot: Snapshot, moment: int | str | None) -> int:
    """Return the revision that a moment means: itself, that of a time, or the head's for None.

    Raises InvalidRequest for what is neither, NotFound for a revision that isn't there yet.
    """
    head = snapshot.head.revision
    if moment is None:
        return head
    if _is_time(moment):
        try:
            return snapshot.revision_at(parse_time(moment))
        except (ValueError, OverflowError):
            raise InvalidRequest(
                f"{moment[:40]!r} is neither a revision nor a time: write 17 or 2026-11-24T10:00:00Z"
            ) from None
    revision = int(moment) if len(str(moment)) < 19 else head + 1
    if not 0 <= revision <= head:
        raise NotFound(f"there is no revision {moment}: the last one is {head}")
    return revision


def _is_time(moment: int | str) -> TypeGuard[str]:
    return isinstance(moment, str) and not moment.isdecimal()


def time_of(name: str, text: str | None) -> int | None:
    """Return a time in microseconds; raises InvalidRequest, naming the argument, for what is no time."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name}: {text[:40]!r} is no RFC 3339 time, such as 2026-11-24T10:00:00Z") from None
