"""Named events: what they make of a record, and the transitions of Comity's own kinds (S23)."""

from __future__ import annotations

from typing import Any, Final

from comity.deciding import answering, leasing
from comity.deciding.compile import CompiledEvent
from comity.deciding.drafts import Drafting, Working
from comity.deciding.expressions import ExpressionFailed
from comity.deciding.readers import told_problem
from comity.model import proposals
from comity.model.built_in import LEASE
from comity.model.records import ERASED, LIFE

_COMPUTED: Final = {LEASE: leasing.transit}
"""What transitions do that no expression can say, by the kinds that have such."""


def emit(drafting: Drafting, record: Working, change: proposals.Emit) -> None:
    """Draft a named event with its consequences, or note why it can't happen."""
    declared = drafting.kind(record.ref[0]).events.get(change.event)
    if declared is not None and declared.actors:
        _transit(drafting, record, change, declared)
    elif drafting.is_live(record):
        _emit(drafting, record, change, declared, {})


def _transit(drafting: Drafting, record: Working, change: proposals.Emit, declared: CompiledEvent) -> None:
    life = "absent" if ERASED in record.blame else record.life
    if life not in declared.lives:
        why = answering.not_there("/".join(record.ref), life, record.values, change.event, declared.lives)
        drafting.refuse("shape.transition", record.ref, *why)
        return
    if not _may_start(drafting, record, change, declared):
        return
    was: dict[str, Any] = {}
    leads_to = declared.leads_to
    if record.ref[0] in _COMPUTED:
        computed = _compute(drafting, record, change, was)
        if computed is None:
            return
        leads_to = computed.life
    if record.life != leads_to:
        was[LIFE] = record.life
        record.born = record.version + 1 if leads_to == "live" else record.born
        record.live_on(leads_to, drafting.revision)
        record.blame.pop(ERASED, None)
    _emit(drafting, record, change, declared, was)


def _compute(
    drafting: Drafting, record: Working, change: proposals.Emit, was: dict[str, Any]
) -> leasing.Transit | None:
    """Assign what a transition does that no expression can say; None where it may not happen."""
    moment = leasing.Moment(drafting.view.now_us, drafting.revision, drafting.view.renewal)
    try:
        computed = _COMPUTED[record.ref[0]](record.ref[1], record.values, change, drafting.agent.name, moment)
    except leasing.NotNow as refusal:
        drafting.findings.append(refusal.finding)
        return None
    for name, value in computed.fields.items():
        drafting.assign(record, name, value, was, record.values.get(name))
    return computed


def _may_start(drafting: Drafting, record: Working, change: proposals.Emit, declared: CompiledEvent) -> bool:
    if declared.check is None:
        return True
    remedy = "Look at the record as it is now, then decide again."
    try:
        if declared.check.holds(_roots(drafting, record, change)):
            return True
        told = answering.obstacle(record.ref[0], change.event, record.values, drafting.agent, drafting.view.now_us)
        problem, remedy = told or (declared.why or "It may not happen now.", remedy)
    except ExpressionFailed as error:
        problem = f"Whether it may can't be judged: {error}."
    message = answering.refused("/".join(record.ref), change.event, problem)
    drafting.refuse("shape.transition", record.ref, message, remedy)
    return False


def _roots(drafting: Drafting, record: Working, change: proposals.Emit) -> dict[str, Any]:
    """Return what the expressions of an event look at."""
    agent, now_us = drafting.agent, drafting.view.now_us
    return {
        "record": {**drafting.kind(record.ref[0]).defaults, **record.values, "$id": record.ref[1]},
        "event": {**change.data, "at": now_us, "by": agent.name},
        "agent": {"id": agent.name, "role": agent.role, "kind": agent.kind},
        "now": now_us,
    }


def _emit(
    drafting: Drafting, record: Working, change: proposals.Emit, declared: CompiledEvent | None, was: dict[str, Any]
) -> None:
    roots = _roots(drafting, record, change)
    for name, expression in declared.then.items() if declared else ():
        try:
            value = expression.value(roots)
        except ExpressionFailed as error:
            problem = told_problem(drafting.compiled.readers, expression, error)
            drafting.refuse(
                "guard.consequence",
                record.ref,
                f"The consequence of {change.event} for {name} can't be computed: {problem}",
                "Correct the event's data, or have the definition mended.",
            )
            continue
        drafting.assign(record, name, value, was, record.values.get(name))
    drafting.event(record, change.event, was, data=change.data, named=True)
