"""The queue as gates look at it: proposals that wait for their turn, by subject and in order (S32).

Those of higher priority come first, then those that came first. A place is read off its
ticket, the ``$queue`` record, and is kept however often what waits is judged afresh.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from comity.clock import parse_time
from comity.model.flows import address_of, run_of
from comity.model.records import LIFE, RecordState

Order = tuple[int, int, str]
"""Where a proposal stands in line: the smaller, the sooner."""

BEHIND: Final = "queue.behind"
"""The code of the finding that somebody is ahead."""

_WHOLE: Final = f".{LIFE}"
_NOWHERE: Final[Mapping[str, Sequence[Any]]] = {}


class Writes(msgspec.Struct, frozen=True, gc=False):
    """Be what a proposal would change: fields, as kind/id.field, and records, ``whole`` where their existence is."""

    fields: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()

    def overlap(self, other: Writes) -> bool:
        """Tell whether the two would change the same."""
        return not (
            self.fields.isdisjoint(other.fields)
            and self.whole.isdisjoint(other.records)
            and self.records.isdisjoint(other.whole)
        )


def writes_of(fields: Iterable[str]) -> Writes:
    """Return what changing these fields is.

    >>> writes_of(["task/a.n"]).overlap(writes_of(["task/a.$life"]))
    True
    """
    named = frozenset(fields)
    whole = frozenset(field.removesuffix(_WHOLE) for field in named if field.endswith(_WHOLE))
    return Writes(named, whole, frozenset(field.rpartition(".")[0] for field in named))


class Place(msgspec.Struct, frozen=True, gc=False):
    """Be a proposal that waits, with what tells whether another one competes with it.

    ``writes`` is what it would change, ``causes`` what stands in its way. ``to`` names those
    whom it waits for: agents or roles, or runs of workflows; ``run`` is the one whose step it is.
    """

    ticket: str
    agent: str
    order: Order
    expires: int
    to: tuple[str, ...] = ()
    action: str | None = None
    subjects: tuple[str, ...] = ()
    writes: Writes = Writes()
    causes: frozenset[str] = frozenset()
    run: str | None = None

    def competes(self, other: Place) -> bool:
        """Tell whether the two want the same: by action, by what stands in their way, or by what they change."""
        return (
            (self.action is not None and self.action == other.action)
            or not self.causes.isdisjoint(other.causes)
            or self.writes.overlap(other.writes)
        )


def place_of(ticket: RecordState) -> Place:
    """Return the place that a ticket stands for."""
    values = ticket.values
    return Place(
        ticket=ticket.ref,
        agent=values["agent"],
        order=(-values.get("priority", 0), ticket.blame.get("opened_at", ticket.revision), ticket.id),
        expires=parse_time(values["expires_at"]),
        to=tuple(values.get("to", ())),
        action=values.get("action"),
        subjects=tuple(values.get("subjects", ())),
        causes=frozenset(map(cause_of, _keys(values))),
        writes=writes_of(values.get("writes", ())),
        run=run_behind(values["proposal"]),
    )


def run_behind(proposal: str) -> str | None:
    """Return the address of the run that a proposal is a step of; None for any other.

    >>> run_behind("flow~offboard~1f~step0~2")
    '$workflow/offboard~1f'
    """
    run = run_of(proposal)
    return None if run is None else address_of(run)


def same_terms(terms: Mapping[str, Any], former: Mapping[str, Any]) -> bool:
    """Tell whether a ticket still waits for the same; who is ahead of it is not a part of that."""
    names = ("to", "until")
    return all(terms[name] == former.get(name, []) for name in names) and _keys(terms) == _keys(former)


def _keys(values: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key in values.get("findings", ()) if not key.startswith(BEHIND))


def cause_of(key: str) -> str:
    """Return what the key of a finding names: code and subject, however its rule is worded by now.

    >>> cause_of("rule.support_first|customer/acme|5f2c")
    'rule.support_first|customer/acme'
    """
    return key.rpartition("|")[0]


def is_in_line(ticket: RecordState) -> bool:
    """Tell whether a ticket stands in line; one that has expired does until somebody tells so."""
    return ticket.is_live and ticket.values.get("state") == "waiting"


class Queue:
    """Hold all places in line, as of one moment. Whoever made it brings it up to date by :meth:`take`."""

    def __init__(self, tickets: Iterable[RecordState] = ()) -> None:
        self.places: dict[str, Place] = {}
        self._by_subject: dict[str, list[Place]] = {}
        self._by_agent: dict[str, dict[str, Place]] = {}
        self._by_name: dict[str, dict[str, list[Place]]] = {}
        for ticket in tickets:
            self.take(ticket)

    def __len__(self) -> int:
        return len(self.places)

    def on(self, subject: str) -> Sequence[Place]:
        """Return who waits on a subject, in order."""
        return self._by_subject.get(subject, ())

    def of(self, agent: str) -> Mapping[str, Place]:
        """Return the places of an agent, by their tickets."""
        return self._by_agent.get(agent, {})

    def waiting_for(self, name: str, subject: str) -> Sequence[Place]:
        """Return who waits on a subject for an agent or a role of that name, in order."""
        return self._by_name.get(name, _NOWHERE).get(subject, ())

    def is_waited_for(self, name: str) -> bool:
        """Tell whether anybody waits for an agent or a role of that name, on whatever subject."""
        return name in self._by_name

    def subjects(self) -> Iterator[str]:
        """Yield the subjects on which anybody waits."""
        yield from self._by_subject

    def take(self, ticket: RecordState) -> None:
        """Take what became of a ticket."""
        self.drop(ticket.ref)
        if is_in_line(ticket):
            place = self.places[ticket.ref] = place_of(ticket)
            self._by_agent.setdefault(place.agent, {})[place.ticket] = place
            for subject in place.subjects:
                insort(self._by_subject.setdefault(subject, []), place, key=_order)
            for name in place.to:
                lines = self._by_name.setdefault(name, {})
                for subject in place.subjects:
                    insort(lines.setdefault(subject, []), place, key=_order)

    def drop(self, ticket: str) -> None:
        """Forget a ticket, if it is known."""
        place = self.places.pop(ticket, None)
        if place is None:
            return
        of_agent = self._by_agent[place.agent]
        del of_agent[place.ticket]
        if not of_agent:
            del self._by_agent[place.agent]
        _take_out(place, self._by_subject)
        for name in place.to:
            _take_out(place, self._by_name[name])
            if not self._by_name[name]:
                del self._by_name[name]


def _take_out(place: Place, lines: dict[str, list[Place]]) -> None:
    """Take a place out of the line of each of its subjects."""
    for subject in place.subjects:
        line = lines[subject]
        del line[bisect_left(line, place.order, key=_order)]
        if not line:
            del lines[subject]


def _order(place: Place) -> Order:
    return place.order
