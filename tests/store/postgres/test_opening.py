"""Opening: what a URL may say, who makes the schema, and what is refused."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator

import psycopg
import pytest

from comity.errors import InvalidRequest, StoreDamaged, StoreError, StoreUnavailable, StoreUnsupported
from comity.store.migrations import read_migrations
from comity.store.postgres import PostgresStore
from comity.store.postgres.address import Address
from comity.store.postgres.opening import PACKAGE
from comity.testing.samples import put
from tests.server import Server, free_port

SPAWN = multiprocessing.get_context("spawn")
KNOWN = len(read_migrations(PACKAGE))


@pytest.fixture
def raw(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


def test_url_without_options_means_main_in_comity() -> None:
    assert Address.of("postgresql://ann@h/crm") == Address("postgresql://ann@h/crm", "comity", "main")


def test_url_keeps_what_is_of_libpq() -> None:
    url = "postgresql://h/crm?sslmode=verify-full&workspace=eu&options=-c%20x%3D1&schema=two&prepare=off&connections=3"
    server = "postgresql://h/crm?sslmode=verify-full&options=-c%20x%3D1"
    assert Address.of(url) == Address(server, "two", "eu", prepares=False, connections=3)


def test_url_of_several_servers_means_the_one_that_takes_writes() -> None:
    assert Address.of("postgresql://a,b/crm").server == "postgresql://a,b/crm?target_session_attrs=read-write"
    assert Address.of("postgresql://a,b/crm?target_session_attrs=any").server.endswith("=any")


@pytest.mark.parametrize(
    "options",
    [
        "workspace=",
        "workspace=a/b",
        "workspace=%22",
        "schema=Two",
        "schema=a%22b",
        "prepare=yes",
        "connections=0",
        "connections=x",
    ],
)
def test_url_with_a_wrong_option_is_refused(options: str) -> None:
    name = options.partition("=")[0]
    with pytest.raises(InvalidRequest, match=name):
        Address.of(f"postgresql://h/crm?{options}")


def test_url_that_libpq_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="nonsense"):
        PostgresStore.open("postgresql://h/crm?nonsense=1")


def test_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        PostgresStore.open(f"postgresql://postgres:secret@127.0.0.1:{free_port()}/crm")


def test_database_that_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        PostgresStore.open(server.url.replace("/postgres?", "/nowhere?"))


def test_opening_makes_the_schema_with_receipts(server: Server, raw: psycopg.Connection) -> None:
    PostgresStore.open(f"{server.url}&schema=fresh").close()
    found = raw.execute("SELECT number FROM fresh.migrations WHERE number > 0 ORDER BY number").fetchall()
    assert [number for (number,) in found] == list(range(1, KNOWN + 1))


def open_and_put(url: str, name: str) -> None:
    store = PostgresStore.open(url)
    put(store, f"customer/{name}")
    store.close()


def test_processes_that_open_a_new_schema_at_once_share_it(server: Server) -> None:
    url = f"{server.url}&schema=rush"
    workers = [SPAWN.Process(target=open_and_put, args=(url, f"c{number}")) for number in range(3)]
    threads = [threading.Thread(target=open_and_put, args=(url, f"t{number}")) for number in range(8)]
    for one in (*workers, *threads):
        one.start()
    for one in (*workers, *threads):
        one.join()
    assert [worker.exitcode for worker in workers] == [0] * 3
    store = PostgresStore.open(url)
    assert store.head().revision == 11
    store.close()


def test_workspaces_and_schemas_are_apart(server: Server) -> None:
    urls = [f"{server.url}&schema={schema}&workspace={name}" for schema in ("one", "two") for name in ("a", "b")]
    stores = [PostgresStore.open(url) for url in urls]
    for number, store in enumerate(stores, 1):
        for _ in range(number):
            put(store, "customer/same", n=number)
    for number, store in enumerate(stores, 1):
        with store.snapshot() as snapshot:
            assert [state.values for state in snapshot.all_records()] == [{"n": number}]
            assert (snapshot.head.revision, len(snapshot.commits(0, 10))) == (number, number)
            assert snapshot.statistics().commits == number
        store.close()
    assert len({store.head_incarnation for store in map(Incarnation, urls)}) == 4


class Incarnation:
    """Be the incarnation of a workspace, as a handle of its own finds it."""

    def __init__(self, url: str) -> None:
        store = PostgresStore.open(url)
        self.head_incarnation = store.head().incarnation
        store.close()


def test_asking_whether_a_workspace_is_there_makes_nothing(server: Server, raw: psycopg.Connection) -> None:
    url = f"{server.url}&schema=absent"
    assert not PostgresStore.is_there(url)
    assert raw.execute("SELECT to_regnamespace('absent')").fetchone() == (None,)
    PostgresStore.open(url).close()
    assert PostgresStore.is_there(url)
    assert not PostgresStore.is_there(f"{url}&workspace=other")


def test_a_role_that_may_only_use_the_tables_opens_and_commits(server: Server, raw: psycopg.Connection) -> None:
    PostgresStore.open(f"{server.url}&schema=shared").close()
    raw.execute("CREATE ROLE agent LOGIN")
    raw.execute("GRANT USAGE ON SCHEMA shared TO agent")
    raw.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA shared TO agent")
    raw.execute(
        "GRANT UPDATE ON shared.heads, shared.records, shared.answers, shared.bookkeeping, shared.keys TO agent"
    )
    raw.execute("GRANT DELETE ON shared.answers, shared.bookkeeping TO agent")
    store = PostgresStore.open(server.url.replace("postgres@", "agent@") + "&schema=shared&workspace=theirs")
    put(store, "customer/acme")
    store.note("renewed", {"a": "1", "b": None})
    assert store.head().revision == 1
    store.close()


def test_later_schema_is_refused(server: Server, raw: psycopg.Connection) -> None:
    url = f"{server.url}&schema=later"
    PostgresStore.open(url).close()
    raw.execute("INSERT INTO later.migrations (number, name, digest) VALUES (%s, 'x', 'y')", (KNOWN + 1,))
    with pytest.raises(StoreUnsupported, match="install a later one"):
        PostgresStore.open(url)


def test_schema_of_others_is_refused(server: Server, raw: psycopg.Connection) -> None:
    url = f"{server.url}&schema=changed"
    PostgresStore.open(url).close()
    raw.execute("UPDATE changed.migrations SET digest = 'x' WHERE number = 1")
    with pytest.raises(StoreDamaged, match="schema step 1"):
        PostgresStore.open(url)


def test_schema_of_another_application_is_left_alone(server: Server, raw: psycopg.Connection) -> None:
    raw.execute("CREATE SCHEMA theirs")
    raw.execute("CREATE TABLE theirs.heads (x integer)")
    with pytest.raises(StoreDamaged, match="another application"):
        PostgresStore.open(f"{server.url}&schema=theirs")
    assert raw.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'theirs'").fetchone() == (1,)


def test_acknowledgements_that_a_crash_could_lose_are_refused(server: Server) -> None:
    with pytest.raises(StoreUnsupported, match="synchronous_commit"):
        PostgresStore.open(f"{server.url}&options=-c%20synchronous_commit%3Doff")


def test_s3_handle_is_refused_after_a_fork(server: Server) -> None:
    store = PostgresStore.open(f"{server.url}&workspace=forked")
    child = os.fork()
    if child == 0:
        try:
            store.head()
        except StoreError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.head().revision == 0
    store.close()


def test_prepared_statements_can_be_turned_off(server: Server) -> None:
    store = PostgresStore.open(f"{server.url}&workspace=plain&prepare=off")
    for _ in range(8):
        put(store, "customer/acme")
    connection = store._writer._connection
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    store.close()
