"""Judging what was proposed in the past afresh, under another definition (S38).

Each decision is judged twice on the state of its own time: first under the definition that
judged it, to see whether it can be reproduced at all, then under the other one. What
differs between these two is what the other definition makes of it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from comity import limits
from comity.clock import format_time
from comity.deciding.compile import Compiled, load_definition
from comity.deciding.pipeline import Judgement
from comity.deciding.tickets import strongest
from comity.deciding.view import Missing
from comity.errors import InvalidDefinition
from comity.model import refs
from comity.model.decisions import Finding, Severity
from comity.model.proposals import Caller, Proposal
from comity.operations import Backtest, BacktestAnswer, CodeChange, Differing, Fate, Turn
from comity.store.contract import Snapshot
from comity.verbs.engine import Engine, Progress
from comity.verbs.rules.past import Chronicle, Past
from comity.verbs.rules.recorded import Recorded, decisions, look_up
from comity.verbs.seeing import check_trial
from comity.verbs.spans import span_since

_FATES: Final[dict[Severity, Fate]] = {
    "warn": "committed",
    "defer": "deferred",
    "queue": "queued",
    "offer": "offered",
    "ask": "asked",
    "refuse": "refused",
}
_TOLD_EVERY: Final = 20
_RECORDS: Final = 20
"""Of one decision, as they are shown."""


def backtest(engine: Engine, caller: Caller, request: Backtest, progress: Progress | None = None) -> BacktestAnswer:
    """Return which decisions would differ under another definition; rules without a mode count as enforcing.

    Raises InvalidDefinition with every problem of the text, NotPermitted for a caller from whom
    values are hidden (S39).
    """
    check_trial(engine, caller, "try a definition on the past")
    with engine.store.snapshot() as snapshot:
        current = engine.coordinator.definition(snapshot)
        other = load_definition(request.source, current.number + 1, origin=request.origin)
        span = span_since(snapshot, request.since, engine.coordinator.time_at(snapshot.head).now_us)
        record = look_up(snapshot, span)
        comparison = _Comparison(snapshot, other)
        for done, recorded in enumerate(decisions(snapshot, record)):
            comparison.take(recorded)
            if progress is not None and done % _TOLD_EVERY == 0:
                progress(done, record.count)
        return comparison.answer(
            definition=current.number,
            since=format_time(span.since_us) if request.since is not None else None,
            cut=record.cut,
        )


def _is_own(proposal: Proposal) -> bool:
    """Tell whether a proposal does nothing but change Comity's own records, or is one of Comity's own."""
    is_plain = (proposal.action is None and not proposal.effects) or refs.is_system_id(proposal.id)
    return is_plain and bool(proposal.changes) and all(refs.is_built_in(change.record) for change in proposal.changes)


class _Comparison:
    """Compare what was decided with what another definition makes of it, one by one."""

    def __init__(self, snapshot: Snapshot, other: Compiled) -> None:
        self._chronicle = Chronicle(snapshot)
        self._other = other
        self.counts: Counter[str] = Counter()
        self.turns: Counter[tuple[Fate, Fate]] = Counter()
        self.new: Counter[str] = Counter()
        self.in_shadow: Counter[str] = Counter()
        self.gone: Counter[str] = Counter()
        self.examples: deque[Differing] = deque(maxlen=limits.BACKTEST_EXAMPLES)

    def take(self, recorded: Recorded) -> None:
        """Judge one decision afresh, and count what comes of it."""
        proposal = recorded.proposal
        if proposal is None:
            self.counts["erased"] += 1
        elif _is_own(proposal):
            self.counts["own"] += 1
        elif (both := self._judge(recorded, proposal)) is None:
            self.counts["not_reproducible"] += 1
        else:
            self.counts["judged"] += 1
            self._compare(recorded, proposal, *both)

    def _judge(self, recorded: Recorded, proposal: Proposal) -> tuple[Judgement, Judgement] | None:
        """Return the judgements under the definition of its time and under the other; None if the first isn't so."""
        try:
            past = Past(self._chronicle, recorded, proposal)
            was = past.judge(past.own)
            if was.outcome != recorded.outcome or _decisive(was.findings) != _decisive(recorded.findings):
                return None
            return was, past.judge(self._other)
        except (InvalidDefinition, Missing):
            return None

    def _compare(self, recorded: Recorded, proposal: Proposal, was: Judgement, would_be: Judgement) -> None:
        before, after = ({finding.code: finding for finding in one.findings} for one in (was, would_be))
        turned = {one for one in before.keys() & after.keys() if _is_shadow(before[one]) != _is_shadow(after[one])}
        new = after.keys() - before.keys() | turned
        self.gone.update(before.keys() - after.keys() | {one for one in turned if _is_shadow(after[one])})
        self.new.update(new)
        self.in_shadow.update(code for code in new if _is_shadow(after[code]))
        fates = _fate(was), _fate(would_be)
        if fates[0] != fates[1]:
            self.turns[fates] += 1
            self.examples.append(_differing(recorded, proposal, was, would_be))

    def answer(self, *, definition: int, since: str | None, cut: Sequence[str]) -> BacktestAnswer:
        """Return what was found; the latest examples come first."""
        return BacktestAnswer(
            definition=definition,
            revision=self._chronicle.snapshot.head.revision,
            since=since,
            judged=self.counts["judged"],
            differing=self.turns.total(),
            not_reproducible=self.counts["not_reproducible"],
            own=self.counts["own"],
            erased=self.counts["erased"],
            turns=tuple([Turn(was=was, would_be=now, count=n) for (was, now), n in self.turns.most_common()]),
            codes=tuple([self._code(code) for code in sorted(self.new.keys() | self.gone.keys())]),
            examples=tuple(reversed(self.examples)),
            cut=tuple(cut),
        )

    def _code(self, code: str) -> CodeChange:
        return CodeChange(code=code, new=self.new[code], in_shadow=self.in_shadow[code], gone=self.gone[code])


def _fate(judgement: Judgement) -> Fate:
    if judgement.outcome == "committed":
        return "committed"
    return _FATES[strongest(judgement.findings)]


def _is_shadow(finding: Finding) -> bool:
    return "shadow" in finding.data


def _decisive(findings: Sequence[Finding]) -> frozenset[str]:
    return frozenset(finding.code for finding in findings if finding.severity != "warn")


def _differing(recorded: Recorded, proposal: Proposal, was: Judgement, would_be: Judgement) -> Differing:
    return Differing(
        at=format_time(recorded.at),
        agent=recorded.agent,
        proposal=recorded.id,
        revision=recorded.base,
        definition=recorded.definition,
        was=_fate(was),
        would_be=_fate(would_be),
        action=proposal.action,
        reason=proposal.reason,
        records=tuple(dict.fromkeys((*(change.record for change in proposal.changes), *proposal.about)))[:_RECORDS],
        was_found=tuple(finding for finding in was.findings if finding.severity != "warn"),
        would_find=tuple(finding for finding in would_be.findings if finding.severity != "warn"),
        shadowed=tuple(sorted(_decisive(was.findings) & {one.code for one in would_be.findings if _is_shadow(one)})),
    )
