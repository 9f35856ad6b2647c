"""S1, S2, S6: a batch decided on the head as it was left is there as a whole, or not at all and decided again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import psycopg
import pytest

from comity.clock import StoreTime
from comity.errors import StoreError
from comity.store.contract import Batch, BatchLost
from comity.store.postgres import PostgresStore
from comity.store.postgres import store as store_module
from comity.store.postgres.batch import PostgresBatch
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import answered, append, entry, folded, in_batch, moved, put, state
from tests.server import Server


@pytest.fixture
def store(workspace_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    """Give a store that has left the head, and believes for long that it is there."""
    monkeypatch.setattr(store_module, "BELIEVED_S", 600.0)
    opened = PostgresStore.open(workspace_url, clock=ManualClock())
    put(opened, "customer/ours", n=0)
    yield opened
    opened.close()


@pytest.fixture
def other(workspace_url: str, store: PostgresStore) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(workspace_url, clock=ManualClock())
    yield opened
    opened.close()


def commit(batch: Batch) -> None:
    given = entry(batch.head.revision + 1, state("customer/ours"))
    batch.append(moved(batch.head, [given]), [given], folded([given]), [])


def statements_of(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the list to which each statement is added that the connection for batches sends from now on."""
    sent: list[bytes] = []

    class Told(psycopg.Cursor[tuple[object, ...]]):
        def execute(self, query: bytes, *arguments: object, **options: object) -> Told:  # type: ignore[override]
            sent.append(query)
            return super().execute(query, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(store._writer._connection, "cursor_factory", Told)
    return sent


def test_s1_a_batch_that_reads_nothing_is_one_statement(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = statements_of(store, monkeypatch)
    in_batch(store, commit)
    assert [statement.split()[0] for statement in sent] == [b"WITH"]
    assert store.head().revision == 2


def test_s2_a_batch_that_appends_nothing_confirms_the_head(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = statements_of(store, monkeypatch)
    with store.batch() as batch:
        assert batch.head.revision == 1
    assert [statement.split()[0] for statement in sent] == [b"SELECT"]


def test_s1_what_others_committed_is_found_by_the_statement(store: PostgresStore, other: PostgresStore) -> None:
    put(other, "customer/theirs")
    with pytest.raises(BatchLost), store.batch() as batch:
        commit(batch)
    assert store.head().revision == 2
    with store.snapshot() as snapshot:
        assert snapshot.kinds() == {"customer": 2}
        assert [one.revision for one in snapshot.commits(0, 10)] == [1, 2]
    with store.batch() as batch:
        commit(batch)
    assert store.head().revision == 3


def test_s2_what_others_committed_is_found_where_nothing_is_appended(
    store: PostgresStore, other: PostgresStore
) -> None:
    put(other, "customer/theirs")
    with pytest.raises(BatchLost), store.batch() as batch:
        assert batch.head.revision == 1


def test_s1_nothing_is_read_beside_a_head_that_moved(store: PostgresStore, other: PostgresStore) -> None:
    put(other, "customer/theirs")
    with pytest.raises(BatchLost), store.batch() as batch:
        batch.kinds()


def test_who_was_disturbed_holds_the_head_until_undisturbed_again(
    store: PostgresStore, other: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(other, "customer/theirs")
    with pytest.raises(BatchLost), store.batch() as batch:
        commit(batch)
    sent = statements_of(store, monkeypatch)
    for _ in range(3):
        in_batch(store, commit)
    held, looked = [b"BEGIN", b"WITH", b"COMMIT"], [b"BEGIN", b"SELECT", b"WITH", b"COMMIT"]
    assert [statement.split()[0] for statement in sent] == [*looked, *held, b"WITH"], "whether its commits are there"


def test_a_batch_reads_what_it_appended(store: PostgresStore) -> None:
    with store.batch() as batch:
        commit(batch)
        assert batch.commit(2) is not None
        assert batch.head.revision == 2
    assert store.head().revision == 2


def test_an_exception_leaves_nothing(store: PostgresStore) -> None:
    def fail(batch: Batch) -> None:
        commit(batch)
        raise KeyError

    with pytest.raises(KeyError):
        in_batch(store, fail)
    assert store.head().revision == 1


def test_s6_time_told_with_a_refusal_is_not_fallen_behind(store: PostgresStore, other: PostgresStore) -> None:
    head = store.head()
    late = msgspec.structs.replace(head, time=msgspec.structs.replace(head.time, now_us=head.time.now_us + 5))
    other.keep(late, [answered("refused")])
    with pytest.raises(BatchLost), store.batch() as batch:
        commit(batch)
    with store.batch() as batch:
        assert batch.head.time.now_us == late.time.now_us


def test_s38_refusals_of_others_are_counted_before_a_batch_goes_on(store: PostgresStore, other: PostgresStore) -> None:
    head = store.head()
    other.keep(msgspec.structs.replace(head, judged=head.judged + 1), [answered("refused")])
    with pytest.raises(BatchLost), store.batch() as batch:
        commit(batch)
    with store.batch() as batch:
        assert batch.head.judged == head.judged + 1


def test_s38_refusals_of_its_own_are_counted_without_a_look(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = store.head()
    store.keep(msgspec.structs.replace(head, judged=head.judged + 1), [answered("refused")])
    sent = statements_of(store, monkeypatch)
    with store.batch() as batch:
        assert batch.head.judged == head.judged + 1
        commit(batch)
    assert [statement.split()[0] for statement in sent] == [b"WITH"]


def test_s7_an_id_that_was_committed_is_refused_when_tried_again(store: PostgresStore) -> None:
    with pytest.raises(StoreError, match="UniqueViolation"):
        append(store, entry(2, proposal="p1"))
    assert store.head().revision == 1


def test_s6_a_batch_ahead_of_the_database_s_clock_is_not_appended(server: Server) -> None:
    store = PostgresStore.open(server.new_workspace())
    with store.batch() as batch:
        ahead = StoreTime(batch.head.time.now_us + 60_000_000, "database", 0, 0)
    given = entry(1, state("customer/ours"))
    with pytest.raises(BatchLost), store.batch() as batch:
        batch.append(msgspec.structs.replace(moved(batch.head, [given]), time=ahead), [given], folded([given]), [])
    assert store.head().revision == 0
    store.close()


def test_s6_store_time_is_the_database_s(server: Server) -> None:
    store = PostgresStore.open(server.new_workspace())
    with psycopg.connect(server.url) as raw:
        for _ in range(20):
            before = raw.execute("SELECT extract(epoch FROM clock_timestamp()) * 1000000").fetchall()[0][0]
            store.head()
            told = store.clock.wall_us()
            after = raw.execute("SELECT extract(epoch FROM clock_timestamp()) * 1000000").fetchall()[0][0]
            assert before <= told <= after
            raw.rollback()
    store.close()


def test_batches_of_a_closed_server_s_connection_are_begun_on_a_new_one(store: PostgresStore, server: Server) -> None:
    with psycopg.connect(server.url, autocommit=True) as raw:
        raw.execute("SELECT pg_terminate_backend(%s)", (store._writer._connection.info.backend_pid,))
    with pytest.raises(StoreError), store.batch() as batch:
        commit(batch)
    with store.batch() as batch:
        assert isinstance(batch, PostgresBatch)
        commit(batch)
    assert store.head().revision == 2
