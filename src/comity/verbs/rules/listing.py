"""Listing the rules in force, with how often each had a say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from comity.clock import format_time
from comity.deciding.compile import Compiled
from comity.deciding.rulebook import CompiledRule
from comity.model.definition import Mode
from comity.model.proposals import Caller
from comity.operations import ListRules, RuleAnswer, RulesAnswer
from comity.verbs.engine import Engine
from comity.verbs.report.counting import strongest
from comity.verbs.report.gathering import Judged, Scope, gather
from comity.verbs.spans import span_since


def list_rules(engine: Engine, caller: Caller, request: ListRules) -> RulesAnswer:
    """Return the rules in force; a decision counts once for each rule that was found to apply, however worded then."""
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        span = span_since(snapshot, request.since, engine.coordinator.time_at(snapshot.head).now_us)
        gathered = gather(snapshot, Scope(after=span.after, since_us=span.since_us))
    fired = _fired(gathered.judged)
    return RulesAnswer(
        number=compiled.number,
        rules=tuple([_answer(rule, compiled, fired.get(name, {})) for name, rule in compiled.rules.rules.items()]),
        since=format_time(span.since_us) if request.since is not None else None,
        cut=gathered.cut,
    )


def _fired(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """Return for each rule how often it had which effect, and when last."""
    counts: dict[str, dict[str, Any]] = {}
    for one in judged:
        for finding, effect in strongest(one).values():
            name = finding.data.get("rule")
            if isinstance(name, str):
                counted = counts.setdefault(name, {})
                counted[effect] = counted.get(effect, 0) + 1
                counted["last_at"] = format_time(one.at)
    return counts


def _answer(rule: CompiledRule, compiled: Compiled, fired: dict[str, Any]) -> RuleAnswer:
    declared = rule.definition
    return RuleAnswer(
        name=declared.name,
        code=rule.code,
        when=declared.when,
        then=declared.then,
        mode=_mode(rule, compiled),
        priority=declared.priority,
        to=declared.to,
        until=declared.until,
        why=declared.why,
        is_new=declared.name in compiled.shadowed,
        **fired,
    )


def _mode(rule: CompiledRule, compiled: Compiled) -> Mode:
    """Return whether a rule stands in the way, as far as nothing else is said of an agent or a kind."""
    return "shadow" if "shadow" in (rule.definition.mode, compiled.modes.gates.get("rule")) else "enforce"
