"""The queue: who stands where, and whose turn may have come.

Whether it has come is decided by judging what waits; here is what tells cheaply that a try
is worth it: the rules that are waited for no longer hold anyone back, nobody holds the
lease, the override is over. A try that came too early is noted (S18), and the next one
comes later, unless something happens on a subject of it (S32).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.deciding.gates.rule import holds_until
from comity.deciding.lines import key_of, line_of
from comity.deciding.overrides import in_force, is_paused
from comity.deciding.queues import Order, Place, Queue, run_behind
from comity.deciding.turns import names_in
from comity.deciding.view import TooBroad, View
from comity.model import refs
from comity.model.built_in import DEFINITION, LEASE
from comity.model.codec import encode
from comity.model.proposals import Emit
from comity.model.records import RecordState

TOPIC: Final = "queue"
"""Under which tries are noted, by ticket."""

_LONGEST_STEP: Final = 30


class Try(msgspec.Struct, frozen=True, gc=False):
    """Be a try that came too early: the how many-th, at which revision, and when the next one may come."""

    count: int
    revision: int
    next_us: int


def releasing(ticket: str) -> Emit:
    """Return the transition that has what waits in line judged afresh."""
    return Emit(ticket, "released")


def in_order(queue: Queue, now_us: int) -> list[Place]:
    """Return all who wait, those of higher priority first, then those who came first."""
    return sorted((place for place in queue.places.values() if place.expires > now_us), key=lambda place: place.order)


def position_of(place: Place, queue: Queue, now_us: int) -> int:
    """Return the position in line, 1 for the head: by the subject on which most are ahead."""
    return 1 + max((sum(1 for _ in ahead(place, queue, subject, now_us)) for subject in place.subjects), default=0)


def ahead(place: Place, queue: Queue, subject: str, now_us: int) -> Iterator[Place]:
    """Yield who is ahead of a place on a subject and wants the same, in order."""
    for other in queue.on(subject):
        if other.order >= place.order:
            return
        if other.expires > now_us and other.competes(place):
            yield other


def is_behind(place: Place, queue: Queue, now_us: int, leaving: Set[str], passing: Set[str] = frozenset()) -> bool:
    """Tell whether somebody is ahead who isn't about to leave, on a subject where the place isn't among the passing."""
    return any(
        other.ticket not in leaving
        for subject in place.subjects
        if subject not in passing
        for other in ahead(place, queue, subject, now_us)
    )


# -- whose turn may have come


class Looking:
    """Look at a view for those whose turn may have come; ``tries`` are those noted so far.

    ``goes_on_behind`` is the place behind which the next look goes on, or None where this one saw all.
    """

    def __init__(self, view: View, tries: Mapping[str, Try]) -> None:
        self._view = view
        self._tries = tries
        self.goes_on_behind: Order | None = None
        self._paused: frozenset[str] = frozenset()
        self._waited: dict[str, dict[str, Order]] = {}
        self._wordings = {(rule.code, rule.digest) for rule in view.compiled.rules.rules.values()}

    def due(self, queue: Queue, most: int, behind: Order | None = None) -> list[Place]:
        """Return those to try, in order, at most so many: the heads of lines, and who follows if these go.

        A look begins behind the place where the one before it ended, and ends after ``limits.DUTIES_LOOK`` heads.
        Those who are paused are left out, and keep nobody.
        """
        chosen: list[Place] = []
        places = queue.places.values() if in_force(self._view).has_pauses else ()
        self._paused = frozenset(place.ticket for place in places if is_paused(place.agent, self._view))
        leaving = set(self._paused)
        heads = 0
        for place in in_order(queue, self._view.now_us):
            if behind is not None and place.order <= behind:
                continue
            if len(chosen) == most or heads >= limits.DUTIES_LOOK:
                return chosen
            self.goes_on_behind = place.order
            if place.ticket in self._paused or self._is_kept(place, queue, leaving):
                continue
            heads += 1
            if self.is_due(place):
                chosen.append(place)
                leaving.add(place.ticket)
        self.goes_on_behind = None
        return chosen

    def early(self, tried: Iterable[Place], queue: Queue, gone: Set[str]) -> list[Place]:
        """Return those of whom a try came too early: not just because those ahead of them haven't gone."""
        leaving = self._paused | gone
        return [one for one in tried if one.ticket not in gone and not self._is_kept(one, queue, leaving)]

    def _is_kept(self, place: Place, queue: Queue, leaving: Set[str]) -> bool:
        return is_behind(place, queue, self._view.now_us, leaving, self._passing(place, queue))

    def _passing(self, place: Place, queue: Queue) -> set[str]:
        """Return the subjects on which somebody ahead of a place waits for its agent, so that it isn't kept there."""
        names = names_in(place, self._view)
        found: set[str] = set()
        for subject in place.subjects:
            first = self._first_waiting(subject, queue)
            if any(name in first and first[name] < place.order for name in names):
                found.add(subject)
        return found

    def _first_waiting(self, subject: str, queue: Queue) -> dict[str, Order]:
        """Return for each name the first place on a subject that waits for it."""
        known = self._waited.get(subject)
        if known is None:
            known = self._waited[subject] = {}
            for place in queue.on(subject):
                if place.expires > self._view.now_us:
                    for name in place.to:
                        known.setdefault(name, place.order)
        return known

    def is_due(self, place: Place) -> bool:
        """Tell whether a try is worth it now."""
        self._view.asked = 0  # Each is looked at for itself, as it would be judged.
        tried = self._tries.get(place.ticket)
        try:
            if tried is not None and tried.next_us > self._view.now_us and not self._has_moved(place, tried.revision):
                return False
            ticket = self._view.record(refs.split(place.ticket))
            return self._is_judged_otherwise(ticket, tried) or self.has_come(ticket)
        except TooBroad:
            return True  # Judging it says so, to whom it concerns.

    def _is_judged_otherwise(self, ticket: RecordState, tried: Try | None) -> bool:
        """Tell whether the definition has changed since a ticket was judged: other rules, other checks, other modes."""
        judged = max(ticket.revision, 0 if tried is None else tried.revision)
        return self._view.kind_revisions.get(DEFINITION, 0) > judged

    def has_come(self, ticket: RecordState) -> bool:
        """Tell whether everything that a ticket waits for seems to be over, or is a rule that was reworded."""
        values = ticket.values
        causes = [_cause(key) for key in values.get("findings", ())]
        if any(cause.gate == "rule" and (cause.code, cause.digest) not in self._wordings for cause in causes):
            return True
        return all(self._holds(until, values["agent"]) for until in values.get("until", ())) and not any(
            self._is_held(cause, ticket) for cause in causes
        )

    def next_try(self, place: Place) -> Try:
        """Return the note of a try that came too early: each one puts the next off for twice as long."""
        self._view.asked = 0
        tried = self._tries.get(place.ticket)
        is_first = tried is None or self._has_moved(place, tried.revision)
        count = 1 if tried is None or is_first else min(tried.count + 1, _LONGEST_STEP)
        pause_s = min(limits.TRY_AGAIN_S * 2 ** (count - 1), limits.TRY_AGAIN_MOST_S)
        return Try(count, self._view.revision, self._view.now_us + round(pause_s * SECOND_US))

    def _has_moved(self, place: Place, revision: int) -> bool:
        """Tell whether something has happened since that may let a place go: to a subject, or to the definition."""
        return self._view.kind_revisions.get(DEFINITION, 0) > revision or any(
            self._view.record(refs.split(subject)).revision > revision for subject in place.subjects
        )

    def _holds(self, until: str, agent: str) -> bool:
        subject, _, rule = until.partition("|")
        return holds_until(self._view.compiled, rule, subject or None, self._view, agent=agent)

    def _is_held(self, cause: _Cause, ticket: RecordState) -> bool:
        if cause.gate == "lease":
            return self._is_leased(cause.subject, ticket)
        if cause.gate == "override" and (ref := refs.parse(cause.digest)) is not None:
            override = self._view.record(ref)
            return override.is_live and parse_time(override.values["expires_at"]) > self._view.now_us
        return False

    def _is_leased(self, subject: str, ticket: RecordState) -> bool:
        """Tell whether those for whom a ticket waits hold a subject; where others do by now, it is to be told so.

        Only then is it seen whether the wait for these would close a cycle (S31).
        """
        state = self._view.record((LEASE, key_of(subject)))
        if not state.is_live:
            return False
        written = (field.rpartition(".") for field in ticket.values.get("writes", ()))
        fields = frozenset(name for record, _, name in written if record == subject)
        line = line_of(state, self._view.now_us, self._view.renewal)
        own = ticket.values["agent"], run_behind(ticket.values["proposal"])
        others = {place.whose for place in line.holders if place.covers(fields)}.difference(own)
        return bool(others) and others.issubset(ticket.values.get("to", ()))


class _Cause(msgspec.Struct, frozen=True, gc=False):
    """Be what a ticket names of a finding: its code, its subject, and the rule's hash or the override."""

    code: str
    subject: str
    digest: str

    @property
    def gate(self) -> str:
        return self.code.partition(".")[0]


def _cause(key: str) -> _Cause:
    named, _, digest = key.rpartition("|")
    code, _, subject = named.partition("|")
    return _Cause(code, subject, digest)


# -- what was noted


def read_tries(noted: Mapping[str, str]) -> dict[str, Try]:
    """Return the tries noted so far, by ticket."""
    return {ticket: _decode(text) for ticket, text in noted.items()}


def write_tries(tries: Mapping[str, Try], known: Iterable[str], queue: Queue) -> dict[str, str | None]:
    """Return what to note: new tries, and that of tickets which wait no longer there is nothing to know."""
    over: dict[str, str | None] = {ticket: None for ticket in known if ticket not in queue.places}
    return over | {ticket: encode(tried).decode() for ticket, tried in tries.items()}


_decode = msgspec.json.Decoder(Try).decode
