"""Adding up what was found: by check, by agent, and what it cost in re-runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from comity.clock import format_time
from comity.model.decisions import CONFLICTS, Finding
from comity.operations.reporting import AgentReport, CheckReport, Effect, Example
from comity.verbs.report.gathering import Judged

_EXAMPLES: Final = 3
_EFFECTS: Final[tuple[Effect, ...]] = ("refused", "waited", "would", "warned")
"""The strongest first: a decision counts once for each code."""


class _Tally:
    """Count what one code did."""

    def __init__(self) -> None:
        self.effects: Counter[Effect] = Counter()
        self.agents: Counter[str] = Counter()
        self.costs: Counter[str] = Counter()
        self.examples: list[Example] = []

    def take(self, judged: Judged, finding: Finding, effect: Effect) -> None:
        """Take what one decision says; the newest are kept as examples, as they come last."""
        self.effects[effect] += 1
        self.agents[judged.agent] += 1
        self.examples = [*self.examples[1 - _EXAMPLES :], _example(judged, finding, effect)]

    def answer(self, code: str) -> CheckReport:
        """Return the counts."""
        return CheckReport(
            code=code,
            **{effect: self.effects[effect] for effect in _EFFECTS},
            reruns=self.costs["rerun"],
            repairs=self.costs["repair"],
            would_rerun=self.effects["would"] if code in CONFLICTS else 0,
            agents=dict(self.agents.most_common()),
            examples=tuple(reversed(self.examples)),
        )


def count_checks(judged: Sequence[Judged]) -> tuple[CheckReport, ...]:
    """Return what each code found, those first that stood in the way most often."""
    tallies: dict[str, _Tally] = {}
    for one in judged:
        for code, (finding, effect) in strongest(one).items():
            tallies.setdefault(code, _Tally()).take(one, finding, effect)
    for one, cost in _costs(judged):
        for code in {finding.code for finding in one.findings if _is_conflict(finding)}:
            tallies[code].costs[cost] += 1
    answers = [tally.answer(code) for code, tally in tallies.items()]
    return tuple(sorted(answers, key=lambda one: (-(one.refused + one.waited + one.would), -one.warned, one.code)))


def count_agents(judged: Iterable[Judged]) -> tuple[AgentReport, ...]:
    """Return what became of each agent's proposals, by name."""
    counts: dict[str, Counter[str]] = {}
    for one in judged:
        counted = counts.setdefault(one.agent, Counter())
        counted[one.outcome] += 1
        counted["would"] += one.outcome == "committed" and any("shadow" in found.data for found in one.findings)
    return tuple(
        AgentReport(
            agent=agent,
            committed=found["committed"],
            refused=found["refused"],
            waited=found["pending"],
            would=found["would"],
        )
        for agent, found in sorted(counts.items())
    )


def effect_of(finding: Finding, outcome: str) -> Effect:
    """Return what a finding did to a proposal with this outcome."""
    if finding.severity == "warn":
        return "would" if "shadow" in finding.data else "warned"
    return "waited" if outcome == "pending" else "refused"


def strongest(judged: Judged) -> dict[str, tuple[Finding, Effect]]:
    """Return what each code found in one decision, by the strongest effect that it had.

    What stands in a commit and isn't a warning is why a ticket was opened with it: that is
    told by the answer to what waits, and not once more.
    """
    found: dict[str, tuple[Finding, Effect]] = {}
    for finding in judged.findings:
        if judged.outcome == "committed" and finding.severity != "warn":
            continue
        effect = effect_of(finding, judged.outcome)
        known = found.get(finding.code)
        if known is None or _EFFECTS.index(effect) < _EFFECTS.index(known[1]):
            found[finding.code] = (finding, effect)
    return found


def _example(judged: Judged, finding: Finding, effect: Effect) -> Example:
    return Example(
        at=format_time(judged.at),
        agent=judged.agent,
        proposal=judged.proposal,
        effect=effect,
        message=finding.message,
        subject=finding.subject,
        action=judged.action,
    )


def _is_conflict(finding: Finding) -> bool:
    return finding.code in CONFLICTS and finding.severity != "warn"


def _costs(judged: Sequence[Judged]) -> Iterator[tuple[Judged, str]]:
    """Yield each refused conflict after which its agent tried again, and whether it thought again or only repaired.

    The next attempt is the next proposal of the same intent, or else by the same agent, of
    the same action, on one of the same records: a fresh intent is the usual way to try again.
    """
    upcoming: dict[tuple[str, ...], tuple[int, Judged]] = {}
    for place in range(len(judged) - 1, -1, -1):
        one = judged[place]
        keys = list(_keys(one))
        if one.outcome == "refused" and any(map(_is_conflict, one.findings)):
            later = [upcoming[key] for key in keys if key in upcoming]
            if later:
                _, following = min(later, key=lambda found: found[0])
                yield one, "repair" if following.is_repair else "rerun"
        upcoming.update((key, (place, one)) for key in keys)


def _keys(judged: Judged) -> Iterator[tuple[str, ...]]:
    if judged.intent is not None:
        yield "intent", judged.agent, judged.intent
    for record in judged.records:
        yield "record", judged.agent, judged.action or "", record
