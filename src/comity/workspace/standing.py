"""Standing in line: what an intent can do where others keep being faster.

Who repairs what was refused, and is refused again, may lose forever. With a place in line
it decides once more in its turn, on what nobody else can change meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from comity import limits
from comity.errors import ComityError, InvalidRequest, Refused
from comity.model import proposals, refs
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.proposals import AnyChange, Proposal, Read, Was
from comity.model.records import LIFE
from comity.model.texts import listed
from comity.operations import LeaseAnswer, ReleaseLease, TakeLease
from comity.workspace.lines import outlast
from comity.workspace.session import Session

TURN: Final = "1m"
"""How long a turn lasts: within it one decides again, while others wait."""

_PLACE: Final = "10m"
"""How long a place in line is kept for one who doesn't wait there, but looks now and then."""

_OVERTAKEN: Final = frozenset({"freshness.changed", "freshness.query_changed", "lease.held"})
"""The codes of what wouldn't have stood in the way, had it been this one's turn."""

_FIELDWISE: Final = (
    proposals.Set,
    proposals.Put,
    proposals.Add,
    proposals.Append,
    proposals.Include,
    proposals.Exclude,
)


class Wanted(msgspec.Struct, frozen=True):
    """Be what one stands in line for: records, and the fields of them; all, where none is named."""

    subjects: tuple[str, ...]
    fields: tuple[str, ...]

    def covers(self, other: Wanted) -> bool:
        """Tell whether who has this has the other too."""
        has_fields = not self.fields or (bool(other.fields) and set(self.fields).issuperset(other.fields))
        return has_fields and set(self.subjects).issuperset(other.subjects)


def wanted_of(proposal: Proposal, decision: Decision) -> Wanted | None:
    """Return what must be a proposal's alone so that it isn't refused for what others did, or hold, once more.

    These are the records that others changed or hold, and those that it changes itself, without
    what it holds already; of them the fields that it reads or writes. None where it wasn't
    refused for that alone, so that a place in line wouldn't help.
    """
    codes = {finding.code for finding in decision.refusals}
    met = [finding.subject for finding in decision.refusals if finding.subject and "/" in finding.subject]
    if decision.outcome != "refused" or not met or not codes <= _OVERTAKEN:
        return None
    written = (change.record for change in proposal.changes)
    records = [record for record in dict.fromkeys((*met, *written)) if not refs.is_built_in(record)]
    subjects = tuple(record for record in records if record not in proposal.leases)
    if not 0 < len(subjects) <= limits.LEASE_SUBJECTS:
        return None
    return Wanted(subjects, _fields_of(proposal, decision, subjects))


def _fields_of(proposal: Proposal, decision: Decision, subjects: Sequence[str]) -> tuple[str, ...]:
    """Return the fields of records of one kind that a proposal reads or writes; none where it may be any.

    An effect that concerns a record is about all of it.
    """
    is_concerned = any(effect.target in subjects for effect in proposal.effects)
    if is_concerned or len({refs.parts(subject)[0] for subject in subjects}) > 1:
        return ()
    named: dict[str, None] = {}
    for fields in (*_written(proposal.changes, subjects), *_read(proposal, subjects), *_moved(decision)):
        if fields is None or LIFE in fields:
            return ()
        named.update(dict.fromkeys(fields))
    return tuple(named)


def _written(changes: Iterable[AnyChange], subjects: Sequence[str]) -> Iterator[Iterable[str] | None]:
    for change in changes:
        if change.record in subjects:
            is_fieldwise = isinstance(change, _FIELDWISE) and not getattr(change, "replace", False)
            yield getattr(change, "fields", ()) if is_fieldwise else None


def _read(proposal: Proposal, subjects: Sequence[str]) -> Iterator[Iterable[str] | None]:
    for read in proposal.reads:
        if isinstance(read, (Read, Was)) and read.record in subjects:
            yield read.fields if isinstance(read, Read) else read.values


def _moved(decision: Decision) -> Iterator[Iterable[str]]:
    for finding in decision.refusals:
        yield [moved.field for moved in finding.moved]


class Standing:
    """Stand in line for an intent whose proposal was refused, until one is committed or the intent is over.

    ``place`` is its place in line, or the turn that came of it, which lasts for ``TURN``.
    """

    place: LeaseAnswer | None = None
    _asked: TakeLease | None = None
    _wanted = Wanted((), ())

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def is_turn(self) -> bool:
        """Tell whether its turn has come."""
        return self.place is not None and self.place.state == "held"

    def take(self, wanted: Wanted, wait: str) -> bool:
        """Wait in line as long as was said, and tell whether it is one's turn; with ``0s`` only take the place."""
        if parse_duration(wait) == 0:
            return self._ask(wanted, wait=_PLACE, place=True)
        return self._ask(wanted, wait=wait, place=False)

    async def take_async(self, wanted: Wanted, wait: str) -> bool:
        """Wait in line without blocking the event loop, or a thread of which there are few."""

        def look() -> LeaseAnswer | None:
            self._ask(wanted, wait=_PLACE, place=True)
            return self.place

        await outlast(look, parse_duration(wait))
        if not self.is_turn and parse_duration(wait):
            await asyncio.to_thread(self.let_go)
        return self.is_turn

    def _ask(self, wanted: Wanted, *, wait: str, place: bool) -> bool:
        """Ask for the lease, or go on with the place that one has; tell whether it is one's turn."""
        if self._asked is None or not self._wanted.covers(wanted):
            self.let_go()
            self._wanted = wanted
            hold = self._session.make_id()
            self._asked = TakeLease(subjects=wanted.subjects, fields=wanted.fields, ttl=TURN, hold=hold)
        try:
            self.place = self._session.call(msgspec.structs.replace(self._asked, wait=wait, place=place))
        except Refused:
            self.place = self._asked = None
        return self.is_turn

    def told(self, decision: Decision) -> Decision:
        """Return a refusal with how it stands in line."""
        if self.place is None or decision.outcome != "refused":
            return decision
        return msgspec.structs.replace(decision, next=f"{decision.next} {_told(self.place)}")

    def let_go(self) -> None:
        """Give up the place, or the turn; what can't be let go expires by itself."""
        asked, self._asked, self.place = self._asked, None, None
        if asked is not None:
            with suppress(ComityError):
                self._session.call(ReleaseLease(subjects=asked.subjects, hold=asked.hold))


def _told(place: LeaseAnswer) -> str:
    what = listed(list(place.subjects), 3)
    if place.state == "held":
        return f"It is your turn: nobody else changes {what} until {place.expires_at}."
    return f"You stand in line for {what}, {place.ahead} ahead: propose again, and wait there."


def span_in_line(given: str | int, id: str | None = None) -> str:
    """Return how long to wait in line, as a text; raises InvalidRequest for what is no span.

    One id is one attempt, and in its turn a proposal is another: so it goes with no id of the caller's.
    """
    if id is not None:
        raise InvalidRequest("in_line: what is decided in its turn is an attempt of its own: leave the id out")
    text = given if isinstance(given, str) else f"{given}s" if type(given) is int else None
    try:
        parse_duration(text or "")
    except ValueError:
        raise InvalidRequest(f"in_line: a span such as '30s', or whole seconds, not {given!r:.40}") from None
    return text or ""
