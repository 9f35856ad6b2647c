"""Calls that need something to be there first: an offer, a question, a grant, two agents and a human with a key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def keyed(run: Run) -> None:
    """Have a human with a key."""
    defined(run)
    Path("key").write_text(run("agents", "key", "ops", "--json").json["key"])


def holding(run: Run, *words: str) -> tuple[str, ...]:
    """Return a call with which a human holds something."""
    keyed(run)
    return "override", *words, "--ttl", "1h", "--reason", "a call", *HUMAN


def held(run: Run) -> str:
    """Have a pin, and return it."""
    run(*holding(run, "pin", "customer/acme"))
    override: str = run("override", "list", "--json").json["overrides"][0]["override"]
    return override


PREPARED: dict[str, Callable[[Run], tuple[str, ...]]] = {
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
    "wait": lambda run: ("wait", accepted(run), "--timeout", "0s"),
    "release": lambda run: ("queue", "release", queued(run), "--as", "sales"),
    "pin": lambda run: holding(run, "pin", "customer/acme", "status"),
    "pause": lambda run: holding(run, "pause", "sales"),
    "freeze": lambda run: holding(run, "freeze"),
    "lift": lambda run: ("override", "lift", held(run), *HUMAN),
}
"""A call for each row that needs more than files."""
