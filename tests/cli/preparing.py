"""Calls that need something to be there first: an offer, a question, a grant, two agents and a human with a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import comity
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM
from comity.model.proposals import Proposal
from tests.cli.conftest import Run

SHOP = """
name = "crm"
undeclared = "allow"
[agents]
sales = { role = "sales" }
support = { role = "support" }
ops = { role = "operations", kind = "human" }
[kinds.customer.fields]
name = { type = "string", owner = "sales" }
status = { type = "string", owner = "support" }
tickets = { type = "integer" }
tags = { type = "array" }
[[rules]]
name = "big names"
when = "customer != null && after.name == 'BIG'"
then = "ask"
"""
WORKFLOW = """
[workflows.leave]
params = { c = { ref = "customer", required = true } }
[[workflows.leave.steps]]
name = "count"
as   = "sales"
set  = { "customer/{c}" = { tickets = 0 } }
undo = { set = { "customer/{c}" = { tickets = 2 } } }
[[workflows.leave.steps]]
name = "export"
task = { to = "support", text = "Export {c}." }
"""
STARTING = ("workflows", "start", "leave", "c=acme", "--as", "sales")
HUMAN = ("--as", "ops", "--key-file", "key")


def defined(run: Run) -> None:
    """Have owners and a rule."""
    Path("shop.toml").write_text(SHOP)
    assert run("apply", "shop.toml", "--enforce").code == 0


def offered(run: Run) -> str:
    """Have an offer to support, and return its ticket."""
    defined(run)
    run("offer", "customer/acme", "status=lost", "--was", "status=at_risk", "--as", "sales")
    ticket: str = run("offers", "list", "--json").json["tickets"][0]["ticket"]
    return ticket


def asked(run: Run) -> str:
    """Have a question to any human, and return its ticket."""
    defined(run)
    Path("key").write_text(run("agents", "key", "ops", "--json").json["key"])
    run("set", "customer/acme", "name=BIG", "--accept", "4", "--as", "sales")
    ticket: str = run("approvals", "list", "--json").json["tickets"][0]["ticket"]
    return ticket


def lent(run: Run) -> str:
    """Have a grant to sales, and return it."""
    defined(run)
    run("grants", "give", "sales", "customer/acme.status", "--ttl", "1h", "--reason", "closed", "--as", "support")
    grant: str = run("grants", "list", "--json").json["grants"][0]["grant"]
    return grant


def refused(run: Run) -> str:
    """Have a refusal of what has been lent since, and return its proposal."""
    defined(run)
    run("set", "customer/acme", "status=lost", "--was", "status=at_risk", "--as", "sales")
    proposal: str = run("refusals", "--json").json["refusals"][0]["proposal"]
    lent(run)
    return proposal


def granting(run: Run) -> tuple[str, ...]:
    """Return a call that lends."""
    defined(run)
    return "grants", "give", "sales", "customer.status", "--ttl", "1h", "--reason", "closed", "--as", "support"


def ruled(run: Run) -> tuple[str, ...]:
    """Have a second definition, and return a call that takes it back."""
    defined(run)
    Path("more.toml").write_text(SHOP + "\n[actions.sell]\n")
    assert run("apply", "more.toml").code == 0
    return "rules", "rollback", "--reason", "a mistake"


def leased(run: Run) -> str:
    """Have a lease of sales, and return what is leased."""
    subject = "customer/acme"
    assert run("leases", "take", subject, "name:printer", "--breakable-by", "support", "--as", "sales").code == 0
    return subject


def announced(run: Run) -> str:
    """Have an announced intent of sales, and return it."""
    intent: str = run("intents", "announce", "customer/acme", "--as", "sales", "--json").json["intent"]
    return intent


def told(run: Run) -> str:
    """Have an offer in support's inbox, and return it."""
    offered(run)
    item: str = run("inbox", "list", "--as", "support", "--json").json["items"][0]["id"]
    return item


def accepted(run: Run) -> str:
    """Have an offer that was accepted, and return its ticket."""
    ticket = offered(run)
    assert run("offers", "accept", ticket, "--as", "support").code == 0
    return ticket


def queued(run: Run) -> str:
    """Have a change that waited for a lease, which is over, and return its ticket."""
    run("leases", "take", "customer/acme", "--as", "support")
    words = ("set", "customer/acme", "tickets=5", "--was", "tickets=2", "--if-held", "queue", "--as", "sales", "--json")
    ticket: str = run(*words).json["ticket"]
    assert run("leases", "release", "customer/acme", "--as", "support").code == 0
    return ticket


def aside(run: Run) -> str:
    """Have an effect of sales that was put aside, and return it."""

    def refuse(delivery: comity.Delivery) -> None:
        raise comity.Undeliverable("no such address")

    with comity.open("crm.db") as base:
        base.handle("email", refuse)
        decision = base.agent("sales").effect("email", "customer/acme", subject="Hi", reason="Q4")
        base.run_effects()
        return base.effect(decision).effect


def keyed(run: Run) -> None:
    """Have a human with a key."""
    defined(run)
    Path("key").write_text(run("agents", "key", "ops", "--json").json["key"])


def holding(run: Run, *words: str) -> tuple[str, ...]:
    """Return a call with which a human holds something."""
    keyed(run)
    return *words, "--ttl", "1h", "--reason", "a call", *HUMAN


def held(run: Run) -> str:
    """Have a pin, and return it."""
    run(*holding(run, "override", "pin", "customer/acme"))
    override: str = run("override", "list", "--json").json["overrides"][0]["override"]
    return override


def following(run: Run) -> str:
    """Have a consumer that has read, and return the cursor to confirm."""
    cursor: str = run("consumers", "read", "sync", "--as", "sales", "--json").json["cursor"]
    return cursor


def watching(run: Run) -> str:
    """Have a watch of sales, and return it."""
    watch: str = run("inbox", "watch", "customer/acme", "--as", "sales", "--json").json["watch"]
    return watch


def alarmed(run: Run) -> str:
    """Have an open alert, and return it."""
    alert = Alert("ping_pong-1", "ping_pong", "customer/acme.status", "warning", "To and fro.", ("2.0",), 4, 1, 2)
    change = telling(alert, is_new=True, quiet_s=4_000_000_000)
    with comity.open("crm.db") as workspace:
        proposal = Proposal(id="duty~alert", changes=(change,))
        assert workspace._engine.propose(proposal, SYSTEM).is_committed
    return alert.id


def flowing(run: Run) -> str:
    """Have a run that waits for a task of support, and return it."""
    Path("shop.toml").write_text(SHOP + WORKFLOW)
    assert run("apply", "shop.toml", "--enforce").code == 0
    name: str = run(*STARTING, "--json").json["run"]
    do_duties()
    return name


def do_duties() -> None:
    """Do what is due, until nothing is."""
    with comity.open("crm.db") as workspace:
        while workspace._engine.duties.run():
            pass


def tasked(run: Run) -> str:
    """Have a task of support, and return it."""
    flowing(run)
    task: str = run("tasks", "list", "--as", "support", "--json").json["tasks"][0]["task"]
    return task


def stuck(run: Run) -> str:
    """Have a run that can't undo its step, and return it."""
    name = flowing(run)
    assert run("add", "customer/acme", "tickets=7", "--as", "support").code == 0
    run("workflows", "cancel", name, "--as", "sales")
    assert run("workflows", "show", name, "--timeout", "60s", "--json").json["state"] == "stuck"
    return name


PREPARED: dict[str, Callable[[Run], tuple[str, ...]]] = {
    "effect": lambda run: ("effects", "show", aside(run)),
    "retry_effect": lambda run: ("effects", "retry", aside(run)),
    "offer_refused": lambda run: ("offers", "send", refused(run), "--as", "sales"),
    "accept": lambda run: ("offers", "accept", offered(run), "--as", "support"),
    "decline": lambda run: ("offers", "decline", offered(run), "--reason", "no", "--as", "support"),
    "withdraw": lambda run: ("withdraw", offered(run), "--as", "sales"),
    "approve": lambda run: ("approvals", "approve", asked(run), *HUMAN),
    "deny": lambda run: ("approvals", "deny", asked(run), "--reason", "no", *HUMAN),
    "grant": granting,
    "rollback": ruled,
    "leases": lambda run: ("leases", "list", leased(run)),
    "renew_lease": lambda run: ("leases", "renew", leased(run), "--ttl", "1h", "--as", "sales"),
    "release_lease": lambda run: ("leases", "release", leased(run), "--as", "sales"),
    "break_lease": lambda run: ("leases", "break", leased(run), "--reason", "it hangs", "--as", "support"),
    "revoke": lambda run: ("grants", "revoke", lent(run), "--as", "support"),
    "withdraw_intent": lambda run: ("intents", "withdraw", announced(run), "--as", "sales"),
    "acknowledge": lambda run: ("inbox", "ack", told(run), "--as", "support"),
    "unwatch": lambda run: ("inbox", "unwatch", watching(run), "--as", "sales"),
    "confirm": lambda run: ("consumers", "confirm", "sync", following(run), "--leave", "--as", "sales"),
    "reset_consumer": lambda run: ("consumers", "reset", "sync", following(run)),
    "forget_consumer": lambda run: ("consumers", "forget", "sync") if following(run) else (),
    "alerts": lambda run: ("alerts", "list", "--detector", "ping_pong") if alarmed(run) else (),
    "acknowledge_alert": lambda run: ("alerts", "ack", alarmed(run), "--reason", "on it"),
    "resolve_alert": lambda run: ("alerts", "resolve", alarmed(run)),
    "wait": lambda run: ("wait", accepted(run), "--timeout", "0s"),
    "release": lambda run: ("queue", "release", queued(run), "--as", "sales"),
    "pin": lambda run: holding(run, "override", "pin", "customer/acme", "status"),
    "pause": lambda run: holding(run, "pause", "sales"),
    "freeze": lambda run: holding(run, "freeze"),
    "start": lambda run: STARTING if flowing(run) else (),
    "workflow": lambda run: ("workflows", "show", flowing(run)),
    "cancel_workflow": lambda run: ("workflows", "cancel", flowing(run), "--as", "sales"),
    "resume_workflow": lambda run: ("workflows", "resume", stuck(run), "--skip"),
    "finish_task": lambda run: ("tasks", "done", tasked(run), "--as", "support"),
    "fail_task": lambda run: ("tasks", "fail", tasked(run), "no", "--as", "support"),
    "lift": lambda run: ("override", "lift", held(run), *HUMAN),
}
"""A call for each row that needs more than files."""
