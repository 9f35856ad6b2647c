"""What detectors look at, made by hand: judged proposals one second apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from comity.clock import SECOND_US
from comity.coordination.detectors import DETECTORS, Signal
from comity.coordination.judged import Judged, Seen
from comity.model import alerting
from comity.model.decisions import Finding
from comity.model.proposals import AnyChange, Proposal, Set

DEFAULTS = {one.name: one for one in alerting.DETECTORS}


def event(record: str, was: dict[str, Any], values: dict[str, Any], type: str = "", *, live: bool = True) -> Seen:
    kind = record.partition("/")[0]
    return Seen("1.0", record, kind, type or f"{kind}.updated", live, False, was, values)


def commit(
    agent: str, *events: Seen, at_s: float = 0, changes: Iterable[AnyChange] = (), action: str | None = None
) -> Judged:
    proposal = Proposal(id="p", changes=tuple(changes), action=action)
    at = round(at_s * SECOND_US)
    revision = round(at_s * 10) + 1
    named = tuple(replace(one, event=f"{revision}.{place}") for place, one in enumerate(events))
    return Judged(at, revision - 1, revision, f"p{revision}", agent, "committed", proposal, (), revision, named)


def changed(agent: str, record: str, was: Any, now: Any, at_s: float) -> Judged:
    return commit(agent, event(record, {"f": was}, {"f": now}), at_s=at_s, changes=(Set(record, {"f": now}),))


def refusal(agent: str, *findings: Finding, at_s: float = 0, record: str = "item/a") -> Judged:
    proposal = Proposal(id="p", changes=(Set(record, {"f": 1}),))
    at = round(at_s * SECOND_US)
    return Judged(at, 1, at, f"refused-{at_s}", agent, "refused", proposal, findings)


def found(code: str, subject: str | None = "item/a", **data: Any) -> Finding:
    return Finding(code, "m", subject, data=data)


def signals(name: str, judged: Iterable[Judged], **terms: Any) -> list[Signal]:
    """Return what a detector says of what was judged, under its defaults but for some terms."""
    detector = DETECTORS[name](replace(DEFAULTS[name], **terms))
    said: list[Signal] = []
    for one in judged:
        said += detector.pass_time(one.at)
        said += detector.take(one)
    return said


def subjects(name: str, judged: Iterable[Judged], **terms: Any) -> list[str]:
    return [signal.subject for signal in signals(name, judged, **terms)]


Judge = Callable[[float], Judged]


def every(gap_s: float, many: int, judge: Judge) -> list[Judged]:
    """Return so many judged proposals with gaps of so many seconds."""
    return [judge(number * gap_s) for number in range(many)]
