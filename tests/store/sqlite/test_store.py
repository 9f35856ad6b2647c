"""What SQLite adds to the contract: full disks, syncs, forks, crashes, processes that come and go."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import apsw
import pytest

from comity.clock import StoreTime, SystemClock
from comity.errors import StoreError, StoreFull, StoreUnavailable
from comity.model.filters import query
from comity.store.contract import Head
from comity.store.sqlite import SqliteStore
from comity.store.sqlite import waiting as waiting_module
from comity.store.sqlite.opening import connect
from comity.store.sqlite.retention import DROP_PENDING, DROP_SETTLED
from comity.testing.faulty_store import Fault, FaultyStore, die
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import answered, append, entry, put, state
from comity.testing.store_contract.handles import run_all

FORK = multiprocessing.get_context("fork")
SPAWN = multiprocessing.get_context("spawn")


def open_at(path: Path) -> SqliteStore:
    return SqliteStore.open(str(path), clock=ManualClock())


def settings_of(connection: apsw.Connection) -> dict[str, object]:
    return {name: connection.pragma(name) for name in ("journal_mode", "synchronous", "fullfsync", "trusted_schema")}


def readers_of(store: SqliteStore) -> list[apsw.Connection]:
    with store.snapshot():
        pass
    return [reader.connection for reader in store._readers._idle]


def test_commits_are_synced_in_full_and_answers_are_not(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    full, normal = 2, 1
    for connection in (store._writer, *readers_of(store)):
        settings = {"journal_mode": "wal", "synchronous": full, "fullfsync": 1, "trusted_schema": 0}
        assert settings_of(connection) == settings
    assert settings_of(store._keeper)["synchronous"] == normal
    store.close()


def test_full_disk_leaves_nothing_half_done(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    put(store, "customer/first")
    pages = store._writer.pragma("page_count")
    store._writer.pragma("max_page_count", pages + 5)
    big = [state(f"customer/c{number}", {"text": "x" * 1000}) for number in range(200)]
    with pytest.raises(StoreFull, match="make room"):
        append(store, entry(2, *big), answers=[answered("a")])
    with store.snapshot() as snapshot:
        assert (snapshot.head.revision, snapshot.count(query("customer")), snapshot.answers(["p2", "a"])) == (1, 1, {})
    put(store, "customer/small")
    store._writer.pragma("max_page_count", 2**30)
    append(store, entry(3, *big))
    with store.snapshot() as snapshot:
        assert (snapshot.head.revision, snapshot.count(query("customer"))) == (3, 202)
    store.close()


def test_head_held_by_another_application_is_unavailable(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    store._writer.set_busy_timeout(0)
    foreign = apsw.Connection(str(tmp_path / "crm.db"))
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="nothing was changed"):
        put(store, "customer/a")
    foreign.execute("ROLLBACK")
    foreign.close()
    put(store, "customer/a")
    store.close()


@pytest.mark.parametrize("waiters", [1, 3])
def test_commit_of_this_process_wakes_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiters: int
) -> None:
    """Between two looks lies more time than the test has: only the commit itself can wake in time, each time."""
    for name in ("FIRST_LOOK_S", "LAST_LOOK_S", "NET_LOOK_S"):
        monkeypatch.setattr(waiting_module, name, 600.0)
    store = open_at(tmp_path / "crm.db")

    def follow() -> None:
        for revision in range(50):
            assert store.wait(revision, 900)

    def lead() -> None:
        for _ in range(50):
            put(store, "customer/c")

    began = monotonic()
    run_all([*[(follow, ())] * waiters, (lead, ())])
    assert monotonic() - began < 60
    store.close()


def test_wait_is_refused_once_the_base_is_closed(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    store.close()
    with pytest.raises(StoreError):
        store.wait(0, 1)


def test_old_answers_are_found_by_a_seek(tmp_path: Path) -> None:
    open_at(tmp_path / "crm.db").close()
    connection = connect(tmp_path / "crm.db", "FULL", 1_000)
    for sql, index in ((DROP_SETTLED, "answers_settled"), (DROP_PENDING, "answers_pending")):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1, 1))]
        assert any(line.startswith("SEARCH") and line.endswith(f"INDEX {index} (at<?)") for line in plan)
        assert not [line for line in plan if line.startswith("SCAN answers") or "TEMP B-TREE" in line]
    connection.close()


def test_closing_within_a_snapshot_ends_it_at_its_end(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    put(store, "customer/a")
    with store.snapshot() as snapshot:
        store.close()
        assert snapshot.kinds() == {"customer": 1}
    with pytest.raises(StoreError, match="closed"):
        store.snapshot()


def exit_code_of(context: Any, work: Callable[..., None], *arguments: object) -> int | None:
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


NO_HEAD = Head("", 0, b"", 0, StoreTime())


def use_everything(store: SqliteStore) -> None:
    uses: list[Callable[[], object]] = [
        store.snapshot,
        store.head,
        store.batch,
        store.turn,
        lambda: store.keep(NO_HEAD, []),
        lambda: store.index({}),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="fork"):
            use()
    store.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_s3_store_is_refused_after_a_fork(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    assert exit_code_of(FORK, use_everything, store) == 0
    put(store, "customer/a")
    store.close()


def commit_and_die(path: Path, fault: Fault) -> None:
    store = FaultyStore(SqliteStore.open(str(path), clock=SystemClock()), fault)
    append(store, *(entry(number, state(f"customer/c{number}")) for number in range(2, 50)))


CRASHES = [
    (Fault("batch", "after", strike=die), 1),
    (Fault("append", "before", strike=die), 1),
    (Fault("append", "after", strike=die), 1),
    (Fault("commit", "before", strike=die), 1),
    (Fault("commit", "after", strike=die), 49),
]


@pytest.mark.parametrize(("fault", "revision"), CRASHES)
def test_killed_process_leaves_all_or_nothing(tmp_path: Path, fault: Fault, revision: int) -> None:
    store = open_at(tmp_path / "crm.db")
    put(store, "customer/c1")
    assert exit_code_of(SPAWN, commit_and_die, tmp_path / "crm.db", fault) == -signal.SIGKILL
    with store.snapshot() as snapshot:
        assert snapshot.head.revision == revision
        assert len(snapshot.log(0, 100)) == snapshot.count(query("customer")) == revision
    put(store, "customer/next")
    store.close()


def open_and_put(path: Path, name: str) -> None:
    store = SqliteStore.open(str(path), clock=SystemClock())
    put(store, f"customer/{name}")
    store.close()


def test_processes_that_open_a_new_base_at_once_make_one(tmp_path: Path) -> None:
    processes = [SPAWN.Process(target=open_and_put, args=(tmp_path / "crm.db", f"c{number}")) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    store = open_at(tmp_path / "crm.db")
    with store.snapshot() as snapshot:
        assert (snapshot.head.revision, snapshot.kinds()) == (3, {"customer": 3})
    store.close()
    assert os.listdir(tmp_path) == ["crm.db"] or not (tmp_path / "crm.db-wal").exists()
