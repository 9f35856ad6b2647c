"""A workspace with a secret in every place where a value can be: records, changes, data, pins, refusals, alerts."""

from __future__ import annotations

from typing import Any

import msgspec

import comity
from comity import operations
from comity.errors import ComityError
from comity.model.proposals import Archive, Effect, Proposal, Read, Set, Was
from comity.operations import Request

SECRET = "zyxwv-7731"
NUMBER = 77_310_451
ACME = "account/acme"

SOURCE = """\
name = "bank"

[agents]
sales   = { role = "selling" }
support = { role = "support" }
audit   = { role = "audit" }
boss    = { role = "managers", kind = "human" }

[kinds.account.fields]
name   = { type = "string" }
note   = { type = "string" }
status = { enum = ["open", "closed"], owner = "support" }
code   = { type = "string", pattern = "^[a-z]+-[0-9]+$", owner = "sales", readers = ["audit"], event = "CodeChanged" }
limit  = { type = "integer", minimum = 0, owner = "sales", readers = ["audit"] }
log    = { type = "array", items = { type = "string" }, readers = ["audit", "selling"] }
parent = { ref = "account", owner = "sales", readers = ["audit"] }

[[kinds.account.guards]]
name  = "not that one"
check = "default(after.code, '') != 'zyxwv-13'"

[kinds.account.events.Rekeyed]
owner = "sales"
data  = { key = { type = "string" } }
then  = { code = "event.key" }

[kinds.dossier]
readers = ["selling"]

[kinds.dossier.fields]
title = { type = "string", readers = ["selling", "support", "audit"] }
text  = { type = "string" }

[effects.letter]
kind = "account"
hold = "1h"
data = { text = { type = "string", readers = ["selling", "audit"] } }

[workflows.onboard]
params = { customer = { ref = "account", required = true }, pin = { type = "string", readers = ["selling", "audit"] } }

[[workflows.onboard.steps]]
name = "call"
task = { to = "support", text = "Call {customer}." }

[[rules]]
name = "managers look"
when = "agent.role == 'selling' && action.name == 'ask' && account != null"
then = "ask"
to   = "managers"
why  = "Managers look at it."

[[rules]]
name  = "in line"
when  = "agent.role == 'selling' && action.name == 'queue' && account != null"
then  = "queue"
until = "account.limit == 0"
why   = "In line."

[alerts.ping_pong]
times  = 3
within = "10m"
"""


class Scene:
    """Be the workspace, with those who may see the secret (``sales``, ``audit``) and those who may not."""

    def __init__(self, ws: comity.Workspace) -> None:
        self.ws = ws
        self.sales, self.support, self.audit = (ws.agent(name) for name in ("sales", "support", "audit"))
        self.boss = ws.agent("boss", key=ws.issue_key("boss").key)
        self.tickets: dict[str, str] = {}
        self._plant()

    def _plant(self) -> None:
        sales, support = self.sales, self.support
        self.support.watch(kind="account")
        sales.put(ACME, name="Acme", code="zyxwv-1", limit=1, log=["begun"])
        self.first = self.ws.revision
        sales.create("dossier/d1", title="Acme", text=SECRET)
        self.intent = support.intent("look", about=[ACME])
        self.intent.get(ACME)
        self.intent.announce(plan="looking")
        sales.set(ACME, code=SECRET, limit=NUMBER, was={"code": "zyxwv-1", "limit": 1})
        self.changed = self.ws.revision
        sales.append(ACME, log=[SECRET])
        sales.emit(ACME, "Rekeyed", key=SECRET)
        self._refused()
        self._wait()
        self.boss.pin(ACME, "code", value=SECRET, reason="fixed", ttl="1h")
        with sales.intent("write") as intent:
            intent.get(ACME, "name")
            intent.effect("letter", ACME, text=SECRET, still=f"account.code == '{SECRET}'")
        self.run = sales.start("onboard", customer="acme", pin=SECRET).run

    def _refused(self) -> None:
        """Have proposals refused in whose answers the secret would stand."""
        sales = self.sales
        self.ask(sales, operations.Set(record=ACME, fields={"code": "zyxwv-2"}))  # Blind.
        self.ask(sales, operations.Set(record=ACME, fields={"code": "zyxwv-13"}, was={"code": SECRET}))  # The guard.
        self.ask(sales, operations.Set(record=ACME, fields={"code": f"{SECRET}!"}, was={"code": SECRET}))  # The schema.
        self.ask(sales, operations.Set(record=ACME, fields={"parent": SECRET}, was={"parent": None}))
        self.ask(sales, operations.Set(record=ACME, fields={"code": "zyxwv-3"}, was={"code": "zyxwv-2"}))  # Freshness.
        self.ask(
            sales,
            operations.Set(
                record=ACME, fields={"name": "A"}, assume=(f"account.code == '{SECRET}' && account.limit < 3",)
            ),
        )

    def _wait(self) -> None:
        """Have proposals wait that carry the secret, and rest on it."""
        reads = (Was(ACME, {"code": SECRET, "limit": NUMBER}),)
        fields: dict[str, Any] = {"limit": NUMBER + 1, "code": f"{SECRET}0"}
        offered: dict[str, Any] = {**fields, "status": "open"}
        effects = (Effect("letter", ACME, {"text": SECRET}),)
        waiting: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
            ("offer", offered, {"if_foreign": "offer"}),
            ("ask", fields, {"action": "ask"}),
            ("queue", fields, {"action": "queue"}),
        )
        for name, changed, terms in waiting:
            proposal = Proposal(
                id=name, changes=(Set(ACME, changed),), reads=reads, effects=effects, accept=self.ws.revision, **terms
            )
            ticket = self.sales.propose(proposal).ticket
            assert ticket is not None, name
            self.tickets[name] = ticket

    @staticmethod
    def ask(agent: comity.Agent, request: Request) -> object:
        """Return the answer to a request, or the error."""
        try:
            return agent.answer(request)
        except ComityError as error:
            return error


def written(answer: object) -> str:
    """Return an answer in every form in which it can be looked at."""
    forms = [str(answer), repr(answer)]
    if isinstance(answer, msgspec.Struct):
        forms.append(msgspec.json.encode(answer).decode())
    return "\n".join(forms)


def tells(text: str) -> bool:
    """Tell whether the secret is in a text."""
    return SECRET in text or str(NUMBER) in text or f"{NUMBER:,}" in text


def stale_archive(scene: Scene, id: str) -> Proposal:
    """Return a proposal that rests on a record as a whole, as it was before the secret was put into it."""
    return Proposal(id=id, changes=(Archive(ACME),), reads=(Read(ACME, scene.first),))
