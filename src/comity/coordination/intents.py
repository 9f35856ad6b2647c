"""Announced intents: who is going to do what, on which records, until when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.model import filters
from comity.model.built_in import INTENT
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition, Query
from comity.model.news import Presence
from comity.model.proposals import Emit
from comity.model.records import RecordState
from comity.store.contract import EventFilter, Snapshot

_PRUNED: Final = 100
"""How many more open records there may be before those that have expired are looked for."""


def announcement(
    intent: str,
    agent: AgentDefinition,
    about: Iterable[str],
    expires: int,
    *,
    action: str | None = None,
    plan: str | None = None,
    exclusive: bool = False,
) -> Emit:
    """Return the transition that announces an intent of an agent, or prolongs one; ``expires`` is in microseconds."""
    data: dict[str, Any] = {"agent_kind": agent.kind, "role": agent.role, "about": list(about)}
    data["expires_at"] = format_time(expires)
    data |= {name: value for name, value in (("action", action), ("plan", plan)) if value is not None}
    return Emit(f"{INTENT}/{intent}", "announced", {**data, "exclusive": True} if exclusive else data)


def withdrawal(intent: str) -> Emit:
    """Return the transition that takes an announced intent back."""
    return Emit(f"{INTENT}/{intent}", "withdrawn")


def expiry_of(state: RecordState) -> int:
    """Return when an open record of a built-in kind expires, in microseconds."""
    return parse_time(state.values["expires_at"])


def presence_of(intent: RecordState, record: str) -> Presence:
    """Return an announced intent as what it shows on a record: somebody is active there."""
    values = intent.values
    return Presence(
        record=record,
        agent=values["agent"],
        since=parse_time(values["announced_at"]),
        expires=expiry_of(intent),
        action=values.get("action"),
        plan=values.get("plan"),
        is_exclusive=bool(values.get("exclusive")),
    )


def subjects_of(intent: RecordState) -> Iterable[str]:
    """Return the records that an announced intent is about."""
    return intent.values.get("about") or ()


def find_open(snapshot: Snapshot, kind: str, now_us: int, *where: Condition) -> list[RecordState]:
    """Return the open records of a built-in kind, without those that have expired by now."""
    found: list[RecordState] = []
    query = Query(kind, where, limit=limits.QUERY_RECORDS)
    page = snapshot.find(query)
    while page:
        found += [state for state in page if expiry_of(state) > now_us]
        if len(page) < limits.QUERY_RECORDS:
            break
        page = snapshot.find(Query(kind, where, limit=query.limit, after=filters.page_after(query, page[-1])))
    return found


class Standing:
    """Hold the open records of a built-in kind by the records that they are about.

    It is as of ``revision``, and kept up by the log: what is asked for each answer must not
    take a search. It serves to tell, not to decide; whoever decides asks the view.
    """

    def __init__(self, kind: str, subjects: Callable[[RecordState], Iterable[str]]) -> None:
        self.kind = kind
        self.revision = -1
        self._incarnation = ""
        self._subjects = subjects
        self._open: dict[str, RecordState] = {}
        self._about: dict[str, dict[str, RecordState]] = {}
        self._prune_at = _PRUNED
        self._lock = threading.Lock()

    def on(self, record: str, now_us: int | None = None) -> list[RecordState]:
        """Return what is open on a record, the oldest first; with a time, without what has expired by then."""
        found = self._about.get(record)
        if not found:
            return []
        return [state for state in found.values() if now_us is None or expiry_of(state) > now_us]

    def catch_up(self, snapshot: Snapshot, now_us: int) -> None:
        """Take what has happened up to a snapshot."""
        head = snapshot.head
        with self._lock:
            if head.revision <= self.revision and head.incarnation == self._incarnation:
                return
            if not self._follow(snapshot):
                self._load(snapshot, now_us)
            self._incarnation, self.revision = head.incarnation, head.revision
            if len(self._open) > self._prune_at:
                self._prune(now_us)

    def _follow(self, snapshot: Snapshot) -> bool:
        """Take the events since; return whether they lead to the snapshot from what is held."""
        if self.revision < 0 or snapshot.head.incarnation != self._incarnation:
            return False
        chosen = EventFilter(kind=self.kind, after=self.revision, limit=limits.INTENTS_PAGE)
        events = snapshot.events(chosen)
        for event in events:
            self._take(event.after())
        return len(events) < limits.INTENTS_PAGE

    def _load(self, snapshot: Snapshot, now_us: int) -> None:
        self._open, self._about = {}, {}
        for state in sorted(find_open(snapshot, self.kind, now_us), key=lambda state: state.revision):
            self._take(state)

    def _take(self, state: RecordState) -> None:
        former = self._open.pop(state.id, None)
        for record in self._subjects(former) if former is not None else ():
            self._put(record, {id: one for id, one in self._about.get(record, {}).items() if id != state.id})
        if state.is_live:
            self._open[state.id] = state
            for record in self._subjects(state):
                self._put(record, {**self._about.get(record, {}), state.id: state})

    def _put(self, record: str, states: Mapping[str, RecordState]) -> None:
        """Replace what is open on a record; whoever reads it meanwhile keeps what there was."""
        if states:
            self._about[record] = dict(states)
        else:
            self._about.pop(record, None)

    def _prune(self, now_us: int) -> None:
        for state in [state for state in self._open.values() if expiry_of(state) <= now_us - SECOND_US]:
            self._take(RecordState(state.kind, state.id, state.version, "archived"))
        self._prune_at = 2 * len(self._open) + _PRUNED
