"""The feed is a filter over the whole log, however it is cut into pages and wherever it is taken up again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import comity
from comity.operations import FeedItem, ReadFeed
from comity.testing.manual_clock import ManualClock

KINDS = ("customer", "ticket", "note")
AGENTS = ("sales", "support")
FIELDS = ("status", "size", "$life")
ACTIONS = ("review", "repair")


def some(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), max_size=2, unique=True).map(tuple)


REQUESTS = st.builds(
    ReadFeed,
    kind=some(KINDS),
    record=some(("customer/a", "ticket/a", "note/never")),
    field=some(FIELDS),
    agent=some(AGENTS),
    type=some(("customer.created", "customer.updated", "ticket.deleted", "Closed")),
    action=some(ACTIONS),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path_factory.mktemp("feed") / "a.db", clock=ManualClock()) as made:
        for number in range(40):
            agent = made.agent(AGENTS[number % 2])
            with agent.intent(ACTIONS[number % 3] if number % 3 < 2 else None) as intent:
                intent.put(f"{KINDS[number % 3]}/{'ab'[number // 20]}", {FIELDS[number % 2]: number}, was={})
                if number % 4 == 0:
                    intent.put(f"note/{number}", status="new")
            if number == 25:
                agent.delete("ticket/a", was={"size": agent.get("ticket/a").get("size")})
        yield made


def passes(request: ReadFeed, item: FeedItem, number: int) -> bool:
    """Tell whether an event passes, said as simply as can be."""
    event = item.events[number]
    facts = {
        "kind": {event.record.partition("/")[0]},
        "record": {event.record},
        "field": set(event.was),
        "agent": {item.agent},
        "type": {event.type},
        "action": {item.action},
    }
    return all(not (asked := set(getattr(request, sort))) or asked & facts[sort] for sort in facts)


def filtered(base: comity.Workspace, request: ReadFeed, after: int) -> list[tuple[int, list[str]]]:
    everything = base.answer(ReadFeed(limit=1_000)).items
    found = [
        (item.revision, [one.event for number, one in enumerate(item.events) if passes(request, item, number)])
        for item in everything
        if item.revision > after
    ]
    return [one for one in found if one[1]]


def told(items: list[FeedItem]) -> list[tuple[int, list[str]]]:
    return [(item.revision, [event.event for event in item.events]) for item in items]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(request=REQUESTS, after=st.integers(0, 45), limit=st.integers(1, 50))
def test_any_filter_in_pages_of_any_size_is_the_filtered_log(
    base: comity.Workspace, request: ReadFeed, after: int, limit: int
) -> None:
    after = min(after, base.revision)
    found: list[FeedItem] = []
    cursor: int | str = after
    while True:
        page = base.answer(msgspec.structs.replace(request, after=cursor, limit=limit))
        assert len(page.items) <= limit
        found += page.items
        cursor = page.cursor
        if not page.left:
            break
    assert told(found) == filtered(base, request, after)
