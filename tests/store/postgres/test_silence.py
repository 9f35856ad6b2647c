"""S3: a server that falls silent holds nobody for ever: what was read is an error, what was to be committed unknown."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

import comity
from comity import limits
from comity.errors import OutcomeUnknown, StoreError, StoreUnavailable
from comity.store.postgres import PostgresStore
from comity.store.postgres.address import Address
from comity.store.postgres.connections import connect, options_of, patient
from tests.cutting import CuttingProxy, Side
from tests.server import Server, free_port

ANSWER_S = 0.5


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    opened = CuttingProxy(server.port)
    yield opened
    opened.close()


def through(proxy: CuttingProxy, url: str) -> str:
    """Return the URL of a workspace as it is reached through the proxy."""
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?workspace={url.partition('workspace=')[2]}"


@pytest.fixture
def ws(workspace_url: str, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[comity.Workspace]:
    """Give a workspace that is reached through the proxy, by somebody who waits for half a second."""
    with comity.open(through(proxy, workspace_url)) as workspace:
        agent = workspace.agent("sales")
        agent.put("customer/acme", n=0)
        for _ in range(2):
            agent.add("customer/acme", n=1)
        hurry(monkeypatch)
        yield workspace
        proxy.recover()


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_ANSWER_S", ANSWER_S)
    monkeypatch.setattr(limits, "STORE_CONNECT_S", 1.0)
    monkeypatch.setattr(limits, "STORE_RECONNECT_S", 0.2)


def test_limit_store_answer_s(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_ANSWER_S", 0.1)
    with connect(Address.of(server.url)) as connection:
        with pytest.raises(psycopg.errors.ConnectionTimeout, match=r"unanswered for 0\.1 s"):
            connection.execute(b"SELECT pg_sleep(1)")
        assert connection.closed


def test_what_takes_as_long_as_there_is_data_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_ANSWER_S", 0.1)
    with connect(Address.of(server.url)) as connection:
        with patient(connection):
            connection.execute(b"SELECT pg_sleep(0.3)")
        assert not connection.is_patient


def test_the_server_s_own_limit_comes_first() -> None:
    assert limits.STORE_STATEMENT_S < limits.STORE_ANSWER_S
    assert limits.STORE_ANSWER_S + limits.STORE_RECONNECT_S + limits.STORE_CONNECT_S < limits.LANE_TIMEOUT_S


def test_limit_store_silence_s() -> None:
    options = options_of(Address.of("postgresql://h/crm"))
    assert options["tcp_user_timeout"] == limits.STORE_SILENCE_S * 1000
    assert options["keepalives_idle"] + options["keepalives_interval"] <= limits.STORE_SILENCE_S
    assert "tcp_user_timeout" not in options_of(Address.of("postgresql://h/crm?tcp_user_timeout=1"))


def test_a_read_of_a_silent_server_fails_in_time(ws: comity.Workspace, proxy: CuttingProxy) -> None:
    proxy.fall_silent()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        ws.get("customer/unknown")
    assert ANSWER_S <= time.monotonic() - began < 5
    proxy.recover()
    assert ws.get("customer/acme").n == 2


def test_a_connection_that_was_lost_while_idle_is_replaced(ws: comity.Workspace, proxy: CuttingProxy) -> None:
    """Firewalls forget connections that nobody uses, and tell nobody; the server is there."""
    proxy.plan_silence(b"SELECT", "before")
    recovery = threading.Thread(target=recover_once_silent, args=(proxy,))
    recovery.start()
    assert ws.get("customer/unknown").exists is False
    recovery.join()
    assert proxy.cuts == 1


def recover_once_silent(proxy: CuttingProxy) -> None:
    while not proxy.cuts:
        time.sleep(0.01)
    proxy.recover()


@pytest.mark.parametrize(
    ("side", "name"),
    [("before", None), ("during", None), ("during", "mine")],
    ids=["lost on the way", "done in one statement", "done under the head"],
)
def test_s3_a_commit_that_is_never_answered_is_unknown_and_found_by_its_id(
    ws: comity.Workspace, proxy: CuttingProxy, side: Side, name: str | None
) -> None:
    """An id that the caller made is looked up first, and so the head is held."""
    agent, before = ws.agent("sales"), ws.revision
    proxy.plan_silence(b"held AS (UPDATE" if name is None else b"COMMIT\0", side)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as unknown:
        agent.add("customer/acme", n=1, id=name)
    assert ANSWER_S <= time.monotonic() - began < 5
    assert name in (None, unknown.value.proposal)
    proxy.recover()
    assert agent.add("customer/acme", n=1, id=unknown.value.proposal).revision == before + 1
    assert ws.get("customer/acme").n == 3
    assert ws.verify().is_clean


def test_s3_a_server_that_is_stopped_is_given_up_and_found_again(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its processes; the machine under them acknowledges what is sent, so that no keepalive notices."""
    with comity.open(own_server.url) as ws:
        agent = ws.agent("sales")
        agent.put("customer/acme", n=0)
        hurry(monkeypatch)
        own_server.send(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises((OutcomeUnknown, StoreUnavailable)):
            agent.add("customer/acme", n=1, id="mine")
        with pytest.raises(StoreUnavailable):
            ws.get("customer/unknown")
        assert time.monotonic() - began < 10
        own_server.send(signal.SIGCONT)
        assert agent.add("customer/acme", n=1, id="mine").is_committed
        assert (ws.revision, ws.get("customer/acme").n) == (2, 1)
        assert ws.verify().is_clean


def test_s3_a_backend_that_is_stopped_is_replaced(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PostgresStore.open(own_server.new_workspace())
    hurry(monkeypatch)
    assert store.head().revision == 0
    pid = store._readers._pool._idle[0].info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    assert store.head().revision == 0
    os.kill(pid, signal.SIGCONT)
    store.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    started = Server()
    yield started
    started.remove()


WRONG = {
    "database": ("127.0.0.1:{port}/nowhere", "no such database: make it"),
    "user": ("nobody@127.0.0.1:{port}/postgres", "lets this user not in"),
    "sslmode": ("127.0.0.1:{port}/postgres?sslmode=require", "speaks no TLS"),
    "host": ("no.such.invalid:{port}/postgres", "the name of the database's machine isn't known"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_a_url_is_told_with_what_to_do(server: Server, what: str) -> None:
    place, advice = WRONG[what]
    user = "" if "@" in place else "postgres@"
    with pytest.raises(StoreError, match=advice) as refused:
        PostgresStore.open(f"postgresql://{user}{place.format(port=server.port)}")
    assert "try again" not in str(refused.value)
    assert isinstance(refused.value, StoreUnavailable) is (what == "host")


@pytest.mark.parametrize(("password", "advice"), [(":wrong", "refused the user or the password"), ("", "asks for a")])
def test_a_password_is_told_and_never_shown(own_server: Server, password: str, advice: str) -> None:
    own_server.let_in_by_password("careful", "secret")
    with pytest.raises(StoreError, match=advice) as refused:
        PostgresStore.open(f"postgresql://careful{password}@127.0.0.1:{own_server.port}/postgres")
    assert "try again" not in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    with pytest.raises(StoreUnavailable, match="try again"):
        PostgresStore.open(f"postgresql://postgres@127.0.0.1:{free_port()}/crm")
