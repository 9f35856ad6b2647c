"""Rules: those in force, what came of their tests, what others would have decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import bad, dim, good, line, moment, quoted, stacked, table
from comity.model.decisions import Finding
from comity.model.texts import counted, listed
from comity.operations import (
    BacktestAnswer,
    CodeChange,
    Differing,
    Request,
    RuleAnswer,
    RulesAnswer,
    RuleTestAnswer,
    RuleTestsAnswer,
)
from comity.operations.ruling import NO_HISTORY

_EXAMPLES: Final = 20
"""Of decisions that would differ; ``--json`` has more."""
_FINDINGS: Final = 3
"""Of one test or decision; ``--json`` has all."""
_MINUTE: Final = 16
"""How many characters of a time tell it to the minute."""


def rules(request: Request, answer: RulesAnswer) -> Iterator[RenderableType]:
    """Yield the rules in force, and how often each had a say."""
    if not answer.rules:
        yield dim("No rules are declared. Declare them under [[rules]] in the definition.")
        return
    made = table("rule", "then", "mode", "fired", "last")
    for rule in answer.rules:
        then = rule.then + (f" to {rule.to}" if rule.to else "") + (f" ({rule.priority})" if rule.priority else "")
        last = moment(rule.last_at)[:_MINUTE] if rule.last_at else ""
        made.add_row(Text(rule.name, style="bold"), then, _mode(rule), _fired(rule), last)
    yield made
    since = f"decisions since {moment(answer.since)}" if answer.since else "all decisions"
    yield dim(f"{counted(len(answer.rules), 'rule')} of definition {answer.number}, and their say in {since}")
    yield from _sentences(answer.cut)


def _mode(rule: RuleAnswer) -> Text:
    if rule.mode == "enforce":
        return Text("enforce")
    return Text("shadow (new)" if rule.is_new else "shadow", style="yellow")


def _fired(rule: RuleAnswer) -> str:
    numbers = ((rule.refused, "refused"), (rule.waited, "waited"), (rule.would, "in shadow"), (rule.warned, "warned"))
    return ", ".join(f"{count:,} {effect}" for count, effect in numbers if count) or "never"


def tests(request: Request, answer: RuleTestsAnswer) -> Iterator[RenderableType]:
    """Yield what was expected of each test, what came, and why."""
    if not answer.tests:
        yield dim(f"{line(answer.origin)} has no tests. Write them under [[tests]].")
        return
    made = table("", "test", "expected", "came, and why")
    for one in answer.tests:
        mark = good("passed") if one.has_passed else bad("FAILED")
        made.add_row(mark, Text(one.name, style="bold"), _expected(one), _came(one))
    yield made
    total = f"{counted(answer.passed, 'test')} passed"
    yield bad(f"{answer.failed:,} failed, {total}") if answer.failed else good(total)


def _expected(one: RuleTestAnswer) -> Text:
    return stacked([bad(expected) if expected in one.missing else Text(expected) for expected in one.expected])


def _came(one: RuleTestAnswer) -> Text:
    return stacked([Text(one.outcome), _found(one.findings)]) if one.findings else Text(one.outcome)


def _found(findings: Sequence[Finding], said: Sequence[str] = ()) -> Text:
    """Return findings, each with what is to be said of it before it, if anything is."""
    parts: list[Text] = []
    for finding, what in zip_longest(findings[:_FINDINGS], said[:_FINDINGS]):
        code = line(finding.code)
        parts += [Text(f"{what}: {code}" if what else code), dim(line(finding.message, 120))]
    return stacked(parts)


def backtest(request: Request, answer: BacktestAnswer) -> Iterator[RenderableType]:
    """Yield which decisions would differ, with examples, and what couldn't be told."""
    since = f" since {moment(answer.since)}" if answer.since else ""
    yield Text(f"{answer.differing:,} of {counted(answer.judged, 'decision')}{since} would differ", style="bold")
    for turn in answer.turns:
        yield Text.assemble(f"  {turn.count:,}  {turn.was}", (" → ", "dim"), turn.would_be)
    yield from _codes(answer.codes)
    yield from _examples(answer.examples)
    left = (
        (answer.not_reproducible, "not reproducible: otherwise already under the definition of its time"),
        (answer.erased, "erased: what was proposed is gone"),
    )
    yield from (Text(f"{count:,} {what}", style="yellow") for count, what in left if count)
    if answer.own:
        yield dim(f"{answer.own:,} on Comity's own records, which no rule judges")
    yield from _sentences(answer.cut)
    yield dim(NO_HISTORY)


def _codes(codes: Sequence[CodeChange]) -> Iterator[RenderableType]:
    if not codes:
        return
    made = table("finding", "new in", "of these in shadow", "gone from")
    for one in codes:
        counts = (f"{count:,}" if count else "" for count in (one.new, one.in_shadow, one.gone))
        made.add_row(Text(one.code, style="bold"), *counts)
    yield Text()
    yield made


def _examples(examples: Sequence[Differing]) -> Iterator[RenderableType]:
    if not examples:
        return
    made = table("when", "who", "what", "was → would be", "because")
    for one in examples[:_EXAMPLES]:
        turn = Text.assemble(one.was, (" → ", "dim"), one.would_be)
        because = _found([finding for _, finding in one.because], [what for what, _ in one.because])
        made.add_row(moment(one.at)[:_MINUTE], one.agent, _what(one), turn, because)
    yield Text()
    yield made
    if len(examples) > _EXAMPLES:
        yield dim(f"These are the latest {_EXAMPLES}; --json has {len(examples)}.")
    yield Text()


def _what(one: Differing) -> Text:
    parts = [Text(line(part)) for part in (one.action, listed(one.records, 3)) if part]
    return stacked([*parts, *([quoted(one.reason)] if one.reason else [])])


def _sentences(sentences: Sequence[str]) -> Iterator[RenderableType]:
    for sentence in sentences:
        yield Text(sentence, style="yellow")
