"""The same agents under a rule, with news, an offer and a human: they yield before they collide.

Nothing here is stale when it is proposed and no guard is broken: Sales reads afresh. What
stops it is that somebody else goes first. None of these programs knows the rule; each does
what the answers say.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import comity
from comity.cli.demo import coordinated
from comity.cli.demo.coordinated import BASE, Seat, tell_short
from comity.cli.demo.desk import Desk
from comity.model.decisions import Decision
from comity.model.texts import quote

ACME: Final = "customer/acme"
RULES: Final = "rules.toml"
KEY: Final = "ops.key"

_PLAN: Final = "premium plan"


def prepare(folder: Path) -> None:
    """Make the base that the run begins with, and the human's key, which only its owner may read."""
    coordinated.prepare(folder, RULES)
    with comity.open(folder / BASE) as ws:
        key = ws.issue_key("ops").key
    with open(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key)


class Sales(Seat):
    """Look after customers, and ask before the model is asked."""

    def plan_upsell(self) -> None:
        """Announce the upsell, and read the customer."""
        self._intent = self._agent.intent("send_upsell", about=ACME, reason="upsell q4", announce=True, plan=_PLAN)
        self._record = self._intent.get(ACME)
        is_clear = self._intent.announcement is not None and self._intent.announcement.is_clear
        told = f"{'nothing' if is_clear else 'something'} stands in its way; status={self._record.status}"
        self._desk.note(f"announces: {quote(_PLAN)}", ACME, "saw", told)

    def look_again(self) -> None:
        """Look once more before the model is asked: what is new, and what would be said of it now."""
        news = self._intent.get(ACME).news
        for item in news.broken if news else ():
            told = f"news: status is now {item.now.get('status')}, by {item.by}: {quote(item.reason or '')}"
            self._desk.note("looks again before thinking", ACME, "told", told)
        self._intent.announce(plan=_PLAN)
        announcement = self._intent.announcement
        if announcement is None or announcement.is_clear:
            self._desk.note("asks its model for the text", ACME, "asked", "a model call")
            return
        codes = tuple(finding.code for finding in announcement.verdict.refusals)
        told = f"would be {announcement.verdict.outcome}: no model call"
        self._desk.note("asks: may I still?", ACME, "told", told, codes=codes)
        self._intent.withdraw()

    def insist(self) -> None:
        """Do it all the same, as a program would that looks at nothing but the record as it is now."""
        self._begin("send_upsell", ACME, "upsell q4")
        seen = {"status": self._record.status, "health": self._record.health}
        self._record.campaign = "q4"
        did = "reads afresh, and insists"
        decision = self._commit(did, {ACME: {"campaign": "q4"}}, {ACME: seen})
        if decision.is_committed:
            self._desk.send(self._record.email, "Time for more!", "How about our premium plan?")
            self._desk.note("sends the campaign", ACME, "sent", "sent")

    def read_inbox(self) -> None:
        """Learn that what it was deferred by is over, without having asked again and again."""
        for item in self._agent.inbox().items:
            self._desk.note("looks into its inbox", ACME, "told", item.text)

    def plan_call(self) -> None:
        """Plan a call instead: that is outreach too, so the same rule would stop it."""
        self._begin("plan_call", ACME, "a call, not an upsell")
        self._record.campaign = "call"
        self._commit("plans a call: campaign=call", {ACME: {"campaign": "call"}})


class Support(Seat):
    """Look after tickets, and answer what is offered."""

    def escalate_acme(self) -> None:
        """Announce what it is going to do, and do it."""
        self._intent = self._agent.intent(
            "escalate", about=ACME, reason="escalation T-42", announce=True, plan="call them back"
        )
        self._record = self._intent.get(ACME)
        for other in self._intent.announcement.present if self._intent.announcement else ():
            told = f"{other.agent} is active here: {quote(other.plan or '')}"
            self._desk.note('announces: "call them back"', ACME, "told", told)
        wrote = {"status": "at_risk", "open_tickets": self._record.open_tickets + 1}
        self._record.emit("TicketOpened", ticket="T-42", priority="high")
        self._record.status = "at_risk"
        self._commit("sets status=at_risk (T-42)", {ACME: wrote})

    def accept_offer(self) -> None:
        """Accept what waits in its inbox."""
        for item in self._agent.inbox().items:
            if item.kind == "offer":
                before = {"open_tickets": self._agent.get(ACME).open_tickets}
                decision = self._agent.accept(item.about, reason="they confirm it")
                after = {"open_tickets": self._agent.get(ACME).open_tickets}
                did = "accepts it, from its inbox"
                self._desk.note(did, ACME, "saved", _told(decision), seen={ACME: before}, wrote={ACME: after})

    def note_health(self) -> None:
        """Note how the customer is."""
        self._begin("log_interaction", ACME, "a calmer call")
        self._record.health = "fair"
        self._commit("notes health=fair", {ACME: {"health": "fair"}})


class Product(Seat):
    """Look after the product, and tell others what follows for their records."""

    def offer_fix(self) -> None:
        """Offer to close the ticket, which is Support's to do."""
        self._begin("clean_up", ACME, "the export works again")
        self._record.open_tickets = self._record.open_tickets - 1
        decision = self._intent.offer(ttl="1d")
        outcome = "pending" if decision.is_pending else "refused"
        told = f"waits for the {decision.waits_for}: Support" if decision.is_pending else _told(decision)
        self._desk.note('offers open_tickets=0: "the export works again"', ACME, outcome, told)

    def invite_to_beta(self) -> None:
        """Invite the customer to a programme."""
        self._begin("clean_up", ACME, "they asked for it")
        self._record.beta_programs = ["sso"]
        self._commit("notes beta_programs=sso", {ACME: {"beta_programs": ["sso"]}})


class Ops(Seat):
    """Be a human, who shows a key."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, key=(desk.folder / KEY).read_text(encoding="utf-8"))
        self._pin: Decision

    def pin_acme(self) -> None:
        """Hold the customer still."""
        self._pin = self._agent.pin(ACME, reason="on a call", ttl="2h")
        self._desk.note('pins acme: "on a call"', ACME, "saved", _told(self._pin))

    def lift_pin(self) -> None:
        """Let the others go on."""
        decision = self._agent.lift(self._pin, reason="they stay")
        self._desk.note('lifts the pin: "they stay"', ACME, "saved", _told(decision))


def _told(decision: Decision) -> str:
    return f"committed as revision {decision.revision}" if decision.is_committed else tell_short(decision)


CAST: Final = {"sales": Sales, "support": Support, "product": Product, "ops": Ops}
