"""The head outside of a snapshot: read once while nobody moves it, and never told when it is another."""

from __future__ import annotations

import multiprocessing
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from comity.errors import StoreError, StoreFull
from comity.store.contract import Head
from comity.store.sqlite import SqliteStore
from comity.store.sqlite import readers as readers_module
from comity.store.sqlite.rows import head_of
from comity.store.sqlite.store import ASKED_WRITER
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import answered, put

SPAWN = multiprocessing.get_context("spawn")


def open_at(path: Path) -> SqliteStore:
    return SqliteStore.open(str(path), clock=ManualClock())


def commit(store: SqliteStore) -> Head:
    put(store, "customer/acme")
    return store.head()


def test_a_head_that_nobody_moved_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = (open_at(tmp_path / "crm.db") for _ in range(2))
    head = commit(store)
    read: list[Any] = []
    monkeypatch.setattr(readers_module, "head_of", lambda row: (read.append(row), head_of(row))[1])
    for _ in range(ASKED_WRITER - 1):
        assert store.head() is head
    assert not read, "the connection that moved it knows it"
    assert store.head() is store.head() == head
    assert len(read) == 1, "by a reader"
    moved = commit(other)
    read.clear()
    assert store.head() is store.head() == moved
    assert len(read) == 1


def test_s3_a_commit_that_fails_leaves_no_head_that_isn_t_there(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    head = commit(store)
    store._writer.set_commit_hook(lambda: True)
    with pytest.raises(StoreError):
        commit(store)
    assert store.head() == head
    store._writer.set_commit_hook(None)
    assert commit(store).revision == head.revision + 1


def test_what_another_handle_commits_is_seen_at_once(tmp_path: Path) -> None:
    first, second = (open_at(tmp_path / "crm.db") for _ in range(2))
    for _ in range(3):
        moved = commit(first)
        assert second.head() == moved
        moved = commit(second)
        assert first.head() == moved


def test_what_another_handle_keeps_is_seen_at_once(tmp_path: Path) -> None:
    first, second = (open_at(tmp_path / "crm.db") for _ in range(2))
    head = commit(first)
    assert second.head().judged == head.judged
    first.keep(msgspec.structs.replace(head, judged=head.judged + 1), [answered("refused")])
    assert second.head().judged == first.head().judged == head.judged + 1


def fail_after_appending(store: SqliteStore, head: Head) -> None:
    with store.batch() as batch:
        batch.append(msgspec.structs.replace(head, judged=head.judged + 1), [], [], [answered("refused")])
        raise StoreFull("no room")


def test_a_batch_that_fails_leaves_the_head_as_it_was(tmp_path: Path) -> None:
    store, other = (open_at(tmp_path / "crm.db") for _ in range(2))
    head = commit(store)
    assert other.head() == head
    with pytest.raises(StoreFull):
        fail_after_appending(store, head)
    assert other.head() == store.head() == head


def commit_in_child(path: Path) -> None:
    commit(open_at(path))


@pytest.mark.parametrize("line", ["kept", "removed", "truncated"])
def test_s2_what_another_process_commits_is_seen_whatever_became_of_the_line(tmp_path: Path, line: str) -> None:
    """A file of locks is what a cleaning or a restoring takes for worthless: no read may depend on it."""
    store = open_at(tmp_path / "crm.db")
    head = commit(store)
    turns = tmp_path / "crm.db-turn"
    if line == "removed":
        turns.unlink()
    if line == "truncated":
        turns.write_bytes(b"")
    assert store.head() == head
    child = SPAWN.Process(target=commit_in_child, args=(tmp_path / "crm.db",))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert store.head().revision == head.revision + 1
    assert commit(store).revision == head.revision + 2


def copy_into(target: apsw.Connection, source: apsw.Connection) -> None:
    with target.backup("main", source, "main") as backup:
        backup.step()


def test_s3_a_backup_restored_into_the_open_file_is_seen_at_once(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    early = commit(store)
    with (
        closing(apsw.Connection(str(tmp_path / "crm.db"))) as base,
        closing(apsw.Connection(str(tmp_path / "backup.db"))) as backup,
    ):
        copy_into(backup, base)
        late = commit(store)
        assert store.head() == late != early
        copy_into(base, backup)
        assert store.head() == early
        with store.snapshot() as snapshot:
            assert snapshot.head == early


def test_asking_for_the_head_holds_no_moment(tmp_path: Path) -> None:
    """A question left open would keep the write-ahead log from ever being taken back."""
    store = open_at(tmp_path / "crm.db")
    commit(store)
    assert store.head() is store.head()
    with closing(apsw.Connection(str(tmp_path / "crm.db"))) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
