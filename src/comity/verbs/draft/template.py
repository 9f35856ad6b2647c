"""The commented definition that ``comity init`` writes."""

from __future__ import annotations

from typing import Final

from comity.verbs.draft.writing import toml

TEXT: Final = """\
# The definition of a workspace: who acts, on what, under which rules. All of it is optional;
# an empty file works too. Lines that begin with "#" and no space are an example: take the
# sign away, make it yours, then run `comity apply`.

name = {name}

# How much of what an agent was shown must still be so when it writes:
# "seen" (all of it) or "relied" (what it used or wrote).
#freshness = "seen"

# What happens to a write over a value that the agent never read: "refuse", "warn" or "allow".
#blind_writes = "refuse"

# Whether records of kinds that aren't declared here may be written, once one kind is: "refuse" or "allow".
#undeclared = "refuse"

# Who acts. Once an agent is declared, nobody else may. A human needs a key: `comity agents`.
#[agents]
#sales   = {{ role = "sales" }}
#support = {{ role = "support" }}
#ops     = {{ role = "operations", kind = "human" }}

# A kind of record, such as customer/acme. Fields are typed by JSON Schema keywords; `owner`
# is the agent or role that may write one, `event` what a change of it is called in the history.
#[kinds.customer]
#indexes = [["status"]]

#[kinds.customer.fields]
#name         = {{ type = "string", required = true, owner = "sales" }}
#status       = {{ enum = ["active", "at_risk", "churned"], owner = ["sales", "support"], event = "StatusChanged" }}
#open_tickets = {{ type = "integer", minimum = 0, default = 0, owner = "support" }}
#last_contact = {{ type = "string", format = "date-time", owner = "support" }}

# What must hold after every change. Expressions are CEL.
#[[kinds.customer.guards]]
#name  = "churned is final"
#check = "before.status != 'churned' || after.status == 'churned' || agent.kind == 'human'"
#why   = "Only a person may bring a churned customer back."

# A named event, and what follows from it.
#[kinds.customer.events.TicketOpened]
#owner = "support"
#data  = {{ ticket = {{ ref = "ticket", required = true }} }}
#then  = {{ open_tickets = "record.open_tickets + 1", last_contact = "event.at" }}

# A field may refer to another record; `on_removal` says what happens when that one is
# archived or deleted: "refuse", "detach" or "cascade".
#[kinds.ticket.fields]
#title    = {{ type = "string", required = true, owner = "support" }}
#customer = {{ ref = "customer", on_removal = "refuse", owner = "support" }}

# What agents do in business terms. Once one is declared, every proposal must name one.
#[actions.answer_ticket]
#kind = "service"

#[actions.send_upsell]
#kind    = "outreach"
#effects = ["email"]

# What is done outside: held for a time, and judged again when it is to go. Delivered by a function
# of a process (`ws.handle`), or by a webhook; secrets stay in the environment.
#[effects.email]
#kind = "customer"
#hold = "2m"
#still = "customer.status == 'active'"

#[webhooks.mailer]
#url        = "https://mailer.example/hook"
#secret_env = "MAILER_SECRET"

# Patterns that look wrong are found by themselves; thresholds can be set, and somebody told.
#[alerts]
#to   = {{ webhooks = ["mailer"] }}
#from = "warning"

# Who goes first, who is asked, what is offered to whom: when an action must not simply go
# ahead now, though it breaks nothing. `then` is "warn", "defer", "queue", "offer", "ask" or
# "refuse"; `mode = "shadow"` only tells what a rule would have done.
#[[rules]]
#name  = "support goes first"
#when  = "agent.role == 'sales' && action.kind == 'outreach' && customer.open_tickets > 0"
#then  = "defer"
#to    = "support"
#until = "customer.open_tickets == 0"
#why   = "Support has an open ticket with this customer."
#mode  = "shadow"

# What is to be decided about a proposal: `comity rules test`.
#[[tests]]
#name     = "no upsell while a ticket is open"
#given    = {{ "customer/acme" = {{ open_tickets = 2 }} }}
#proposal = {{ agent = "sales", action = "send_upsell", about = "customer/acme" }}
#expect   = "rule.support_goes_first"

# Checks that only tell what they find, and let it pass: ownership, lease, freshness, guard,
# integrity, rule; for a kind and for an agent too. `comity report` says what they would have done.
#[checks]
#freshness = "shadow"
"""


def template(name: str) -> str:
    """Return a definition to start from: a name, and everything else as a commented example."""
    return TEXT.format(name=toml(name))
