"""What was answered under an id before, read back from the log or from what is kept of refusals (S7)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from comity.coordinator import resuming
from comity.deciding import effects
from comity.deciding.pipeline import next_move
from comity.model.built_in import EFFECT
from comity.model.decisions import NOTHING_NEXT, Decision
from comity.model.events import Answered, Commit, Event
from comity.store.contract import Snapshot


def stored_decision(batch: Snapshot, stored: Commit | Answered) -> Decision:
    """Return what was answered under an id, without news (S7)."""
    if isinstance(stored, Commit):
        return _committed(batch, stored)
    payload = stored.payload
    if payload is not None and stored.outcome == "committed" and resuming.is_resuming(payload.proposal):
        commit = batch.commit(stored.revision)
        if commit is not None:
            return msgspec.structs.replace(_committed(batch, commit), id=stored.proposal)
    findings = payload.findings if payload is not None else ()
    return Decision(
        id=stored.proposal,
        outcome=stored.outcome,
        revision=stored.revision,
        at=stored.at,
        definition=stored.definition,
        next=next_move(findings),
        findings=findings,
    )


def _committed(batch: Snapshot, commit: Commit) -> Decision:
    events = batch.events_of(commit.revision)
    payload = commit.payload
    return Decision(
        id=commit.proposal,
        outcome="committed",
        revision=commit.revision,
        at=commit.at,
        definition=commit.definition,
        next=_next_of(commit, events),
        records={event.ref: event.version for event in events},
        events=tuple(event.event_id for event in events),
        findings=payload.findings if payload is not None else (),
    )


def _next_of(commit: Commit, events: Sequence[Event]) -> str:
    if commit.payload is not None and (advice := resuming.next_of(commit.payload.findings)) is not None:
        return advice
    wanted = [event.after() for event in events if event.kind == EFFECT and event.payload is not None]
    told = effects.told_of(wanted, commit.proposal)
    return NOTHING_NEXT if told is None else f"{NOTHING_NEXT} {told}"
