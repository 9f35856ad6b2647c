"""Stakes: the records that matter to an agent though it isn't at work on them: held, waited for, offered."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from comity import limits
from comity.clock import parse_time
from comity.coordination import leases
from comity.coordination.intents import find_open
from comity.model import refs
from comity.model.built_in import HANDOFF, QUEUE
from comity.model.filters import Condition
from comity.model.records import LIFE
from comity.store.contract import Snapshot

_TICKETS = ((QUEUE, "on which your {} waits"), (HANDOFF, "about which you made the offer {}"))


class Stake(msgspec.Struct, frozen=True, gc=False):
    """Be a record that matters to an agent, since which revision, and why, in words that are said to it."""

    record: str
    since: int
    what: str


def stakes_of(snapshot: Snapshot, agent: str, now_us: int) -> Iterator[Stake]:
    """Yield what an agent has a stake in now."""
    yield from _held(snapshot, agent, now_us)
    yield from _proposed(snapshot, agent, now_us)


def _held(snapshot: Snapshot, agent: str, now_us: int) -> Iterator[Stake]:
    """Yield what it holds: only who may break the lease can have changed it; and what it waits in line for."""
    for subject, line in leases.all_lines(snapshot, now_us):
        if refs.parse(subject) is None:
            continue
        for place in line.holders:
            if place.agent == agent and place.claimed is not None:
                yield Stake(subject, place.claimed, "which you hold a lease on")
        for place in line.waiting:
            if place.agent == agent:
                yield Stake(subject, snapshot.revision_at(parse_time(place.joined_at)), "for which you wait in line")


def _proposed(snapshot: Snapshot, agent: str, now_us: int) -> Iterator[Stake]:
    kinds = snapshot.kinds()
    for kind, what in _TICKETS:
        if kind not in kinds:
            continue
        for ticket in find_open(snapshot, kind, now_us, Condition("agent", "=", agent))[: limits.INBOX_ITEMS]:
            for record in ticket.values.get("subjects") or ():
                if refs.parse(record) is not None:
                    yield Stake(record, ticket.blame[LIFE], what.format(ticket.ref))
