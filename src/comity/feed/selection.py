"""What of the log passes: by kind, record, field, agent, type and action."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from comity import limits
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import refs
from comity.model.events import Event
from comity.operations.feeding import FeedItem, ItemEvent, Passing
from comity.store.contract import LogFilter

SORTS = ("kind", "record", "field", "agent", "type", "action")


class Selection(msgspec.Struct, frozen=True, gc=False):
    """Choose events: by what the store can search for, and by the fields that they changed."""

    chosen: LogFilter = LogFilter()
    fields: tuple[str, ...] = ()

    def concerns(self, event: Event) -> bool:
        """Tell whether an event that the store has found passes. Of one that is erased nobody knows the fields."""
        if not self.fields:
            return True
        payload = event.payload
        return payload is not None and any(name in payload.was for name in self.fields)

    def pick(self, item: FeedItem) -> FeedItem | None:
        """Return an item with the events that pass, or None where none does."""
        chosen = self.chosen
        if (chosen.agents and item.agent not in chosen.agents) or (
            chosen.actions and item.action not in chosen.actions
        ):
            return None
        if not (chosen.kinds or chosen.records or chosen.types or self.fields):
            return item
        events = tuple([event for event in item.events if self._passes(event)])
        if len(events) == len(item.events):
            return item
        return msgspec.structs.replace(item, events=events) if events else None

    def _passes(self, event: ItemEvent) -> bool:
        chosen, (kind, _, name) = self.chosen, event.record.partition("/")
        return (
            (not chosen.kinds or kind in chosen.kinds)
            and (not chosen.records or (kind, name) in chosen.records)
            and (not chosen.types or event.type in chosen.types)
            and (not self.fields or any(field in event.was for field in self.fields))
        )


EVERYTHING = Selection()


def selection_of(request: Passing) -> Selection:
    """Return what a request lets pass; raises InvalidRequest and LimitExceeded."""
    for sort in SORTS:
        _check(sort, getattr(request, sort))
    chosen = LogFilter(
        request.kind, tuple(map(refs.split, request.record)), request.type, request.agent, request.action
    )
    return Selection(chosen, request.field)


def _check(sort: str, given: Sequence[str]) -> None:
    if len(given) > limits.FEED_FILTERS:
        raise LimitExceeded(f"{sort}: at most {limits.FEED_FILTERS} can be asked for")
    if not all(given):
        raise InvalidRequest(f"{sort}: an empty name lets nothing pass")
    try:
        "".join(given).encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{sort}: a name that can't be UTF-8 lets nothing pass") from None
