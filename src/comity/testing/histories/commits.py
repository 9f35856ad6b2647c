"""Is the log itself in order, and is each commit exactly its proposal, on reads that still held?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from comity.model import filters, proposals, refs
from comity.model.events import Commit
from comity.model.filters import Query
from comity.model.proposals import AnyRead, Proposal, QueryRead, Read, Was
from comity.model.records import LIFE, RecordState
from comity.model.values import same
from comity.store.contract import Ref
from comity.testing.histories.folding import expect
from comity.testing.histories.timeline import Fault, Log, Timeline


def check_log(log: Log, timeline: Timeline) -> Iterator[Fault]:
    """Yield gaps in revisions and versions, and records that aren't what the log folds to."""
    for expected, (commit, _) in enumerate(log.entries, 1):
        if commit.revision != expected:
            yield Fault("revision_gap", str(expected), f"place {expected} of the log holds revision {commit.revision}")
            break
    yield from _check_versions(log)
    for ref in timeline.refs:
        last, stored = timeline.at(ref, timeline.end), log.records.get(ref)
        if stored != last:
            yield Fault(
                "record_differs", "/".join(ref), f"stored as {_show(stored)}, its last event left {_show(last)}"
            )
    for ref in log.records.keys() - set(timeline.refs):
        yield Fault("record_differs", "/".join(ref), "stored, and no event made it")


def _check_versions(log: Log) -> Iterator[Fault]:
    versions: dict[Ref, int] = {}
    for _, events in log.entries:
        for event in events:
            ref = (event.kind, event.id)
            if event.version != versions.get(ref, 0) + 1:
                yield Fault("version_gap", event.event_id, f"{event.ref}: {versions.get(ref, 0)}, then {event.version}")
            versions[ref] = event.version


def _show(state: RecordState | None) -> str:
    return "nothing" if state is None else f"version {state.version} ({state.life}) {state.values}"


# -- one commit


def check_commit(commit: Commit, proposal: Proposal, timeline: Timeline) -> Iterator[Fault]:
    """Yield what a commit did otherwise than its proposal says, and the reads that no longer held."""
    before = commit.revision - 1
    yield from check_effect(proposal, timeline, before, commit.revision)
    for read in proposal.reads:
        for message in stale(read, proposal, timeline, before):
            yield Fault("stale_read", commit.proposal, f"commit {commit.revision} rests on {message}")
    yield from _check_overwritten(commit, proposal, timeline)


def check_effect(proposal: Proposal, timeline: Timeline, before: int, after: int) -> Iterator[Fault]:
    """Yield the records that are, at ``after``, not what the proposal makes of those at ``before``."""
    derived = {(event.kind, event.id) for event in timeline.events.get(after, ()) if event.derived}
    changed: dict[str, list[proposals.AnyChange]] = {}
    for change in proposal.changes:
        changed.setdefault(change.record, []).append(change)
    for record, changes in changed.items():
        ref = refs.split(record)
        if ref in derived:
            continue
        differing = list(expect(timeline.at(ref, before), changes).differs_from(timeline.at(ref, after)))
        if differing:
            yield Fault(
                "lost_change", proposal.id, f"{record} at {after} isn't what the proposal makes of it: {differing}"
            )
    if before != after:
        for event in timeline.events.get(after, ()):
            if event.ref not in changed and not event.derived:
                yield Fault("stray_change", proposal.id, f"{event.ref} was changed at {after}, and nobody asked for it")


# -- reads


def stale(read: AnyRead, proposal: Proposal, timeline: Timeline, revision: int) -> Iterator[str]:
    """Yield, in words, what a read saw that was otherwise at ``revision``."""
    if isinstance(read, QueryRead):
        yield from _stale_query(read, proposal, timeline, revision)
        return
    ref = refs.split(read.record)
    now = timeline.at(ref, revision)
    if isinstance(read, Was):
        if proposal.accept is None:
            yield from _differing(read.record, dict(read.values), now, read.values)
        return
    seen = timeline.at(ref, seen_at(read, proposal))
    names = {**seen.values, **now.values} if read.fields is None else read.fields
    yield from _differing(read.record, seen.values, now, names)
    if seen.life != now.life or seen.born != now.born:
        yield f"{read.record} when it was {seen.life}; it is {now.life}"


def seen_at(read: Read | QueryRead, proposal: Proposal) -> int:
    """Return the revision that a read stands for: its own, or the later one that was accepted."""
    return max(read.revision, proposal.accept or 0)


def _differing(record: str, seen: dict[str, Any], now: RecordState, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if not same(seen.get(name), now.values.get(name)):
            yield f"{record}.{name} = {seen.get(name)!r}; it was {now.values.get(name)!r}"


def _stale_query(read: QueryRead, proposal: Proposal, timeline: Timeline, revision: int) -> Iterator[str]:
    query = read.query
    now = filters.select(query, timeline.of_kind(query.kind, revision))
    if read.members is None:
        total = sum(filters.matches(query, state) for state in timeline.of_kind(query.kind, revision))
        if total != read.count and proposal.accept is None:
            yield f"a count of {read.count} {query.kind}; it was {total}"
        return
    asked = seen_at(read, proposal)
    past, found = filters.select(query, timeline.of_kind(query.kind, asked)), [state.id for state in now]
    # Who accepts what a search finds by now has seen both that and what it found at first.
    if all(_differ(seen, found, query) for seen in ([state.id for state in past], list(read.members))):
        yield f"a search that found {[state.id for state in past]}; it would have found {found}"
        return
    for state in now:
        names = state.values if read.fields is None else filters.fields_of(query).union(read.fields)
        yield from _differing(state.ref, timeline.at((state.kind, state.id), asked).values, state, names)


def _differ(seen: list[str], found: list[str], query: Query) -> bool:
    return set(seen) != set(found) or (bool(query.order) and seen != found)


# -- what was overwritten


def _check_overwritten(commit: Commit, proposal: Proposal, timeline: Timeline) -> Iterator[Fault]:
    warned = {finding.subject for finding in commit.payload.findings} if commit.payload else set()
    for change in proposal.changes:
        ref = refs.split(change.record)
        before = timeline.at(ref, commit.revision - 1)
        if before.life != "live":
            continue
        for name in overwritten(change, before) & timeline.changed(commit.revision, ref):
            seen = last_seen(proposal, change.record, name, commit.revision - 1)
            if seen is None and change.record not in warned:
                yield Fault("blind_write", proposal.id, f"{change.record}.{name} was overwritten unread and unwarned")
            elif seen is not None and not _is_same(timeline.at(ref, seen), before, name):
                message = f"{change.record}.{name} was {_value(before, name)!r}, seen as it was at {seen}"
                yield Fault("lost_update", proposal.id, f"{message}, and overwritten at {commit.revision}")


def overwritten(change: proposals.AnyChange, before: RecordState) -> set[str]:
    """Return the fields with a value that a change writes without commuting."""
    if isinstance(change, (proposals.Delete, proposals.Archive)):
        return {LIFE}
    if isinstance(change, proposals.Put) and change.replace:
        return set(before.values)
    if isinstance(change, (proposals.Set, proposals.Put)):
        return {name for name in change.fields if name in before.values}
    return set()


def last_seen(proposal: Proposal, record: str, name: str, now: int) -> int | None:
    """Return the latest revision at which the proposer had a field before its eyes, or None.

    A ``was`` that names the field counts as seen ``now``: that its value holds is checked as a read.
    """
    seen = [] if proposal.accept is None else [proposal.accept]
    for read in proposal.reads:
        if isinstance(read, Was) and read.record == record and name in read.values:
            seen.append(now)
        if isinstance(read, Read) and read.record == record and _shows(read, name):
            seen.append(read.revision)
    return max(seen, default=None)


def _shows(read: Read, name: str) -> bool:
    return name == LIFE or read.whole or read.fields is None or name in read.fields


def _is_same(seen: RecordState, now: RecordState, name: str) -> bool:
    if name == LIFE:
        return seen.life == now.life and seen.born == now.born
    return same(seen.values.get(name), now.values.get(name))


def _value(state: RecordState, name: str) -> Any:
    return state.life if name == LIFE else state.values.get(name)
