"""The feed: a page of it, whole or as a named consumer."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import msgspec

from comity import limits
from comity.clock import format_time
from comity.coordination import consumers
from comity.coordination.consumers import Claim, Standing
from comity.deciding.case import Case
from comity.deciding.operators import is_operator
from comity.errors import LimitExceeded, NotPermitted
from comity.feed import Bite, Callback, Selection, Take, position_of, read_bite, selection_of
from comity.feed.selection import SORTS
from comity.model import refs
from comity.model.cursors import Cursor
from comity.model.proposals import Caller, Proposal
from comity.operations import (
    Confirm,
    Consume,
    ConsumeAnswer,
    ConsumerAnswer,
    ConsumersAnswer,
    FeedAnswer,
    ForgetConsumer,
    ListConsumers,
    Passing,
    ReadFeed,
    ResetConsumer,
)
from comity.store.contract import Head, Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine

_CLAIMED_WAIT_S = limits.CONSUMER_S / 3
"""How long a consumer waits in one go, so that its claim outlasts it."""


class Page(msgspec.Struct, frozen=True, gc=False):
    """Be what was read, and of which head."""

    bite: Bite
    head: Head

    @property
    def cursor(self) -> str:
        """Return where the next page begins."""
        return str(Cursor(self.head.incarnation, self.bite.revision))

    @property
    def left(self) -> int:
        """Return how many commits are behind it."""
        return self.head.revision - self.bite.revision


def read(engine: Engine, caller: Caller, request: ReadFeed) -> FeedAnswer:
    """Return what was committed behind a cursor, waiting for it if need be.

    Raises CursorLost where the log doesn't go on from there.
    """
    selection = _selection(engine, request)
    _check_bounds(request.limit, request.wait_s)
    page = _follow(engine, selection, request.after, request.limit, request.wait_s)
    at = engine.coordinator.time_at(page.head).now_us
    return FeedAnswer(items=page.bite.items, cursor=page.cursor, at=format_time(at), left=page.left)


def _selection(engine: Engine, request: Passing) -> Selection:
    """Return what a request lets pass; raise NotFound for an unknown kind, type of event or agent."""
    selection = selection_of(request)
    if request.kind or request.type or request.agent:
        with engine.store.snapshot() as snapshot:
            compiled = engine.coordinator.definition(snapshot)
            if not all(map(refs.is_built_in, compiled.kinds)):
                for kind in request.kind:
                    names.check_kind(snapshot, compiled, kind)
                for type in request.type:
                    names.check_event_type(snapshot, compiled, type)
            for agent in request.agent if compiled.agents else ():
                names.check_agent(snapshot, compiled, agent)
    return selection


def _check_bounds(limit: int, wait_s: float) -> None:
    if not 0 < limit <= limits.FEED_PAGE:
        raise LimitExceeded(f"limit: between 1 and {limits.FEED_PAGE}")
    if not 0 <= wait_s <= limits.FEED_WAIT_S:
        raise LimitExceeded(f"wait_s: between 0 and {limits.FEED_WAIT_S:g}; wait again afterwards")


def _follow(engine: Engine, selection: Selection, after: int | str, limit: int, wait_s: float) -> Page:
    """Read bites until something passes or the time is over."""
    until = monotonic() + wait_s
    place: int | str = after
    while True:
        with engine.store.snapshot() as snapshot:
            page = Page(read_bite(snapshot, selection, position_of(snapshot.head, place), limit), snapshot.head)
        left_s = until - monotonic()
        if page.bite.items or left_s <= 0:
            return page
        place = page.cursor  # Not only its revision: the base may be restored while this waits.
        if not page.left:
            engine.store.wait(page.bite.revision, left_s)


def subscribe(engine: Engine, take: Take, request: ReadFeed) -> Callback:
    """Have a function called with what passes behind a place, in a thread of this process.

    Raises what reading the feed does.
    """
    return engine.callbacks.add(take, _selection(engine, request), request.after)


# -- consumers


def consume(engine: Engine, caller: Caller, request: Consume) -> ConsumeAnswer:
    """Return what a consumer hasn't confirmed yet, behind where its reader is.

    Raises ConsumerTaken while another reads.
    """
    selection = _selection(engine, request)
    _check_bounds(request.limit, request.wait_s)
    holder = request.holder or caller.agent
    standing = _claim(engine, caller, request, holder)
    after = str(standing.cursor) if request.after is None else request.after
    page = _follow(engine, selection, after, request.limit, min(request.wait_s, _CLAIMED_WAIT_S))
    return ConsumeAnswer(
        items=page.bite.items,
        cursor=page.cursor,
        at=format_time(engine.coordinator.time_at(page.head).now_us),
        holder=holder,
        until=format_time(standing.until_us),
        confirmed=str(standing.cursor),
        left=page.left,
    )


def _claim(engine: Engine, caller: Caller, request: Consume, holder: str) -> Standing:
    head = engine.store.head()
    start = Cursor(head.incarnation, position_of(head, request.start))
    passing = passing_of(request)
    now_us = engine.coordinator.time_at(head).now_us
    claim = Claim(holder, now_us, start, passing, caller.agent, request.after is not None)
    return consumers.claim(engine.store, request.name, claim, _allowing(engine, caller, request.name))


def _allowing(engine: Engine, caller: Caller, name: str) -> Callable[[str], None]:
    """Return what refuses a consumer to all but its owner and operators."""

    def allow(owner: str) -> None:
        if owner != caller.agent and not _is_operator(engine, caller):
            raise NotPermitted(f"{name[:80]!r} is read for {owner}, and {caller.agent!r} isn't that: take another name")

    return allow


def passing_of(request: Passing) -> dict[str, tuple[str, ...]]:
    """Return what a request lets pass, without the sorts of which everything does."""
    return {sort: given for sort in SORTS if (given := getattr(request, sort))}


def confirm(engine: Engine, caller: Caller, request: Confirm) -> ConsumerAnswer:
    """Note what a consumer has done with; raises ConsumerTaken where another reads by now."""
    head, holder = engine.store.head(), request.holder or caller.agent
    cursor = Cursor(head.incarnation, position_of(head, request.cursor))
    now_us = engine.coordinator.time_at(head).now_us
    allow = _allowing(engine, caller, request.name)
    standing = consumers.confirm(engine.store, request.name, holder, cursor, now_us, allow, leave=request.leave)
    return _told(engine, request.name, standing)


def list_consumers(engine: Engine, caller: Caller, request: ListConsumers) -> ConsumersAnswer:
    """Return the consumers, and how far behind each is."""
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        found = consumers.read_consumers(snapshot)
        told = tuple(_describe(snapshot, name, standing, now_us) for name, standing in found.items())
        return ConsumersAnswer(consumers=told, revision=snapshot.head.revision)


def reset(engine: Engine, caller: Caller, request: ResetConsumer) -> ConsumerAnswer:
    """Have a consumer go on from another place; raises NotPermitted for who is no operator."""
    _check_operator(engine, caller)
    head = engine.store.head()
    cursor = Cursor(head.incarnation, position_of(head, request.after))
    now_us = engine.coordinator.time_at(head).now_us
    return _told(engine, request.name, consumers.reset(engine.store, request.name, cursor, now_us))


def forget(engine: Engine, caller: Caller, request: ForgetConsumer) -> ConsumerAnswer:
    """Forget a consumer, and return how it stood; raises NotPermitted for who is no operator."""
    _check_operator(engine, caller)
    return _told(engine, request.name, consumers.forget(engine.store, request.name))


def _check_operator(engine: Engine, caller: Caller) -> None:
    if not _is_operator(engine, caller):
        raise NotPermitted(f"{caller.agent!r} may not: resetting and forgetting consumers takes an operator's key")


def _is_operator(engine: Engine, caller: Caller) -> bool:
    with engine.store.snapshot() as snapshot:
        return is_operator(Case(Proposal(id="consumers"), caller, engine.coordinator.view(snapshot)))


def _told(engine: Engine, name: str, standing: Standing) -> ConsumerAnswer:
    with engine.store.snapshot() as snapshot:
        return _describe(snapshot, name, standing, engine.coordinator.time_at(snapshot.head).now_us)


def _describe(snapshot: Snapshot, name: str, standing: Standing, now_us: int) -> ConsumerAnswer:
    head, cursor = snapshot.head, standing.cursor
    is_lost = cursor.incarnation != head.incarnation or cursor.revision > head.revision
    first = None if is_lost else snapshot.commit(cursor.revision + 1)
    is_read = standing.holder is not None and standing.until_us > now_us
    return ConsumerAnswer(
        name=name,
        cursor=str(cursor),
        confirmed_at=format_time(standing.confirmed_us),
        left=0 if is_lost else head.revision - cursor.revision,
        since=None if first is None else format_time(first.at),
        holder=standing.holder if is_read else None,
        until=format_time(standing.until_us) if is_read else None,
        passing=standing.passing,
        owner=standing.owner,
        is_lost=is_lost,
    )
