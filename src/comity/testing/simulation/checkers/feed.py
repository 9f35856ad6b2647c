"""The feed complete and in order: whoever follows it gets each commit once, whole, through every crash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past
from comity.testing.simulation.witness import Followed


def check(past: Past) -> Iterator[Fault]:
    """Yield what a follower missed, got twice, in another order, or otherwise than it is in the log."""
    pages: dict[str, list[Followed]] = defaultdict(list)
    for followed in past.history.followed:
        pages[followed.follower].append(followed)
    for follower, followed in pages.items():
        items = [item for one in followed for item in one.page.items]
        revisions = [item.revision for item in items]
        if revisions != list(range(1, past.end + 1)):
            yield Fault("feed_gap", follower, f"{len(revisions)} items for {past.end} commits: {_first_gap(revisions)}")
        for item in items:
            events = [(event.event_id, event.ref, event.type) for event in past.events.get(item.revision, ())]
            if [(event.event, event.record, event.type) for event in item.events] != events:
                yield Fault("feed_differs", follower, f"commit {item.revision} isn't in the feed as it is in the log")


def _first_gap(revisions: list[int]) -> str:
    place = next((place for place, one in enumerate(revisions, 1) if one != place), len(revisions) + 1)
    return f"place {place} is not commit {place}"
