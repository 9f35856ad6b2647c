"""Did its assumptions hold before, do the kinds' guards hold after (S15)?

Assumptions are judged at the head before the proposal's own changes, once per matching
subject; guards on the final state of the whole proposal. What can't be judged never passes.

Codes: ``guard.assumption``, ``guard.consequence``, ``guard.<name of the guard>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import prod
from typing import Any

from comity import limits
from comity.deciding.case import Case
from comity.deciding.codes import code_of
from comity.deciding.compile import CompiledGuard, CompiledKind
from comity.deciding.expressions import Expression, ExpressionFailed, variable_name
from comity.deciding.readers import Readers, told, told_problem, told_source
from comity.deciding.subjects import Roots, shown_values, surroundings, values_of
from comity.deciding.view import Ref
from comity.errors import InvalidExpression
from comity.model.decisions import Finding
from comity.model.records import LIFE, RecordState
from comity.model.refs import is_built_in, nearest
from comity.model.texts import listed, suggestion


def judge(case: Case) -> Iterable[Finding]:
    """Return each assumption that doesn't hold now, and each guard that wouldn't hold after."""
    found: list[Finding] = []
    for source in case.proposal.assumptions:
        found += _assumption(source, case)
    kinds = case.compiled.kinds
    for ref, state in case.draft.states.items():
        kind = kinds.get(ref[0])
        if kind is not None and kind.guards and state.life == "live":
            roots = _around(kind, case.view.record(ref), state, case)
            for guard in kind.guards:
                problem = _problem(guard, roots, case.compiled.readers)
                if problem is not None:
                    found.append(_broken(guard, *problem, state, roots, case.compiled.readers))
    return found


# -- assumptions


def _assumption(source: str, case: Case) -> Iterator[Finding]:
    try:
        expression = case.compiled.assumption(source)
    except InvalidExpression as error:
        message = f"The assumption {_told(source, case)!r} can't be judged: {error}."
        yield _fails(message, None, "Correct the expression.")
        return
    choices: list[list[Ref]] = []
    for name in sorted(expression.kinds):
        matching = [ref for ref in case.subjects if variable_name(ref[0]) == name]
        if not matching:
            yield _without_subject(source, name, case)
            return
        choices.append(matching)
    combinations = prod(map(len, choices))
    if combinations > limits.ASSUMPTION_COMBINATIONS:
        yield Finding(
            "shape.too_broad",
            f"The assumption {_told(source, case)!r} would be judged on {combinations} combinations of subjects.",
            remedy=f"Name fewer subjects; at most {limits.ASSUMPTION_COMBINATIONS} combinations are judged.",
        )
        return
    for subjects in product(*choices):
        yield from _holds(source, expression, subjects, case)


def _without_subject(source: str, name: str, case: Case) -> Finding:
    """Return that an assumption is about a kind that no subject is of: a misspelt one, or one to be named."""
    kinds = {variable_name(ref[0]) for ref in case.subjects}
    known = {variable_name(kind) for kind in (*case.compiled.kinds, *case.view.kind_revisions) if not is_built_in(kind)}
    near = None if name in known else nearest(name, kinds) or nearest(name, known)
    told = _told(source, case)
    message = f"The assumption {told!r} names {name}, and no subject is of that kind{suggestion(near) or '.'}"
    remedy = f"Write {near} instead." if near else f"Say about=['{name}/…'], or write to it in the same proposal."
    return _fails(message, None, remedy)


def _holds(source: str, expression: Expression, subjects: tuple[Ref, ...], case: Case) -> Iterator[Finding]:
    states = [case.view.record(ref) for ref in subjects]
    for state in states:
        if not state.is_live:
            message = f"You assumed {_told(source, case)}; {state.ref} is {state.life}."
            yield _fails(message, state.ref, "Look again, decide again.")
            return
    roots = surroundings(case) | {variable_name(state.kind): values_of(state, case.compiled) for state in states}
    try:
        holds = expression.holds(roots)
    except ExpressionFailed as error:
        problem = told_problem(case.compiled.readers, expression, error)
        message = f"You assumed {_told(source, case)}; it can't be judged: {problem}."
        yield _fails(message, None, "Write it so that it always can.")
        return
    if not holds:
        now = listed(shown_values(expression, states, case) or ["it does not hold"], 3)
        message = f"You assumed {_told(source, case)}; now {now}."
        yield _fails(message, states[0].ref if states else None, "Decide again.")


def _told(source: str, case: Case) -> str:
    return told_source(case.compiled.readers, source)


def _fails(message: str, subject: str | None, remedy: str) -> Finding:
    return Finding("guard.assumption", message, subject, remedy=remedy)


# -- guards


def _around(kind: CompiledKind, before: RecordState, after: RecordState, case: Case) -> Roots:
    """Return what the guards of a kind look at."""
    defaults = kind.defaults
    roots: Roots = {
        "before": {**defaults, **before.values, "$id": before.id} if before.exists else None,
        "after": {**defaults, **after.values, "$id": after.id},
    }
    return roots | surroundings(case) if kind.guards_look_around else roots


def _problem(guard: CompiledGuard, roots: Roots, readers: Readers | None) -> tuple[str, dict[str, Any]] | None:
    """Return what is wrong where a guard doesn't hold or can't be judged, with the data of the finding."""
    try:
        if guard.expression.holds(roots):
            return None
    except ExpressionFailed as error:
        problem = told_problem(readers, guard.expression, error)
        return f"it can't be judged: {problem}", {"problem": problem}
    return guard.why.rstrip(".") if guard.why else f"{guard.expression.source} must hold", {}


def _broken(
    guard: CompiledGuard, problem: str, data: dict[str, Any], state: RecordState, roots: Roots, readers: Readers | None
) -> Finding:
    shown = ", ".join(
        f"{root}.{name} is {told(readers, state.kind, name, _at(roots, root, name))}"
        for root, name in sorted(guard.expression.reads)[:4]
        if name != LIFE
    )
    return Finding(
        f"guard.{code_of(guard.name)}",
        f"{state.ref}: {guard.name}: {problem} ({shown}).",
        state.ref,
        remedy="Propose values with which it holds, or leave the record as it is.",
        data=data,
    )


def _at(roots: Mapping[str, Any], root: str, name: str) -> Any:
    values = roots.get(root)
    return values.get(name) if isinstance(values, Mapping) else values
