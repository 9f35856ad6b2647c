"""Erasing: what the log holds of records is found, and emptied once a decision says so (S37).

The decision is a commit with an ``$erased`` event for each record, and comes first: whoever
finds one that isn't carried out yet goes on with it, in whichever process, after whichever
death. Finding is reading the log once more, so nothing has to be remembered of what is left
to do, but for where the erasures end that are done; emptying twice is emptying once.

What is found: the events of the records; the commits that made them; the records of
Comity's own that speak of them, with theirs; and the commits and answers that name one of
all these, as a change, a read, in a finding, a reason or any other text.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from comity import limits
from comity.clock import SECOND_US
from comity.coordination.host import Host
from comity.coordination.judged import answers_between
from comity.coordination.outbox import SYSTEM
from comity.lane import Answer, is_committed
from comity.model.built_in import GRANT, SPEAKING
from comity.model.decisions import Decision
from comity.model.events import Commit, CommitPayload, Event, also_of
from comity.model.proposals import Erase, Proposal, QueryRead
from comity.model.records import ERASED, LIFE
from comity.store.contract import Emptying, EventFilter, LogFilter, Ref, Scrubbed, Snapshot

T = TypeVar("T")

TOPIC: Final = "erasing"
"""Of the bookkeeping that tells which erasures are carried out."""
DONE: Final = "done"
REWRITTEN: Final = "rewritten"
"""Up to which revision nothing is left, and up to which only readers stand in the way of that."""
_TRIES: Final = 8
"""Of going on with an erasure because the log speaks of its records in yet another place."""
_END: Final = re.compile(r"(?<=[A-Za-z0-9_])(?![A-Za-z0-9_])")
"""Where an id may end."""
_QUERY: Final = b'"of":"query"'
_PORTION: Final = 256


Ends = Mapping[Ref, int]
"""Records, each with the revision before which what is known of it is to be erased."""


class Found(msgspec.Struct):
    """Be what a log holds of some records: ``own`` commits made their events, ``also`` others that name them."""

    own: list[int]
    also: list[int]
    events: list[tuple[int, int]]
    answers: list[str]

    @property
    def payloads(self) -> int:
        """Return how many payloads are to be emptied."""
        return len(self.own) + len(self.also) + len(self.events) + len(self.answers)

    def bites(self) -> Iterator[Emptying]:
        """Yield it in portions of a transaction each."""
        for commits in _portions((*self.own, *self.also)):
            yield Emptying(commits=commits)
        for events in _portions(self.events):
            yield Emptying(events=events)
        for answers in _portions(self.answers):
            yield Emptying(answers=answers)


def _portions(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(items), limits.ERASURE_BITE):
        yield tuple(items[start : start + limits.ERASURE_BITE])


class Naming:
    """Tell whether a payload names one of some records, each of which counts up to a revision of its own.

    ``customer/acme.name`` and ``customer/acme: call them`` name ``customer/acme``; a longer name
    is another record's only if there ever was one of that name.
    """

    def __init__(self, ends: Ends, snapshot: Snapshot) -> None:
        self._ends = ends
        self._snapshot = snapshot
        self._others: dict[Ref, bool] = {}
        names = b"|".join(re.escape("/".join(ref).encode()) for ref in sorted(ends, reverse=True))
        self._named = re.compile(rb"(?<![A-Za-z0-9_$-])(%s)(?![A-Za-z0-9_])([A-Za-z0-9_.:@+~=-]*)" % names).finditer

    def counts(self, ref: Ref, revision: int) -> bool:
        """Tell whether something of a revision that is about a record is about one of these."""
        return self._ends.get(ref, 0) > revision

    def names(self, payload: bytes | None, revision: int) -> bool:
        """Tell whether a text of it does."""
        return payload is not None and any(
            self._is_meant(found[1].decode(), found[2].decode(), revision) for found in self._named(payload)
        )

    def _is_meant(self, name: str, rest: str, revision: int) -> bool:
        """Tell whether an address is meant by itself, and not as the beginning of a longer one."""
        kind, _, id = name.partition("/")
        ends = [end.start() for end in _END.finditer(rest)]
        return self.counts((kind, id), revision) and not any(self._is_other((kind, id + rest[:end])) for end in ends)

    def _is_other(self, ref: Ref) -> bool:
        if ref not in self._others:
            self._others[ref] = ref not in self._ends and bool(self._snapshot.records([ref]))
        return self._others[ref]

    def speaks(self, event: Event) -> bool:
        """Tell whether an event of Comity's own does; a grant has the kind and the id of its record apart."""
        payload = event.payload if event.kind == GRANT else None
        lent = payload.values if payload is not None else {}
        is_lent = self.counts((lent.get("kind", ""), lent.get("record", "")), event.revision)
        return is_lent or self.names(event.payload_bytes, event.revision)

    def is_said(self, payload: bytes | None, revision: int) -> bool:
        """Tell whether a proposal or its findings do, or a search that showed one of the records by its id."""
        return self.names(payload, revision) or (
            payload is not None and _QUERY in payload and self._showed(payload, revision)
        )

    def _showed(self, payload: bytes, revision: int) -> bool:
        reads = msgspec.json.decode(payload, type=CommitPayload).proposal.reads
        searches = [read for read in reads if isinstance(read, QueryRead)]
        return any(self.counts((read.query.kind, id), revision) for read in searches for id in read.members or ())


def speaking_of(snapshot: Snapshot, ends: Ends) -> dict[Ref, int]:
    """Return records with those of Comity's own that speak of them, or of these; these count up to now."""
    known, now = dict(ends), snapshot.head.revision + 1
    kinds = tuple(sorted(SPEAKING & snapshot.kinds().keys()))
    while kinds:
        naming = Naming(known, snapshot)
        told = snapshot.search_log(LogFilter(kinds=kinds), 0, max(known.values()) - 1)
        speaking = {(event.kind, event.id) for event in told if event.type != ERASED and naming.speaks(event)}
        more = speaking.difference(known)
        if not more:
            break
        known |= dict.fromkeys(more, now)
    return known


def find(snapshot: Snapshot, ends: Ends) -> Found:
    """Return what the log holds of records, of each before a revision of its own, as far as it isn't empty yet."""
    found, naming = Found([], [], [], []), Naming(ends, snapshot)
    for commit, events in _log(snapshot, max(ends.values()) - 1):
        own = [event for event in events if naming.counts((event.kind, event.id), event.revision)]
        found.events += [
            (event.revision, event.ordinal) for event in own if event.payload_bytes is not None and event.type != ERASED
        ]
        if commit.payload_bytes is not None and own:
            found.own.append(commit.revision)
        elif naming.is_said(commit.payload_bytes, commit.revision):
            found.also.append(commit.revision)
    for answered in answers_between(snapshot, -1, snapshot.head.time.now_us):
        if naming.is_said(answered.payload_bytes, answered.revision):
            found.answers.append(answered.proposal)
    return found


def _log(snapshot: Snapshot, upto: int) -> Iterator[tuple[Commit, list[Event]]]:
    after = 0
    while after < upto and (page := snapshot.log(after, min(_PORTION, upto - after))):
        yield from page
        after = page[-1][0].revision


def erasing(asked: Sequence[Ref], others: Iterable[Ref], found: Found) -> list[Erase]:
    """Return the changes that say what is erased; what is more than a proposal may hold is left to the next one."""
    also = [tuple(found.also[start : start + limits.ERASED_ALSO]) for start in _steps(found.also)]
    first, *rest = also or [()]
    records = [*asked, *others]
    changes = [Erase("/".join(ref), payloads=found.payloads) for ref in records]
    changes[0] = msgspec.structs.replace(changes[0], also=first)
    more = [Erase("/".join(records[0]), also=named, payloads=found.payloads, more=True) for named in rest]
    return (changes + more)[: limits.CHANGES_PER_PROPOSAL]


def _steps(items: Sequence[int]) -> range:
    return range(0, len(items), limits.ERASED_ALSO)


class Begun(msgspec.Struct, frozen=True):
    """Be the erasures that aren't carried out yet: their records, what they name, where the last one stands."""

    ends: dict[Ref, int]
    named: frozenset[int]
    last: int

    @classmethod
    def after(cls, snapshot: Snapshot, done: int) -> Begun | None:
        """Return those behind a revision, or None."""
        if not snapshot.events(EventFilter(type=ERASED, after=done, limit=1)):
            return None
        events = list(snapshot.search_log(LogFilter(types=(ERASED,)), done, snapshot.head.revision))
        named = frozenset(revision for event in events for revision in also_of(event))
        own = (event for event in events if event.payload is not None and LIFE in event.payload.was)
        ends = {(event.kind, event.id): event.revision for event in own}  # The others only name more commits.
        return cls(ends, named, events[-1].revision) if ends else None


class Erasing:
    """Carry out the erasures of one workspace. Threads take turns."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._busy = threading.Lock()
        self._rest_until_us = 0

    def run(self) -> int:
        """Go on with erasures that nobody has finished; return how many payloads became empty."""
        now_us = self._host.clock.boot_us()
        if now_us < self._rest_until_us or not self._busy.acquire(blocking=False):
            return 0
        try:
            self._rest_until_us = now_us + SECOND_US
            if self._begun() is None:
                return 0
            emptied, scrubbed = self._finish(wait_s=0)
            if not scrubbed.is_done:  # Writing a large file anew for readers that stay would be done again and again.
                self._rest_until_us = self._host.clock.boot_us() + round(6 * limits.ERASURE_WAIT_S * SECOND_US)
            return emptied
        finally:
            self._busy.release()

    def finish(self) -> Scrubbed:
        """Carry out all that is decided; tell whether nothing of it is left in the store's own files."""
        with self._busy:
            return self._finish(limits.ERASURE_WAIT_S)[1]

    def _begun(self) -> Begun | None:
        with self._host.store.snapshot() as snapshot:
            return Begun.after(snapshot, _noted(snapshot, DONE))

    def _finish(self, wait_s: float) -> tuple[int, Scrubbed]:
        for _ in range(_TRIES):
            with self._host.store.snapshot() as snapshot:
                begun = Begun.after(snapshot, _noted(snapshot, DONE))
                if begun is None:
                    return 0, Scrubbed(is_done=True)
                is_rewritten = _noted(snapshot, REWRITTEN) >= begun.last
                ends = speaking_of(snapshot, begun.ends)
                found, head = find(snapshot, ends), snapshot.head.revision
            others = sorted(ends.keys() - begun.ends.keys())
            unnamed = msgspec.structs.replace(found, also=[one for one in found.also if one not in begun.named])
            if others or unnamed.also:
                answer = self._go_on(begun, others, unnamed, head)
                if not is_committed(answer):
                    return 0, Scrubbed(is_done=False, left=f"an open record speaks of it: {_told(answer)}")
                continue
            for bite in found.bites():
                self._host.store.empty(bite)
            return found.payloads, self._scrub(begun, wait_s, is_rewritten=is_rewritten and not found.payloads)
        return 0, Scrubbed(is_done=False, left="others go on naming it; it is tried again")

    def _go_on(self, begun: Begun, others: Sequence[Ref], found: Found, head: int) -> Answer:
        """Propose to erase what speaks of the records and wasn't known when that was decided."""
        first, *rest = erasing(list(begun.ends)[:1], others, found)
        changes = [msgspec.structs.replace(first, more=True), *rest]
        proposal = Proposal(id=f"erasing~{begun.last}.{head}", changes=tuple(changes), reason="an erasure goes on")
        return self._host.propose_many([proposal], SYSTEM)[0]

    def _scrub(self, begun: Begun, wait_s: float, *, is_rewritten: bool) -> Scrubbed:
        store = self._host.store
        scrubbed = store.scrub(wait_s, rewrite=not is_rewritten)
        name = DONE if scrubbed.is_done else REWRITTEN
        with store.snapshot() as snapshot:
            is_news = _noted(snapshot, name) < begun.last
        if is_news:
            store.note(TOPIC, {name: str(begun.last)})
        return scrubbed


def _noted(snapshot: Snapshot, name: str) -> int:
    return int(snapshot.noted(TOPIC, [name]).get(name, "0"))


def _told(answer: Answer) -> str:
    if isinstance(answer, Decision):
        return " ".join(finding.message for finding in answer.refusals) or answer.next
    return str(answer)
