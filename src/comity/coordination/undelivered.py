"""What is to be known of an effect that goes wrong: it was cancelled or put aside, is held up for long, or not sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.deciding.effects import is_sharing
from comity.model.built_in import EFFECT
from comity.model.events import Event
from comity.model.filters import Condition, Order, Query
from comity.model.records import RecordState
from comity.model.texts import quote
from comity.operations import InboxItem
from comity.store.contract import EventFilter, Snapshot

_UNSENT: Final = "no process has sent it: that takes one that does duties and has a handler, or the webhook's secret"
"""What is said of an effect that is due, and that nobody takes up."""

_PAGES: Final = 10
"""How many pages of the log are looked through for what was cancelled."""


def find_undelivered(snapshot: Snapshot, agent: str, since_us: int, now_us: int) -> Iterator[InboxItem]:
    """Yield what became of the effects that an agent wants, unless all went well; ``since_us`` is for what is over."""
    if EFFECT in snapshot.kinds():
        yield from _find_cancelled(snapshot, agent, snapshot.revision_at(since_us))
        yield from islice(_find_stuck(snapshot, agent, now_us), limits.INBOX_ITEMS)


def _find_cancelled(snapshot: Snapshot, agent: str, after: int) -> Iterator[InboxItem]:
    for type in ("cancelled", "expired"):
        chosen = EventFilter(kind=EFFECT, type=type, after=after, newest_first=True, limit=limits.INBOX_EVENTS)
        yield from islice(_told(_paged(snapshot, chosen), agent), limits.INBOX_ITEMS)


def _told(events: Iterable[Event], agent: str) -> Iterator[InboxItem]:
    for event in events:
        state = event.after() if event.payload is not None else None
        if state is not None and is_sharing(state, agent) and agent != state.values["closed_by"]:
            advice = "Look again; if it still makes sense, want it anew: its key is free."
            at = parse_time(state.values["closed_at"])
            whose = "" if state.values["agent"] == agent else f"and {state.values['agent']} before you, "
            yield _item(state, f"{whose}was cancelled: {state.values['answer']}", advice, at, state.values["closed_by"])


def _paged(snapshot: Snapshot, chosen: EventFilter) -> Iterator[Event]:
    """Yield events, the newest first, page after page: what others have cancelled must not hide one's own."""
    seen: set[str] = set()
    for _ in range(_PAGES):
        page = [event for event in snapshot.events(chosen) if event.event_id not in seen]
        if not page:
            return
        yield from page
        seen = {event.event_id for event in page}
        chosen = msgspec.structs.replace(chosen, upto=page[-1].revision)


def _find_stuck(snapshot: Snapshot, agent: str, now_us: int) -> Iterator[InboxItem]:
    """Yield what was put aside, waits for a human since the base was restored, or is held up for long."""
    query = Query(EFFECT, (Condition("agent", "=", agent),), (Order("release_at"),), limits.QUERY_RECORDS)
    found = snapshot.find(query)
    overdue = find_overdue(found, snapshot, now_us)
    for state in found:
        at_us, values = parse_time(state.values["release_at"]), state.values
        if values["incarnation"] != snapshot.head.incarnation:
            told = "may have been sent before the base was restored"
            yield _item(state, told, "Find out, and have a human retry or cancel it.", at_us)
        elif values["state"] == "aside":
            advice = "Have an operator retry it, or cancel it."
            yield _item(state, f"was put aside: {values['error']}", advice, at_us)
        elif values.get("held_up") and now_us - at_us > limits.EFFECT_LONG_S * SECOND_US:
            advice = "Wait on, or cancel it; it is tried again by itself."
            yield _item(state, f"is held up since {values['release_at']}: {values['held_up']}", advice, at_us)
        elif state.ref in overdue:
            advice = f"Have a process that delivers {values['effect']} do duties, or cancel it."
            yield _item(state, f"is due since {values['release_at']}, and {_UNSENT}", advice, at_us)


def find_overdue(states: Iterable[RecordState], snapshot: Snapshot, now_us: int) -> set[str]:
    """Return those effects whose time came a while ago and that no process has taken up, though nothing holds them up.

    What waits for another one on its way to the same target, or for its caller, isn't among them.
    """
    late = {state.ref: state for state in states if _is_late(state, snapshot.head.incarnation, now_us)}
    if not late:
        return set()
    tried = snapshot.find(Query(EFFECT, (Condition("attempts", ">", 0),), limit=limits.QUERY_RECORDS))
    busy = {_lane(state) for state in tried if state.ref not in late and state.values["state"] != "aside"}
    return {ref for ref, state in late.items() if state.values.get("target") is None or _lane(state) not in busy}


def _is_late(state: RecordState, incarnation: str, now_us: int) -> bool:
    values = state.values
    if not state.is_live or values["state"] != "held" or values.get("held_up") or values["incarnation"] != incarnation:
        return False
    due_us = max(parse_time(values["release_at"]), parse_time(values.get("claimed_until") or values["release_at"]))
    return due_us + limits.EFFECT_OVERDUE_S * SECOND_US <= now_us


def _lane(state: RecordState) -> tuple[str, str | None]:
    return state.values["effect"], state.values.get("target")


def _item(state: RecordState, told: str, advice: str, at_us: int, by: str | None = None) -> InboxItem:
    values = state.values
    what = f"{values['effect']} to {values['target']}" if values.get("target") else values["effect"]
    why = f" ({quote(values['reason'])})" if values.get("reason") else ""
    return InboxItem(
        id=f"effect:{state.ref.removeprefix('$')}:{state.version}",
        kind="effect",
        about=state.ref,
        text=f"What you wanted, {what}{why}, {told}",
        next=advice,
        at=at_us,
        by=by,
    )
