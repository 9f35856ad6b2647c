"""One call's turn on a held intent: what was read, which answers have arrived, what was proposed (S8, S17).

Only when the handle of an answer comes back does what it showed count as read, and only then
are the news in it not told again. An answer that was lost on its way proves nothing.

Answers may overtake each other, as an agent may call several times at once with the same
handle. A later handle is taken as a sign that the answers before it have arrived too, but
for one thing: an answer that isn't among those that led to it never renews an older read,
so that a decision made on the older value is still found to be stale.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from comity import limits
from comity.errors import LimitExceeded
from comity.model import filters
from comity.model.codec import encode
from comity.model.decisions import Decision, Outcome
from comity.model.news import WHOLE, News, Receipts
from comity.model.proposals import Create, Proposal, Put, QueryRead, Set
from comity.operations import Announcement
from comity.workspace import Page, Record
from comity.workspace.resuming import ResumableIntent

ANEW: Final = "begin anew: read what you need again, without a handle, and go on with the handle that you get"
_INTENT_BYTES: Final = 2_000
_READ_BYTES: Final = 200
_UNSEEN: Final = -1


class Seen(msgspec.Struct, frozen=True, gc=False):
    """Be what an answer shows of one record: its fields, ``*`` for all, as of a revision and in a version."""

    record: str
    revision: int
    version: int = _UNSEEN
    fields: tuple[str, ...] = (WHOLE,)


class Shown(msgspec.Struct, frozen=True, gc=False):
    """Be what one answer shows, and ``basis``, the count of the answer that its call carried.

    After a commit what was searched for before no longer counts: ``is_commit``.
    """

    basis: int
    seen: tuple[Seen, ...] = ()
    queries: tuple[QueryRead, ...] = ()
    is_commit: bool = False

    @property
    def size(self) -> int:
        """Return of how many records it tells, found or shown."""
        return len(self.seen) + _found(self.queries)


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """Be what was proposed last of one content: the proposal, what came of it, and which answer tells."""

    proposal: Proposal
    number: int
    told_by: int
    size: int = 0
    outcome: Outcome | None = None


class Knowledge:
    """Be what an agent is known to know: per record its fields, with the revision that showed each; searches."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, int]] = {}
        self.queries: tuple[QueryRead, ...] = ()
        self.versions: dict[str, int] = {}

    def copy(self) -> Knowledge:
        """Return the same, to be changed apart."""
        other = Knowledge()
        other.seen = {record: dict(fields) for record, fields in self.seen.items()}
        other.queries, other.versions = self.queries, dict(self.versions)
        return other

    def learn(self, shown: Shown) -> None:
        """Take what has arrived."""
        if shown.is_commit:
            self.queries = ()
        self.queries += shown.queries
        for one in shown.seen:
            self._note(one)

    def presume(self, shown: Shown) -> None:
        """Take what may have arrived: of records that nothing else was known of."""
        new = [one for one in shown.seen if one.record not in self.seen]
        for one in new:
            self._note(one)
        self.queries += shown.queries

    def _note(self, one: Seen) -> None:
        fields = self.seen.setdefault(one.record, {})
        for name in one.fields:
            fields[name] = max(one.revision, fields.get(name, _UNSEEN))
        self.versions[one.record] = max(one.version, self.versions.get(one.record, _UNSEEN))

    @property
    def reads(self) -> int:
        """Return of how many records and searches it is made."""
        return len(self.seen) + len(self.queries)

    @property
    def size(self) -> int:
        """Return of how many records it tells, found or shown."""
        return len(self.seen) + _found(self.queries)


def _found(queries: Sequence[QueryRead]) -> int:
    return sum(1 + len(query.members or ()) for query in queries)


class HeldIntent:
    """Hold one intent: what its answers showed, which of them arrived, what was proposed."""

    def __init__(self, token: str, intent: ResumableIntent) -> None:
        self.token = token
        self.intent = intent
        self.lock = threading.Lock()
        self.receipts = Receipts()
        self.attempts: dict[str, Attempt] = {}
        self.used_at = 0.0
        self.weight = 0
        """What it was last found to remember, in bytes."""
        self.opened_for: str | None = None
        """What its first call was, where a repeat of that call must not open another."""
        self._arrived = Knowledge()
        self._shown: dict[int, Shown] = {}

    def confirm(self, count: int) -> None:
        """Take the count of the last answer that has arrived; raises ReadsLost for one that can't have."""
        self.receipts.confirm(count)
        led = self._led_to(count)
        for number in sorted(led):
            self._arrived.learn(self._shown.pop(number))

    def _led_to(self, count: int) -> list[int]:
        found: list[int] = []
        while (shown := self._shown.get(count)) is not None:
            found.append(count)
            count = shown.basis
        return found

    def knowledge(self) -> Knowledge:
        """Return what its agent is known, or to be presumed, to know."""
        knows = self._arrived.copy()
        for number, shown in sorted(self._shown.items()):
            if number < self.receipts.confirmed:
                knows.presume(shown)
        return knows

    @property
    def size(self) -> int:
        """Return about how many bytes it remembers."""
        reads = self._arrived.size + sum(shown.size for shown in self._shown.values())
        return _INTENT_BYTES + reads * _READ_BYTES + sum(attempt.size for attempt in self.attempts.values())

    def show(self, shown: Shown, revision: int) -> int:
        """Return the count of an answer that shows something, and tells news up to a revision."""
        count = self.receipts.offer(revision)
        self._shown[count] = shown
        if len(self._shown) > limits.UNPROVEN_ANSWERS:
            self._shown.pop(min(self._shown))
        return count


class Turn:
    """Be one call on a held intent, which nobody else uses meanwhile.

    What it shows is noted, and counts once the handle of its answer has come back.
    """

    def __init__(self, held: HeldIntent, basis: int) -> None:
        self._held = held
        self.basis = basis
        """The count of the answer that its agent has shown to have; 0 where it showed none."""
        self._knows = held.knowledge()
        self._seen: list[Seen] = []
        self._queries: list[QueryRead] = []
        self._news: list[News] = []
        self._is_commit = False
        self._told = held.receipts.cursor
        self.intent = held.intent
        self.is_repeat = False
        """Whether the decision is the one that the same call got before."""
        self._resume()

    def _resume(self) -> None:
        about = dict.fromkeys(self.intent.about, _UNSEEN)
        knows = self._knows
        self.intent.resume(
            knows.seen, knows.queries, known={**about, **knows.versions}, told=self._held.receipts.cursor
        )

    @property
    def id(self) -> str:
        """Return the intent's own id, under which others know it once it is announced."""
        return self.intent.id

    def show(self, record: Record, fields: Iterable[str] = ()) -> None:
        """Note that the answer shows a record: some fields of it, or all."""
        self._seen.append(Seen(record.ref, record.revision, record.version, tuple(fields) or (WHOLE,)))

    @property
    def news(self) -> News | None:
        """Return what this call has found to be new, besides what came with its decision; None for nothing."""
        return together(self._news) if self._news else None

    def get(self, record: str, *fields: str) -> Record:
        """Return a record; what is shown of it is to be noted by :meth:`show`."""
        found = self.intent.get(record, *fields)
        self._hear(found.revision, found.news)
        return found

    def find(
        self, kind: str, *where: str, order: str | Sequence[str] = (), limit: int, after: str | None = None
    ) -> Page:
        """Return what a search finds; that it finds just this is noted."""
        query = filters.query(kind, *where, order=order, limit=limit, after=after)
        page = self.intent.find(kind, *where, order=order, limit=limit, after=after)
        self._queries.append(QueryRead(query, page.revision, tuple(record.id for record in page)))
        self._hear(page.revision, page.news)
        return page

    def tell(self) -> None:
        """Look for news up to now."""
        self._hear(*self.intent.tell())

    def announce(self, *, plan: str | None, ttl: str, exclusive: bool) -> Announcement:
        """Announce the intent, or prolong that; raises NotCommitted where it may not be announced."""
        announcement = self.intent.announce(plan=plan, ttl=ttl, exclusive=exclusive)
        self._told = max(self._told, announcement.revision)
        return announcement

    def _hear(self, revision: int, news: News | None) -> None:
        self._told = max(self._told, revision)
        if news:
            self._news.append(news)

    def propose(self, content: str, draft: Callable[[str], Proposal], *, again: bool = False) -> Decision:
        """Return the decision on a content, which is made a proposal by ``draft`` under the id that it is given.

        The same content is the same attempt, and gets the answer that it got (S8), until its
        agent has seen that it was refused; with ``again`` until it has seen any answer. Raises
        LimitExceeded where this intent has proposed too much.
        """
        last = self._held.attempts.get(content)
        if last is None and len(self._held.attempts) >= limits.HELD_ATTEMPTS:
            raise LimitExceeded(f"this intent has proposed {limits.HELD_ATTEMPTS} different changes: {ANEW}")
        number = 1 if last is None else last.number + 1
        drafted = draft(f"{self.id}-{content}" + (f"-{number}" if number > 1 else ""))
        self.is_repeat = last is not None and not self._is_new(last, drafted, again)
        proposal, number = (last.proposal, last.number) if last and self.is_repeat else (drafted, number)
        return self._settle(content, proposal, number, last)

    def _settle(self, content: str, proposal: Proposal, number: int, last: Attempt | None) -> Decision:
        told_by = last.told_by if last and self.is_repeat else self._held.receipts.count + 1
        attempt = Attempt(proposal, number, told_by, len(encode(proposal)))
        self._held.attempts[content] = attempt  # Also where the answer is lost: a repeat asks for this very one.
        decision = self.intent.settle(proposal)
        self._held.attempts[content] = msgspec.structs.replace(attempt, outcome=decision.outcome)
        self._told = max(self._told, decision.revision)
        if decision.is_committed:
            self._learn(proposal, decision)
        return decision

    def settle_later(self, decision: Decision) -> None:
        """Take what became of something pending: what was proposed under this intent may have been committed since."""
        for content, attempt in self._held.attempts.items():
            if attempt.proposal.id == decision.id and attempt.outcome != decision.outcome:
                self._held.attempts[content] = msgspec.structs.replace(attempt, outcome=decision.outcome)
                if decision.is_committed:
                    self._learn(attempt.proposal, decision)

    def _is_new(self, last: Attempt, drafted: Proposal, again: bool) -> bool:
        """Tell whether a repeated content is meant as another attempt: its agent knows the answer to the last one."""
        has_seen = last.told_by <= self._held.receipts.confirmed or drafted.accept != last.proposal.accept
        return has_seen and (again or last.outcome == "refused")

    def _learn(self, proposal: Proposal, decision: Decision) -> None:
        """Note what its own commit teaches: all that it rested on was still so, and what it wrote is there now."""
        self._is_commit = True
        rested_on = {} if any(finding.gate == "freshness" for finding in decision.findings) else self._knows.seen
        for record, fields in rested_on.items():
            version = decision.records.get(record, self._knows.versions.get(record, _UNSEEN))
            self._seen.append(Seen(record, decision.revision, version, tuple(fields)))
        for change in proposal.changes:
            if isinstance(change, (Create, Put, Set)) and change.fields:
                version = decision.records.get(change.record, _UNSEEN)
                self._seen.append(Seen(change.record, decision.revision, version, tuple(change.fields)))

    def handle(self) -> str:
        """Return the handle of this call's answer, which ends the call."""
        shown = Shown(self.basis, tuple(self._seen), tuple(self._queries), self._is_commit)
        if self._knows.reads + len(shown.seen) > limits.READS_PER_PROPOSAL and not self._is_commit:
            raise LimitExceeded(f"this intent has read {limits.READS_PER_PROPOSAL} records: {ANEW}")
        return f"{self._held.token}.{self._held.show(shown, self._told)}"


def together(told: Sequence[News]) -> News:
    """Return what several answers of one call found to be new, as one."""
    last = told[-1]
    return News(
        revision=last.revision,
        at=last.at,
        items=tuple(item for news in told for item in news.items),
        present=tuple(one for news in told for one in news.present),
        more=sum(news.more for news in told),
    )
