"""The queue as gates look at it: proposals that wait for their turn, by subject and in order (S32).

Those of higher priority come first, then those that came first. A place is read off its
ticket, the ``$queue`` record, and is kept however often what waits is judged afresh.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby, product
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

    def wants(self) -> Iterator[tuple[str, str]]:
        """Yield names of all that it wants, each with the subject in whose line it matters.

        Who competes with it has one of its :meth:`rivals` there. A field, or what stands in the way of one
        subject, matters in the line of that one alone, as whoever wants it waits there.
        """
        yield from ((field, field.rpartition(".")[0]) for field in self.writes.fields)
        yield from ((f"part {record}", record) for record in self.writes.records)
        yield from ((f"whole {record}", record) for record in self.writes.whole)
        if self.action is not None:
            yield from ((f"action {self.action}", subject) for subject in self.subjects)
        for cause in self.causes:
            about = cause.partition("|")[2]
            yield from ((cause, subject) for subject in ((about,) if about in self.subjects else self.subjects))

    def rivals(self, subject: str) -> Iterator[str]:
        """Yield names of what those want in the line of a subject who compete with it."""
        yield from (field for field in self.writes.fields if field.rpartition(".")[0] == subject)
        yield from self.causes
        if self.action is not None:
            yield f"action {self.action}"
        if subject in self.writes.records:
            yield f"whole {subject}"
        if subject in self.writes.whole:
            yield f"part {subject}"


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
        self._by_want: dict[str, dict[str, list[Place]]] = {}
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

    def competing(self, place: Place, subject: str) -> Iterator[Place]:
        """Yield those who wait on a subject and want the same as a place, in order, however many others wait."""
        lines = (self._by_want.get(name, _NOWHERE).get(subject, ()) for name in place.rivals(subject))
        return (one for one, _ in groupby(merge(*lines, key=_order)))

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
            for name, subject in _lines_of(place):
                insort(self._by_name.setdefault(name, {}).setdefault(subject, []), place, key=_order)
            for name, subject in place.wants():
                insort(self._by_want.setdefault(name, {}).setdefault(subject, []), place, key=_order)

    def drop(self, ticket: str) -> None:
        """Forget a ticket, if it is known."""
        place = self.places.pop(ticket, None)
        if place is None:
            return
        of_agent = self._by_agent[place.agent]
        del of_agent[place.ticket]
        if not of_agent:
            del self._by_agent[place.agent]
        _take_out(place, self._by_subject, place.subjects)
        for name, subject in _lines_of(place):
            _take_out_of(place, self._by_name, name, subject)
        for name, subject in place.wants():
            _take_out_of(place, self._by_want, name, subject)


def _lines_of(place: Place) -> Iterable[tuple[str, str]]:
    """Yield each of those whom a place waits for with each of its subjects."""
    return product(place.to, place.subjects)


def _take_out_of(place: Place, lines: dict[str, dict[str, list[Place]]], name: str, subject: str) -> None:
    _take_out(place, lines[name], (subject,))
    if not lines[name]:
        del lines[name]


def _take_out(place: Place, lines: dict[str, list[Place]], subjects: Iterable[str]) -> None:
    """Take a place out of the line of each of these subjects."""
    for subject in subjects:
        line = lines[subject]
        del line[bisect_left(line, place.order, key=_order)]
        if not line:
            del lines[subject]


def _order(place: Place) -> Order:
    return place.order
