"""Is everything that the proposal rests on still so?

A read is stale only if a field that it counts has another value now than it saw. A write
to a field is itself a read of it, unless it commutes; archiving and deleting write every
field. What is overwritten without having been read is a blind write.

Codes: ``freshness.changed``, ``freshness.query_changed``, ``freshness.blind_write``,
``freshness.reads_lost``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from comity.deciding.case import Case, withheld_from
from comity.deciding.readers import Withheld, told
from comity.deciding.view import Ref
from comity.model import filters, proposals, refs
from comity.model.decisions import Finding, Moved, Severity
from comity.model.filters import Query
from comity.model.proposals import QueryRead, Read, Was
from comity.model.records import LIFE, RecordState
from comity.model.texts import listed
from comity.model.values import same

_COMMUTATIVE: Final = (proposals.Add, proposals.Append, proposals.Include, proposals.Exclude, proposals.Emit)
_UNSEEN: Final = -1
_READ_FIRST: Final = "Next time read it first, or say was={…}."


def judge(case: Case) -> Iterable[Finding]:
    """Return what moved since it was read, and what would be overwritten unread."""
    proposal = case.proposal
    if proposal.incarnation is not None and proposal.incarnation != case.view.incarnation:
        return (_reads_lost(),)
    return () if _is_settled(case) else _unsettled(case)


def _reads_lost() -> Finding:
    return Finding(
        "freshness.reads_lost",
        "The base was restored since these reads: what they saw is of another incarnation.",
        remedy="Read again, then decide again.",
    )


def _unsettled(case: Case) -> Iterator[Finding]:
    seen = _collect(case)
    moved_in: dict[Ref, list[Moved]] = {}
    for ref, sight in seen.items():
        moved_in[ref] = list(sight.moved(case))
    blind = list(_writes(case, seen, moved_in))
    _elements(case, seen, moved_in)
    for ref, moved in moved_in.items():
        if moved:
            yield _changed(ref, moved, seen[ref], case)
    yield from blind
    for read in case.reads:
        if isinstance(read, QueryRead):
            yield from _query(read, case)


def _is_settled(case: Case) -> bool:
    """Tell at a glance that nothing moved: every record read or written is as it was when it was read."""
    record, unread = case.view.record, {*case.draft.states}
    for read in case.reads:
        if type(read) is not Read:
            return False
        ref = refs.parse(read.record)
        if ref is None or record(ref).revision > read.revision:
            return False
        if read.whole:
            unread.discard(ref)
    return not unread


class _Sight:
    """Be what a proposal has seen of one record: per field, the latest revision that showed it."""

    __slots__ = ("accepted", "fields", "oldest", "ref", "shown", "values", "whole")

    def __init__(self, ref: Ref, accepted: int) -> None:
        self.ref = ref
        self.accepted = accepted
        self.fields: dict[str, int] = {}
        self.oldest = sys.maxsize
        self.shown = _UNSEEN
        self.whole = _UNSEEN
        self.values: dict[str, Any] = {}

    def note(self, read: Read, counted: Iterable[str] | None) -> None:
        """Take a read; ``counted`` are its fields that count, None for all."""
        revision = max(read.revision, self.accepted)
        self.oldest = min(self.oldest, revision)
        if read.whole or read.fields is None:
            self.whole = max(self.whole, revision)
        if counted is None:
            self.shown = max(self.shown, revision)
            counted = ()
        for name in (LIFE, *counted):
            self.fields[name] = max(self.fields.get(name, _UNSEEN), revision)

    def revision_of(self, field: str) -> int:
        """Return the latest revision that showed a field to the agent, whether it counts or not."""
        return max(self.fields.get(field, _UNSEEN), self.whole, self.shown)

    def moved(self, case: Case) -> Iterator[Moved]:
        """Yield the counted fields that have another value now."""
        state = case.view.record(self.ref)
        if state.revision <= self.oldest and not self.values:
            return
        withheld = withheld_from(case.caller, case.compiled)
        for name, changed in state.blame.items():
            seen = self.fields.get(name, _UNSEEN)
            if seen < self.shown and _is_shown(state, name, withheld):
                seen = self.shown
            if _UNSEEN < seen < changed:
                yield from _difference(case, state, name, seen)
        for name, value in self.values.items():
            changed = max(state.blame.get(name, 0), state.blame.get(LIFE, 0))
            if changed > self.accepted and not same(_visible(state, name), value):
                yield _moved(case, state, name, value)


def _collect(case: Case) -> dict[Ref, _Sight]:
    accepted = case.proposal.accept if case.proposal.accept is not None else _UNSEEN
    seen: dict[Ref, _Sight] = {}
    view, states = case.view, case.draft.states
    for read in case.reads:
        if isinstance(read, QueryRead):
            continue
        ref = refs.split(read.record)
        if isinstance(read, Read) and ref not in states and view.record(ref).revision <= read.revision:
            continue
        sight = seen.get(ref)
        if sight is None:
            sight = seen[ref] = _Sight(ref, accepted)
        if isinstance(read, Was):
            sight.values.update(read.values)
        else:
            sight.note(read, _counted(read, ref, case))
    if case.proposal.accept is not None:
        _accept(case.proposal.accept, seen, case)
    return seen


def _accept(revision: int, seen: dict[Ref, _Sight], case: Case) -> None:
    """Take it that the agent saw, at the revision that it accepts, which of the records to change were there (S9)."""
    for change in case.changes:
        ref = refs.split(change.record)
        if ref not in seen and not isinstance(change, proposals.Create) and not refs.is_built_in(ref[0]):
            sight = seen[ref] = _Sight(ref, revision)
            sight.note(Read(change.record, revision, (), whole=False), ())


def _counted(read: Read, ref: Ref, case: Case) -> Iterable[str] | None:
    """Return the fields of a read that count (S11): all seen, always of what an effect concerns, or those relied on."""
    if read.touched or case.kind(ref[0]).freshness == "seen" or (case.effects and read.record in case.targets):
        return read.fields
    relies_on = case.proposal.relies_on
    if read.record in relies_on:
        return read.fields
    start = f"{read.record}."
    relied = {path.removeprefix(start) for path in relies_on if path.startswith(start)}
    return relied if read.fields is None else relied.intersection(read.fields)


def _writes(case: Case, seen: dict[Ref, _Sight], moved_in: dict[Ref, list[Moved]]) -> Iterator[Finding]:
    """Yield blind writes; add to ``moved_in`` what a write overwrites that had been seen and moved."""
    accepted = case.proposal.accept
    for ref, names in _overwritten(case).items():
        if refs.is_built_in(ref[0]):
            continue
        state = case.view.record(ref)
        sight = seen.get(ref)
        blind: list[str] = []
        for name in names:
            revision = sight.revision_of(name) if sight else _UNSEEN
            if revision == _UNSEEN and sight and name in sight.values:
                continue
            if revision == _UNSEEN and accepted is not None:
                revision = accepted
            if revision == _UNSEEN:
                blind.append(name)
            elif state.blame.get(name, 0) > revision and not _is_noted(moved_in.get(ref, ()), name):
                moved_in.setdefault(ref, []).extend(_difference(case, state, name, revision))
                seen.setdefault(ref, _Sight(ref, revision))
        if blind and case.caller.known != "workflow":  # What its steps overwrite, its definition says.
            yield from _blind(case, state, blind)


def _elements(case: Case, seen: dict[Ref, _Sight], moved_in: dict[Ref, list[Moved]]) -> None:
    """Add to ``moved_in`` the lists in which others did the opposite with one of the elements since (S14)."""
    for change in case.changes:
        if not isinstance(change, (proposals.Include, proposals.Exclude)):
            continue
        ref = refs.split(change.record)
        state, sight = case.view.record(ref), seen.get(ref)
        for name, elements in change.fields.items():
            revision = sight.revision_of(name) if sight else _UNSEEN
            if not _UNSEEN < revision < state.blame.get(name, 0) or _is_noted(moved_in.get(ref, ()), name):
                continue
            former, now = case.view.past(ref, revision).values.get(name), state.values.get(name)
            undone, done = (now, former) if isinstance(change, proposals.Include) else (former, now)
            if any(_holds(done, item) and not _holds(undone, item) for item in elements):
                moved_in.setdefault(ref, []).append(_moved(case, state, name, former))


def _holds(value: Any, element: Any) -> bool:
    return isinstance(value, list) and any(same(item, element) for item in value)


def _is_noted(moved: Iterable[Moved], name: str) -> bool:
    return any(one.field == name for one in moved)


def _overwritten(case: Case) -> dict[Ref, dict[str, None]]:
    """Return, per record, the fields with a value that the proposal's own changes overwrite."""
    commuting = {refs.split(change.record) for change in case.changes if isinstance(change, _COMMUTATIVE)}
    written: dict[Ref, dict[str, None]] = {}
    for event in case.draft.events:
        if event.derived or event.named:
            continue
        names = [name for name in event.changed() if event.ref not in commuting or _is_set(case, event.ref, name)]
        if LIFE in event.payload.was and event.life in ("archived", "deleted"):
            names = [LIFE, *case.view.record(event.ref).values]
        written.setdefault(event.ref, {}).update(dict.fromkeys(names))
    return {ref: kept for ref, names in written.items() if (kept := _with_value(case.view.record(ref), names))}


def _is_set(case: Case, ref: Ref, name: str) -> bool:
    """Tell whether one of the changes sets the field outright, where others of the record commute."""
    record = "/".join(ref)
    return any(
        change.record == record
        and not isinstance(change, _COMMUTATIVE)
        and (name in getattr(change, "fields", ()) or getattr(change, "replace", False) or name == LIFE)
        for change in case.changes
    )


def _with_value(state: RecordState, names: Iterable[str]) -> dict[str, None]:
    if not state.is_live:
        return {}
    return {name: None for name in names if name == LIFE or name in state.values or name in state.blame}


def _blind(case: Case, state: RecordState, names: list[str]) -> Iterator[Finding]:
    setting = case.kind(state.kind).blind_writes
    present = [name for name in names if name == LIFE or name in state.values]
    if setting == "allow" or not present:
        return
    values = [f"{name} is {_told(case, state, name, _value(state, name))}" for name in present if name != LIFE]
    shown = listed(values or ["it is live"], 4)
    author = case.view.author(state, present[0])
    is_warning = setting == "warn"
    yield Finding(
        "freshness.blind_write",
        f"You overwrite {state.ref} without having read it: {shown} (last by {author.by}).",
        state.ref,
        cast("Severity", "warn" if is_warning else "refuse"),
        remedy=_READ_FIRST
        if is_warning
        else f"Having seen these values, repeat with accept={case.view.revision}, or say was={{…}}, or use edit.",
        data={"now": {name: _value(state, name) for name in present}, "revision": case.view.revision},
    )


# -- what moved


def _difference(case: Case, state: RecordState, name: str, seen: int) -> Iterator[Moved]:
    """Yield a field as moved, unless it has the value again that was seen."""
    past = case.view.past((state.kind, state.id), seen)
    former = _visible(past, name)
    if not same(former, _visible(state, name)) or (name == LIFE and past.born != state.born):
        yield _moved(case, state, name, former)


def _value(state: RecordState, name: str) -> Any:
    return state.life if name == LIFE else state.values.get(name)


def _visible(state: RecordState, name: str) -> Any:
    """Return a field as a reader sees it: of a deleted record nothing but that it is deleted."""
    return _value(state, name) if name == LIFE or state.exists else None


def _moved(case: Case, state: RecordState, name: str, former: Any) -> Moved:
    author = case.view.author(state, name if name == LIFE or state.exists else LIFE)
    return Moved(state.ref, name, former, _visible(state, name), author.by, author.at, author.event, author.reason)


def _changed(ref: Ref, moved: list[Moved], sight: _Sight, case: Case) -> Finding:
    names = [one.field for one in moved]
    unchanged = tuple(name for name in sight.fields if name not in names and name != LIFE)
    fields = listed([name for name in names if name != LIFE] or ["its life"])
    return Finding(
        "freshness.changed",
        f"{'/'.join(ref)} has changed since you read it: {fields}.",
        "/".join(ref),
        remedy=f"Decide again with the values now; if it still stands, repeat it with accept={case.view.revision}.",
        moved=tuple(moved),
        unchanged=unchanged,
        data={"revision": case.view.revision} | _untold(names, ref[0], case),
    )


def _untold(names: Iterable[str], kind: str, case: Case) -> dict[str, Any]:
    """Return which of the fields that moved have readers, so that no text that is kept quotes them (S39)."""
    readers = case.compiled.readers
    kept = [name for name in names if readers.has_readers(kind, name)] if readers is not None else []
    return {"untold": kept} if kept else {}


# -- queries


def _query(read: QueryRead, case: Case) -> Iterator[Finding]:
    revision = max(read.revision, case.proposal.accept or 0)
    query = case.kind(read.query.kind).normalise(read.query)
    if case.view.kind_revisions.get(query.kind, 0) <= revision:
        return
    if read.members is None:
        now = case.view.count(query)
        if now != read.count:
            yield _query_changed(query, f"you counted {read.count}, now {now}", case)
        return
    found = case.view.find(query)
    difference = _members(read.members, [state.id for state in found], bool(query.order))
    difference = difference or _fields(read, found, revision, case)
    if difference:
        yield _query_changed(query, difference, case)


def _members(seen: tuple[str, ...], now: list[str], ordered: bool) -> str | None:
    had, has = set(seen), set(now)
    appeared = [name for name in now if name not in had]
    left = [name for name in seen if name not in has]
    if appeared or left:
        parts = [f"now also {listed(appeared, 3)}"] if appeared else []
        return "; ".join([*parts, *([f"no longer {listed(left, 3)}"] if left else [])])
    if ordered and list(seen) != now:
        return "the order is another"
    return None


def _fields(read: QueryRead, found: list[RecordState], revision: int, case: Case) -> str | None:
    counted = None if read.fields is None else filters.fields_of(read.query).union(read.fields)
    withheld = withheld_from(case.caller, case.compiled)
    for state in found:
        if state.revision <= revision:
            continue
        for name, changed in state.blame.items():
            if changed > revision and (_is_shown(state, name, withheld) if counted is None else name in counted):
                for moved in _difference(case, state, name, revision):
                    was, now = (_told(case, state, name, value) for value in (moved.was, moved.now))
                    return f"{state.id}: {name} was {was}, now {now}, by {moved.by}"
    return None


def _is_shown(state: RecordState, name: str, withheld: Withheld | None) -> bool:
    return withheld is None or withheld.kind(state.kind).of(name) is None


def _told(case: Case, state: RecordState, name: str, value: Any) -> str:
    return told(case.compiled.readers, state.kind, name, value)


def _query_changed(query: Query, difference: str, case: Case) -> Finding:
    return Finding(
        "freshness.query_changed",
        f"The search for {query.kind} finds something else now: {difference}.",
        query.kind,
        remedy=f"Search and decide again; if it still stands, repeat it with accept={case.view.revision}.",
        data={"revision": case.view.revision},
    )
