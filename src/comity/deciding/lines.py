"""Lines: who holds a record or a named resource, who is next, and who waits for whom.

Everything follows from the places in a lease's record, the renewals that were noted (S18),
and the time. Of those who wait, the higher priority comes first, then who came first; a
place's turn has come when nobody is in its way any more: no holder, and nobody before it
with whom it can't share. Whoever has the turn must claim it within ``limits.CLAIM_S``;
then it is in nobody's way any more, and the next may pass it, though it may still claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.model import refs
from comity.model.flows import address_of
from comity.model.records import RecordState

NAMED: Final = "name:"
"""How subjects begin that are no records, but names on which agents agree."""
TOPIC: Final = "lease"
"""Under which renewals are noted: by :attr:`Place.renewal`, the time until when, in microseconds."""
CLAIM_US: Final = limits.CLAIM_S * SECOND_US

_NEAR: Final = 4
"""Who has no more than so many ahead may be next any moment."""

_REST_S: Final = 0.005
"""For each who is ahead of one that isn't near: about what the shortest turns take."""

_time: Final = lru_cache(4_096)(parse_time)
"""The same few times are read again and again: by everybody who waits, whenever a line has moved."""

Renewed = Callable[[str], str | None]
"""Return what was noted of a lease, by its :attr:`Place.renewal`."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Be a place in the line of one subject.

    ``hold`` is the lease's id, the same for all that is taken together. ``fields`` are those
    that it blocks (empty: all). A place in line is kept until ``deadline``, and has its turn
    since ``turn_at``; one that was ``claimed`` (at this revision) is a lease, good until
    ``expires_at`` unless it was renewed.
    """

    hold: str
    agent: str
    joined_at: str
    ttl_s: int
    exclusive: bool = True
    fields: tuple[str, ...] = ()
    priority: int = 0
    breakable_by: tuple[str, ...] = ()
    deadline: str | None = None
    turn_at: str | None = None
    claimed: int | None = None
    expires_at: str | None = None

    @property
    def renewal(self) -> str:
        """Return the name under which renewals are noted: of this lease, not of another one of the same hold."""
        return f"{self.hold}@{self.claimed}"

    @property
    def whose(self) -> str:
        """Return for whom one waits who waits for this to end: its agent, or the run of a workflow that holds it."""
        return address_of(self.hold) if self.agent == refs.SYSTEM_AGENT else self.agent

    def covers(self, changed: Set[str] | None) -> bool:
        """Tell whether it blocks one of these fields; None stands for all there are."""
        return not self.fields or changed is None or not changed.isdisjoint(self.fields)

    def excludes(self, other: Place) -> bool:
        """Tell whether the two can't hold at the same time."""
        return (self.exclusive or other.exclusive) and self.covers(frozenset(other.fields) or None)


class Line:
    """Show the places of one subject as they are at one moment."""

    def __init__(self, places: Sequence[Place], now_us: int, renewed: Renewed) -> None:
        self.places = tuple(places)
        self._claimed = [place for place in self.places if place.claimed is not None]
        self.now_us = now_us
        self._renewed = renewed

    @property
    def holders(self) -> list[Place]:
        """Return those who hold it now."""
        return [place for place in self._claimed if not self.is_over(place)]

    @property
    def waiting(self) -> list[Place]:
        """Return those who wait for it, in the order in which their turn comes."""
        return [place for place in self._order() if not self.is_over(place)]

    def find(self, hold: str) -> Place | None:
        """Return the place of a hold, over or not."""
        return next((place for place in self.places if place.hold == hold), None)

    def end_of(self, place: Place) -> int:
        """Return when a place ends unless something happens: a lease's expiry, a waiting one's deadline."""
        end = _told_end(place)
        noted = None if place.claimed is None else self._renewed(place.renewal)
        return end if noted is None else max(end, int(noted))

    def is_over(self, place: Place) -> bool:
        """Tell whether a place counts no longer: expired is ``end <= now`` (S6)."""
        # A renewal only prolongs, so it needn't be looked up as long as the record itself says enough.
        return _told_end(place) <= self.now_us and self.end_of(place) <= self.now_us

    def turn_of(self, place: Place) -> int | None:
        """Return since when a waiting place has its turn, or None where it hasn't."""
        turn = self._turns.get(place.hold)
        if turn is None or any(one.excludes(place) and self.end_of(one) > self.now_us for one in self._claimed):
            return None
        return turn

    def blockers_of(self, place: Place) -> list[Place]:
        """Return those for whom a waiting place waits."""
        before = list(self._claimed)
        for other in self._order():
            if other is place:
                break
            before.append(other)
        return [other for other in before if other.excludes(place) and self._until(other, self._turns) > self.now_us]

    def next_ahead(self) -> Iterator[tuple[Place, list[str]]]:
        """Yield each who waits, in order, with whom it waits for, agents or runs: of those in its way the nearest.

        For whom these wait in turn, it waits too: so a long line has few of them.
        """
        nearest = list(self._claimed)
        found: dict[str, dict[str, None]] = {}
        for place in self._order():
            ways: dict[str, None] = {}
            for other in nearest:
                if other.excludes(place) and self._until(other, self._turns) > self.now_us:
                    is_own = other.whose == place.whose
                    ways |= found.get(other.hold, {}) if is_own else {other.whose: None}
            found[place.hold] = ways
            if self._until(place, self._turns) <= self.now_us:
                continue
            yield place, list(ways)
            # All before it are in the way of one that shares nothing, as it is in the way of all behind it.
            nearest = [place] if place.exclusive and not place.fields else [*nearest, place]

    def next_change(self) -> int | None:
        """Return the time at which the line may move by itself, or None."""
        times = [self.end_of(place) for place in self.places]
        times += [turn + CLAIM_US for turn in self._turns.values()]
        return min((time for time in times if time > self.now_us), default=None)

    def _order(self) -> list[Place]:
        return sorted((place for place in self.places if place.claimed is None), key=lambda place: -place.priority)

    @cached_property
    def _turns(self) -> dict[str, int]:
        """Return since when places have their turn, by their holds."""
        turns: dict[str, int] = {}
        before = [(place, self.end_of(place)) for place in self._claimed]
        for place in self._order():
            turn = self._turn(place, before)
            if turn is not None and not self.is_over(place):
                turns[place.hold] = turn
            before.append((place, self._until(place, turns)))
        return turns

    def _turn(self, place: Place, before: Iterable[tuple[Place, int]]) -> int | None:
        """Return since when nobody of those before a place is in its way, or None where somebody is."""
        turn = _time(place.joined_at)
        for other, until in before:
            if other.excludes(place):
                if until > self.now_us:
                    return None
                turn = max(turn, until)
        return _time(place.turn_at) if place.turn_at else turn

    def _until(self, other: Place, turns: Mapping[str, int]) -> int:
        """Return until when a place is in the way of those behind it."""
        end, turn = self.end_of(other), turns.get(other.hold)
        return end if turn is None else min(end, turn + CLAIM_US)


def _told_end(place: Place) -> int:
    """Return when a place ends as far as its record tells."""
    return _time(place.expires_at or place.deadline or place.joined_at)


def rest_in_line(ahead: int) -> float:
    """Return for how many seconds one who waits needn't look at the line: the longer, the more are ahead.

    A crowd whose every member looks at every commit has no time left for the one whose turn it is.

    >>> rest_in_line(3), rest_in_line(60)
    (0.0, 0.3)
    """
    return ahead * _REST_S if ahead > _NEAR else 0.0


# -- names and tokens


def key_of(subject: str) -> str:
    """Return the id of a subject's lease record.

    Raises InvalidReference for what is neither a record nor ``name:…``.

    >>> key_of("customer/acme"), key_of("name:printer")
    ('customer~acme', 'name:printer')
    """
    if subject.startswith(NAMED):
        refs.split(f"name/{subject.removeprefix(NAMED)}")
        return subject
    kind, name = refs.split(subject)
    return f"{kind}~{name}"


def subject_of(key: str) -> str:
    """Return what a lease record is about.

    >>> subject_of("customer~acme"), subject_of("name:printer")
    ('customer/acme', 'name:printer')
    """
    return key if key.startswith(NAMED) else key.replace("~", "/", 1)


def token_of(incarnation: str, place: Place) -> str:
    """Return the fencing token of a lease: the revision at which it was claimed, in this life of the base (S33)."""
    return f"{incarnation}:{place.claimed}"


def line_of(state: RecordState, now_us: int, renewed: Renewed) -> Line:
    """Return the line that a lease record holds; empty where there is none."""
    return Line(places_of(state.values), now_us, renewed)


def places_of(values: Mapping[str, Any]) -> list[Place]:
    """Return the places that the values of a lease record hold."""
    return msgspec.convert(values.get("line", []), list[Place])


# -- who waits for whom


class LeaseEdge(msgspec.Struct, frozen=True, gc=False):
    """Be one wait under ``hold``: ``agent`` waits for ``waits_for``, who has ``subject``, or is next before it.

    Who has it may be a run of a workflow.
    """

    agent: str
    waits_for: str
    subject: str
    hold: str


def lease_edges(states: Iterable[RecordState], now_us: int, renewed: Renewed) -> Iterator[LeaseEdge]:
    """Yield who waits for whom in these lease records, for the graph of all waits (S31)."""
    for state in states:
        subject = subject_of(state.id)
        for place, others in line_of(state, now_us, renewed).next_ahead():
            for other in others:
                yield LeaseEdge(place.agent, other, subject, place.hold)
