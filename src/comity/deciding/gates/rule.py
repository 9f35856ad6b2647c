"""Do the rules let this action happen now (S27, S28)?

A rule is judged once per matching subject, a rule that names no kind once, and of what is
found by one rule the strongest counts. What can't be judged never passes, and neither does
what would leave a rule that can't be judged any more; but humans who show their key are
warned of these, and pass, so that somebody can repair it. Rules don't judge proposals that
change only Comity's own records, under no action (S24).

Codes: ``rule.<name of the rule>``, ``shape.too_broad``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import product
from math import prod
from typing import Any, Final

from msgspec.structs import replace

from comity import limits
from comity.deciding.case import Case
from comity.deciding.compile import Compiled
from comity.deciding.expressions import FETCHED, Expression, ExpressionFailed, variable_name
from comity.deciding.operators import is_inner
from comity.deciding.readers import told_problem
from comity.deciding.rulebook import Chunk, CompiledRule, Group
from comity.deciding.shadow import in_shadow
from comity.deciding.subjects import Around, OutOfBounds, Roots, Subjects, surroundings, values_of
from comity.deciding.view import Ref, View
from comity.deciding.yielding import is_human
from comity.model.decisions import Finding, Severity
from comity.model.records import RecordState
from comity.model.refs import split

_SHOWN: Final = 200
"""Of characters of an expression in a message."""


def judge(case: Case) -> Sequence[Finding]:
    """Return what the rules have to say of a proposal, in the order of the definition."""
    rules = case.compiled.rules
    if not rules.rules or is_inner(case):
        return ()
    action = case.compiled.actions.get(case.proposal.action or "")
    groups = rules.select(case.agent, case.proposal.action, action.kind if action is not None else None)
    if not groups:
        return ()
    judging = _Judging(case)
    for group in groups:
        judging.judge(group)
    return [judging.told(place) for place in sorted(judging.found)]


class _Judging:
    """Judge the rules on one proposal; ``found`` holds one finding a rule, by its place in the definition."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.subjects = Subjects(case)
        self.common = surroundings(case)
        self.passes = is_human(case)
        self.found: dict[int, Finding] = {}
        self.met: dict[int, list[str]] = {}

    def judge(self, group: Group) -> None:
        """Judge the rules of a group on each combination of their subjects."""
        choices = [self.subjects.of(kind) for kind in group.kinds]
        if prod(map(len, choices)) > limits.RULE_COMBINATIONS:
            for rule in _rules(group):
                problem = f"there are more than {limits.RULE_COMBINATIONS} subjects that it would be judged on"
                self.keep(rule, _too_broad(rule, problem, None, self.case))
            return
        for states in product(*choices):
            self.judge_on(group, states)

    def judge_on(self, group: Group, states: tuple[RecordState, ...]) -> None:
        refs = tuple((state.kind, state.id) for state in states)
        roots = self.roots_of(states)
        if "before" in group.roots or "after" in group.roots:
            roots |= {"before": self.subjects.before(refs[0]), "after": self.subjects.after(refs[0])}
        self.meet(group.chunks, _Meeting(self.case, roots, refs, self.subjects.named))
        later = tuple(map(self.subjects.later, refs))
        if self.case.changes and all(state.exists for state in later):
            changed = self.changed(states, later)
            if any(not changed.isdisjoint(chunk.gist.reads) for chunk in group.chunks):
                self.look_ahead(group, later, changed)

    def look_ahead(self, group: Group, states: tuple[RecordState, ...], changed: Set[tuple[str, str]]) -> None:
        """Judge rules on what changed once more, as on the next one who does the same: it must still be possible."""
        roots = self.roots_of(states)
        if "before" in group.roots or "after" in group.roots:
            values = values_of(states[0], self.case.compiled)
            roots |= {"before": values, "after": values}
        refs = tuple((state.kind, state.id) for state in states)
        self.meet(group.chunks, _Meeting(self.case, roots, refs, self.subjects.named, changed))

    def changed(self, before: Iterable[RecordState], after: Iterable[RecordState]) -> set[tuple[str, str]]:
        """Return what the proposal changes of what rules can read, as root and field."""
        draft = self.case.draft
        found = {("related", variable_name(kind)) for kind, _ in draft.states}
        for then, later in zip(before, after, strict=True):
            if later is not then:
                names = draft.was.get((later.kind, later.id), ())
                found |= {(root, name) for root in (variable_name(later.kind), "before", "after") for name in names}
        return found

    def roots_of(self, states: tuple[RecordState, ...]) -> Roots:
        """Return what the rules look at of subjects, and around any."""
        return self.common | {variable_name(state.kind): values_of(state, self.case.compiled) for state in states}

    def meet(self, chunks: Sequence[Chunk], meeting: _Meeting) -> None:
        for rule in meeting.asked(chunks):
            finding = meeting.judge(rule)
            if finding is not None:
                self.keep(rule, finding)
                self.met.setdefault(rule.place, []).append(meeting.name())

    def told(self, place: int) -> Finding:
        """Return what a rule found; of what somebody is to answer with all on which it was met, as that is answered."""
        finding, met = self.found[place], self.met.get(place, ())
        if finding.severity not in ("ask", "offer") or len(met) < 2:
            return finding
        if len(met) > limits.TICKET_SUBJECTS:
            return _too_many_asked(finding)
        return replace(finding, data=finding.data | {"met": list(met)})

    def keep(self, rule: CompiledRule, finding: Finding) -> None:
        """Keep a finding if it is the strongest of its rule so far.

        That a rule can't be judged is the strongest, but to those whom it lets pass the weakest.
        """
        kept = self.found.get(rule.place)
        is_stronger = "problem" not in finding.data if self.passes else "problem" in finding.data
        if kept is None or (is_stronger and ("problem" in kept.data) != ("problem" in finding.data)):
            self.found[rule.place] = finding


def _rules(group: Group) -> Iterator[CompiledRule]:
    for chunk in group.chunks:
        yield from chunk.rules


class _Meeting:
    """Be rules and the subjects that they meet: one of each kind named, or where none is named all of the proposal.

    Where it is told what was ``changed``, it ``is_ahead``: it looks at the state that the proposal leaves, and
    finds only that a rule which looks at what was changed can't be judged there.
    """

    def __init__(
        self,
        case: Case,
        roots: Roots,
        subjects: tuple[Ref, ...],
        every: tuple[Ref, ...],
        changed: Set[tuple[str, str]] | None = None,
    ) -> None:
        self.case = case
        self.changed = changed
        self.is_ahead = changed is not None
        self.roots = roots
        self.subjects = subjects
        drafted = case.draft.states if self.is_ahead else None
        self.around = Around(case.compiled, case.view, subjects or every, case.agent.name, drafted)
        self.every = every

    def name(self) -> str:
        """Return the subjects as one text."""
        return "+".join("/".join(ref) for ref in self.subjects)

    def asked(self, chunks: Iterable[Chunk]) -> Iterator[CompiledRule]:
        """Yield the rules that must be asked by themselves."""
        for chunk in chunks:
            if self.may_apply(chunk):
                yield from self.asked(chunk.parts) if chunk.parts else chunk.rules

    def may_apply(self, chunk: Chunk) -> bool:
        """Tell whether any of the rules must be asked by itself; so it is where asking all in one go fails."""
        if self.changed is not None and self.changed.isdisjoint(chunk.gist.reads):
            return False
        try:
            if not chunk.is_fetching:
                return chunk.gist.holds(self.roots)
            return chunk.gist.holds(self.fetched(chunk.gist)) or self.around.is_cut
        except (ExpressionFailed, OutOfBounds):
            return True

    def judge(self, rule: CompiledRule) -> Finding | None:
        """Return what a rule finds here, or None."""
        try:
            holds = self.holds(rule)
        except OutOfBounds as error:
            return _too_broad(rule, str(error), self.subject(rule), self.case, is_ahead=self.is_ahead)
        except ExpressionFailed as error:
            problem = told_problem(self.case.compiled.readers, rule.when.whole, error)
            return _failed(rule, problem, self.subject(rule), self.case, is_ahead=self.is_ahead)
        return self.applied(rule, self.subject(rule)) if holds and not self.is_ahead else None

    def holds(self, rule: CompiledRule) -> bool:
        quick, whole = rule.when.quick, rule.when.whole
        if quick is not None and not quick.holds(self.roots):
            return False
        if quick is whole:
            return True
        holds = whole.holds(self.fetched(whole))
        if not holds and "recent" in whole.roots:
            self.around.check_recent()
        return holds

    def fetched(self, expression: Expression) -> Roots:
        """Return the roots, with what the expression looks at of those that have to be looked up: each but once."""
        self.around.fetch(expression, self.roots)
        return self.roots

    def subject(self, rule: CompiledRule) -> str | None:
        """Return what a finding is about: the first subject, or where no kind is named, where others were met."""
        met = self.subjects or (tuple(self.around.met) if rule.when.whole.roots & FETCHED else ())
        return "/".join(met[0]) if met else None

    def applied(self, rule: CompiledRule, subject: str | None) -> Finding:
        declared = rule.definition
        data = _facts(rule) | {
            "to": declared.to,
            "until": declared.until,
            "until_subject": self.waited_for(rule) if declared.until else None,
            "priority": declared.priority,
            "expires_s": declared.expires_s,
            "escalate_after_s": declared.escalate_after_s,
            "escalate_to": declared.escalate_to,
        }
        message = declared.why or f"The rule {declared.name!r} applies: {_shown(declared.when)}"
        return _find(rule, declared.then, message, subject, _remedy(rule), data)

    def waited_for(self, rule: CompiledRule) -> str | None:
        """Return the subject that the rule's ``until`` is judged on."""
        kinds = rule.until.kinds if rule.until is not None else frozenset[str]()
        subjects = self.subjects or (*self.around.met, *self.every)
        meant = [ref for ref in subjects if not kinds or variable_name(ref[0]) in kinds]
        return "/".join(meant[0]) if meant else None


# -- findings


def _find(
    rule: CompiledRule, severity: Severity, message: str, subject: str | None, remedy: str, data: dict[str, Any]
) -> Finding:
    """Return a finding of a rule; of one in shadow it only says what would be."""
    if rule.definition.mode == "shadow":
        message, severity, data = in_shadow(message, severity), "warn", data | {"shadow": severity}
    given = {key: value for key, value in data.items() if value is not None}
    return Finding(rule.code, message, subject, severity=severity, remedy=remedy, data=given)


def _facts(rule: CompiledRule) -> dict[str, Any]:
    return {"rule": rule.definition.name, "hash": rule.digest}


def _failed(rule: CompiledRule, problem: str, subject: str | None, case: Case, *, is_ahead: bool = False) -> Finding:
    """Return that a rule can't be judged, which stands in the way of agents unless the rule only warns."""
    opening = "Once this is done, the rule" if is_ahead else "The rule"
    message = f"{opening} {rule.definition.name!r} can't be judged: {problem}."
    remedy = _way_out(case, "have the rule corrected, or the values that it looks at")
    severity = _severity_of_failure(rule, case)
    return _find(rule, severity, message, subject, remedy, _facts(rule) | {"problem": problem})


def _too_broad(rule: CompiledRule, problem: str, subject: str | None, case: Case, *, is_ahead: bool = False) -> Finding:
    found = _failed(rule, problem, subject, case, is_ahead=is_ahead)
    return Finding(
        "shape.too_broad",
        found.message,
        subject,
        severity=found.severity,
        remedy=_way_out(case, "propose less at once, or have the rule look at less"),
        data=found.data,
    )


def _too_many_asked(finding: Finding) -> Finding:
    """Return that nobody can answer for so many subjects at once."""
    return Finding(
        "shape.too_broad",
        f"It would be put to somebody who may answer it for {limits.TICKET_SUBJECTS} subjects at most:"
        f" {finding.message}",
        finding.subject,
        remedy="Split it into smaller proposals.",
    )


def _way_out(case: Case, otherwise: str) -> str:
    if is_human(case):
        return f"It passes, as you are a human; for agents, {otherwise}."
    return f"Ask a human with a key to do it, who is let pass; or {otherwise}."


def _severity_of_failure(rule: CompiledRule, case: Case) -> Severity:
    return "warn" if rule.definition.then == "warn" or is_human(case) else "refuse"


def _shown(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _remedy(rule: CompiledRule) -> str:
    """Return what an agent can do about a rule that applies."""
    declared = rule.definition
    until = f" when {_shown(declared.until)}" if declared.until else ""
    whom = declared.to or ""
    match declared.then:
        case "warn":
            return "Go on with care."
        case "defer":
            return f"Try again{until or ' later'}" + (f"; {whom} goes first." if whom else ".")
        case "queue":
            return f"Wait in line: it is judged again{until}" + (f"; {whom} goes first." if whom else ".")
        case "offer":
            return f"Offer it to {whom}, who may accept it."
        case "ask":
            return f"Ask {whom or 'a human'} to approve it."
        case "refuse":
            return "Propose something else: this rule doesn't yield."


# -- waiting


def holds_until(compiled: Compiled, rule: str, subject: str | None, view: View, *, agent: str | None = None) -> bool:
    """Tell whether what a rule makes a proposal wait for has come.

    ``subject`` is the record that its finding named as ``until_subject``, ``agent`` who
    waits: what it does itself isn't among ``recent`` and ``intents``. A wait on a rule or a
    record that is no longer there is over, as the proposal is judged afresh anyway. What
    can't be judged has not come.
    """
    found = compiled.rules.named(rule)
    if found is None or found.until is None:
        return True
    refs = (split(subject),) if subject is not None else ()
    states = [view.record(ref) for ref in refs]
    if any(not state.exists for state in states):
        return True
    until = found.until
    roots: Roots = {"now": view.now_us} | {variable_name(one.kind): values_of(one, compiled) for one in states}
    around = Around(compiled, view, refs, agent)
    try:
        around.fetch(until, roots)
        holds = until.holds(roots)
        around.check_recent()
    except (ExpressionFailed, OutOfBounds):
        return False
    return holds
