"""Reports: what the checks found, what it cost, who, and the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from comity.cli.rendering.decisions import findings
from comity.cli.rendering.events import changes
from comity.cli.rendering.words import bad, dim, good, line, moment, quoted, table
from comity.model.texts import counted, listed
from comity.operations import CheckReport, EventAnswer, ReportAnswer, Request, Step
from comity.operations.reporting import reported

_STEPS: Final = 50
"""Of the timeline, the latest; the page and ``--json`` have more."""


def report(request: Request, answer: ReportAnswer) -> Iterator[RenderableType]:
    """Yield a report: checks with examples, agents, timeline, what was left out."""
    since = f" since {moment(answer.since)}" if answer.since else ""
    yield Text(f"{answer.title}{since}", style="bold")
    yield dim(f"{counted(answer.committed, 'commit')}, {answer.stopped:,} proposals refused or waiting")
    yield from _checks(answer)
    yield from _agents(answer)
    yield from _timeline(answer)
    for sentence in answer.cut:
        yield Text(sentence, style="yellow")
    if answer.html is not None:
        yield good(f"Written to {answer.html}")


def _checks(answer: ReportAnswer) -> Iterator[RenderableType]:
    if not answer.checks:
        yield Text("\nNo check found anything.")
        return
    made = table("check", "refused", "waited", "in shadow", "warned", "re-runs", "who")
    for check in answer.checks:
        numbers = [f"{count:,}" if count else "" for count in (check.refused, check.waited, check.would, check.warned)]
        who = listed([f"{agent} {count}" for agent, count in check.agents.items()], 4)
        made.add_row(Text(check.code, style="bold"), *numbers, _reruns(check), who)
    yield Text()
    yield made
    for check in answer.checks:
        if check.examples:
            example = check.examples[0]
            told = f"{moment(example.at)} {example.agent}: {line(example.message, 160)}"
            yield Text.assemble(("  such as ", "dim"), (check.code, "bold"), f"  {told}")


def _reruns(check: CheckReport) -> str:
    parts = [str(check.reruns)] if check.reruns else []
    parts += [f"{check.repairs} repaired"] if check.repairs else []
    parts += [f"{check.would_rerun} in shadow"] if check.would_rerun else []
    return ", ".join(parts)


def _agents(answer: ReportAnswer) -> Iterator[RenderableType]:
    if not answer.agents:
        return
    made = table("agent", "committed", "refused", "waited", "in shadow only")
    for one in answer.agents:
        counts = (one.committed, one.refused, one.waited, one.would)
        made.add_row(Text(one.agent, style="bold"), *(f"{count:,}" if count else "" for count in counts))
    yield Text()
    yield made


def _timeline(answer: ReportAnswer) -> Iterator[RenderableType]:
    yield Text()
    for step in answer.timeline[-_STEPS:]:
        yield from _step(step)
    if len(answer.timeline) > _STEPS:
        yield dim(f"These are the latest {_STEPS} of {len(answer.timeline)}; --html and --json have all of them.")


def _step(step: Step) -> Iterator[RenderableType]:
    words = {"committed": good("committed"), "refused": bad("refused"), "pending": Text("waits", style="yellow")}
    about = Text(line(listed(step.records, 3)) or "nothing", style="bold")
    yield Text.assemble(dim(moment(step.at)), "  ", words[step.outcome], " ", about, " by ", good(step.by))
    action = Text.assemble(("action ", "dim"), line(step.action)) if step.action else Text()
    for part in (action, quoted(step.reason), *map(_event, step.events)):
        if part.plain:
            yield Padding(part, (0, 0, 0, 4), expand=False)
    for finding in findings(step.findings):
        yield Padding(finding, (0, 0, 0, 2), expand=False)


def _event(event: EventAnswer) -> Text:
    return Text.assemble((line(event.type), "bold"), f" {event.record} ", changes(reported(event)))
