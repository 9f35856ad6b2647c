"""The same case with the e-mail as an effect: it waits in the outbox, and is judged again when it is to go.

Sales is right when it decides: the customer is active, no ticket is open. What happens in the
two seconds before the e-mail leaves still stops it. With the rule in force as well, all that
stands in the way of an upsell is met at once.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

from comity.cli.demo import coordinated, yielding
from comity.cli.demo.coordinated import Seat
from comity.cli.demo.desk import Desk
from comity.cli.demo.yielding import ACME, RULES
from comity.coordination.deliveries import Delivery
from comity.model.decisions import Decision
from comity.operations import EffectAnswer
from comity.workspace import Intent

EFFECTS: Final = "effects.toml"

_LOOK_S: Final = 0.05
_SENTENCE: Final = re.compile(r"(?<=\.) (?=[A-Z])")
_PATIENCE_S: Final = 20.0


def prepare(folder: Path) -> None:
    """Make the base that the run with the effect gate alone begins with."""
    coordinated.prepare(folder, EFFECTS)


def prepare_together(folder: Path) -> None:
    """Make the base that the run with everything in force begins with."""
    coordinated.prepare(folder, RULES, EFFECTS)


class Sales(Seat):
    """Look after customers; e-mails are wanted, and sent when their hold is over."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._effect: Decision
        self._follow_up: Intent
        self._workspace.handle("email", self._deliver)

    def _deliver(self, delivery: Delivery) -> None:
        self._desk.send(delivery.data["to"], delivery.data["subject"], "How about our premium plan?")

    def look_at_acme(self) -> None:
        """Read the customer."""
        self._begin("send_upsell", ACME, "upsell q4")
        self._desk.note("reads customer/acme", ACME, "saw", f"status={self._record.status}")

    def send_upsell(self) -> None:
        """Note the campaign, and want the e-mail sent: one commit."""
        if self._record.status != "active":
            return
        seen = {"status": self._record.status}
        self._record.campaign = "q4"
        self._intent.effect("email", ACME, to=self._record.email, subject="Time for more!")
        decision = self._commit(
            "notes campaign=q4, and wants the e-mail sent", {ACME: {"campaign": "q4"}}, {ACME: seen}
        )
        if decision.is_committed:
            self._effect = decision
            self._desk.note("looks into the outbox", ACME, "pending", self._shown().told())

    def plan_follow_up(self) -> None:
        """Read the customer once more, for another e-mail."""
        self._follow_up = self._agent.intent("send_upsell", about=ACME, reason="upsell follow-up")
        status = self._follow_up.get(ACME).status
        self._desk.note("reads it again, to follow up", ACME, "saw", f"status={status}")

    def follow_up(self) -> None:
        """Want the other e-mail sent, on what it has read."""
        self._intent = self._follow_up
        self._intent.get(ACME, "email")
        self._intent.set(ACME, campaign="q4 follow-up")
        self._intent.effect("email", ACME, to="ceo@acme.example", subject="Still time!")
        self._commit("wants another e-mail sent", {ACME: {"campaign": "q4 follow-up"}})

    def wait_for_release(self) -> None:
        """Wait until the hold is over, and tell what became of the e-mail."""
        given_up = time.monotonic() + _PATIENCE_S
        while self._shown().state == "held" and time.monotonic() < given_up:
            time.sleep(_LOOK_S)
            self._workspace.run_effects()
        effect = self._shown()
        outcome = "sent" if effect.state == "delivered" else "kept_back"
        did = "sends the e-mail" if outcome == "sent" else "finds the e-mail cancelled"
        told = "\n".join(sentences(effect.answer or effect.told()))
        self._desk.note(did, ACME, outcome, told, seen={ACME: {"status": "active"}})

    def _shown(self) -> EffectAnswer:
        return self._workspace.effect(self._effect)


def sentences(answer: str) -> list[str]:
    """Return the sentences of an answer."""
    return _SENTENCE.split(answer)


CAST: Final = {"sales": Sales, "support": yielding.Support, "product": coordinated.Product}
