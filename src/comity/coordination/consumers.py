"""Consumers: readers of the feed under a name, whose place outlives them. All of it is bookkeeping (S18).

A place is moved on by confirming what was done with, so whatever a reader that died had
not confirmed is read again: at least once, never not at all. One reads at a time. It says
so by a claim that it prolongs with each call; once it is silent for ``limits.CONSUMER_S``
another may go on from what was confirmed, and what the first one confirms then is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.errors import ConsumerTaken, InvalidRequest, LimitExceeded, NotFound
from comity.model import refs
from comity.model.codec import encode
from comity.model.cursors import Cursor
from comity.model.texts import suggestion
from comity.store.contract import Snapshot, Store

TOPIC: Final = "consumers"

_CLAIM_US: Final = limits.CONSUMER_S * SECOND_US


class Standing(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be how a consumer stands: since when it is at its cursor, what passes, until when its reader may be silent.

    ``owner`` is the agent who first read as it.
    """

    cursor: Cursor
    confirmed_us: int
    passing: dict[str, tuple[str, ...]] = {}
    holder: str | None = None
    until_us: int = 0
    owner: str | None = None

    def is_held_by_another(self, holder: str, now_us: int) -> bool:
        """Tell whether somebody else reads."""
        return self.holder is not None and self.holder != holder and self.until_us > now_us


Allow = Callable[[str], None]
"""Raise NotPermitted unless whoever asks may act for the agent who owns a consumer."""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Be who wants to read as a consumer, when, and what for.

    ``agent`` owns it if it is new. ``start`` is where a new consumer begins; a reader that
    ``goes_on`` has read before, and must have been the last one who did.
    """

    holder: str
    now_us: int
    start: Cursor
    passing: dict[str, tuple[str, ...]]
    agent: str
    goes_on: bool = False


_decode = msgspec.json.Decoder(Standing).decode


def read_consumers(snapshot: Snapshot) -> dict[str, Standing]:
    """Return all consumers by name."""
    return {name: _decode(kept) for name, kept in sorted(snapshot.noted(TOPIC).items())}


def claim(store: Store, name: str, claim: Claim, allow: Allow) -> Standing:
    """Claim a consumer for a reader, or prolong its claim; a new one is made.

    Raises ConsumerTaken while another reads, LimitExceeded where there are too many, and what ``allow`` raises.
    """
    if not refs.AGENT.match(name) or len(name) > limits.NAME_CHARS:
        raise InvalidRequest(f"{name[:80]!r} is no name of a consumer: use letters, digits and _.:@-")

    def claimed(standing: Standing | None) -> Standing:
        if claim.goes_on and (standing is None or standing.holder != claim.holder):
            raise _taken(name, standing)
        if standing is None:
            until_us = claim.now_us + _CLAIM_US
            return Standing(claim.start, claim.now_us, claim.passing, claim.holder, until_us, claim.agent)
        allow(standing.owner or claim.agent)
        if standing.is_held_by_another(claim.holder, claim.now_us):
            raise _taken(name, standing)
        is_fresh = standing.until_us > claim.now_us + _CLAIM_US // 2
        if standing.holder == claim.holder and standing.passing == claim.passing and is_fresh:
            return standing
        return msgspec.structs.replace(
            standing,
            passing=claim.passing,
            holder=claim.holder,
            until_us=claim.now_us + _CLAIM_US,
            owner=standing.owner or claim.agent,
        )

    return _change(store, name, claimed)


def confirm(
    store: Store, name: str, holder: str, cursor: Cursor, now_us: int, allow: Allow, *, leave: bool = False
) -> Standing:
    """Note that all up to a cursor is done with; with ``leave`` another may read on at once.

    Raises ConsumerTaken where another has taken over, NotFound for a consumer that isn't there, and what
    ``allow`` raises.
    """

    def confirmed(standing: Standing | None) -> Standing:
        if standing is None:
            raise NotFound(f"there is no consumer {name[:80]!r}")
        if standing.owner is not None:
            allow(standing.owner)
        if standing.holder != holder:
            raise _taken(name, standing)
        if cursor.revision > standing.cursor.revision:
            standing = msgspec.structs.replace(standing, cursor=cursor, confirmed_us=now_us)
        until_us = 0 if leave else now_us + _CLAIM_US
        return msgspec.structs.replace(standing, holder=None if leave else holder, until_us=until_us)

    return _change(store, name, confirmed)


def reset(store: Store, name: str, cursor: Cursor, now_us: int) -> Standing:
    """Have a consumer go on from another place, whoever reads; raises NotFound for one that isn't there."""

    def moved(standing: Standing | None) -> Standing:
        if standing is None:
            raise _unknown(store, name)
        return Standing(cursor, now_us, standing.passing, owner=standing.owner)

    return _change(store, name, moved)


def forget(store: Store, name: str) -> Standing:
    """Forget a consumer and return how it stood; raises NotFound for one that isn't there."""
    while True:
        kept = _kept(store, name)
        if kept is None:
            raise _unknown(store, name)
        if store.exchange(TOPIC, name, kept, None):
            return _decode(kept)


def _change(store: Store, name: str, change: Callable[[Standing | None], Standing]) -> Standing:
    """Put what a change makes of a standing in its place; where another was faster, it is made of theirs."""
    while True:
        kept = _kept(store, name)
        if kept is None:
            _check_count(store)
        before = None if kept is None else _decode(kept)
        after = change(before)
        if after == before or store.exchange(TOPIC, name, kept, encode(after).decode()):
            return after


def _kept(store: Store, name: str) -> str | None:
    with store.snapshot() as snapshot:
        return snapshot.noted(TOPIC, [name]).get(name)


def _check_count(store: Store) -> None:
    with store.snapshot() as snapshot:
        if len(snapshot.noted(TOPIC)) >= limits.CONSUMERS:
            raise LimitExceeded(f"there are {limits.CONSUMERS:,} consumers already: forget those that are gone")


def _taken(name: str, standing: Standing | None) -> ConsumerTaken:
    if standing is None or standing.holder is None:
        return ConsumerTaken(f"nobody reads as {name!r} any more: it was reset, forgotten or left; begin anew")
    until = format_time(standing.until_us)
    return ConsumerTaken(f"{standing.holder} reads as {name!r} until {until}, and longer as long as it goes on")


def _unknown(store: Store, name: str) -> NotFound:
    with store.snapshot() as snapshot:
        known = snapshot.noted(TOPIC)
    return NotFound(f"there is no consumer {name[:80]!r}{suggestion(refs.nearest(name, known)) or '.'}")
