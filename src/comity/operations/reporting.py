"""Reporting: what the checks refused or would have refused, what it cost, and what happened when."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from comity.model.built_in import EFFECT
from comity.model.decisions import Finding
from comity.model.proposals import Known
from comity.model.texts import counted, listed, quote
from comity.operations.arguments import Answer, Request
from comity.operations.looking_back import EventAnswer

Effect = Literal["refused", "waited", "would", "warned"]
"""What a finding did: it stood in the way, had the proposal wait, would have but for the shadow, or only warned."""

_LINES = 4
"""Of checks in the short text; the whole answer holds all of them."""


class Report(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tell what the checks refused or would have refused, what it cost, and what happened when."""

    record: Annotated[str | None, Meta(description="about this record only")] = None
    agent: Annotated[str | None, Meta(description="about this agent only")] = None
    since: Annotated[
        int | str | None, Meta(description="after this revision, from this time on, or a span back from now such as 1d")
    ] = None
    html: Annotated[str | None, Meta(description="also write it to this file, as one page fit for a ticket")] = None


class Example(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one case of what a check found."""

    at: str
    agent: str
    proposal: str
    effect: Effect
    message: str
    subject: str | None = None
    action: str | None = None


class CheckReport(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what one check or rule found, in numbers of decisions.

    ``refused`` were refused or deferred, ``waited`` had to wait, ``would`` would have been
    stopped but for the shadow, ``warned`` were only warned. After ``reruns`` of the refused
    the agent thought again and made another attempt, after ``repairs`` it repeated the
    change with ``accept``; ``would_rerun`` counts the conflicts in shadow.
    """

    code: str
    refused: int = 0
    waited: int = 0
    would: int = 0
    warned: int = 0
    reruns: int = 0
    repairs: int = 0
    would_rerun: int = 0
    agents: dict[str, int] = {}
    examples: tuple[Example, ...] = ()

    def __str__(self) -> str:
        numbers = (("refused", self.refused), ("waited", self.waited), ("would have stopped", self.would))
        told = [f"{count:,} {word}" for word, count in numbers if count]
        told += [f"{self.warned:,} warned"] if self.warned else []
        told += [counted(self.reruns, "re-run")] if self.reruns else []
        return f"{self.code}: {', '.join(told)}"


class AgentReport(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what became of one agent's proposals; ``would`` counts commits that only the shadow let through."""

    agent: str
    committed: int = 0
    refused: int = 0
    waited: int = 0
    would: int = 0


_OF_EFFECTS: Final = ("effect", "target", "data", "state", "answer", "held_up", "error")


def reported(event: EventAnswer) -> EventAnswer:
    """Return an event as people are shown it in a report: of an effect only what was to be sent, and what became of it.

    Programs get all of it, and so does the history.
    """
    if not event.record.startswith(f"{EFFECT}/"):
        return event
    was = {name: event.was[name] for name in _OF_EFFECTS if name in event.was}
    return msgspec.structs.replace(event, was=was, data={})


class Step(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one decision on the timeline: who wanted what and why, what was found, what happened."""

    at: str
    by: str
    outcome: Literal["committed", "refused", "pending"]
    proposal: str
    revision: int
    known: Known | None = None
    action: str | None = None
    reason: str | None = None
    cause: str | None = None
    records: tuple[str, ...] = ()
    events: tuple[EventAnswer, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_erased: bool = False

    def __str__(self) -> str:
        what = self.action or listed(self.records, 3) or "nothing"
        why = f": {quote(self.reason)}" if self.reason else ""
        codes = f" ({listed([finding.code for finding in self.findings], 3)})" if self.findings else ""
        return f"{self.at} {self.by} {self.outcome} {what}{codes}{why}"


class ReportAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a report. ``cut`` says in sentences what it left out; ``timeline`` is in order of time, the oldest first."""

    workspace: str
    until: str
    revision: int
    definition: int
    record: str | None = None
    agent: str | None = None
    since: str | None = None
    committed: int = 0
    stopped: int = 0
    checks: tuple[CheckReport, ...] = ()
    agents: tuple[AgentReport, ...] = ()
    timeline: tuple[Step, ...] = ()
    cut: tuple[str, ...] = ()
    html: str | None = None

    @property
    def title(self) -> str:
        """Return what it is about."""
        about = [part for part in (self.record, f"by {self.agent}" if self.agent else None) if part]
        return f"{self.workspace}: {' '.join(about) or 'all records'}"

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        head = f"{self.title}{since}: {counted(self.committed, 'commit')}, {self.stopped:,} refused or waiting"
        lines = [f"  {check}" for check in self.checks[:_LINES]]
        if len(self.checks) > _LINES:
            lines.append(f"  and {len(self.checks) - _LINES} more")
        lines += [f"  {listed(self.cut, 3)}"] if self.cut else []
        lines += [f"  written to {self.html}"] if self.html else []
        return "\n".join([head, *lines])
