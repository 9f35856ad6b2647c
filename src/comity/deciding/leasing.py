"""What becomes of a line: the transitions of ``$lease``, computed.

They hang on renewals and on the revision of the commit, which expressions don't see; so
the draft asks here instead of evaluating consequences. As everywhere, a transition that
may not happen is a finding, and who may cause it is asked by the gates.

Codes: ``lease.held``, ``lease.lapsed``, ``lease.full``, ``lease.taken``, ``lease.nothing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_age, format_time
from comity.deciding.lines import Line, Place, Renewed, places_of, subject_of
from comity.model.decisions import Finding
from comity.model.proposals import Emit
from comity.model.records import Life
from comity.model.texts import listed

_SHOWN: Final = 3


class Moment(msgspec.Struct, frozen=True, gc=False):
    """Be when a transition happens: store time, the revision that its commit gets, and what renewals are noted."""

    now_us: int
    revision: int
    renewed: Renewed

    def after(self, seconds: int) -> str:
        """Return the time so many seconds later."""
        return format_time(self.now_us + seconds * SECOND_US)


class Transit(msgspec.Struct, frozen=True, gc=False):
    """Be what a computed transition makes of a record: its fields, and its life."""

    fields: dict[str, Any]
    life: Life


class NotNow(Exception):
    """Carry the finding why a transition may not happen."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


def transit(key: str, values: Mapping[str, Any], change: Emit, agent: str, moment: Moment) -> Transit:
    """Return what a transition makes of the lease record of that key; raises NotNow."""
    line = Line(places_of(values), moment.now_us, moment.renewed)
    turn = _Turn(subject_of(key), line, agent, moment)
    places = _TRANSITIONS[change.event](turn, change.data)
    settled = _settle(places, line, moment)
    fields = {
        "subject": turn.subject,
        "held": sum(place.claimed is not None for place in settled),
        "waiting": sum(place.claimed is None for place in settled),
        "line": msgspec.to_builtins(settled),
    }
    return Transit(fields, "live" if settled else "archived")


def _settle(places: list[Place], before: Line, moment: Moment) -> list[Place]:
    """Return the places that still count, each that has its turn with the time since when."""
    line = Line(places, moment.now_us, moment.renewed)
    return [_stamp(place, line, before, moment.now_us) for place in places if not line.is_over(place)]


def _stamp(place: Place, line: Line, before: Line, now_us: int) -> Place:
    """Return a place with the time since when it has its turn: who was in the way until now leaves no trace."""
    turn = before.turn_of(place) or now_us
    stamp = format_time(turn) if line.turn_of(place) is not None else None
    return place if place.turn_at == stamp else replace(place, turn_at=stamp)


class _Turn:
    """Be one transition of one line, by one agent."""

    def __init__(self, subject: str, line: Line, agent: str, moment: Moment) -> None:
        self.subject = subject
        self.line = line
        self.agent = agent
        self.moment = moment

    def join(self, data: Mapping[str, Any]) -> list[Place]:
        """Add a place in line."""
        return [*self._others(data["hold"]), self._place(data, self.moment.after(data["wait_s"]))]

    def take(self, data: Mapping[str, Any]) -> list[Place]:
        """Add a place that is claimed at once."""
        others, place = self._others(data["hold"]), self._place(data, self.moment.after(1))
        return [*others, self._claim(place, Line((*others, place), self.moment.now_us, self.moment.renewed))]

    def claim(self, data: Mapping[str, Any]) -> list[Place]:
        """Turn one's place in line into a lease."""
        place = self._own(data["hold"], is_claimed=False)
        claimed = self._claim(place, self.line)
        return [claimed if one is place else one for one in self.line.places]

    def release(self, data: Mapping[str, Any]) -> list[Place]:
        """Give up one's lease."""
        return self._without(self._own(data["hold"], is_claimed=True))

    def leave(self, data: Mapping[str, Any]) -> list[Place]:
        """Give up one's place in line, over or not."""
        return self._without(self._own(data["hold"], is_claimed=False, is_over_too=True))

    def break_(self, data: Mapping[str, Any]) -> list[Place]:
        """End somebody's lease, or place in line."""
        place = self.line.find(data["hold"])
        if place is None:
            raise NotNow(self._finding("lapsed", f"{self.subject} is not leased under {data['hold'][:64]!r}."))
        return self._without(place)

    def expire(self, data: Mapping[str, Any]) -> list[Place]:
        """Clear away what is over; settling does it."""
        if not any(map(self.line.is_over, self.line.places)):
            raise NotNow(self._finding("nothing", f"Nothing in the line of {self.subject} has expired."))
        return list(self.line.places)

    def _others(self, hold: str) -> list[Place]:
        """Return the places beside which one of this hold may be added; one of its own that is over makes room."""
        former = self.line.find(hold)
        if former is not None and not (former.agent == self.agent and self.line.is_over(former)):
            raise NotNow(self._finding("taken", f"The line of {self.subject} has a place of this hold already."))
        others = [place for place in self.line.places if place is not former]
        if len(others) >= limits.LEASE_PLACES:
            message = f"{limits.LEASE_PLACES} hold {self.subject} or wait for it already."
            raise NotNow(self._finding("full", message, "Try again later."))
        own = sum(1 for place in others if place.agent == self.agent and not self.line.is_over(place))
        if own >= limits.LEASE_PLACES_PER_AGENT:
            message = f"You hold {self.subject} or wait for it {own} times already."
            raise NotNow(self._finding("full", message, "Leave the line where you no longer mean it."))
        return others

    def _place(self, data: Mapping[str, Any], deadline: str) -> Place:
        return Place(
            hold=data["hold"],
            agent=self.agent,
            joined_at=format_time(self.moment.now_us),
            ttl_s=data["ttl_s"],
            exclusive=data.get("exclusive", True),
            fields=tuple(data.get("fields", ())),
            priority=data.get("priority", 0),
            breakable_by=tuple(data.get("breakable_by", ())),
            deadline=deadline,
        )

    def _claim(self, place: Place, line: Line) -> Place:
        """Return a place as a lease, if its turn has come."""
        if line.turn_of(place) is None:
            raise NotNow(held(self.subject, line.blockers_of(place), line))
        expires = self.moment.after(place.ttl_s)
        return replace(place, claimed=self.moment.revision, expires_at=expires, deadline=None, turn_at=None)

    def _own(self, hold: str, *, is_claimed: bool, is_over_too: bool = False) -> Place:
        """Return the agent's own place of a hold; raises NotNow, telling of one that it has lost as lapsed."""
        place = self.line.find(hold)
        is_own = place is not None and place.agent == self.agent and (place.claimed is not None) == is_claimed
        if place is not None and is_own and (is_over_too or not self.line.is_over(place)):
            return place
        raise NotNow(lapsed(self.subject, self.line, "lease" if is_claimed else "place in line"))

    def _without(self, place: Place) -> list[Place]:
        return [one for one in self.line.places if one is not place]

    def _finding(self, reason: str, message: str, remedy: str = "Look at the line: 'comity leases list'.") -> Finding:
        return Finding(f"lease.{reason}", message, self.subject, remedy=remedy)


_TRANSITIONS: Final[dict[str, Callable[[_Turn, Mapping[str, Any]], list[Place]]]] = {
    "taken": _Turn.take,
    "joined": _Turn.join,
    "claimed": _Turn.claim,
    "released": _Turn.release,
    "left": _Turn.leave,
    "broken": _Turn.break_,
    "expired": _Turn.expire,
}


# -- in words


def held(subject: str, places: list[Place], line: Line) -> Finding:
    """Return that a subject is held by others, or that others are before one in line."""
    holders = [place for place in places if place.claimed is not None]
    what = f"is held by {who(holders, line)}" if holders else f"has {who(places, line)} before you in line"
    return Finding(
        "lease.held",
        f"{subject} {what}.",
        subject,
        remedy="Take a place in line (lease with wait=…), or try again later.",
        data={
            "to": list(dict.fromkeys(place.whose for place in holders or places)),
            "until": format_time(max(map(line.end_of, holders or places))),
        },
    )


def lapsed(subject: str, line: Line, what: str = "lease") -> Finding:
    """Return that a lease, or a place in line, counts no longer (or never did), and who has the subject now."""
    holders = line.holders
    now = f"it is held by {who(holders, line)}" if holders else "nobody holds it now"
    return Finding(
        "lease.lapsed",
        f"You have no current {what} on {subject}; {now}.",
        subject,
        remedy="Stop what you were doing under it, take it anew, and read again before you decide.",
        data={"holders": list(dict.fromkeys(place.agent for place in holders))},
    )


def who(places: list[Place], line: Line) -> str:
    """Return who holds a subject or waits for it, and until when, in words."""
    return listed([_one(place, line) for place in places], _SHOWN)


def _one(place: Place, line: Line) -> str:
    if place.claimed is None:
        return place.agent
    end = line.end_of(place)
    how = "" if place.exclusive else "shared, "
    return f"{place.agent} ({how}until {format_time(end)}, in {format_age(end - line.now_us)})"
