"""News: what others did on some records since a revision, and who is active there.

An agent's own commits are no news to it, whichever of its intents made them. Of a field
only its last change is told, with the value now: what was overwritten since is history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import msgspec

from comity import limits
from comity.clock import parse_time
from comity.coordination.intents import Standing, expiry_of, presence_of, subjects_of
from comity.coordinator import Coordinator
from comity.model import refs
from comity.model.built_in import INTENT, OVERRIDE
from comity.model.events import Event
from comity.model.news import WHOLE, News, NewsItem, Presence
from comity.model.records import LIFE, RecordState
from comity.store.contract import EventFilter, Snapshot, Store

Read = Mapping[str, Mapping[str, int]]
"""The fields that were read, by record, each with the revision at which it was seen."""

_LOOK_S: Final = 0.1
"""How long those who listen wait in one go, before they see whether anybody still does."""


class Look(msgspec.Struct, frozen=True, gc=False):
    """Be what is looked for: on which records, between which revisions, for whom.

    ``records`` come in the order of how much they matter. On those that have ``arrived``
    just now nothing can have changed since they were looked at, but whoever is active there
    is news. ``read`` says what of them was read.
    """

    agent: str
    records: tuple[str, ...]
    since: int
    until: int
    arrived: tuple[str, ...] = ()
    read: Read = {}


class Glance(msgspec.Struct, frozen=True, gc=False):
    """Be what is looked for at a glance; ``known`` are the versions of records that the agent has seen or made."""

    agent: str
    known: Mapping[str, int]
    arrived: Sequence[str]
    since: int
    until: int


class Presences:
    """Know who is active on records: by announced intents, and by what humans hold."""

    def __init__(self) -> None:
        self.intents = Standing(INTENT, subjects_of)
        self.pins = Standing(OVERRIDE, _pinned)
        self._kinds = (self.intents, self.pins)

    def catch_up(self, snapshot: Snapshot, now_us: int, kinds: Mapping[str, int]) -> None:
        """Take what has happened up to a snapshot, whose kinds last changed at these revisions."""
        for standing in self._kinds:
            if kinds.get(standing.kind, 0) > standing.revision:
                standing.catch_up(snapshot, now_us)

    def may_concern(self, glance: Glance, kinds: Mapping[str, int]) -> bool:
        """Tell whether anybody may be active that would have to be told of; ``False`` is sure."""
        for standing in self._kinds:
            moved = kinds.get(standing.kind, 0)
            if moved and (moved > standing.revision or _is_any(standing, glance, moved > glance.since)):
                return True
        return False

    def told(self, look: Look, now_us: int) -> tuple[Presence, ...]:
        """Return who else is active on the records, the latest to come first."""
        found: dict[str, tuple[int, Presence]] = {}
        for standing, describe in ((self.pins, _hold_of), (self.intents, presence_of)):
            for record in (*look.arrived, *look.records):
                for state in standing.on(record, now_us):
                    is_new = record in look.arrived or look.since < state.revision
                    if is_new and _who(state) != look.agent and state.ref not in found:
                        found[state.ref] = state.revision, describe(state, record)
        ordered = sorted(found.values(), key=lambda one: (one[1].holds is None, -one[0]))
        return tuple(presence for _, presence in ordered)


def _is_any(standing: Standing, glance: Glance, has_moved: bool) -> bool:
    records = (*glance.arrived, *glance.known) if has_moved else glance.arrived
    return any(_who(state) != glance.agent for record in records for state in standing.on(record))


def _who(state: RecordState) -> str:
    return state.values["agent"] if state.kind == INTENT else state.values["set_by"]


def _pinned(override: RecordState) -> Iterable[str]:
    record = override.values.get("record")
    return (record,) if record else ()


def _hold_of(override: RecordState, record: str) -> Presence:
    values = override.values
    field = values.get("field")
    return Presence(
        record=record,
        agent=values["set_by"],
        since=parse_time(values["set_at"]),
        expires=expiry_of(override),
        plan=values["reason"],
        is_exclusive=True,
        holds=f"{record}.{field}" if field else record,
    )


# -- a glance, from memory alone


def is_attended(coordinator: Coordinator, revision: int) -> bool:
    """Tell at a glance whether anybody may be active at a revision, on any record: ``False`` is sure."""
    memory = coordinator.glance(revision)
    return memory is None or INTENT in memory[1] or OVERRIDE in memory[1]


def is_quiet(coordinator: Coordinator, presences: Presences, glance: Glance) -> bool:
    """Tell at a glance that there is no news: ``False`` says that one has to look.

    It takes no search and no transaction: where memory is behind the answer, it can't tell.
    """
    memory = coordinator.glance(glance.until)
    if memory is None:
        return False
    head, kinds, states = memory
    if (INTENT in kinds or OVERRIDE in kinds) and presences.may_concern(glance, kinds):
        return False
    since = glance.since
    for record, version in glance.known.items():
        ref = refs.parts(record)
        if (state := states.get(ref)) is None:
            if kinds.get(ref[0], 0) > since:
                return False
        elif state.revision > since and state.version != version:
            return False
    return coordinator.is_still(head)


# -- a look


def news_of(snapshot: Snapshot, coordinator: Coordinator, presences: Presences, look: Look) -> News:
    """Return what a look finds, the most relevant first: what breaks a read, then by record, the latest first."""
    now_us = coordinator.time_at(snapshot.head).now_us
    presences.catch_up(snapshot, now_us, _kinds_of(snapshot, coordinator))
    items = changes_of(snapshot, look)
    present = presences.told(look, now_us)
    kept, active = items[: limits.NEWS_ITEMS], present[: limits.NEWS_ITEMS]
    more = len(items) - len(kept) + len(present) - len(active)
    return News(look.until, now_us, tuple(kept), active, more)


def _kinds_of(snapshot: Snapshot, coordinator: Coordinator) -> Mapping[str, int]:
    """Return the revisions of kinds' last changes, from memory where it is of just that moment."""
    memory = coordinator.glance(snapshot.head.revision)
    return memory[1] if memory is not None and memory[0].is_same_place(snapshot.head) else snapshot.kinds()


def changes_of(snapshot: Snapshot, look: Look) -> list[NewsItem]:
    """Return what others changed, what breaks a read first, then by record, the latest first."""
    items = [item for record in look.records for item in _items(snapshot, look, record)]
    return sorted(items, key=lambda item: not item.is_broken)


def _items(snapshot: Snapshot, look: Look, record: str) -> Iterator[NewsItem]:
    """Yield what others did to a record, the latest first."""
    kind, name = refs.split(record)
    state = snapshot.records([(kind, name)]).get((kind, name))
    if state is None or state.revision <= look.since:
        return
    chosen = EventFilter(
        kind=kind,
        id=name,
        but_agent=look.agent,
        after=look.since,
        upto=look.until,
        newest_first=True,
        limit=limits.NEWS_EVENTS,
    )
    events = snapshot.events(chosen)
    commits = snapshot.commits_of([event.revision for event in events])
    for event, fields in _last_changes(events, state):
        commit = commits[event.revision]
        yield NewsItem(
            record=record,
            event=event.event_id,
            type=event.type,
            by=commit.agent,
            at=commit.at,
            now={field: state.life if field == LIFE else state.values.get(field) for field in fields},
            reason=commit.reason,
            is_broken=_is_broken(look.read.get(record, {}), fields, event.revision),
        )


def _last_changes(events: Sequence[Event], state: RecordState) -> Iterator[tuple[Event, list[str]]]:
    """Yield per commit the first of its events, with the fields whose last change the commit made.

    A commit all of whose changes were overwritten is left out.
    """
    taken: set[str] = set()
    for _, made in groupby(events, key=lambda event: event.revision):
        told = [(event, fields) for event in made if (fields := _kept(event, state, taken)) is not None]
        if told:
            yield told[-1][0], [field for _, fields in reversed(told) for field in fields]


def _kept(event: Event, state: RecordState, taken: set[str]) -> list[str] | None:
    """Return the fields whose last change an event made; None where it changed some, and all were overwritten."""
    was = event.payload.was if event.payload is not None else {}
    fields = [name for name in was if state.blame.get(name) == event.revision and name not in taken]
    taken.update(fields)
    return fields if fields or not was else None


def _is_broken(read: Mapping[str, int], fields: Sequence[str], revision: int) -> bool:
    """Tell whether a change came after the reader saw one of the fields; existence is part of every read (S9)."""
    if LIFE in fields and any(seen < revision for seen in read.values()):
        return True
    whole = read.get(WHOLE, revision)
    return any(min(read.get(field, revision), whole) < revision for field in fields)


# -- being told at once


def looking(store: Store) -> Callable[[int], int]:
    """Return what waits a while for a commit behind a revision, and returns the last one.

    Commits of this process wake it at once, those of others as soon as the store's own wait sees them.
    """
    return lambda revision: store.head().revision if store.wait(revision, _LOOK_S) else revision
