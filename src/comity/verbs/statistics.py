"""Counting what is there."""

from __future__ import annotations

from comity.clock import format_time
from comity.model.proposals import Caller
from comity.operations import Stats, StatsAnswer
from comity.verbs.engine import Engine


def stats(engine: Engine, caller: Caller, request: Stats) -> StatsAnswer:
    """Return counts and sizes of the workspace."""
    compiled = engine.definition()
    with engine.store.snapshot() as snapshot:
        counted, head = snapshot.statistics(), snapshot.head
        last = snapshot.commit(head.revision)
        return StatsAnswer(
            name=compiled.definition.name,
            url=engine.url,
            revision=head.revision,
            incarnation=head.incarnation,
            definition=compiled.number,
            records=counted.records,
            commits=counted.commits,
            events=counted.events,
            refusals=counted.answers,
            bytes=counted.bytes,
            last_commit_at=format_time(last.at) if last else None,
        )
