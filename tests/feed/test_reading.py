"""A bite of the feed: what passes behind a place, bounded, and never less than the log has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from comity import limits
from comity.errors import ComityError, CursorLost, InvalidReference, InvalidRequest, LimitExceeded
from comity.feed import EVERYTHING, Bite, Selection, position_of, read_bite, selection_of
from comity.model.cursors import Cursor, parse_cursor
from comity.operations import ReadFeed
from comity.store.contract import LogFilter
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, put, state


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.open(str(tmp_path / "a.db"), clock=ManualClock())
    yield made
    made.close()


def read(store: SqliteStore, selection: Selection = EVERYTHING, after: int = 0, limit: int = 100) -> Bite:
    with store.snapshot() as snapshot:
        return read_bite(snapshot, selection, after, limit)


def fill(store: SqliteStore, commits: int, kind: str = "customer") -> None:
    last = store.head().revision
    append(store, *(entry(last + n, state(f"{kind}/{n}")) for n in range(1, commits + 1)))


def test_an_item_is_a_commit_with_its_events(store: SqliteStore) -> None:
    append(store, entry(1, state("customer/a", {"n": 1}), state("ticket/t", {"n": 2}), reason="why", cause="0.0"))
    (item,) = read(store).items
    assert item.cursor == f"{store.head().incarnation}:1"
    assert (item.revision, item.at, item.agent, item.role) == (1, "1970-01-01T00:00:01Z", "sales", "sales")
    assert (item.proposal, item.reason, item.cause) == ("p1", "why", "0.0")
    assert [(event.event, event.record, event.type) for event in item.events] == [
        ("1.0", "customer/a", "customer.changed"),
        ("1.1", "ticket/t", "ticket.changed"),
    ]


def test_a_bite_ends_with_its_last_item_and_the_next_goes_on_there(store: SqliteStore) -> None:
    fill(store, 7)
    seen: list[list[int]] = []
    after = 0
    while (bite := read(store, after=after, limit=3)).items:
        seen.append([item.revision for item in bite.items])
        after = bite.revision
    assert (seen, after) == ([[1, 2, 3], [4, 5, 6], [7]], 7)


def test_only_what_passes_is_in_an_item_and_the_rest_is_passed_over(store: SqliteStore) -> None:
    append(store, entry(1, state("customer/a"), state("ticket/t")), entry(2, state("note/n")))
    bite = read(store, Selection(LogFilter(kinds=("ticket",))))
    assert [[event.record for event in item.events] for item in bite.items] == [["ticket/t"]]
    assert bite.revision == 2, "nothing else up to there"


def test_limit_feed_look(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_LOOK", 5)
    fill(store, 12)
    fill(store, 1, "ticket")
    tickets = Selection(LogFilter(kinds=("ticket",)))
    bites = [read(store, tickets, after) for after in (0, 5, 10)]
    assert [(len(bite.items), bite.revision) for bite in bites] == [(0, 5), (0, 10), (1, 13)]


def test_a_bite_ends_with_the_commit_by_which_many_events_were_looked_at_in_vain(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 7):
        append(store, entry(number, *(state(f"customer/{number}-{n}", {"n": n}) for n in range(4))))
    monkeypatch.setattr(limits, "FEED_LOOK", 6)
    bites = [read(store, Selection(fields=("other",)), after) for after in (0, 2, 4, 6)]
    assert [(bite.items, bite.revision) for bite in bites] == [((), 2), ((), 4), ((), 6), ((), 6)]


def test_limit_feed_bytes(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FEED_BYTES", 1_000)
    for number in range(6):
        put(store, f"customer/{number}", text="x" * 400)
    assert [len(read(store, after=after).items) for after in (0, 3, 5)] == [3, 3, 1]


def test_nothing_is_behind_the_head(store: SqliteStore) -> None:
    assert read(store) == Bite((), 0)
    fill(store, 1)
    assert read(store, after=1) == Bite((), 1)


def test_an_erased_event_passes_as_such_but_no_filter_of_fields(store: SqliteStore) -> None:
    given = entry(1, state("customer/a", {"n": 1}))
    erased = tuple(msgspec.structs.replace(event, salt=None, payload_bytes=None) for event in given.events)
    append(store, msgspec.structs.replace(given, events=erased))
    (item,) = read(store).items
    assert item.events[0].is_erased
    assert read(store, Selection(fields=("n",))).items == ()


# -- places

HEAD_AT = 5


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("start", 0),
        ("now", HEAD_AT),
        (0, 0),
        (5, 5),
        ("3", 3),
        ("life:4", 4),
        (6, CursorLost),
        (-1, CursorLost),
        pytest.param(10**5_000, CursorLost, id="a number of 5,001 digits"),
        pytest.param("9" * 5_000, InvalidRequest, id="5,000 digits"),
        ("٣", InvalidRequest),
        ("life:6", CursorLost),
        ("other:4", CursorLost),
        ("4:", InvalidRequest),
        ("", InvalidRequest),
        ("later", InvalidRequest),
        ("-1", InvalidRequest),
    ],
)
def test_s1_a_place_is_one_of_this_life_of_the_base(
    store: SqliteStore, after: int | str, expected: int | type[ComityError]
) -> None:
    fill(store, HEAD_AT)
    head = msgspec.structs.replace(store.head(), incarnation="life")
    if isinstance(expected, int):
        assert position_of(head, after) == expected
        return
    with pytest.raises(expected) as raised:
        position_of(head, after)
    if isinstance(raised.value, CursorLost):
        assert raised.value.revision == HEAD_AT
        assert "the base was restored" in str(raised.value)


def test_a_cursor_is_read_back() -> None:
    cursor = Cursor("a9b66cad975946af9340fa0959e63eab", 2**40)
    assert parse_cursor(str(cursor)) == cursor


# -- what passes


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (ReadFeed(record=("customer",)), InvalidReference),
        (ReadFeed(kind=("",)), InvalidRequest),
        (ReadFeed(action=("\ud800",)), InvalidRequest),
        (ReadFeed(field=tuple(f"f{n}" for n in range(limits.FEED_FILTERS + 1))), LimitExceeded),
    ],
)
def test_a_selection_that_can_not_be_is_refused(asked: ReadFeed, error: type[ComityError]) -> None:
    with pytest.raises(error):
        selection_of(asked)


@pytest.mark.parametrize(
    "asked",
    [
        ReadFeed(),
        ReadFeed(kind=("customer", "note")),
        ReadFeed(record=("ticket/t",)),
        ReadFeed(type=("ticket.changed",), agent=("sales",)),
        ReadFeed(agent=("support",)),
        ReadFeed(action=("nothing",)),
        ReadFeed(field=("$life",)),
    ],
)
def test_what_is_picked_from_an_item_is_what_is_read_so(store: SqliteStore, asked: ReadFeed) -> None:
    append(
        store,
        entry(1, state("customer/a"), state("ticket/t")),
        entry(2, state("note/n"), agent="support"),
        entry(3, state("ticket/t", version=2), state("ticket/u")),
    )
    selection = selection_of(asked)
    picked = [item for one in read(store).items if (item := selection.pick(one)) is not None]
    assert picked == list(read(store, selection).items)
