"""A report as one HTML page, fit for a ticket: nothing from elsewhere, no script, every text shown as text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any, Final

from comity.model.decisions import Finding
from comity.model.texts import counted, field_name, listed, show
from comity.operations.looking_back import EventAnswer
from comity.operations.reporting import AgentReport, CheckReport, Effect, Example, ReportAnswer, Step, reported
from comity.verbs.report.counting import effect_of

_VALUE_CHARS: Final = 200
_EFFECTS: Final[dict[Effect, str]] = {
    "refused": "refused",
    "waited": "had to wait",
    "would": "in shadow: would have been stopped",
    "warned": "warned",
}
_OUTCOMES: Final = {"committed": "Committed", "refused": "Refused", "pending": "Had to wait"}
_NOTHING: Final = '<p class="dim">Nothing.</p>'


def page_of(report: ReportAnswer) -> str:
    """Return a report as a page of its own."""
    parts = {
        "title": text(f"Comity report: {report.title}"),
        "facts": text(_facts(report)),
        "cut": _listed("cut", map(text, report.cut)),
        "checks": "\n".join(_checks(report.checks)) or _NOTHING,
        "agents": "\n".join(_agents(report.agents)) or _NOTHING,
        "timeline": "\n".join(_timeline(report.timeline)) or _NOTHING,
    }
    return _template().substitute(parts)


@cache
def _template() -> Template:
    return Template(files("comity.verbs.report").joinpath("page.html").read_text("utf-8"))


def text(value: object) -> str:
    """Return a text for a page: no markup of its own counts, no sign of it turns the writing around.

    >>> text("<b>")
    '&lt;b&gt;'
    """
    signs = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(value))
    return html.escape("".join(signs))


def _facts(report: ReportAnswer) -> str:
    since = f"from {report.since}" if report.since else "from the beginning"
    counts = f"{counted(report.committed, 'commit')}, {report.stopped:,} proposals refused or waiting"
    return f"{counts}; {since} to {report.until}, revision {report.revision}, definition version {report.definition}"


def _listed(kind: str, items: Iterable[str]) -> str:
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f'<ul class="{kind}">{lines}</ul>' if lines else ""


# -- checks and agents


def _checks(checks: Iterable[CheckReport]) -> Iterator[str]:
    heads = ("refused", "waited", "shadow", "warned", "re-runs", "re-runs in shadow")
    rows = [_check(check) for check in checks]
    if rows:
        numbers = "".join(f'<th class="number">{head}</th>' for head in heads)
        yield f"<table><tr><th>check</th>{numbers}<th>examples</th></tr>"
        yield from rows
        yield "</table>"


def _check(check: CheckReport) -> str:
    counts = (check.refused, check.waited, check.would, check.warned, check.reruns, check.would_rerun)
    numbers = "".join(f'<td class="number">{count or ""}</td>' for count in counts)
    who = listed([f"{agent} {count}" for agent, count in check.agents.items()])
    examples = _listed("example", map(_example, check.examples))
    name = f'<code>{text(check.code)}</code><br><span class="dim">{text(who)}</span>'
    return f"<tr><td>{name}</td>{numbers}<td>{examples}</td></tr>"


def _example(example: Example) -> str:
    return f'<span class="dim">{text(example.at)} {text(example.agent)}:</span> {text(example.message)}'


def _agents(agents: Iterable[AgentReport]) -> Iterator[str]:
    rows = [_agent(agent) for agent in agents]
    if rows:
        heads = ("committed", "refused", "waited", "committed in shadow only")
        yield "<table><tr><th>agent</th>" + "".join(f'<th class="number">{head}</th>' for head in heads) + "</tr>"
        yield from rows
        yield "</table>"


def _agent(agent: AgentReport) -> str:
    counts = (agent.committed, agent.refused, agent.waited, agent.would)
    numbers = "".join(f'<td class="number">{count or ""}</td>' for count in counts)
    return f"<tr><td>{text(agent.agent)}</td>{numbers}</tr>"


# -- the timeline


def _timeline(steps: Iterable[Step]) -> Iterator[str]:
    rows = ["\n".join(_step(step)) for step in steps]
    if rows:
        yield '<ol class="timeline">'
        yield from rows
        yield "</ol>"


def _step(step: Step) -> Iterator[str]:
    is_shadow = step.outcome == "committed" and any("shadow" in finding.data for finding in step.findings)
    yield f'<li class="{"would" if is_shadow else step.outcome}">'
    about = listed(step.records, 5) or "nothing"
    yield f'<div><span class="outcome">{_OUTCOMES[step.outcome]}</span>: {text(step.by)}, {text(about)}'
    yield f'<span class="dim">{text(_circumstances(step))}</span></div>'
    if step.reason:
        yield f"<div>Why: <q>{text(step.reason)}</q></div>"
    yield _listed("events", map(_event, map(reported, step.events)))
    yield _listed("findings", (_finding(finding, step.outcome) for finding in step.findings))
    if step.is_erased:
        yield '<div class="dim">The contents were erased.</div>'
    yield "</li>"


def _circumstances(step: Step) -> str:
    known = [f"known by {step.known}"] if step.known else []
    action = [f"action {step.action}"] if step.action else []
    cause = [f"caused by event {step.cause}"] if step.cause else []
    parts = [step.at, f"revision {step.revision}", f"proposal {step.proposal}", *known, *action, *cause]
    return ", ".join(parts)


def _event(event: EventAnswer) -> str:
    changes = [f"{field_name(name)}: {_value(was)} → {_value(event.now.get(name))}" for name, was in event.was.items()]
    told = "erased" if event.is_erased else "; ".join(changes) or "no field changed"
    derived = f" ({event.derived})" if event.derived else ""
    return f"<code>{text(event.type)}</code> {text(event.record)}{text(derived)}: {text(told)}"


def _finding(finding: Finding, outcome: str) -> str:
    effect = _EFFECTS[effect_of(finding, outcome)]
    moved = _listed("moved", (_moved(finding, place) for place in range(len(finding.moved))))
    return f'<code>{text(finding.code)}</code> <span class="dim">({effect})</span> {text(finding.message)}{moved}'


def _moved(finding: Finding, place: int) -> str:
    one = finding.moved[place]
    reason = f": <q>{text(one.reason)}</q>" if one.reason else ""
    seen = f"{one.record}.{field_name(one.field)}: saw {_value(one.was)}, was {_value(one.now)}, by {one.by}"
    return f"{text(seen)}{reason}"


def _value(value: Any) -> str:
    return show(value, _VALUE_CHARS)
