"""The feed in the hand: an iterator, in threads and event loops; call-backs; consumers that remember their place."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.errors import ConsumerTaken, CursorLost, InvalidRequest, LimitExceeded, NotFound
from comity.operations import Confirm, ReadFeed
from comity.testing.manual_clock import ManualClock

WAIT_S = 60.0


@pytest.fixture
def other(tmp_path: Path, clock: ManualClock, base: comity.Workspace) -> Iterator[comity.Workspace]:
    """Give a second handle on the same file, as another process would have."""
    with comity.open(tmp_path / "base.db", clock=clock) as made:
        yield made


def put(base: comity.Workspace, record: str = "customer/a", agent: str = "sales") -> int:
    return base.agent(agent).put(record, n=base.revision, was={}).revision


def revisions(items: Iterator[comity.FeedItem] | list[comity.FeedItem]) -> list[int]:
    return [item.revision for item in items]


# -- the iterator


def test_it_begins_now_unless_told_otherwise_and_ends_after_a_quiet_while(base: comity.Workspace) -> None:
    put(base)
    feed = base.feed(timeout_s=0.05)
    put(base)
    assert revisions(feed) == [2]
    assert revisions(base.feed("start", timeout_s=0)) == [1, 2]
    assert revisions(base.feed(1, timeout_s=0)) == [2]


def test_without_following_it_ends_at_the_head(base: comity.Workspace) -> None:
    assert revisions(base.feed("start", follow=False)) == []
    for _ in range(3):
        put(base)
    assert revisions(base.feed("start", follow=False)) == [1, 2, 3]
    assert revisions(base.feed("start", follow=False, kind=["nothing", "customer"])) == [1, 2, 3]


def test_it_goes_on_from_any_cursor(base: comity.Workspace, other: comity.Workspace) -> None:
    for number in range(10):
        put(other if number % 2 else base)
    for item in base.feed("start", follow=False):
        assert revisions(other.feed(item.cursor, follow=False)) == list(range(item.revision + 1, 11))


def test_its_own_cursor_goes_on_where_nothing_passed(base: comity.Workspace) -> None:
    put(base)
    put(base, "ticket/a")
    feed = base.feed("start", kind="customer", follow=False)
    assert revisions(feed) == [1]
    assert feed.cursor.endswith(":2")


def test_it_waits_for_what_another_handle_commits(base: comity.Workspace, other: comity.Workspace) -> None:
    feed = base.feed(timeout_s=WAIT_S)
    committing = threading.Thread(target=lambda: [put(other) for _ in range(5)])
    committing.start()
    assert [next(feed).revision for _ in range(5)] == [1, 2, 3, 4, 5]
    committing.join()


def test_closing_ends_it_for_who_waits(base: comity.Workspace) -> None:
    with base.feed() as feed:
        seen: list[list[int]] = []
        waiting = threading.Thread(target=lambda: seen.append(revisions(feed)))
        waiting.start()
        put(base)
        while not feed.cursor.endswith(":1"):
            assert waiting.is_alive()
    waiting.join(WAIT_S)
    assert seen == [[1]]


def test_marks_tell_of_progress_where_nothing_passes(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_LOOK", 2)
    for record in ("ticket/a", "ticket/b", "ticket/c", "customer/a", "ticket/d"):
        put(base, record)
    told = list(base.feed("start", follow=False, kind="customer", marks=True))
    assert [(type(one).__name__, one.cursor.partition(":")[2]) for one in told] == [
        ("Mark", "2"), ("FeedItem", "4"), ("Mark", "5"),
    ]  # fmt: skip
    assert str(told[0]).startswith("Nothing else up to ")


def test_limit_feed_mark_s(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_MARK_S", 0.0)
    feed = base.feed(marks=True, timeout_s=WAIT_S)
    assert {next(feed).cursor for _ in range(2)} == {feed.cursor}


def test_s1_it_tells_that_the_base_was_restored(base: comity.Workspace, other: comity.Workspace) -> None:
    put(base)
    cursor = next(base.feed("start")).cursor
    other._engine.store._writer.execute("UPDATE head SET incarnation = 'restored'")  # type: ignore[attr-defined]
    with pytest.raises(CursorLost, match="start again") as raised:
        next(base.feed(cursor))
    assert raised.value.revision == 1
    assert revisions(base.feed("start", follow=False)) == [1]


@pytest.mark.parametrize("limit", [0, limits.FEED_PAGE + 1])
def test_limit_feed_page(base: comity.Workspace, limit: int) -> None:
    with pytest.raises(LimitExceeded):
        base.answer(ReadFeed(limit=limit))
    assert ReadFeed().limit == limits.FEED_PAGE_DEFAULT


def test_limit_feed_wait_s(base: comity.Workspace) -> None:
    with pytest.raises(LimitExceeded):
        base.answer(ReadFeed(wait_s=limits.FEED_WAIT_S + 1))


def test_a_misspelt_kind_type_or_agent_is_told_where_any_are_declared(tmp_path: Path) -> None:
    definition = tmp_path / "comity.toml"
    definition.write_text("[agents]\nsales = {}\n[kinds.customer.fields]\nn = { type = 'integer' }\n")
    with comity.open(tmp_path / "declared.db", definition=definition) as ws:
        with pytest.raises(NotFound, match="did you mean 'customer'"):
            next(ws.feed(kind="custmer"))
        with pytest.raises(NotFound, match=r"did you mean 'customer.created'"):
            next(ws.feed(type="customer.crated"))
        with pytest.raises(NotFound, match="did you mean 'sales'"):
            ws.subscribe(print, agent="sale")


def test_an_argument_of_a_wrong_type_is_told(base: comity.Workspace) -> None:
    with pytest.raises(InvalidRequest):
        next(base.feed("start", kind=7))  # type: ignore[arg-type]


# -- in an event loop


def test_many_follow_in_one_event_loop(base: comity.Workspace, other: comity.Workspace) -> None:
    async def follow() -> list[int]:
        found: list[int] = []
        async for item in base.async_agent("sales").feed(timeout_s=WAIT_S):
            found.append(item.revision)
            if len(found) == 10:
                break
        return found

    async def run() -> list[list[int]]:
        following = [asyncio.create_task(follow()) for _ in range(50)]
        await asyncio.sleep(0)
        for number in range(10):
            await asyncio.to_thread(put, other if number % 2 else base)
        return await asyncio.gather(*following)

    assert asyncio.run(run()) == [list(range(1, 11))] * 50


def test_following_in_an_event_loop_ends_as_it_does_elsewhere(base: comity.Workspace) -> None:
    put(base)

    async def run() -> tuple[list[int], list[int], list[int]]:
        head = [item.revision async for item in base.feed("start", follow=False)]
        quiet = [item.revision async for item in base.feed("start", timeout_s=0.02)]
        feed = base.feed()
        asyncio.get_running_loop().call_later(0.02, feed.close)
        return head, quiet, [item.revision async for item in feed]

    assert asyncio.run(run()) == ([1], [1], [])


# -- call-backs


def test_a_subscription_is_called_until_it_is_closed(base: comity.Workspace, other: comity.Workspace) -> None:
    heard: list[int] = []
    came = threading.Semaphore(0)

    def take(item: comity.FeedItem) -> None:
        heard.append(item.revision)
        came.release()

    with base.subscribe(take, kind="customer") as subscription:
        put(other)
        put(base, "ticket/a")
        put(base)
        assert all(came.acquire(timeout=WAIT_S) for _ in range(2))
        assert not subscription.is_closed
    put(base)
    assert subscription.is_closed
    assert heard == [1, 3]


# -- consumers


def test_s18_a_consumer_goes_on_where_it_acknowledged_and_makes_no_commit(base: comity.Workspace) -> None:
    for _ in range(4):
        put(base)
    with base.consumer("sync", follow=False) as consumer:
        for item in consumer:
            if item.revision <= 2:
                consumer.ack(item)
    with base.consumer("sync", follow=False) as consumer:
        assert revisions(consumer) == [3, 4]
    assert base.revision == 4


def test_an_acknowledgement_stands_for_all_before_it(base: comity.Workspace) -> None:
    for _ in range(3):
        put(base)
    with base.consumer("sync", follow=False) as consumer:
        items = list(consumer)
        assert consumer.ack(items[2].cursor).left == 0
        assert consumer.ack(items[0]).cursor == items[2].cursor
    assert revisions(base.consumer("sync", follow=False)) == []


def test_a_new_consumer_begins_where_it_is_told_to(base: comity.Workspace) -> None:
    put(base)
    for name, start, expected in (("all", "start", [1]), ("new", "now", []), ("some", 1, [])):
        assert revisions(base.consumer(name, start=start, follow=False)) == expected


def test_one_reads_at_a_time_and_the_next_goes_on_when_it_leaves(
    base: comity.Workspace, other: comity.Workspace
) -> None:
    put(base)
    first = base.consumer("sync", follow=False)
    first.ack(next(first))
    with pytest.raises(ConsumerTaken, match="reads as 'sync'"):
        next(other.consumer("sync", wait=False))
    put(base)
    first.close()
    assert revisions(other.consumer("sync", wait=False, follow=False)) == [2]


def test_the_next_waits_until_the_one_who_reads_leaves(base: comity.Workspace, other: comity.Workspace) -> None:
    put(base)
    first, second = base.consumer("sync"), other.consumer("sync", timeout_s=WAIT_S)
    next(first)
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(next(second).revision))
    waiting.start()
    first.close()
    waiting.join(WAIT_S)
    assert found == [1]


def test_who_waits_for_another_to_leave_gives_up_after_a_while(
    base: comity.Workspace, other: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comity.workspace.feeding._NEXT_TRY_S", 0.01)
    put(base)
    next(base.consumer("sync"))
    assert revisions(other.consumer("sync", timeout_s=0.02)) == []


def test_limit_consumer_s(base: comity.Workspace, other: comity.Workspace, clock: ManualClock) -> None:
    put(base)
    put(base)
    first, second = base.consumer("sync"), other.consumer("sync", wait=False)
    item = next(first)
    clock.advance(seconds=limits.CONSUMER_S - 1)
    with pytest.raises(ConsumerTaken):
        next(second)
    clock.advance(seconds=1)
    assert next(second).revision == 1, "at least once"
    with pytest.raises(ConsumerTaken):
        first.ack(item)
    assert base.consumers().consumers[0].cursor.endswith(":0")


def test_a_reader_that_is_slow_alone_keeps_its_place(base: comity.Workspace, clock: ManualClock) -> None:
    put(base)
    consumer = base.consumer("sync")
    item = next(consumer)
    clock.advance(seconds=10 * limits.CONSUMER_S)
    consumer.ack(item)
    put(base)
    assert next(consumer).revision == 2


def test_a_filtered_consumer_notes_its_progress(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(base)
    with base.consumer("sync", follow=False, kind="ticket") as consumer:
        assert revisions(consumer) == []
    (one,) = base.consumers().consumers
    assert (one.left, one.passing, one.since, one.holder) == (0, {"kind": ("ticket",)}, None, None)
    monkeypatch.setattr(limits, "FEED_MARK_S", 0.0)
    consumer = base.consumer("other", timeout_s=0.01, kind="ticket")
    assert revisions(consumer) == []
    assert base.consumers().consumers[0].left == 0


def test_what_is_not_acknowledged_is_not_noted_as_progress(
    base: comity.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FEED_MARK_S", 0.0)
    put(base)
    put(base, "ticket/a")
    with base.consumer("sync", timeout_s=0.01, kind="customer") as consumer:
        assert revisions(consumer) == [1]
    assert base.consumers().consumers[0].left == 2


def test_consumers_are_listed_with_what_is_left(base: comity.Workspace) -> None:
    assert str(base.consumers()) == "0 consumers, as of revision 0"
    put(base)
    put(base)
    consumer = base.consumer("sync", agent="sales")
    consumer.ack(next(consumer))
    (one,) = base.consumers().consumers
    assert (one.name, one.left, one.passing, one.is_lost) == ("sync", 1, {"agent": ("sales",)}, False)
    assert one.since is not None
    assert one.holder is not None
    assert one.holder.startswith("os:")
    assert str(one).startswith(f"sync ({one.owner}): 1 commit behind since ")


def test_a_consumer_is_reset_and_forgotten_by_an_operator(base: comity.Workspace) -> None:
    put(base)
    put(base)
    reader = base.consumer("sync")
    reader.ack(next(reader))
    with pytest.raises(comity.NotPermitted, match="operator"):
        base.agent("sales").reset_consumer("sync", "start")
    assert base.reset_consumer("sync", "start").left == 2
    with pytest.raises(ConsumerTaken, match="begin anew"):
        reader.ack(reader._acknowledged)
    with pytest.raises(ConsumerTaken, match="begin anew"):
        reader.read_on(0.0)
    assert revisions(base.consumer("sync", follow=False)) == [1, 2]
    assert base.forget_consumer("sync").name == "sync"
    assert base.consumers().consumers == ()
    for forget in (lambda: base.forget_consumer("synk"), lambda: base.reset_consumer("synk", 0)):
        with pytest.raises(NotFound):
            forget()


def test_s1_a_consumer_of_another_life_is_lost_until_it_is_reset(
    base: comity.Workspace, other: comity.Workspace
) -> None:
    put(base)
    with base.consumer("sync", follow=False) as consumer:
        consumer.ack(next(consumer))
    other._engine.store._writer.execute("UPDATE head SET incarnation = 'restored'")  # type: ignore[attr-defined]
    assert base.consumers().consumers[0].is_lost
    with pytest.raises(CursorLost):
        next(base.consumer("sync"))
    base.reset_consumer("sync", "start")
    assert revisions(base.consumer("sync", follow=False)) == [1]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "$a"])
def test_a_name_that_is_none_is_refused(base: comity.Workspace, name: str) -> None:
    with pytest.raises(InvalidRequest):
        next(base.consumer(name))


def test_limit_consumers(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONSUMERS", 1)
    for _ in range(2):
        with base.consumer("one", wait=False, follow=False) as one:
            assert revisions(one) == []
    with pytest.raises(LimitExceeded):
        next(base.consumer("two"))


# -- whose a consumer is, and in an event loop


def test_a_consumer_is_its_agents_and_operators(base: comity.Workspace, other: comity.Workspace) -> None:
    put(base)
    sales, support = base.agent("sales"), base.agent("support")
    with sales.consumer("sync", follow=False) as consumer:
        item = next(consumer)
        with pytest.raises(comity.NotPermitted, match="'sync' is read for sales, and 'support' isn't that"):
            next(support.consumer("sync", wait=False))
        with pytest.raises(comity.NotPermitted):
            support.answer(Confirm(name="sync", cursor=item.cursor, holder=consumer._request.holder))
        assert consumer.ack(item).owner == "sales"
    assert "sync (sales): " in str(base.consumers())
    assert revisions(other.consumer("sync", follow=False)) == [], "who is an operator may read as it"
    base.reset_consumer("sync", "start")
    with pytest.raises(comity.NotPermitted):
        next(support.consumer("sync", wait=False))
    assert revisions(sales.consumer("sync", follow=False)) == [1]


def test_a_consumer_is_followed_in_an_event_loop(base: comity.Workspace) -> None:
    put(base)
    put(base, "customer/b")
    seen: list[int] = []

    async def consume() -> None:
        async with base.async_agent("sales").consumer("sync", timeout_s=WAIT_S) as consumer:
            async for item in consumer:
                seen.append(item.revision)
                assert (await consumer.ack(item)).name == consumer.name
                if item.revision == 2:
                    threading.Timer(0.05, put, (base, "customer/c")).start()
                if item.revision == 3:
                    break

    asyncio.run(consume())
    assert seen == [1, 2, 3]
    assert revisions(base.agent("sales").consumer("sync", follow=False)) == []


def test_an_asynchronous_consumer_ends_where_it_should(base: comity.Workspace) -> None:
    put(base)

    async def consume() -> list[int]:
        return [item.revision async for item in base.async_agent("sales").consumer("sync", follow=False)]

    assert asyncio.run(consume()) == [1]
