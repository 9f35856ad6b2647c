"""Whoever has a stake in what changed finds it in the inbox: a lease, a place in line, an offer, a watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.operations import InboxItem
from comity.testing.manual_clock import ManualClock

SOURCE = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
status = { type = "string" }
name   = { type = "string", owner = "sales" }
size   = { type = "integer" }

[kinds.ticket.fields]
title = { type = "string" }
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ws(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    definition = tmp_path / "comity.toml"
    definition.write_text(SOURCE, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=definition, clock=clock) as made:
        made.agent("sales").put("customer/acme", name="Acme", status="active")
        yield made


@pytest.fixture
def ops(ws: comity.Workspace) -> comity.Agent:
    return ws.agent("ops", key=ws.issue_key("ops").key)


def changed(agent: comity.Agent) -> list[InboxItem]:
    return [item for item in agent.inbox().items if item.kind == "changed"]


def texts(agent: comity.Agent) -> list[str]:
    return [item.text for item in changed(agent)]


def put_status(agent: comity.Agent, was: str, now: str, reason: str | None = None) -> None:
    agent.set("customer/acme", status=now, was={"status": was}, reason=reason)


# -- what one holds, waits for, or has offered


def test_s33_a_lease_holder_learns_that_a_human_ended_the_lease(ws: comity.Workspace, ops: comity.Agent) -> None:
    sales = ws.agent("sales")
    lease = sales.lease("customer/acme", ttl="10m")
    lease.take()
    assert changed(sales) == []
    ops.break_lease("customer/acme", reason="call running")
    put_status(ops, "active", "at_risk")
    (item,) = changed(sales)
    assert item.text == 'ops ended your lease on customer/acme: "call running"'
    sales.acknowledge(item)
    assert changed(sales) == changed(ws.agent("support")) == []


def test_s33_a_lease_holder_learns_what_was_changed_beside_the_lease(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    with sales.lease("customer/acme", ttl="10m", fields=["size"]):
        put_status(support, "active", "at_risk", reason="escalation")
        assert texts(sales) == [
            'support changed customer/acme, which you hold a lease on: status is now at_risk, "escalation"'
        ]
    assert changed(sales) == [], "the lease is over"


def test_whoever_waits_in_line_learns_what_was_changed_meanwhile(ws: comity.Workspace, clock: ManualClock) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    with sales.lease("customer/acme", ttl="10m") as lease:
        waiting = support.lease("customer/acme", ttl="10m", wait="5m")
        waiting.join()
        clock.advance(seconds=1)
        sales.set("customer/acme", status="at_risk", was={"status": "active"}, leases=lease)
        assert texts(support) == ["sales changed customer/acme, for which you wait in line: status is now at_risk"]
        assert changed(sales) == [], "what one did oneself is no news"


def test_whoever_offered_a_change_learns_what_was_changed_meanwhile(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    ticket = support.offer("customer/acme", name="Acme Ltd", was={"name": "Acme"}, id="o1").ticket
    put_status(sales, "active", "at_risk")
    assert texts(support) == [
        f"sales changed customer/acme, about which you made the offer {ticket}: status is now at_risk"
    ]


def test_what_breaks_an_open_intent_is_told_once(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.watch("customer/acme")
    with sales.intent(about="customer/acme", announce=True):
        put_status(ws.agent("support"), "active", "at_risk")
        assert [item.kind for item in sales.inbox().items] == ["broken"]


# -- what one watches


def test_s18_a_watch_is_bookkeeping_and_outlives_its_agent(ws: comity.Workspace) -> None:
    revision = ws.revision
    watch = ws.agent("sales").watch("customer/acme", kind="customer")
    assert ws.revision == revision
    assert ws.agent("sales").watch("customer/acme", kind=["customer"]) == watch, "the same once more is the same"
    assert [one.watch for one in ws.agent("sales").watches().watches] == [watch.watch]
    assert ws.agent("support").watches().watches == ()
    assert str(ws.agent("sales").watches()).startswith("1 watch\n")


WATCHES: list[tuple[str, Callable[[comity.Agent], object], list[str]]] = [
    ("record", lambda agent: agent.watch("customer/acme"), ["customer/acme"]),
    ("kind", lambda agent: agent.watch(kind="ticket"), ["ticket/t"]),
    ("kinds", lambda agent: agent.watch(kind=["ticket", "customer"]), ["ticket/t", "customer/acme"]),
    ("field", lambda agent: agent.watch(field="status"), ["customer/acme"]),
    ("another field", lambda agent: agent.watch("customer/acme", field="size"), []),
    ("agent", lambda agent: agent.watch(agent="support"), ["ticket/t", "customer/acme"]),
    ("oneself", lambda agent: agent.watch(agent="sales"), []),
    ("type", lambda agent: agent.watch(type="ticket.created"), ["ticket/t"]),
]


@pytest.mark.parametrize(("watch", "expected"), [row[1:] for row in WATCHES], ids=[row[0] for row in WATCHES])
def test_what_others_change_of_it_is_in_the_inbox(
    ws: comity.Workspace, watch: Callable[[comity.Agent], object], expected: list[str]
) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    watch(sales)
    put_status(support, "active", "at_risk", reason="escalation")
    support.put("ticket/t", title="help")
    sales.put("ticket/own", title="mine")
    assert [item.about for item in changed(sales)] == expected


def test_only_what_came_after_it_counts_and_each_record_is_told_with_its_last_change(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    put_status(support, "active", "at_risk")
    sales.watch("customer/acme")
    sales.watch(kind="customer")
    assert changed(sales) == []
    put_status(support, "at_risk", "active")
    put_status(support, "active", "churned", reason="gone")
    (item,) = changed(sales)
    assert item.text == 'support changed customer/acme, which you watch: status is now churned, "gone"'
    assert (item.by, item.next) == ("support", "Look at customer/acme again if you rely on it.")


def test_what_was_acknowledged_comes_again_only_with_the_next_change(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.watch("customer/acme")
    put_status(support, "active", "at_risk")
    sales.acknowledge(*changed(sales))
    assert changed(sales) == []
    put_status(support, "at_risk", "active")
    assert len(changed(sales)) == 1


def test_a_watch_that_was_ended_tells_nothing(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    watch = sales.watch("customer/acme")
    put_status(support, "active", "at_risk")
    assert sales.unwatch(watch).watches == ()
    assert changed(sales) == []
    with pytest.raises(NotFound):
        sales.unwatch(watch.watch)


def test_an_old_change_is_no_news(ws: comity.Workspace, clock: ManualClock) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.watch("customer/acme")
    put_status(support, "active", "at_risk")
    clock.advance(seconds=(limits.INBOX_DAYS + 1) * 86_400)
    assert changed(sales) == []


def test_a_watch_of_nothing_is_refused(ws: comity.Workspace) -> None:
    with pytest.raises(InvalidRequest, match="say what to watch"):
        ws.agent("sales").watch()


def test_limit_watches(ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCHES", 1)
    ws.agent("sales").watch("customer/acme")
    with pytest.raises(LimitExceeded):
        ws.agent("sales").watch("customer/b")
