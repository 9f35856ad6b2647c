"""Tracing: what led to an event, and what it led to."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from comity import limits
from comity.clock import format_time
from comity.errors import NotFound
from comity.model import refs
from comity.model.events import Commit
from comity.model.proposals import Caller
from comity.operations import Trace, TraceAnswer, TraceStep
from comity.store.contract import EventFilter, Snapshot
from comity.verbs.engine import Engine

_RECORDS: Final = 5
"""Of a commit, as they are shown."""

_BRANCHES: Final = 50
"""Of the commits that one of them led to directly, as they are shown."""


def trace(engine: Engine, caller: Caller, request: Trace) -> TraceAnswer:
    """Return the chain of causes of an event and the tree of what it led to; raises NotFound where there is none."""
    revision, ordinal = refs.parse_event_id(request.event)
    with engine.store.snapshot() as snapshot:
        commit = snapshot.commit(revision)
        if commit is None or snapshot.event(revision, ordinal) is None:
            raise NotFound(f"there is no event {request.event}: the last revision is {snapshot.head.revision}")
        chain = _chain(snapshot, commit)
        depth = len(chain)
        causes = [
            _step(snapshot, one, depth=place, event=following.cause)
            for place, (one, following) in enumerate(pairwise([*chain, commit]))
        ]
        tree = _Tree(snapshot)
        children = snapshot.caused_by(revision, ordinal, _BRANCHES + 1)
        step = _step(snapshot, commit, depth=depth, event=request.event, more=len(children[_BRANCHES:]))
        tree.grow(children[:_BRANCHES], depth + 1)
        is_cut = tree.is_cut or (chain[0] if chain else commit).cause is not None or bool(step.more)
        return TraceAnswer(step=step, depth=depth, causes=tuple(causes), led_to=tuple(tree.steps), is_cut=is_cut)


def _chain(snapshot: Snapshot, commit: Commit) -> list[Commit]:
    """Return the commits that led to one, the root first; at most so many that the nearest are among them."""
    chain: list[Commit] = []
    cause = commit.cause
    while cause is not None and len(chain) < limits.CASCADE_DEPTH_MOST:
        made = snapshot.commit(refs.parse_event_id(cause)[0])
        if made is None:
            break
        chain.append(made)
        cause = made.cause
    chain.reverse()
    return chain


class _Tree:
    """Collect what commits led to, depth first, within bounds."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.steps: list[TraceStep] = []
        self.is_cut = False

    def grow(self, commits: list[Commit], depth: int) -> None:
        """Add commits, each with what it led to."""
        left = [(commit, depth) for commit in reversed(commits)]
        while left:
            commit, at = left.pop()
            if len(self.steps) >= limits.TRACE_EVENTS:
                self.is_cut = True
                return
            children = self._snapshot.caused_by(commit.revision, None, _BRANCHES + 1)
            more = len(children[_BRANCHES:])
            self.is_cut |= more > 0
            self.steps.append(_step(self._snapshot, commit, depth=at, more=more))
            left += [(child, at + 1) for child in reversed(children[:_BRANCHES])]


def _step(snapshot: Snapshot, commit: Commit, *, depth: int, event: str | None = None, more: int = 0) -> TraceStep:
    chosen = EventFilter(after=commit.revision - 1, upto=commit.revision, limit=4 * _RECORDS)
    records = dict.fromkeys(one.ref for one in snapshot.events(chosen))
    return TraceStep(
        event=event or refs.event_id(commit.revision, 0),
        depth=depth,
        revision=commit.revision,
        at=format_time(commit.at),
        by=commit.agent,
        action=commit.action,
        reason=commit.reason,
        cause=commit.cause,
        records=tuple(records)[:_RECORDS],
        more=more,
    )
