"""The past of a run, as every checker looks at it: what was there when, and what each commit did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comity.clock import parse_time
from comity.model import refs
from comity.model.events import Commit, Event
from comity.model.proposals import Proposal
from comity.model.records import LIFE, RecordState
from comity.testing.histories import Timeline
from comity.testing.simulation.playing import History
from comity.testing.simulation.scene import HUMAN


class Past(Timeline):
    """Know every record at every revision of one run."""

    def __init__(self, history: History) -> None:
        super().__init__(history.log)
        self.history = history

    def in_order(self) -> Iterator[tuple[Commit, tuple[Event, ...]]]:
        """Yield the commits in order, each with its events."""
        yield from self.history.log.entries

    def before(self, kind: str, commit: Commit) -> Iterator[RecordState]:
        """Yield the live records of a kind as they were just before a commit."""
        yield from (state for state in self.of_kind(kind, commit.revision - 1) if state.is_live)

    def writes(self, commit: Commit) -> Iterator[tuple[Event, frozenset[str]]]:
        """Yield what a commit did to records of users, each with the fields that it changed itself.

        What follows from a declaration is not its agent's own.
        """
        for event in self.events[commit.revision]:
            if not refs.is_built_in(event.kind) and not event.derived and event.payload is not None:
                yield event, frozenset(event.payload.was) - {LIFE}


def proposal_of(commit: Commit) -> Proposal:
    """Return what a commit was proposed as."""
    assert commit.payload is not None
    return commit.payload.proposal


def is_bound(commit: Commit) -> bool:
    """Tell whether a commit is an agent's, which has to yield, and neither the human's nor Comity's own."""
    return commit.agent != HUMAN and commit.known not in ("system", "os_user")


def until_us(state: RecordState, field: str = "expires_at") -> int:
    """Return a time that a record tells, in microseconds."""
    return parse_time(state.values[field])


def overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two places in a line block a field that is the same; one that names none blocks all."""
    fields, others = set(one.get("fields", ())), set(other.get("fields", ()))
    return not fields or not others or bool(fields & others)
