"""One id, one attempt (S7): whoever asks again gets the same answer; and what was shown was so (S5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from comity.model import refs
from comity.model.decisions import Decision
from comity.model.values import same
from comity.testing.histories import Fault
from comity.testing.simulation.checkers.past import Past


def check(past: Past) -> Iterator[Fault]:
    """Yield ids that were answered in two ways, commits of refused proposals, and reads of what never was."""
    yield from _answers(past)
    yield from _shown(past)


def _answers(past: Past) -> Iterator[Fault]:
    answers: dict[str, list[Decision]] = defaultdict(list)
    for asked in past.history.asked:
        if asked.proposal is not None and asked.decision is not None:
            answers[asked.proposal.id].append(asked.decision)
    for id, decisions in answers.items():
        final = {(one.outcome, one.revision, one.events) for one in decisions if not one.is_pending}
        if len(final) > 1:
            yield Fault("answered_twice", id, f"one id was answered in {len(final)} ways: {sorted(final)}")
        if any(outcome == "refused" for outcome, _, _ in final) and id in past.by_proposal:
            yield Fault("refused_committed", id, f"it was refused, and is commit {past.by_proposal[id].revision}")


def _shown(past: Past) -> Iterator[Fault]:
    latest: dict[str, int] = {}
    for shown in past.history.shown:
        if shown.revision < latest.get(shown.agent, 0):
            yield Fault("read_backwards", shown.agent, f"{shown.record} at {shown.revision}, after a later revision")
        latest[shown.agent] = shown.revision
        state = past.at(refs.split(shown.record), shown.revision)
        values = state.values if state.life in ("live", "archived") else {}
        differing = [name for name in {**shown.values, **values} if not same(shown.values.get(name), values.get(name))]
        if differing or (state.life, state.version) != (shown.life, shown.version):
            yield Fault("false_read", shown.agent, f"{shown.record} at {shown.revision} was never so: {differing}")
