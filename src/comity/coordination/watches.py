"""Watches: what an agent wants to be told of, whether or not it is at work. All of it is bookkeeping (S18).

A watch holds nothing but what passes and since when. What has changed is looked for in the
log when its agent looks into its inbox, so nothing can be lost while the agent is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from comity import limits
from comity.feed import Selection
from comity.model.events import Commit, Event
from comity.store.contract import Ref, Snapshot

_FIRST_STRETCH: Final = 64
"""How many commits are looked at in one go; twice as many the next time where that were few events."""


class Kept(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be a watch as it is kept: the revision from which on it counts, and what passes."""

    since: int
    passing: dict[str, tuple[str, ...]] = {}


class Change(msgspec.Struct, frozen=True, gc=False):
    """Be the last thing that happened to a record which is watched."""

    event: Event
    commit: Commit


_decode = msgspec.json.Decoder(Kept).decode


def topic_of(agent: str) -> str:
    """Return the topic under which an agent's watches are noted."""
    return f"watches:{agent}"


def read_watches(snapshot: Snapshot, agent: str) -> dict[str, Kept]:
    """Return an agent's watches by their ids, the oldest first."""
    found = {name: _decode(kept) for name, kept in snapshot.noted(topic_of(agent)).items()}
    return dict(sorted(found.items(), key=lambda one: (one[1].since, one[0])))


def changes_of(snapshot: Snapshot, agent: str, selection: Selection, since: int) -> Iterator[Change]:
    """Yield of each record that passes the last event, where somebody else made it, the latest first.

    It looks back ``limits.FEED_LOOK`` commits at most, or so many events, and tells ``limits.INBOX_ITEMS``.
    """
    last: dict[Ref, Event] = {}
    upto, stretch, looked = snapshot.head.revision, _FIRST_STRETCH, 0
    oldest = max(since, upto - limits.FEED_LOOK)
    while upto > oldest and looked < limits.FEED_LOOK and len(last) < limits.INBOX_ITEMS:
        after = max(upto - stretch, oldest)
        latest, count = _latest(snapshot, selection, after, upto)
        last = last | {ref: event for ref, event in latest.items() if ref not in last}
        looked += count
        upto, stretch = after, 2 * stretch if count < stretch else stretch
    told = list(last.values())[: limits.INBOX_ITEMS]
    commits = snapshot.commits_of([event.revision for event in told])
    for event in told:
        if (commit := commits[event.revision]).agent != agent:
            yield Change(event, commit)


def _latest(snapshot: Snapshot, selection: Selection, after: int, upto: int) -> tuple[dict[Ref, Event], int]:
    """Return of each record the last event of a stretch that passes, the latest first, and at how many it looked."""
    latest: dict[Ref, Event] = {}
    count = 0
    for event in snapshot.search_log(selection.chosen, after, upto):
        count += 1
        if selection.concerns(event):
            latest.pop((event.kind, event.id), None)
            latest[event.kind, event.id] = event
    return dict(reversed(latest.items())), count
