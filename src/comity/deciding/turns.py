"""Turns: who is ahead of a proposal in line, and what its own place is (S32)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from heapq import merge
from itertools import takewhile
from typing import Any, Final

from comity import limits
from comity.deciding.case import Case
from comity.deciding.overrides import in_force, is_paused
from comity.deciding.queues import BEHIND, Order, Place, Queue, is_in_line, place_of, run_behind, writes_of
from comity.deciding.tickets import addressees, ticket_id
from comity.deciding.view import View
from comity.model import refs
from comity.model.built_in import QUEUE
from comity.model.decisions import Finding
from comity.model.definition import AgentDefinition
from comity.model.records import RecordState

_NOWHERE: Final = Queue()
_DRAFTED: Final = b"queue drafted"
"""Under which a view keeps what its batch did to tickets in line."""


def line_of(view: View, subject: str) -> Iterator[Place]:
    """Yield who waits on a subject, in order; those whose time is over don't count, nor those who are paused.

    Whoever is paused keeps nobody waiting, and has its place again when it isn't any more.
    """
    places: Iterable[Place] = _stored(view).on(subject)
    drafted = _drafted(view)
    if drafted.tickets:
        kept = (place for place in places if place.ticket not in drafted.tickets)
        places = merge(kept, drafted.queue.on(subject), key=_order)
    return _counting(places, view)


def _counting(places: Iterable[Place], view: View) -> Iterator[Place]:
    """Yield those of some places that count: whose time isn't over, and who aren't paused."""
    waiting = (place for place in places if place.expires > view.now_us)
    if not in_force(view).has_pauses:
        return waiting
    return (place for place in waiting if not is_paused(place.agent, view))


def places_of(view: View, agent: str) -> list[Place]:
    """Return the places in line of an agent."""
    drafted = _drafted(view)
    kept = (place for ticket, place in _stored(view).of(agent).items() if ticket not in drafted.tickets)
    return [place for place in (*kept, *drafted.queue.of(agent).values()) if place.expires > view.now_us]


def place_count(view: View, agent: str) -> int:
    """Return how many places an agent has; they are counted one by one only where they may be too many."""
    stored, drafted = _stored(view).of(agent), _drafted(view).queue.of(agent)
    most = len(stored) + len(drafted)
    return most if most < limits.TICKETS_PER_AGENT else len(places_of(view, agent))


def place_under(view: View, ticket: str) -> Place | None:
    """Return the place that a ticket stands for, or None where nobody waits under it any more."""
    state = view.record(refs.split(ticket))
    place = place_of(state) if is_in_line(state) else None
    return place if place is not None and place.expires > view.now_us else None


def waiting_count(view: View) -> int:
    """Return how many tickets stand in line, those included whose time is over, as long as nobody told so."""
    stored, drafted = _stored(view).places, _drafted(view)
    return len(stored) - len(stored.keys() & drafted.tickets.keys()) + len(drafted.queue)


def is_anyone_waiting_for(view: View, names: Iterable[str]) -> bool:
    """Tell whether somebody in line may wait for one of these names; that nobody does is certain."""
    stored, drafted = _stored(view), _drafted(view).queue
    return any(stored.is_waited_for(name) or drafted.is_waited_for(name) for name in names)


def is_anyone_behind(place: Place, view: View) -> bool:
    """Tell whether somebody in line may be behind a place; that nobody is is certain."""
    for subject in place.subjects:
        for line in (_stored(view).on(subject), _drafted(view).queue.on(subject)):
            if line and line[-1].order > place.order:
                return True
    return False


def ahead_of(place: Place, view: View, subject: str) -> Iterator[Place]:
    """Yield who is ahead of a place on a subject and wants the same, in order."""
    drafted = _drafted(view)
    kept = (one for one in _stored(view).competing(place, subject) if one.ticket not in drafted.tickets)
    for other in _counting(merge(kept, drafted.queue.competing(place, subject), key=_order), view):
        if other.order >= place.order:
            return
        if other.ticket != place.ticket:
            yield other


def is_waited_for(place: Place, names: Set[str], view: View, subject: str) -> bool:
    """Tell whether anybody ahead of a place on a subject waits for one of these names: then it isn't kept there."""
    stored, drafted = _stored(view), _drafted(view)
    for name in names:
        kept = (one for one in stored.waiting_for(name, subject) if one.ticket not in drafted.tickets)
        for line in (kept, drafted.queue.waiting_for(name, subject)):
            ahead = takewhile(lambda other: other.order < place.order, line)
            if any(other.ticket != place.ticket and other.expires > view.now_us for other in ahead):
                return True
    return False


def next_ahead(line: Iterable[Place], names_in: Callable[[Place], Set[str]]) -> dict[str, list[str]]:
    """Return for each place of a line, by its ticket, the next ones ahead of it that want the same.

    Behind whom these are, it is too, so that a long line has few such pairs. One whose
    agent somebody ahead waits for isn't kept in the line, and keeps nobody else there.
    """
    found: dict[str, list[str]] = {}
    waited: set[str] = set()
    ends = _Ends()
    for place in line:
        is_kept = waited.isdisjoint(names_in(place))
        found[place.ticket] = ends.before(place) if is_kept else []
        ends.append(place, is_kept=is_kept)
        waited.update(place.to)
    return found


class _Ends:
    """Hold the last places of a line for each thing that one can want, behind which the next one comes.

    That is one place, and those after it that are kept behind nobody.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}
        self._whole: dict[str, dict[str, None]] = {}
        self._touching: dict[str, dict[str, None]] = {}

    def before(self, place: Place) -> list[str]:
        """Return the tickets behind which a place comes."""
        found: dict[str, None] = {}
        for ends, wanted in (
            (self._of, _wanted(place)),
            (self._whole, place.writes.records),
            (self._touching, place.writes.whole),
        ):
            for name in sorted(wanted):
                found |= ends.get(name, {})
        return [*found]

    def append(self, place: Place, *, is_kept: bool) -> None:
        """Take the place that comes next."""
        for ends, names, is_end in (
            (self._of, _wanted(place), is_kept),
            (self._whole, place.writes.whole, is_kept),
            (self._touching, place.writes.records - place.writes.whole, False),
            (self._touching, place.writes.whole, is_kept),
        ):
            for name in names:
                if is_end:
                    ends[name] = {place.ticket: None}
                else:
                    ends.setdefault(name, {})[place.ticket] = None


def _wanted(place: Place) -> frozenset[str]:
    """Return what of a place any other one may have as well: its action, what stands in its way, and what it writes."""
    action = () if place.action is None else (f"action {place.action}",)
    return place.writes.fields.union(place.causes, action)


def names_of(agent: AgentDefinition) -> frozenset[str]:
    """Return the names by which others wait for an agent: its own, and its role."""
    return frozenset({agent.name, agent.role})


def names_in(place: Place, view: View) -> frozenset[str]:
    """Return the names by which others wait for whoever has a place: for a step of a workflow also for its run."""
    names = names_of(view.agent(place.agent))
    return names if place.run is None else names | {place.run}


def place_in(case: Case) -> Place:
    """Return where a proposal stands: where its ticket has it, or behind all of its priority who wait."""
    ticket = (QUEUE, ticket_id(case.proposal.id))
    state = case.view.record(ticket)
    # An id is known for longer than a ticket can wait: one that has expired may be of an earlier life of the id.
    if state.version and (place := place_of(state)).expires > case.view.now_us:
        return place
    return Place(
        ticket="/".join(ticket),
        agent=case.agent.name,
        order=(-case.proposal.priority, limits.INTEGER_MAX, ""),
        expires=limits.INTEGER_MAX,
        action=case.proposal.action,
        writes=writes_of(fields_of(case)),
        run=run_behind(case.proposal.id) if case.caller.known == "workflow" else None,
    )


def fields_of(case: Case) -> list[str]:
    """Return the fields that a proposal would change."""
    return list(dict.fromkeys(f"{'/'.join(one.ref)}.{field}" for one in case.draft.events for field in one.changed()))


def terms_of(case: Case, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what a ticket in line says beside what every ticket says: all that it waits for, and what it touches."""
    open_ = [finding for finding in findings if finding.severity == "queue"]
    named = ["/".join(ref) for ref in case.subjects]
    found = [finding.subject for finding in open_ if finding.subject and refs.parse(finding.subject)]
    causes = [finding for finding in open_ if finding.code != BEHIND]
    return {
        "priority": max([case.proposal.priority, *(finding.data.get("priority", 0) for finding in causes)]),
        "to": list(dict.fromkeys(name for finding in causes for name in addressees(finding))),
        "subjects": list(dict.fromkeys([*named, *found])),
        "writes": fields_of(case),
        "until": [f"{one.data.get('until_subject', '')}|{one.data['rule']}" for one in causes if _has_end(one)],
        "findings": [f"{one.code}|{one.subject or ''}|{one.data.get('hash', '')}" for one in open_],
    }


def _has_end(finding: Finding) -> bool:
    """Tell whether a finding is of a rule that says when it no longer keeps anyone."""
    return finding.data.keys() >= {"rule", "until"}


def _stored(view: View) -> Queue:
    return view.queue() if QUEUE in view.kind_revisions else _NOWHERE


class _Drafted:
    """Hold what a batch did to tickets in line: ``tickets`` are those that it opened or changed, by their names.

    It follows what the view shows, instead of being made anew at each look.
    """

    __slots__ = ("_seen", "_states", "queue", "tickets")

    def __init__(self) -> None:
        self._seen: tuple[object, int] | None = None
        self._states: dict[str, RecordState] = {}
        self.queue = Queue()
        self.tickets: dict[str, str] = {}

    def follow(self, view: View) -> None:
        """Take what the view shows by now."""
        # While a ticket is being answered the view shows states that may come to nothing: by another ``drafted``.
        if self._seen is not None and self._seen[0] is view.drafted and self._seen[1] == view.revision:
            return
        changed = view.changed(QUEUE)
        for name in self._states.keys() - changed.keys():
            ticket = self._states.pop(name).ref
            self.queue.drop(ticket)
            del self.tickets[ticket]
        for name, state in changed.items():
            if self._states.get(name) is not state:
                self._states[name] = state
                self.tickets[state.ref] = name
                self.queue.take(state)
        self._seen = view.drafted, view.revision


_UNTOUCHED: Final = _Drafted()


def _drafted(view: View) -> _Drafted:
    """Return the tickets in line that the batch has opened or changed."""
    if not view.changed(QUEUE):
        return _UNTOUCHED
    drafted: _Drafted = view.facts.setdefault(_DRAFTED, _Drafted())
    drafted.follow(view)
    return drafted


def _order(place: Place) -> Order:
    return place.order
