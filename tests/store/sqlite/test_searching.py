"""Searches of the log: what goes through which part of it, and that all of what is chosen is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import apsw
import pytest

from comity.errors import StoreError
from comity.model.events import Event
from comity.store.contract import Entry, EventFilter, LogFilter
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.opening import connect
from comity.store.sqlite.searching import events_chosen, events_passing
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import append, entry, state

BY_PLACE = "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
BY_RECORD = "SEARCH e USING INDEX events_record (kind=? AND id=? AND place>? AND place<?)"
BY_NAME = "SEARCH s USING PRIMARY KEY (what=? AND name=? AND stretch>? AND stretch<?)"
ALSO = "SEARCH o EXISTS USING PRIMARY KEY (what=? AND name=? AND stretch=?)"


def plan_of(folder: Path, sql: str, values: Sequence[str | int]) -> list[str]:
    SqliteStore.open(str(folder / "crm.db"), clock=ManualClock()).close()
    connection = connect(folder / "crm.db", "FULL", 1_000)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    assert not [line for line in plan if "TEMP B-TREE" in line or line.startswith("SCAN")]
    return [line for line in plan if line.startswith("SEARCH")]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (LogFilter(), [BY_PLACE]),
        (LogFilter(kinds=("a",)), [BY_NAME, BY_PLACE]),
        (LogFilter(types=("a",)), [BY_NAME, BY_PLACE]),
        (LogFilter(types=("a",), kinds=("b",)), [BY_NAME, ALSO, BY_PLACE]),
        (LogFilter(records=(("a", "b"),)), [BY_RECORD]),
        (LogFilter(kinds=("a", "b")), [BY_PLACE]),
        (LogFilter(records=(("a", "b"), ("a", "c"))), [BY_PLACE]),
        (LogFilter(types=("a", "b")), [BY_PLACE]),
        (LogFilter(agents=("a",)), [BY_NAME, BY_PLACE]),
        (LogFilter(agents=("a", "b"), actions=("c",)), [BY_PLACE]),
    ],
)
def test_no_search_goes_through_more_than_it_must_or_sorts(
    tmp_path: Path, chosen: LogFilter, expected: list[str]
) -> None:
    sql, values = events_passing(chosen)
    plan = plan_of(tmp_path, sql, (1, 10, 256, *values))
    assert [line for line in plan if not line.startswith("SEARCH c")] == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (EventFilter(), [BY_PLACE]),
        (EventFilter(kind="a"), [BY_NAME, BY_PLACE]),
        (EventFilter(kind="a", newest_first=True), [BY_NAME, BY_PLACE]),
        (EventFilter(kind="a", type="b"), [BY_NAME, ALSO, BY_PLACE]),
        (EventFilter(kind="a", id="b"), [BY_RECORD]),
        (EventFilter(kind="a", id="b", but_agent="c", newest_first=True), [BY_RECORD]),
        (EventFilter(agent="a"), [BY_NAME, "SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", BY_PLACE]),
    ],
)
def test_neither_does_a_choice_of_events(tmp_path: Path, chosen: EventFilter, expected: list[str]) -> None:
    plan = plan_of(tmp_path, *events_chosen(chosen))
    assert [line for line in plan if not line.startswith("SEARCH c") or line in expected] == expected


COMMITS = 300
"""Over several stretches."""


def made_at_random(random: Random) -> Iterator[Entry]:
    """Yield commits, some names of which are everywhere and some almost nowhere."""
    for revision in range(1, COMMITS + 1):
        kinds = random.choices(["usual", "rare", "once"], [50, 2, 1], k=random.choice([1, 1, 1, 3]))
        types = random.choices(["Usual", "Rare", "Once"], [50, 2, 1], k=len(kinds))
        states = [state(f"{kind}/{revision}x{place}") for place, kind in enumerate(kinds)]
        agent = random.choices(["sales", "support", "ops"], [50, 2, 1])[0]
        yield entry(revision, *states, types=types, agent=agent)


@pytest.fixture(scope="module")
def made() -> list[Entry]:
    return list(made_at_random(Random(20)))


@pytest.fixture(scope="module")
def store(made: list[Entry], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(str(tmp_path_factory.mktemp("log") / "crm.db"), clock=ManualClock())
    start = 0
    for count in (1, 62, 1, 1, 100, 135):
        append(opened, *made[start : start + count])
        start += count
    assert opened.head().revision == COMMITS
    yield opened
    opened.close()


def passes(event: Event, agent: str, chosen: EventFilter) -> bool:
    return (
        chosen.kind in (None, event.kind)
        and chosen.type in (None, event.type)
        and chosen.agent in (None, agent)
        and chosen.but_agent != agent
        and chosen.after < event.revision <= (chosen.upto or COMMITS)
    )


@pytest.mark.parametrize("kind", [None, "usual", "rare", "never"])
@pytest.mark.parametrize("type", [None, "Usual", "Rare"])
@pytest.mark.parametrize("agent", [None, "sales", "support"])
def test_all_events_chosen_are_found_in_order(
    store: SqliteStore, made: list[Entry], kind: str | None, type: str | None, agent: str | None
) -> None:
    with store.snapshot() as snapshot:
        for after, upto in ((0, None), (0, 64), (63, 128), (64, 127), (70, 75), (200, 10**20)):
            for but_agent in (None, "support"):
                chosen = EventFilter(
                    kind=kind, type=type, agent=agent, but_agent=but_agent, after=after, upto=upto, limit=10_000
                )
                expected = [
                    event for made_of in made for event in made_of.events if passes(event, made_of.commit.agent, chosen)
                ]
                found = snapshot.events(chosen)
                assert found == expected
                backwards = EventFilter(
                    kind=kind, type=type, agent=agent, but_agent=but_agent, after=after, upto=upto,
                    newest_first=True, limit=7,
                )  # fmt: skip
                assert snapshot.events(backwards) == expected[::-1][:7]


@pytest.mark.parametrize("kinds", [(), ("usual",), ("rare",), ("rare", "once")])
@pytest.mark.parametrize("types", [(), ("Rare",), ("Usual", "Once")])
@pytest.mark.parametrize("agents", [(), ("support",), ("sales", "ops")])
def test_all_that_a_search_chooses_is_found_in_order(
    store: SqliteStore,
    made: list[Entry],
    kinds: tuple[str, ...],
    types: tuple[str, ...],
    agents: tuple[str, ...],
) -> None:
    chosen = LogFilter(kinds=kinds, types=types, agents=agents)
    with store.snapshot() as snapshot:
        for after, upto in ((0, COMMITS), (0, 64), (63, 128), (100, 101)):
            found = list(snapshot.search_log(chosen, after, upto))
            passing = [one for one in made if after < one.commit.revision <= upto]
            assert found == [
                event
                for one in passing
                if one.commit.agent in (agents or [one.commit.agent])
                for event in one.events
                if event.kind in (kinds or [event.kind]) and event.type in (types or [event.type])
            ]


def test_what_ever_stood_in_the_log_is_known(store: SqliteStore, made: list[Entry]) -> None:
    with store.snapshot() as snapshot:
        events = [event for made_of in made for event in made_of.events]
        assert snapshot.kinds() == {event.kind: event.revision for event in events}
        assert snapshot.event_types() == sorted({event.type for event in events})
        assert snapshot.agents() == sorted({made_of.commit.agent for made_of in made})


def found_by_name(store: SqliteStore) -> list[int]:
    """Return the revisions of the events of one kind, type and agent, as each of the three finds them."""
    by_name = (EventFilter(kind="customer"), EventFilter(type="customer.changed"), EventFilter(agent="sales"))
    with store.snapshot() as snapshot:
        found = [[event.revision for event in snapshot.events(chosen)] for chosen in by_name]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_names_are_noted_anew_after_a_backup_was_restored(tmp_path: Path) -> None:
    """Whoever remembered from before that they were noted would have them noted nowhere."""
    store = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    append(store, entry(1, state("ticket/a"), agent="support"))
    with (
        closing(apsw.Connection(str(tmp_path / "crm.db"))) as base,
        closing(apsw.Connection(str(tmp_path / "backup.db"))) as backup,
    ):
        with backup.backup("main", base, "main") as copying:
            copying.step()
        append(store, entry(2, state("customer/a")))
        with base.backup("main", backup, "main") as copying:
            copying.step()
    append(store, entry(2, state("customer/b")))
    append(store, entry(3, state("customer/c")))
    assert found_by_name(store) == [2, 3]
    store.close()


def test_names_are_noted_anew_after_a_commit_that_failed(tmp_path: Path) -> None:
    store = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    store._writer.set_commit_hook(lambda: True)
    with pytest.raises(StoreError):
        append(store, entry(1, state("customer/a")))
    store._writer.set_commit_hook(None)
    append(store, entry(1, state("customer/a")))
    assert found_by_name(store) == [1]
    store.close()


def test_names_are_noted_whoever_commits(tmp_path: Path) -> None:
    handles = [SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock()) for _ in range(2)]
    for revision in range(1, 140):
        append(handles[revision % 2], entry(revision, state(f"customer/{revision}")))
    assert found_by_name(handles[0]) == list(range(1, 101))  # As many as a filter chooses if it isn't told otherwise.
    for handle in handles:
        handle.close()
