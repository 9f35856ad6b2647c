"""Alerts, and what led to what, as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from comity.cli.rendering.words import dim, line, moment, quoted, table
from comity.model.alerting import AlertLevel
from comity.model.texts import counted
from comity.operations import AlertAnswer, AlertsAnswer, Request, ScanAnswer, TraceAnswer, TraceStep

_STYLES: Final[dict[AlertLevel, str]] = {"info": "cyan", "warning": "yellow", "critical": "bold red"}
_EVIDENCE: Final = 3


def alerts(request: Request, answer: AlertsAnswer) -> Iterator[RenderableType]:
    """Yield alerts, those last seen first."""
    for one in answer.alerts:
        yield from _alert(one)
    more = ", and there are more" if answer.is_cut else ""
    yield dim(f"{counted(len(answer.alerts), 'alert')}{more}, as of revision {answer.revision}")


def scanned(request: Request, answer: ScanAnswer) -> Iterator[RenderableType]:
    """Yield the alerts that the past would have raised: how many by each detector, then one by one."""
    if answer.alerts:
        made = table("detector", "alerts")
        for detector in dict.fromkeys(one.detector for one in answer.alerts):
            made.add_row(detector, str(sum(one.detector == detector for one in answer.alerts)))
        yield made
        yield Text()
    for one in answer.alerts:
        yield from _alert(one)
    since = f" since {moment(answer.since)}" if answer.since else ""
    looked = f"{counted(answer.judged, 'judged proposal')} looked at{since}; nothing was written"
    yield dim(f"{counted(len(answer.alerts), 'alert')} in {looked}")
    for sentence in answer.cut:
        yield Text(sentence, style="yellow")


def _alert(one: AlertAnswer) -> Iterator[RenderableType]:
    yield Text.assemble((one.severity, _STYLES[one.severity]), " ", (one.detector, "bold"), " on ", line(one.subject))
    yield Text(f"  {line(one.message)}")
    seen = f"seen {one.count:,} times" if one.count > 1 else "seen once"
    evidence = ", ".join(one.evidence[-_EVIDENCE:])
    yield dim(f"  {one.alert}, {seen}, last at {moment(one.last_at)}{f', by {evidence}' if evidence else ''}")
    if one.state != "raised":
        by = one.closed_by if one.state == "resolved" else one.acknowledged_by
        yield Text.assemble(f"  {one.state}", f" by {line(by)} " if by else " ", quoted(one.answer))


def traced(request: Request, answer: TraceAnswer) -> Iterator[RenderableType]:
    """Yield the chain of causes and the tree of what followed, as one tree; the event asked for stands out."""
    steps = (*answer.causes, answer.step, *answer.led_to)
    root = Tree(_step(steps[0], is_asked=steps[0] is answer.step))
    path = [root]
    for step in steps[1:]:
        del path[step.depth - steps[0].depth :]
        path.append(path[-1].add(_step(step, is_asked=step is answer.step)))
    yield root
    led = f"{counted(len(answer.led_to), 'commit')} followed{' or more' if answer.is_cut else ''}"
    yield dim(f"{counted(answer.depth, 'commit')} led to {answer.step.event}; {led}")


def _step(step: TraceStep, *, is_asked: bool) -> Text:
    records = ", ".join(line(record) for record in step.records) or "nothing"
    action = f" ({line(step.action)})" if step.action else ""
    why = Text.assemble(" ", quoted(step.reason)) if step.reason else Text()
    more = dim(f" and {step.more} more things that it led to") if step.more else Text()
    style = "bold reverse" if is_asked else "bold"
    return Text.assemble((step.event, style), f" {records} by {line(step.by)}{action} at {moment(step.at)}", why, more)
