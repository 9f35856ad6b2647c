"""Whether a demo has shown what it is meant to show, judged on what was counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from comity.cli.demo.audit import Audit
from comity.cli.demo.evidence import Evidence
from comity.cli.demo.script import AGENTS
from comity.cli.demo.worlds import WITH, WITHOUT
from comity.operations import Refusal

_RULE: Final = "rule.support_goes_first"
_STALE: Final = "freshness.changed"
_PIN: Final = "override.pinned"


class Yielding(msgspec.Struct, frozen=True):
    """Be how agents yielded.

    ``stopped_by`` are all that stood in the way of the upsell, ``told_before`` tells that
    Sales had heard of it before, and ``model_calls`` how often it asked its model all the same.
    ``accepted_by`` are those who accepted what others had offered them, ``yielded_to_human``
    the agents whom the pin stopped, ``went_on`` those who were committed once it was lifted.
    """

    stopped_by: tuple[str, ...]
    told_before: bool
    model_calls: int
    accepted_by: tuple[str, ...]
    yielded_to_human: tuple[str, ...]
    went_on: tuple[str, ...]

    @property
    def is_proven(self) -> bool:
        """Tell whether a rule alone stopped the upsell, and news, offer and pin did what they are for."""
        is_told = self.told_before and not self.model_calls
        has_yielded = set(self.yielded_to_human) == set(AGENTS)
        return self.stopped_by == (_RULE,) and is_told and bool(self.accepted_by and self.went_on) and has_yielded


def how_they_yielded(evidence: Evidence, audit: Audit) -> Yielding:
    """Return how agents yielded: from the base what was refused and accepted, from the journal what they learned."""
    stopped = [(refusal.agent, _stops(refusal), refusal.at) for refusal in audit.refusals]
    pinned = [(agent, at) for agent, codes, at in stopped if codes == (_PIN,)]
    outcomes = [entry.outcome for entry in evidence.entries if entry.agent == "sales"]
    since_told = outcomes[outcomes.index("told") :] if "told" in outcomes else []
    return Yielding(
        stopped_by=next((codes for agent, codes, _ in stopped if agent == "sales"), ()),
        told_before="refused" in since_told,
        model_calls=outcomes.count("asked"),
        accepted_by=tuple(dict.fromkeys(name for event in audit.events for name in event.accepted_by)),
        yielded_to_human=tuple(dict.fromkeys(agent for agent, _ in pinned)),
        went_on=tuple(dict.fromkeys(event.by for event in audit.events if pinned and event.at > pinned[-1][1])),
    )


def _stops(refusal: Refusal) -> tuple[str, ...]:
    return tuple(finding.code for finding in refusal.findings if finding.severity != "warn")


class Gated(msgspec.Struct, frozen=True):
    """Be what stopped an e-mail: ``refused_by`` another proposal of Sales, ``cancelled_because`` the e-mail itself."""

    refused_by: tuple[str, ...]
    cancelled_because: str

    @property
    def is_proven_alone(self) -> bool:
        """Tell whether nothing but the effect gate stopped it."""
        return not self.refused_by and "active" in self.cancelled_because

    @property
    def is_proven_together(self) -> bool:
        """Tell whether each of the three mechanisms stopped what came before it."""
        return {_RULE, _STALE} <= set(self.refused_by) and bool(self.cancelled_because)


def how_it_was_gated(audit: Audit) -> Gated:
    """Return what stopped the e-mail, as the base tells it."""
    refused = [_stops(refusal) for refusal in audit.refusals if refusal.agent == "sales"]
    cancelled = [effect.answer or "" for effect in audit.effects if effect.state == "cancelled"]
    return Gated(next(iter(refused), ()), next(iter(cancelled), ""))


def is_proven(runs: Mapping[str, Evidence], audit: Audit) -> bool:
    """Tell whether the collisions did their harm by hand, and none through Comity, where all agents got to work."""
    before, after = runs[WITHOUT], runs[WITH]
    has_harm = before.emails_sent > 0 and before.lost_updates > 0 and before.dangling_references > 0
    are_processes = all(len({entry.process for entry in one.entries}) == len(AGENTS) for one in runs.values())
    has_worked = {entry.agent for entry in after.entries if entry.outcome == "saved"} == set(AGENTS)
    return has_harm and are_processes and after.is_clean and has_worked and bool(audit.refusals) and audit.verified
