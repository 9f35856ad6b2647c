"""A workspace of a server: opened by its address, its errors, its id-safe retries, its feed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits, operations
from comity.remote.repeating import attempt_of
from tests.cutting import CuttingProxy, Side
from tests.remote.conftest import Open, Running
from tests.server import free_port

Run = Callable[..., Running]
ANN = '[agents]\nann = { kind = "human" }\nsales = {}\nsupport = {}\n'


@pytest.fixture
def proxied(run: Run) -> Iterator[tuple[comity.RemoteWorkspace, CuttingProxy, Running]]:
    """Give a workspace that is reached through a proxy which cuts connections."""
    running = run()
    proxy = CuttingProxy(running.port)
    with closing(proxy), comity.open(f"http://127.0.0.1:{proxy.port}/v1/crm", agent="sales") as ws:
        yield ws, proxy, running


# -- opening


def collide(ws: Any) -> comity.Conflict:
    """Do what the README's first example does."""
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("customer/acme", status="active", health="good")
    try:
        with sales.edit("customer/acme", reason="upsell") as acme:
            if acme.status == "active":
                support.put("customer/acme", status="at_risk", was={"status": "active"}, reason="escalation T-42")
                acme.campaign = "q4"
    except comity.Conflict as conflict:
        return conflict
    raise AssertionError


def test_the_first_example_tells_the_same_over_a_server(ws: comity.RemoteWorkspace, tmp_path: Path) -> None:
    with comity.open(tmp_path / "embedded.db") as embedded:
        expected, found = collide(embedded), collide(ws)
        assert str(found) == str(expected)
        assert found.decision.findings[0].moved[0].reason == "escalation T-42"
        assert type(found) is type(expected)
        told = [str(one.why("customer/acme", "status")).partition(" at ")[0] for one in (embedded, ws)]
        assert told[0] == told[1]


def test_who_asks_is_proved_by_a_key(path: Path, tmp_path: Path, run: Run) -> None:
    definition = tmp_path / "comity.toml"
    definition.write_text(ANN, encoding="utf-8")
    with comity.open(path, definition=definition) as base:
        ann = base.issue_key("ann").key
        key = base.agent("ann", key=ann).issue_key("sales").key
    url = run(dev=False).url
    with comity.open(url, key=key) as ws:
        sales = ws.agent("sales")
        assert sales.put("customer/acme", status="active").is_committed
        assert "sales (key)" in str(ws.why("customer/acme", "status"))
        assert repr(ws) == f"<RemoteWorkspace {url}>"
        with pytest.raises(comity.NotPermitted, match="not that of support"):
            ws.agent("support")
        human = ws.agent("ann", key=ann)
        assert human.pin("customer/acme", reason="mine", ttl="1h").is_committed
        with pytest.raises(comity.Refused) as refused:
            sales.set("customer/acme", status="at_risk")
        assert refused.value.decision.findings[0].code == "override.pinned"
        human.revoke_key("sales")
        with pytest.raises(comity.NotPermitted):
            sales.get("customer/acme")
    with pytest.raises(comity.NotPermitted):
        comity.open(url, agent="sales")
    with pytest.raises(comity.NotPermitted, match="key"):
        comity.open(url, key="comity_x")


@pytest.mark.parametrize("url", ["http://h", "http://h/v1", "http://h:x/v1/crm", "http://h/v1/crm?a=b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(comity.InvalidRequest):
        comity.open(url, agent="sales")


def test_what_is_not_for_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(comity.InvalidRequest, match="within the URL"):
        comity.open("http://sales:secret@h/v1/crm", agent="sales")
    with pytest.raises(comity.InvalidRequest, match="duties: that is the matter of the server"):
        comity.open("http://h/v1/crm", duties=True)
    with pytest.raises(comity.InvalidRequest, match="key: that is for the address of a server"):
        comity.open(str(tmp_path / "crm.db"), key="comity_x")


# -- errors


def test_errors_are_those_of_the_embedded_library(crm: comity.RemoteWorkspace) -> None:
    sales = crm.agent("sales")
    with pytest.raises(comity.UnknownAgent, match="'salse' is no declared agent"):
        crm.agent("salse")
    with pytest.raises(comity.InvalidReference):
        sales.get("nowhere")
    with pytest.raises(comity.InvalidQuery):
        sales.find("customer", "status ==== 1")
    with pytest.raises(comity.NotFound):
        sales.history("customer/nobody")
    with pytest.raises(comity.CursorLost) as lost:
        list(sales.feed("ffffffffffffffff:1", follow=False))
    assert lost.value.revision == crm.revision
    with pytest.raises(comity.InvalidRequest, match="finite"):
        sales.put("customer/acme", value=float("nan"))
    with pytest.raises(comity.InvalidRequest, match="UTF-8"):
        sales.put("customer/acme", name="\ud800")
    with pytest.raises(comity.InvalidRequest, match="names files of the machine"):
        sales.answer(operations.Export(file="x"))


def test_a_refusal_is_a_value_where_one_is_asked_for(crm: comity.RemoteWorkspace) -> None:
    support = crm.agent("support")
    decision = support.check("customer/acme", name="Acme")
    assert [finding.code for finding in decision.findings] == ["ownership.other_domain"]
    intent = support.intent()
    intent.put("customer/acme", name="Acme")
    assert intent.propose().outcome == "refused"


def test_what_is_closed_or_was_forked_is_used_no_more(ws: comity.RemoteWorkspace) -> None:
    def look(answers: Any) -> None:
        try:
            ws.get("customer/acme")
        except comity.NotPermitted as error:
            answers.put(str(error))

    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = os.fork()
    if not child:
        look(answers)
        os._exit(0)
    os.waitpid(child, 0)
    assert "before the process was forked" in answers.get()
    ws.close()
    ws.close()
    with pytest.raises(comity.StoreError, match="closed"):
        ws.get("customer/acme")


# -- broken connections


@pytest.mark.parametrize("side", ["before", "during"])
def test_s07_a_commit_whose_connection_is_cut_is_asked_for_again_under_its_id(
    proxied: tuple[comity.RemoteWorkspace, CuttingProxy, Running], side: Side
) -> None:
    ws, proxy, _ = proxied
    sales = ws.agent("sales")
    sales.put("customer/acme", n=0)
    proxy.plan(b'"fields":{"n":1}', side)
    decision = sales.add("customer/acme", n=1, id="one")
    assert (proxy.cuts, decision.is_committed, decision.id) == (1, True, "one")
    assert (ws.get("customer/acme").n, ws.revision) == (1, 2)


def test_s07_a_request_without_an_id_is_not_asked_twice(
    proxied: tuple[comity.RemoteWorkspace, CuttingProxy, Running],
) -> None:
    ws, proxy, _ = proxied
    sales = ws.agent("sales")
    proxy.plan(b"kind", "during")
    with pytest.raises(comity.OutcomeUnknown, match="look whether it was done"):
        sales.watch(kind="customer")
    assert len(sales.watches().watches) == 1


def test_a_server_that_is_gone_is_given_up_after_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMOTE_RETRY_S", 0.2)
    running = run()
    with comity.open(running.url, agent="sales", timeout_s=5) as ws:
        sales = ws.agent("sales")
        running.stop()
        with pytest.raises(comity.StoreUnavailable, match="nothing was done"):
            sales.get("customer/acme")
        with pytest.raises(comity.ComityError) as lost:
            sales.put("customer/acme", n=1, id="lost")
        assert isinstance(lost.value, comity.StoreUnavailable | comity.OutcomeUnknown)
        running.start()
        assert sales.put("customer/acme", n=1, id="lost").revision == 1


def test_every_request_that_changes_something_says_whether_it_may_be_repeated() -> None:
    made = operations.Put(record="customer/acme", fields={})
    attempt = attempt_of(made, lambda: "made")
    assert (attempt.id, attempt.is_repeatable, attempt.request.id) == ("made", True, "made")  # type: ignore[attr-defined]
    assert attempt_of(operations.Announce(intent="mine"), str).is_repeatable
    assert not attempt_of(operations.Announce(), str).is_repeatable
    assert not attempt_of(operations.Freeze(reason="x", ttl="1h"), str).is_repeatable


class Process:
    """Be a server that is a process of its own, which can be killed."""

    def __init__(self, path: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1/crm"
        self._words = ["serve", "--dev", "--workspace", f"crm={path}", "--port", str(self.port)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "comity", *self._words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)


def add(url: str, number: int, committed: list[str]) -> None:
    """Add 1 twenty times, each under an id."""
    with comity.open(url, agent=f"agent-{number}") as ws:
        agent = ws.agent(f"agent-{number}")
        for step in range(20):
            decision = agent.add("counter/all", n=1, id=f"{number}.{step}")
            assert decision.is_committed
            committed.append(decision.id)


def test_nothing_is_lost_or_done_twice_by_a_server_that_is_killed_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REMOTE_RETRY_S", 60.0)
    with comity.open(path) as base:
        base.agent("reader").put("counter/all", n=0)
    process, committed = Process(path), list[str]()
    threads = [threading.Thread(target=add, args=(process.url, number, committed)) for number in range(4)]
    for thread in threads:
        thread.start()
    for enough in (10, 40):
        while len(committed) < enough and any(one.is_alive() for one in threads):
            threads[0].join(0.005)
        process.kill()
        process.start()
    for thread in threads:
        thread.join(60)
    with comity.open(process.url, agent="reader") as ws:
        assert (ws.get("counter/all").n, ws.revision, ws.verify().is_clean) == (80, 81, True)
    process.kill()
    assert len(committed) == len(set(committed)) == 80


# -- the feed


def test_a_feed_is_streamed_and_goes_on_over_a_restart(run: Run) -> None:
    running = run()
    with comity.open(running.url, agent="sales") as ws:
        sales = ws.agent("sales")
        sales.put("customer/acme", n=0)
        with closing(sales.feed("start", kind="customer", timeout_s=60)) as feed:
            assert next(feed).revision == 1
            sales.put("customer/acme", n=1)
            assert next(feed).revision == 2
            running.stop()
            running.start()
            sales.put("ticket/t1", n=1)
            sales.put("customer/acme", n=2)
            item = next(feed)
            assert (item.revision, item.events[0].now) == (4, {"n": 2})


def test_a_function_is_called_with_what_passes(ws: comity.RemoteWorkspace) -> None:
    sales, seen, done = ws.agent("sales"), [], threading.Event()

    def take(item: comity.FeedItem) -> None:
        seen.append(item.revision)
        if len(seen) == 1:
            raise ValueError("a call-back that fails is called again")
        if len(seen) == 3:
            done.set()

    with ws.subscribe(take) as subscription:
        for n in range(3):
            sales.put("customer/acme", n=n)
        assert done.wait(20)
        assert seen == [1, 2, 3]
    assert subscription.is_closed
    assert subscription.cursor.endswith(":3")


def test_a_change_under_an_open_intent_is_told(ws: comity.RemoteWorkspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("customer/acme", status="active")
    intent, told = sales.intent(), threading.Event()
    assert intent.get("customer/acme").status == "active"
    intent.on_change = lambda news: told.set() if news.broken else None
    support.set("customer/acme", status="at_risk", was={"status": "active"})
    assert told.wait(20)
    assert "at_risk" in str(intent.get("customer/acme").news)


def test_async_handles_wait_in_threads_of_their_own(ws: comity.RemoteWorkspace) -> None:
    ws.agent("support").put("customer/acme", n=0)
    agent = ws.async_agent("sales")

    async def raise_it() -> None:
        async with agent.edit("customer/acme") as acme:
            acme.add(n=1)

    async def work() -> tuple[int, int]:
        await asyncio.gather(*[raise_it() for _ in range(limits.REMOTE_THREADS + 4)])
        follow = agent.feed("start", follow=False)
        return (await agent.get("customer/acme")).n, len([item async for item in follow])

    assert asyncio.run(work()) == (36, 37)


# -- how often it asks


def test_a_read_of_an_intent_is_one_request_and_a_change_another(
    ws: comity.RemoteWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sales = ws.agent("sales")
    for n in range(3):
        sales.put(f"customer/c{n}", n=n)
    asked: list[str] = []
    exchange = ws._link.wire.exchange

    def noting(method: str, path: str, *args: Any, **more: Any) -> Any:
        asked.append(path)
        return exchange(method, path, *args, **more)

    monkeypatch.setattr(ws._link.wire, "exchange", noting)
    with sales.intent() as intent:
        for n in range(3):
            intent.put("customer/sum", **{f"n{n}": intent.get(f"customer/c{n}").n})
    assert asked == ["/operations/get"] * 3 + ["/operations/propose"]


def test_a_connection_that_was_idle_is_not_used_again(ws: comity.RemoteWorkspace, monkeypatch: Any) -> None:
    wire = ws._link.wire
    ws.get("customer/acme")
    assert len(wire._idle) == 1
    first = wire._idle[0][0]
    ws.get("customer/acme")
    assert wire._idle[0][0] is first
    monkeypatch.setattr(limits, "REMOTE_IDLE_S", 0.0)
    ws.get("customer/acme")
    assert first not in [one for one, _ in wire._idle]
    assert wire.timeout_s == limits.REMOTE_TIMEOUT_S


def test_a_moment_is_resolved_by_the_server(ws: comity.RemoteWorkspace, open_again: Open) -> None:
    sales = ws.agent("sales")
    sales.put("customer/acme", n=1)
    at = ws.at(1).revision
    sales.put("customer/acme", n=2)
    intent = sales.intent(at=at)
    assert intent.get("customer/acme").n == 1
    with pytest.raises(comity.NotFound, match="hasn't come"):
        sales.intent(at="2999-01-01T00:00:00Z").get("customer/acme")
    assert open_again().revision == 2
