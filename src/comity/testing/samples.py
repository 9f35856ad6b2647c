"""Builders of what a store keeps. Chains and digests are arbitrary bytes: no store looks into them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from comity.clock import StoreTime
from comity.model.events import Answered, Commit, CommitPayload, Event, EventPayload
from comity.model.proposals import Proposal
from comity.model.records import LIFE, Life, RecordState
from comity.store.contract import Batch, BatchLost, Entry, Head, Store
from comity.testing.manual_clock import START_US

T = TypeVar("T")

SECOND_US = 1_000_000
SALT = b"salt-of-sixteen."


def digest(text: str) -> bytes:
    """Return 32 bytes that differ from text to text."""
    return hashlib.sha256(text.encode()).digest()


def state(
    ref: str,
    values: Mapping[str, Any] | None = None,
    *,
    version: int = 1,
    revision: int = 1,
    life: Life = "live",
) -> RecordState:
    """Return a record whose fields were all last changed at ``revision``."""
    kind, _, name = ref.partition("/")
    kept = dict(values or {})
    return RecordState(kind, name, version, life, 1, revision, kept, {LIFE: 1, **dict.fromkeys(kept, revision)})


def event(after: RecordState, ordinal: int = 0, *, type: str | None = None, derived: str = "") -> Event:
    """Return the event that leaves a record as it is in ``after``."""
    payload = msgspec.json.encode(EventPayload(after.values, after.blame))
    name = type or f"{after.kind}.changed"
    return Event(
        after.revision, ordinal, after.kind, after.id, after.version, name, after.life, after.born, derived,
        digest(f"{after.ref}@{after.revision}"), SALT, payload,
    )  # fmt: skip


def commit(
    revision: int,
    *,
    proposal: str | None = None,
    agent: str = "sales",
    at: int | None = None,
    cause: str | None = None,
    reason: str | None = None,
) -> Commit:
    """Return an envelope; ``at`` defaults to ``revision`` seconds."""
    id_ = proposal or f"p{revision}"
    payload = msgspec.json.encode(CommitPayload(Proposal(id=id_, reason=reason)))
    return Commit(
        revision=revision, at=revision * SECOND_US if at is None else at, proposal=id_, content=digest(id_),
        agent=agent, agent_kind="agent", role=agent, known="claimed", key=None, action=None, cause=cause,
        definition=1, ordinal=revision, digest=digest(f"commit {revision}"), salt=SALT, payload_bytes=payload,
        chain=digest(f"chain {revision}"),
    )  # fmt: skip


def entry(revision: int, *states: RecordState, types: Sequence[str] = (), **envelope: Any) -> Entry:
    """Return a commit that leaves each of the records as given; their revision becomes the commit's."""
    stamped = [msgspec.structs.replace(after, revision=revision) for after in states]
    names = [*types, *[None] * (len(stamped) - len(types))]
    events = tuple(event(after, ordinal, type=names[ordinal]) for ordinal, after in enumerate(stamped))
    return Entry(commit(revision, **envelope), events)


def answered(
    proposal: str,
    *,
    at: int = START_US,
    agent: str = "sales",
    ordinal: int = 1,
    outcome: Literal["committed", "refused", "pending"] = "refused",
) -> Answered:
    """Return an answer that made no commit, of the time at which a manual clock begins."""
    payload = msgspec.json.encode(CommitPayload(Proposal(id=proposal)))
    return Answered(proposal, digest(proposal), 0, ordinal, at, agent, 1, outcome, SALT, payload)


def moved(head: Head, entries: Sequence[Entry], answers: int = 0) -> Head:
    """Return the head behind these entries."""
    last = entries[-1].commit if entries else None
    return msgspec.structs.replace(
        head,
        revision=head.revision if last is None else last.revision,
        chain=head.chain if last is None else last.chain,
        judged=head.judged + len(entries) + answers,
    )


def told(store: Store, judged: int, *, time: StoreTime | None = None) -> Head:
    """Return the head that answers are kept with, once that many proposals have been judged."""
    head = store.head()
    return msgspec.structs.replace(head, judged=judged, time=time or head.time)


def folded(entries: Sequence[Entry]) -> list[RecordState]:
    """Return the records that these entries leave, each as its last event does."""
    last = {event.ref: event.after() for entry in entries for event in entry.events}
    return list(last.values())


def append(store: Store, *entries: Entry, answers: Sequence[Answered] = ()) -> Head:
    """Append entries in a batch of their own, and return the head behind them."""

    def work(batch: Batch) -> Head:
        head = moved(batch.head, entries, len(answers))
        batch.append(head, entries, folded(entries), answers)
        return head

    return in_batch(store, work)


def put(store: Store, ref: str, *, life: Life = "live", agent: str = "sales", **values: Any) -> RecordState:
    """Commit one record with these values, at the next revision and version, and return it."""
    kind, _, name = ref.partition("/")

    def work(batch: Batch) -> RecordState:
        revision = batch.head.revision + 1
        former = batch.records([(kind, name)]).get((kind, name))
        after = state(ref, values, version=1 if former is None else former.version + 1, revision=revision, life=life)
        given = entry(revision, after, agent=agent)
        batch.append(moved(batch.head, [given]), [given], [after], [])
        return after

    return in_batch(store, work)


def in_batch(store: Store, work: Callable[[Batch], T]) -> T:
    """Return what is made of a batch; one that is lost to others is made again, as a coordinator does."""
    while True:
        try:
            with store.batch() as batch:
                made = work(batch)
        except BatchLost:
            continue
        return made
