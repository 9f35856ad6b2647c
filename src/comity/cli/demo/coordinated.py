"""The same three agents through Comity: what each has read counts, and is checked with the write.

The programs are no longer than those by hand. Where one is refused it reads the answer and
does what its job is under the new circumstances.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import comity
from comity.cli.demo.desk import GONE, Desk, Values
from comity.model.decisions import Decision
from comity.model.records import LIFE
from comity.model.texts import explain_moved
from comity.workspace import Agent, Intent, Record

BASE: Final = "crm.db"
DEFINITION: Final = "comity.toml"
KINDS: Final = ("customer", "feature_request", "conversation", "interaction")


def prepare(folder: Path, *parts: str) -> None:
    """Make the base that the run begins with; further ``parts`` of its definition are files beside this one."""
    definition = folder / DEFINITION
    texts = [files("comity.cli.demo").joinpath(part).read_bytes() for part in (DEFINITION, *parts)]
    definition.write_bytes(b"".join(texts))
    with comity.open(folder / BASE, definition=definition) as ws:
        with ws.agent("sales").intent("onboard", reason="new customers") as intent:
            intent.create("customer/acme", name="Acme", email="ceo@acme.example", status="active", health="good")
            intent.create("customer/globex", name="Globex", email="it@globex.example", status="active", health="fair")
        with ws.agent("support").intent("log_interaction", reason="a mail from Acme") as intent:
            intent.create("conversation/c-17", subject="Export fails", customer="acme", last_activity="2026-03-02")


def live_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records as the base has them now, by address."""
    with comity.open(folder / BASE) as ws:
        return {record.ref: dict(record) for kind in KINDS for record in ws.find(kind)}


class Seat:
    """Be the place of one agent in the shared base, from which it opens intents and notes the answers."""

    def __init__(self, desk: Desk, *, key: str | None = None) -> None:
        self._desk = desk
        self._workspace = comity.open(desk.folder / BASE)
        self._agent: Agent = self._workspace.agent(desk.agent, key=key)
        self._intent: Intent
        self._record: Record

    def close(self) -> None:
        """Let go of the base."""
        self._workspace.close()

    def _begin(self, action: str, record: str, reason: str) -> None:
        """Open an intent and read a record in it: from here on, what is used of it counts."""
        self._intent = self._agent.intent(action, about=record, reason=reason)
        self._record = self._intent.get(record)

    def _commit(self, did: str, wrote: Values, seen: Values | None = None) -> Decision:
        """Propose what was collected, and note the answer; the last of the records is what it is about."""
        decision = self._intent.propose()
        record = list(wrote)[-1]
        if decision.is_committed:
            self._desk.note(did, record, "saved", f"committed as revision {decision.revision}", seen=seen, wrote=wrote)
        else:
            codes = tuple(finding.code for finding in decision.refusals)
            self._desk.note(did, record, "refused", tell_short(decision), codes=codes, seen=seen)
        return decision


def tell_short(decision: Decision) -> str:
    """Return what stood in the way, in as few words as a table has room for."""
    moved = [one for finding in decision.refusals for one in finding.moved]
    lines = [explain_moved(one, decision.at) for one in moved if one.field != LIFE]
    lines += [finding.message for finding in decision.refusals if not finding.moved]
    lines += [f"Again when {decision.retry_when}"] if decision.retry_when else []
    return "\n".join(lines or [explain_moved(one, decision.at) for one in moved])


class Sales(Seat):
    """Look after customers and write to them."""

    def look_at_acme(self) -> None:
        """Read the customer and think about a campaign."""
        self._begin("send_upsell", "customer/acme", "upsell q4")
        acme = self._record
        self._desk.note("reads customer/acme", acme.ref, "saw", f"status={acme.status}, health={acme.health}")

    def send_upsell(self) -> None:
        """Note the campaign with the customer, then write to it, unless the answer says that it no longer fits."""
        acme = self._record
        if acme.status != "active" or acme.health != "good":
            return
        seen = {"status": acme.status, "health": acme.health}
        acme.campaign = "q4"
        decision = self._commit("notes campaign=q4, to send it then", {acme.ref: {"campaign": "q4"}}, {acme.ref: seen})
        if decision.is_committed:
            self._desk.send(acme.email, "Time for more!", "You are doing great. How about our premium plan?")
            self._desk.note("sends the campaign", acme.ref, "sent", "sent")
            return
        now = {moved.field: moved.now for finding in decision.refusals for moved in finding.moved}
        if now.get("status", "active") != "active":
            did = f"reads that, and keeps the e-mail back: status is {now['status']}"
            self._desk.note(did, acme.ref, "kept_back", "no e-mail")

    def delete_globex(self) -> None:
        """Delete the customer."""
        self._begin("offboard", "customer/globex", "contract ended")
        self._record.delete()
        self._commit("deletes customer/globex", {"customer/globex": {LIFE: GONE}})


class Support(Seat):
    """Look after tickets and conversations."""

    def escalate_acme(self) -> None:
        """Mark the customer as at risk, with the ticket that says why."""
        self._begin("escalate", "customer/acme", "escalation T-42")
        wrote = {"status": "at_risk", "open_tickets": self._record.open_tickets + 1}
        self._record.emit("TicketOpened", ticket="T-42", priority="high")
        self._record.status = "at_risk"
        self._commit("escalation T-42: sets status=at_risk", {"customer/acme": wrote})

    def look_at_conversation(self) -> None:
        """Read the conversation that the customer calls about."""
        self._begin("log_interaction", "conversation/c-17", "a call from Acme")
        self._desk.note("reads conversation/c-17", self._record.ref, "saw", f"subject={self._record.subject}")

    def log_call(self) -> None:
        """Log the call to it; where it was archived meanwhile, bring it back first, in the same proposal."""
        wrote = {"note": "Called: the export still fails", "conversation": self._record.id}
        self._intent.create("interaction/i-1", wrote)
        if self._commit("logs the call to conversation/c-17", {"interaction/i-1": wrote}).is_committed:
            return
        self._begin("log_interaction", "conversation/c-17", "a call from Acme: still in use")
        if self._record.life == "archived":
            self._record.restore()
            self._intent.create("interaction/i-1", wrote)
            back = {self._record.ref: {LIFE: "live"}}
            seen = {self._record.ref: {LIFE: GONE}}
            self._commit("reads that, brings it back and logs the call", {**back, "interaction/i-1": wrote}, seen)


class Product(Seat):
    """Look after feature requests, and keep the base tidy."""

    def look_at_globex(self) -> None:
        """Read the customer who wants a feature."""
        self._begin("file_request", "customer/globex", "asked for in a call")
        self._desk.note("reads customer/globex", self._record.ref, "saw", f"status={self._record.status}")

    def file_request(self) -> None:
        """File the request for it; where it is gone, file it for nobody in particular."""
        wrote = {"title": "Single sign-on", "customer": self._record.id}
        self._intent.create("feature_request/fr-7", wrote)
        did = "files feature_request/fr-7 for customer/globex"
        if self._commit(did, {"feature_request/fr-7": wrote}).is_committed:
            return
        self._begin("file_request", "customer/globex", "asked for by a former customer")
        if not self._record.exists:
            wrote = {"title": wrote["title"]}
            self._intent.create("feature_request/fr-7", wrote)
            self._commit("reads that, and files it without the customer", {"feature_request/fr-7": wrote})

    def clean_up(self) -> None:
        """Archive the conversations in which nothing happened for long."""
        self._intent = self._agent.intent("clean_up", reason="nothing since March")
        for conversation in self._intent.find("conversation", "last_activity < 2026-06-01"):
            conversation.archive()
            self._commit(f"clean-up archives {conversation.ref}", {conversation.ref: {LIFE: GONE}})


CAST: Final = {"sales": Sales, "support": Support, "product": Product}
