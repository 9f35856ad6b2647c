"""What a run of a workflow does next, and what follows where that is refused.

A move is one proposal: a step, or what undoes one, in the name of its agent; or a
transition of the run, in Comity's own. Each is made of the run's record and its plan alone,
so that every process makes the same one under the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination import deadlines, leases
from comity.coordination.holds import held_by, is_disturbed, places_of, releasing, tokens_of
from comity.coordination.outbox import SYSTEM
from comity.coordination.runs import Run, Scene, own_reads
from comity.coordination.tickets import look_at
from comity.coordination.written import changed_by, put_back
from comity.deciding.effects import LIFTED, why_not
from comity.deciding.lines import token_of
from comity.deciding.waits import CYCLE
from comity.errors import NotFound
from comity.model import refs
from comity.model.built_in import EFFECT, OVERRIDE, TASK, WORKFLOW
from comity.model.codec import encode
from comity.model.decisions import Decision, Finding
from comity.model.filters import Condition, Query
from comity.model.flows import address_of, prefix_of, proposal_id, task_id
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.workflows import Errand, Purpose, StepDefinition, Work
from comity.outbound import delay_s
from comity.store.contract import EventFilter

Moving = Literal["step", "undo"]
Sort = Literal["step", "undo", "lease", "until", "duty"]

LATE: Final = "It was not done in time."
FOR_A_TIME: Final = "It waits for a time."
UNTOUCHED: Final = "It had changed nothing."


class Move(msgspec.Struct, frozen=True):
    """Be what a run does next.

    A ``tentative`` move is made only if nothing stands in its way: it has been refused before,
    and another refusal would tell nothing new.
    """

    proposal: Proposal
    caller: Caller
    sort: Sort
    tentative: bool = False


def next_move(run: Run, scene: Scene) -> Move | None:
    """Return what a run does now; None where it waits."""
    values = run.state.values
    match values["state"]:
        case "stuck":
            return None
        case "compensating":
            return _back(run, scene)
        case "paused":
            return None if held_by(run, scene) else _continue(run, scene)
        case _:
            pass
    if "deadline" not in values:
        return _continue(run, scene)  # It was paused, and went on by itself with what was waited for.
    if held := held_by(run, scene):
        return pause(run, held[0].told(scene.view.compiled.readers), run.attempt, scene, (one.ref for one in held))
    return _late(run, scene) or _hold(run, scene) or _forward(run, scene)


def duty(run: Run, event: str, data: Mapping[str, Any], *more: Emit, salt: str = "") -> Move:
    """Return a transition of a run, with others that go with it, under the id that every process gives it."""
    given = {name: value for name, value in data.items() if value is not None}
    changes = (Emit(run.state.ref, event, given), *more)
    return _own(run, changes, salt)


def _own(run: Run, changes: tuple[Emit, ...], salt: str = "", sort: Sort = "duty") -> Move:
    name = b"\0".join((run.state.ref.encode(), str(run.state.version).encode(), encode(changes), salt.encode()))
    id = f"duty~{sha256(name).hexdigest()[:32]}"
    return Move(Proposal(id=id, changes=changes, cause=run.cause), SYSTEM, sort)


# -- forwards


def _forward(run: Run, scene: Scene) -> Move | None:
    values, step = run.state.values, run.step
    if step is None:
        return _complete(run, scene)
    if values.get("ticket") is not None:
        return _ticket(run, values["ticket"], scene)
    if values.get("task") is not None:
        return _task(run, values["task"], step, scene)
    if step.errand is not None:
        return _ask(run, step.errand)
    if step.rest is not None:
        return _rest(run, step, scene)
    return _work(run, step, scene) if _may_try(run, scene) else None


def _may_try(run: Run, scene: Scene) -> bool:
    next_at: str | None = run.state.values.get("next_at")
    return next_at is None or scene.is_over(next_at)


def _work(run: Run, step: StepDefinition, scene: Scene) -> Move | None:
    if step.work is None:
        return None
    is_again = bool(run.state.values["tries"])
    return _propose(run, step.work, "step", step, _advancing(run, step), scene, tentative=is_again)


def _advancing(run: Run, step: StepDefinition, **said: str | None) -> Emit:
    """Return the transition that ends the present step; the last one ends the run, unless it still holds something."""
    data: dict[str, Any] = {"step": run.place, "attempt": run.attempt, "name": step.name}
    data |= {name: value for name, value in said.items() if value is not None}
    is_last = run.place + 1 == len(run.plan.steps)
    if is_last and not run.plan.leases:
        return Emit(run.state.ref, "completed", data)
    if not is_last:
        data["next"] = run.plan.steps[run.place + 1].name
    return Emit(run.state.ref, "advanced", data)


def _propose(
    run: Run, work: Work, phase: Moving, step: StepDefinition, ending: Emit, scene: Scene, *, tentative: bool
) -> Move:
    place = run.place if phase == "step" else run.plan.steps.index(step)
    verb = "" if phase == "step" else "undo "
    waits = phase == "undo" or step.on_refusal == "wait"
    proposal = Proposal(
        id=proposal_id(run.state.id, phase, place, run.attempt),
        changes=(*work.changes, ending),
        reads=tuple(own_reads(run, work, scene.snapshot)),
        assumptions=() if work.guard is None else (work.guard,),
        about=run.plan.about,
        action=work.action,
        reason=f"{run.plan.definition.name}: {verb}{step.name}",
        cause=run.cause,
        if_held="queue" if waits else "refuse",
        leases=tokens_of(run, phase, scene),
        effects=work.effects,
    )
    return Move(proposal, Caller(work.agent, "workflow"), phase, tentative and waits)


def _complete(run: Run, scene: Scene) -> Move:
    data = {"step": run.place, "attempt": run.attempt}
    return duty(run, "completed", data, *releasing(run, scene))


def _ticket(run: Run, ticket: str, scene: Scene) -> Move | None:
    decision = _looked_at(run, ticket, scene)
    if decision is None:
        return give_up(run, f"{ticket} is no longer there.")
    return after_refusal(run, "step", decision, scene) if decision.outcome == "refused" else None


def _looked_at(run: Run, ticket: str, scene: Scene) -> Decision | None:
    """Return what has become of what waits under a ticket; None where nobody knows any more."""
    try:
        return look_at(scene.coordinator, scene.snapshot, ticket, "")
    except NotFound:
        return None


def _rest(run: Run, step: StepDefinition, scene: Scene) -> Move | None:
    rest, is_waiting = step.rest, run.state.values["state"] == "waiting"
    if rest is not None and rest.until is not None:
        head = str(scene.view.revision)
        move = _own(run, (_advancing(run, step),), head, "until")
        proposal = msgspec.structs.replace(move.proposal, assumptions=(rest.until,), about=run.plan.about)
        return msgspec.structs.replace(move, proposal=proposal, tentative=True)
    seconds = rest.for_s if rest is not None and rest.for_s is not None else 0
    end_us = parse_time(run.state.values["step_at"]) + seconds * SECOND_US
    if end_us <= scene.now_us:
        return _own(run, (_advancing(run, step),))
    if is_waiting:
        return None
    return duty(run, "waited", _waiting(run, FOR_A_TIME) | {"next_at": format_time(end_us)})


def _waiting(run: Run, why: str) -> dict[str, Any]:
    return {"step": run.place, "attempt": run.attempt, "why": why[: limits.REASON_CHARS]}


# -- tasks


def _ask(run: Run, errand: Errand) -> Move:
    task = f"{TASK}/{task_id(run.state.id, run.attempt)}"
    due_us = run.step_due_us
    opening = _opening(run, task, errand.purpose, errand.to, errand.text, due_us)
    return duty(run, "waited", _waiting(run, _waiting_for(errand.to)) | {"task": task}, opening)


def _opening(run: Run, task: str, purpose: Purpose, to: Iterable[str], text: str, due_us: int | None) -> Emit:
    step = run.step
    data: dict[str, Any] = {
        "workflow": run.state.ref,
        "step": step.name if step is not None else "",
        "purpose": purpose,
        "to": list(to),
        "text": text[: limits.TASK_TEXT_CHARS],
        "subjects": list(run.plan.about),
        "started_by": run.state.values["started_by"],
    }
    return Emit(task, "opened", data | ({} if due_us is None else {"deadline": format_time(due_us)}))


def _task(run: Run, task: str, step: StepDefinition, scene: Scene) -> Move | None:
    """Return what follows from a task, as caused by its answer."""
    move = _answered(run, task, step, scene)
    chosen = EventFilter(kind=TASK, id=refs.split(task)[1], newest_first=True, limit=1)
    told = scene.snapshot.events(chosen) if move is not None else []
    if move is None or not told:
        return move
    return msgspec.structs.replace(move, proposal=msgspec.structs.replace(move.proposal, cause=told[0].event_id))


def _answered(run: Run, task: str, step: StepDefinition, scene: Scene) -> Move | None:
    state = scene.view.record(refs.split(task))
    values = state.values
    who, answer = values.get("closed_by"), values.get("answer")
    match values.get("state"):
        case "open":
            return None
        case "done" if values["purpose"] == "question":
            return _let_go_on(run, scene)
        case "done":
            return _own(run, (_advancing(run, step, who=who, answer=answer),))
        case "failed":
            why = f"{who}: {answer}"
            return turn(run, why, "refused") if values["purpose"] == "question" else give_up(run, why)
        case _:
            return turn(run, f"{task} is no longer open.", "refused")


# -- leases


def _hold(run: Run, scene: Scene) -> Move | None:
    """Return what takes the run's leases, all at once or none, and what notes their tokens; None once it has them.

    What has run out while nobody did its duties is taken anew, unless somebody else has had it since.
    """
    if not run.plan.leases:
        return None
    tokens: Mapping[str, str] = run.state.values.get("tokens", {})
    places = places_of(run, scene)
    missing = [lease for lease in run.plan.leases if lease.on not in places]
    if not missing:
        made = {subject: token_of(scene.view.incarnation, place) for subject, place in places.items()}
        return None if made == tokens else duty(run, "leased", {"tokens": made})
    if any(lease.on in tokens and is_disturbed(run, lease.on, tokens[lease.on], scene) for lease in missing):
        return None  # The next step shows its token, and finds out.
    taken: list[Emit] = []
    for lease in missing:
        terms = leases.Terms(ttl_s=limits.WORKFLOW_LEASE_S, fields=lease.fields, breakable_by=lease.breakable_by)
        taken += leases.taking([lease.on], run.state.id, terms)
    move = _own(run, tuple(taken), str(scene.view.revision), "lease")
    return msgspec.structs.replace(move, tentative=True)


# -- deadlines, and the overrides that stop them


def _late(run: Run, scene: Scene) -> Move | None:
    """Return what follows where a deadline has come: nothing is left of it, or overrides have put it off."""
    told_us = parse_time(run.state.values["deadline"]), run.step_due_us
    if not any(time is not None and time <= scene.now_us for time in told_us):
        return None
    due_us, step_us = deadlines.due_us(run, scene), deadlines.step_due_us(run, scene)
    if due_us <= scene.now_us:
        return turn(run, LATE, "deadline")
    if step_us is not None and step_us <= scene.now_us:
        return give_up(run, LATE)
    is_waiting = run.state.values["state"] == "waiting"
    return _going_on(run, due_us, step_us, run.state.values.get("why"), is_waiting=is_waiting)


def pause(run: Run, why: str, attempt: int, scene: Scene, overrides: Iterable[str]) -> Move:
    """Return what stops a run and its deadlines; ``attempt`` is the number of the next try."""
    due_us, step_us = deadlines.due_us(run, scene), deadlines.step_due_us(run, scene)
    data = {
        "attempt": attempt,
        "why": why[: limits.REASON_CHARS],
        "left_s": _left_s(due_us, scene),
        "step_left_s": None if step_us is None else _left_s(step_us, scene),
        "overrides": list(dict.fromkeys(overrides))[: limits.TICKET_SUBJECTS],
    }
    return duty(run, "paused", data)


def _left_s(due_us: int, scene: Scene) -> int:
    return max(0, -(-(due_us - scene.now_us) // SECOND_US))


def _continue(run: Run, scene: Scene) -> Move:
    why = _waited_for(run, scene)
    due_us, step_us = deadlines.due_us(run, scene), deadlines.step_due_us(run, scene)
    salt = str(scene.view.kind_revisions.get(OVERRIDE, 0))
    return _going_on(run, due_us, step_us, why, is_waiting=why is not None, salt=salt)


def _going_on(run: Run, due_us: int, step_us: int | None, why: str | None, *, is_waiting: bool, salt: str = "") -> Move:
    data = {
        "attempt": run.attempt,
        "deadline": format_time(due_us),
        "step_deadline": None if step_us is None else format_time(step_us),
        "is_waiting": is_waiting,
        "why": why,
        "behind": run.state.values.get("behind") if is_waiting else None,
    }
    return duty(run, "continued", data, salt=salt)


def _waited_for(run: Run, scene: Scene) -> str | None:
    """Return what a run waits for that goes on after a pause, or None where it has its next try at once."""
    values = run.state.values
    if (ticket := values.get("ticket")) is not None:
        decision = _looked_at(run, ticket, scene)
        return decision.next if decision is not None and decision.is_pending else f"It waits for {ticket}."
    if (task := values.get("task")) is not None:
        return _waiting_for(scene.view.record(refs.split(task)).values.get("to", ()))
    if (next_at := values.get("next_at")) is not None:
        is_rest = run.step is not None and run.step.rest is not None
        return FOR_A_TIME if is_rest else f"It is tried again at {next_at}."
    return None


def _waiting_for(to: Iterable[str]) -> str:
    return f"It waits for {', '.join(to) or 'a human'}."


def _let_go_on(run: Run, scene: Scene) -> Move:
    """Return what has a run try its step again, as somebody said who was asked."""
    due_us, step_us = deadlines.due_us(run, scene), deadlines.step_due_us(run, scene)
    return _going_on(run, due_us, step_us, None, is_waiting=False)


# -- refusals


def after_refusal(run: Run, sort: Sort, decision: Decision, scene: Scene) -> Move | None:
    """Return what follows from the answer to a move that wasn't committed."""
    if decision.is_pending:
        return duty(run, "waited", _waiting(run, decision.next) | {"ticket": decision.ticket})
    findings = [finding for finding in decision.findings if finding.severity != "warn"]
    if any(finding.code == "shape.transition" and finding.subject == run.state.ref for finding in findings):
        return None  # Somebody else has moved it on.
    if sort == "duty":
        return None  # What goes with it, such as a lease, is not as it was: it is looked at again.
    why = why_not(findings)[: limits.REASON_CHARS] or decision.next
    if sort == "lease" or sort == "until":
        behind = _in_the_way(findings)
        is_told = run.state.values["state"] == "waiting" and run.state.values.get("behind", []) == behind
        return None if is_told else duty(run, "waited", _waiting(run, why) | {"behind": behind or None})
    if sort == "undo":
        event = "refused" if _is_lifted(findings) else "stuck"
        return duty(run, event, {"attempt": run.attempt, "why": why})
    if _is_lifted(findings):
        overrides = (finding.data["override"] for finding in findings)
        return pause(run, why, run.attempt + 1, scene, overrides)
    return _refused(run, why, findings, scene)


def is_known(run: Run, move: Move, decision: Decision) -> bool:
    """Tell whether a refusal says nothing that the one before it hasn't said: a run waits on, in its turn."""
    if not move.tentative or move.sort not in ("step", "undo") or decision.outcome != "refused":
        return False
    findings = [finding for finding in decision.findings if finding.severity != "warn"]
    if _is_lifted(findings):
        return move.sort == "undo" and run.state.values.get("why") == why_not(findings)[: limits.REASON_CHARS]
    is_same = run.state.values.get("behind", []) == _in_the_way(findings)
    return move.sort == "step" and is_same and not _closes_cycle(findings)


def after_cycle(run: Run, decision: Decision) -> Move | None:
    """Return what follows where a run may not even wait: nobody would ever go on, so that it goes backwards (S31)."""
    return turn(run, why_not(decision.refusals), "refused") if _closes_cycle(decision.refusals) else None


def _closes_cycle(findings: Iterable[Finding]) -> bool:
    return any(finding.code == CYCLE for finding in findings)


def _in_the_way(findings: Iterable[Finding]) -> list[str]:
    """Return who has what a step needs: runs that have written it, runs and agents that hold it."""
    names: dict[str, None] = {}
    for finding in findings:
        if finding.code == "workflow.in_use":
            names[address_of(finding.data["run"])] = None
        elif finding.code == "lease.held":
            names |= dict.fromkeys(finding.data["to"])
    return [*names][: limits.TICKET_SUBJECTS]


def _is_lifted(findings: Iterable[Finding]) -> bool:
    """Tell whether it is for a human to lift all that stands in the way."""
    codes = [finding.code for finding in findings]
    return bool(codes) and all(code in LIFTED for code in codes)


def _refused(run: Run, why: str, findings: Sequence[Finding], scene: Scene) -> Move:
    step, tries = run.step, run.state.values["tries"] + 1
    data: dict[str, Any] = {"attempt": run.attempt, "why": why}
    if step is not None and step.on_refusal == "wait" and not _closes_cycle(findings):
        return duty(run, "refused", data | {"behind": _in_the_way(findings) or None})
    if step is not None and step.on_refusal == "retry" and tries < step.attempts:
        next_us = scene.now_us + round(delay_s(tries, run.state.id) * SECOND_US)
        return duty(run, "refused", data | {"next_at": format_time(next_us)})
    return give_up(run, why)


def give_up(run: Run, why: str) -> Move:
    """Return what follows where a step is refused for good: somebody is asked, or the run goes backwards."""
    step = run.step
    if step is None or step.on_refusal != "ask" or why == LATE:
        return turn(run, why, "refused")
    task = f"{TASK}/{task_id(run.state.id, run.attempt, is_question=True)}"
    text = f"{run.plan.definition.name}: {step.name} was refused: {why} Try it again, or go back?"
    opening = _opening(run, task, "question", step.ask, text, None)
    data = {"attempt": run.attempt, "why": why[: limits.REASON_CHARS], "task": task}
    return duty(run, "refused", data, opening)


def turn(run: Run, why: str, ending: Literal["refused", "deadline"]) -> Move:
    """Return what has a run go backwards from here."""
    data = {"attempt": run.attempt, "why": why[: limits.REASON_CHARS], "ending": ending}
    return duty(run, "turned", data)


# -- backwards


def _back(run: Run, scene: Scene) -> Move | None:
    """Return what undoes the last step that isn't undone yet, once nothing of it is still under way."""
    ticket: str | None = run.state.values.get("ticket")
    if ticket is not None:
        decision = _looked_at(run, ticket, scene)
        if decision is not None and decision.is_pending:
            return _withdraw(run, ticket, scene) if prefix_of(run.state.id, "step") in ticket else None
        if decision is not None and decision.outcome == "refused" and prefix_of(run.state.id, "undo") in ticket:
            return after_refusal(run, "undo", decision, scene)
    leftover = [*_open_task(run, scene), *_held_effects(run, scene)]
    if leftover:
        return _own(run, tuple(leftover), str(scene.view.revision))
    place = run.undoing
    if place is None:
        return _end(run, scene)
    step = run.plan.steps[place]
    data = {"undo": run.state.values["undo"], "attempt": run.attempt, "name": step.name, "next": place - 1}
    undo, is_again = put_back(step, changed_by(run.state.id, place, scene.snapshot)), bool(run.state.values["tries"])
    if undo is None:
        return duty(run, "undone", data | {"answer": UNTOUCHED})
    return _propose(run, undo, "undo", step, Emit(run.state.ref, "undone", data), scene, tentative=is_again)


def _withdraw(run: Run, ticket: str, scene: Scene) -> Move:
    """Return what takes a proposal out of the line, or out of the hands of who was asked."""
    state = scene.view.record(refs.split(ticket))
    move = _own(run, (Emit(ticket, "withdrawn", {"answer": "The workflow goes backwards."}),), str(state.version))
    id = proposal_id(run.state.id, "withdraw", state.version, run.attempt)
    proposal = msgspec.structs.replace(move.proposal, id=id)
    return Move(proposal, Caller(state.values["agent"], "workflow"), "duty")


def _open_task(run: Run, scene: Scene) -> Iterator[Emit]:
    task: str | None = run.state.values.get("task")
    if task is not None and scene.view.record(refs.split(task)).is_live:
        yield Emit(task, "withdrawn", {"answer": "The workflow goes backwards."})


def _held_effects(run: Run, scene: Scene) -> Iterator[Emit]:
    """Yield what cancels the effects of the steps that haven't been sent yet."""
    if EFFECT not in scene.view.kind_revisions:
        return
    own = Condition("proposal", "^=", prefix_of(run.state.id, "step"))
    query = Query(EFFECT, (own, Condition("state", "=", "held")), limit=limits.EVENTS_PER_COMMIT // 2)
    for effect in scene.snapshot.find(query):
        yield Emit(effect.ref, "cancelled", {"answer": f"{WORKFLOW[1:]} {run.plan.definition.name} goes backwards."})


def _end(run: Run, scene: Scene) -> Move:
    values = run.state.values
    state = "cancelled" if values["ending"] == "cancelled" else "compensated" if run.place else "failed"
    return duty(run, "ended", {"attempt": run.attempt, "state": state}, *releasing(run, scene))
