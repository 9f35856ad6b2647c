"""The order of the log, which a batch must keep in every store."""

from __future__ import annotations

from collections.abc import Sequence

from comity.errors import StoreError
from comity.store.contract import Entry


def check_order(revision: int, entries: Sequence[Entry]) -> None:
    """Raise StoreError for a commit that doesn't take the next revision, or an event that isn't of its commit."""
    for entry in entries:
        revision += 1
        if entry.commit.revision != revision:
            raise StoreError(f"the log is append-only: revision {revision} is next, not {entry.commit.revision}")
        for ordinal, event in enumerate(entry.events):
            if event.revision != revision or event.ordinal != ordinal:
                raise StoreError(f"the log is append-only: {event.event_id} is no event of commit {revision}")
