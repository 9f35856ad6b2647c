"""May this workflow be started, or cancelled, by this agent; and may this task be answered by them?

What a run does is told by the definition that is in force when it starts, so that the
transition must say what that says. What one run has written no other one changes before that
is over: it might still be undone. Whether a task is one's own is asked by its transitions;
here it is asked who answers what is put to nobody in particular.

Codes: ``workflow.unknown``, ``workflow.not_starter``, ``workflow.params``,
``workflow.changed``, ``workflow.misnamed``, ``workflow.too_many``, ``workflow.not_asked``, ``workflow.backwards``,
``workflow.in_use``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US, format_age, format_time, parse_time
from comity.deciding.case import Case
from comity.deciding.compiled import CompiledWorkflow
from comity.deciding.operators import is_operator
from comity.deciding.plans import Plan, problem_of
from comity.deciding.view import Ref
from comity.model import refs
from comity.model.built_in import APPROVAL, TASK, WORKFLOW
from comity.model.decisions import Finding
from comity.model.filters import Condition, Query
from comity.model.flows import is_run_of, prefix_of, run_of
from comity.model.proposals import Emit
from comity.model.texts import field_name, listed, suggestion

_RUN: Final = f"{WORKFLOW}/"
_ERRAND: Final = f"{TASK}/"
_CONSENT: Final = f"{APPROVAL}/"
_BACKWARDS: Final = frozenset({"compensating", "stuck", "compensated", "failed", "cancelled"})
"""The states of a run that undoes what it did, or has."""
_SLACK_US: Final = limits.STORE_BUSY_S * 4 * SECOND_US
"""How far a deadline may be from what it is to be: the time that passes until it is decided."""


def judge(case: Case) -> Iterable[Finding]:
    """Return why a workflow may not be started or cancelled, or a task not answered."""
    return _judge(case) if case.emits or case.caller.known == "workflow" else ()


def _judge(case: Case) -> Iterator[Finding]:
    if case.caller.known == "workflow":
        yield from _in_use(case)
        if case.effects and not case.changes:
            yield from _withdrawn(case)
    for change in case.changes:
        if type(change) is not Emit:
            continue
        if change.record.startswith(_RUN):
            if change.event == "started":
                yield from _started(change, case)
            elif change.event == "cancelled":
                yield from _cancelled(change, case)
        elif change.record.startswith(_ERRAND) and change.event in ("done", "failed"):
            yield from _answered(change, case)
        elif change.record.startswith(_CONSENT) and change.event == "approved":
            yield from _approved(change, case)


def _started(change: Emit, case: Case) -> Iterator[Finding]:
    name: str = change.data["workflow"]
    workflow = case.compiled.workflows.get(name)
    if workflow is None:
        hint = suggestion(refs.nearest(name, case.compiled.workflows)) or "."
        known = listed(sorted(case.compiled.workflows), 8) or "there is none"
        message = f"{name[:64]!r} is no declared workflow{hint}"
        yield Finding("workflow.unknown", message, change.record, remedy=f"Start one of these: {known}.")
        return
    if not is_run_of(name, change.record.removeprefix(_RUN)):
        message = f"{change.record} is no id of a run of {name}: others would take it for something else."
        yield Finding("workflow.misnamed", message, change.record, remedy=f"Start it with start({name!r}, key=…).")
    if not _may_start(workflow.definition.starters, case):
        yield _not_starter(f"start {name}", workflow.definition.starters, change.record, case)
    problems = list(_params(workflow, change.data.get("params", {}), case))
    yield from (_wrong(problem, change.record) for problem in problems)
    if not problems:
        yield from _terms(change, workflow, case)
    yield from _room(change, case)


def _room(change: Emit, case: Case) -> Iterator[Finding]:
    """Yield that as many runs as may be aren't over, of one agent or of all; humans have all the room there is."""
    if case.view.has_more_than(limits.WORKFLOWS_LIVE - 1, Query(WORKFLOW)):
        message = f"{limits.WORKFLOWS_LIVE} workflows run already."
        yield Finding("workflow.too_many", message, change.record, remedy="Try again once some are over.")
        return
    own = Query(WORKFLOW, (Condition("started_by", "=", case.agent.name),))
    if case.agent.kind != "human" and case.view.has_more_than(limits.WORKFLOWS_PER_AGENT - 1, own):
        message = f"{limits.WORKFLOWS_PER_AGENT} workflows that {case.agent.name} has started run already."
        remedy = "Cancel those that are no longer meant, or try again once some are over."
        yield Finding("workflow.too_many", message, change.record, remedy=remedy)


def _may_start(starters: Iterable[str], case: Case) -> bool:
    named = set(starters)
    return not named or not named.isdisjoint((case.agent.name, case.agent.role)) or is_operator(case)


def _not_starter(what: str, starters: Iterable[str], record: str, case: Case) -> Finding:
    who = listed(sorted(starters), 8)
    return Finding(
        "workflow.not_starter",
        f"{case.agent.name} may not {what}: that is for {who}, and for operators.",
        record,
        remedy=f"Ask {who}.",
    )


def _params(workflow: CompiledWorkflow, params: dict[str, Any], case: Case) -> Iterator[str]:
    """Yield what is wrong with the parameters."""
    for name in params:
        if name not in workflow.params:
            yield f"it takes no {name!r}{suggestion(refs.nearest(name, workflow.params)) or ''}"
    for name, field in workflow.params.items():
        value = params.get(name)
        if value is None and field.definition.required:
            yield f"{name} is missing"
        yield from (f"{name}: {problem}" for problem in field.problems(value))
    problem = problem_of(workflow, params)
    if problem is not None:
        yield problem
        return
    for record in Plan("x", workflow, params).about:
        state = case.view.record(refs.split(record))
        if not state.is_live:
            yield f"{record} is {state.life}"


def _wrong(problem: str, record: str) -> Finding:
    message = f"It can't be started like that: {problem.rstrip('?.')}."
    return Finding("workflow.params", message, record, remedy="Correct what it is started with.")


def _terms(change: Emit, workflow: CompiledWorkflow, case: Case) -> Iterator[Finding]:
    """Yield that what the transition says of the workflow isn't what the definition says."""
    data, declared = change.data, workflow.definition
    plan = Plan(change.record.removeprefix(_RUN), workflow, data.get("params", {}))
    told = (data["definition"], data["steps"], data["name"], tuple(data.get("starters", ())))
    meant = (case.compiled.number, len(declared.steps), declared.steps[0].name, declared.starters)
    due_us = case.view.now_us + declared.deadline_s * SECOND_US
    is_due = abs(parse_time(data["deadline"]) - due_us) <= _SLACK_US
    if told != meant or not is_due or tuple(data.get("subjects", ())) != plan.about:
        span = format_age(declared.deadline_s * SECOND_US)
        yield Finding(
            "workflow.changed",
            f"The definition says something else of {declared.name} now: {len(declared.steps)} steps, to be done"
            f" within {span}, by {format_time(due_us)}.",
            change.record,
            remedy="Start it again, as it is now.",
        )


def _cancelled(change: Emit, case: Case) -> Iterator[Finding]:
    run = case.view.record(refs.split(change.record))
    starters: list[str] = [*run.values.get("starters", ())] if run.is_live else []
    if run.is_live and case.agent.name != run.values["started_by"] and not _may_cancel(starters, case):
        yield _not_starter(f"cancel {change.record}", [run.values["started_by"], *starters], change.record, case)


def _may_cancel(starters: Iterable[str], case: Case) -> bool:
    return not {case.agent.name, case.agent.role}.isdisjoint(starters) or is_operator(case)


def _answered(change: Emit, case: Case) -> Iterator[Finding]:
    task = case.view.record(refs.split(change.record))
    is_for_anyone = task.is_live and not task.values.get("to")
    if is_for_anyone and not is_operator(case):
        yield Finding(
            "workflow.not_asked",
            f"{change.record} is for a human with a key, or an operator.",
            change.record,
            remedy="Ask a human who has a key.",
        )


def _approved(change: Emit, case: Case) -> Iterator[Finding]:
    """Yield that a step is asked about that belongs to a run of the one who would approve it (S21)."""
    ticket = case.view.record(refs.split(change.record))
    run = run_of(ticket.values["proposal"]) if ticket.is_live else None
    state = case.view.record((WORKFLOW, run)) if run is not None else None
    if state is not None and state.values.get("started_by") == case.agent.name:
        yield Finding(
            "workflow.own_step",
            f"{case.agent.name} started {state.ref}, so somebody else has to approve what it does.",
            change.record,
            remedy="Ask another human who has a key.",
        )


# -- effects that are to be released


def _withdrawn(case: Case) -> Iterator[Finding]:
    """Yield that the step which wants an effect is undone by now, or will be: then it isn't sent any more."""
    run = run_of(case.proposal.id) or ""
    state: str | None = case.view.record((WORKFLOW, run)).values.get("state")
    if state in _BACKWARDS and case.proposal.id.startswith(prefix_of(run, "step")):
        message = f"{WORKFLOW}/{run} is {state}: what its steps wanted and wasn't sent is withdrawn."
        yield Finding("workflow.backwards", message, f"{WORKFLOW}/{run}", remedy="Start it again if it is meant again.")


# -- what other runs have written


def _in_use(case: Case) -> Iterator[Finding]:
    """Yield the records of which a step would change what another run has written that isn't over."""
    own = run_of(case.proposal.id)
    for ref, names in _wanted(case).items():
        for name in names:
            other = _writer(ref, name, case)
            if other is not None and other != own and case.view.record((WORKFLOW, other)).is_live:
                yield _used("/".join(ref), name, other)
                break


def _wanted(case: Case) -> dict[Ref, dict[str, None]]:
    """Return the fields that a proposal changes; of a step also those that it finds so already, and relies on."""
    found: dict[Ref, dict[str, None]] = {}
    for event in case.draft.events:
        if not refs.is_built_in(event.ref[0]):
            found.setdefault(event.ref, {}).update(dict.fromkeys(event.changed()))
    run = run_of(case.proposal.id)
    if run is not None and case.proposal.id.startswith(prefix_of(run, "step")):
        for change in case.changes:
            if not refs.is_built_in(change.record.partition("/")[0]):
                found.setdefault(refs.split(change.record), {}).update(dict.fromkeys(getattr(change, "fields", ())))
    return found


def _writer(ref: Ref, field: str, case: Case) -> str | None:
    """Return the run whose step has written what a field holds, or None."""
    view = case.view
    revision = view.record(ref).blame.get(field, 0)
    if revision > view.stored_revision:
        return next((event.ref[1] for event in view.authors[revision][2] if event.ref[0] == WORKFLOW), None)
    link = view.cause(revision) if revision else None
    return run_of(link.proposal) if link is not None and link.proposal is not None else None


def _used(record: str, field: str, run: str) -> Finding:
    return Finding(
        "workflow.in_use",
        f"{WORKFLOW}/{run} wrote the {field_name(field)} of {record}, and may still undo it.",
        record,
        remedy="Try again once that is over.",
        data={"run": run},
    )
