"""May this agent act at all?

Codes: ``identity.unknown``, ``identity.key_needed``, ``identity.key_revoked``,
``identity.not_coordinator``, ``identity.not_operator``, ``identity.not_human``,
``identity.paused``; warnings: ``identity.last_door``, ``identity.operator``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from comity.deciding.case import Case
from comity.deciding.operators import is_active, is_operator
from comity.deciding.overrides import in_force
from comity.deciding.yielding import finding, is_bound, still_works
from comity.model import refs
from comity.model.built_in import EFFECT, OVERRIDE, WORKFLOW
from comity.model.decisions import Finding
from comity.model.flows import run_of
from comity.model.proposals import Emit, Erase, Undo
from comity.model.texts import listed, suggestion

_DEEDS: Final = {
    "applied": "changing the definition",
    "key_issued": "issuing keys",
    "key_revoked": "revoking keys",
    "ordered": "lending what belongs to others",
}
"""What the transitions that are for operators are called in a sentence."""
_RESERVED: Final = f"{refs.SYSTEM_AGENT!r} is the name under which Comity itself acts."


def judge(case: Case) -> Iterable[Finding]:
    """Return why this caller may not act: unknown, without the key it needs, or not an operator."""
    found: list[Finding] = []
    if case.agent.kind == "human" or case.caller.key is not None:
        found += _key(case)
    elif "$agent" in case.view.kind_revisions and case.caller.known not in ("system", "workflow"):
        found += _impersonated(case)
    if case.compiled.agents.get(case.caller.agent) is not case.agent:
        found += _known(case)
    if case.caller.known == "workflow" and run_of(case.proposal.id) is None:
        found.append(Finding("identity.unknown", "Only the steps of a workflow act as one.", remedy="Act by yourself."))
    if OVERRIDE in case.view.kind_revisions:
        found += _paused(case)
    if case.emits:
        for change in case.proposal.changes:
            if type(change) is Emit:
                found += _operator(change, case)
    if Erase in map(type, case.proposal.changes) and case.caller.known != "system" and not is_operator(case):
        erased = next(change.record for change in case.proposal.changes if type(change) is Erase)
        found.append(_no_operator("erasing what is known of a record", erased, case))
    return found


def _known(case: Case) -> Iterator[Finding]:
    caller, declared = case.caller, case.compiled.agents
    if not refs.AGENT.match(caller.agent):
        yield Finding("identity.unknown", f"{caller.agent[:64]!r} is no agent name.", remedy="Use letters and digits.")
    elif caller.agent == refs.SYSTEM_AGENT and caller.known != "system":
        yield Finding("identity.unknown", _RESERVED, subject=caller.agent, remedy="Act under another name.")
    elif declared and caller.agent not in declared and not _is_operation(case):
        hint = suggestion(case.compiled.suggest_agent(caller.agent))
        yield Finding(
            "identity.unknown",
            f"{caller.agent!r} is no declared agent{hint or '.'}",
            subject=caller.agent,
            remedy=f"Act as one of {listed(sorted(declared), 8)}, or declare it under [agents].",
        )


def _paused(case: Case) -> Iterator[Finding]:
    """Yield that a human has paused this agent, or its role; what lets go of something still works (S24)."""
    pauses = in_force(case.view).of(case.agent)
    if pauses and is_bound(case) and not still_works(case):
        for override in pauses:
            yield finding("identity.paused", override, case, case.agent.name)


def _is_operation(case: Case) -> bool:
    return case.caller.known in ("os_user", "system") and all(
        refs.is_built_in(change.record) or isinstance(change, (Undo, Erase)) for change in case.proposal.changes
    )


def _key(case: Case) -> Iterator[Finding]:
    caller = case.caller
    if case.agent.kind == "human" and caller.key is None:
        yield _key_needed(f"{caller.agent!r} is a human, and humans show their key.", case)
    if caller.key is not None:
        state = case.view.record(("$agent", caller.agent))
        if not is_active(state, case.view.now_us) or state.values.get("key") != caller.key:
            yield Finding(
                "identity.key_revoked",
                f"The key of {caller.agent!r} is no longer good.",
                subject=caller.agent,
                remedy="Have a new one issued with 'comity agents key'.",
            )


def _impersonated(case: Case) -> Iterator[Finding]:
    """Yield that a name is claimed whose holder has a good key: it acts with that alone."""
    name = case.caller.agent
    if _may_hold(name, case) and is_active(case.view.record(("$agent", name)), case.view.now_us):
        yield _key_needed(f"{name!r} has a key, and acts only with it.", case)


def _may_hold(name: str, case: Case) -> bool:
    declared = case.compiled.agents
    return name in declared or (not declared and refs.AGENT.match(name) is not None)


def _key_needed(message: str, case: Case) -> Finding:
    remedy = "Open the agent with key=…; 'comity agents key' issues one."
    return Finding("identity.key_needed", message, subject=case.caller.agent, remedy=remedy)


def _operator(change: Emit, case: Case) -> Iterator[Finding]:
    if not refs.is_built_in(change.record):
        return
    event = case.kind(change.record.partition("/")[0]).events.get(change.event)
    if event is None:
        return
    if "anyone" in event.actors:
        if change.event == "cancelled" and change.record.startswith(f"{EFFECT}/"):
            yield from _canceller(change.record, case)
        return
    if "duty" in event.actors and _is_duty(change, case):
        return
    if "coordinator" in event.actors or "duty" in event.actors:
        yield Finding(
            "identity.not_coordinator",
            f"{change.event} of {change.record} happens by a decision alone; nobody may ask for it.",
            subject=change.record,
            remedy="Propose the change itself; what it has to wait for is found by the checks.",
        )
    elif "human" in event.actors:
        yield from _human(change, case)
    elif not is_operator(case):
        yield _no_operator(_DEEDS.get(change.event, change.event), change.record, case)
    elif change.event == "key_issued":
        yield from _holder(change.record, case)


def _no_operator(deed: str, record: str, case: Case) -> Finding:
    return Finding(
        "identity.not_operator",
        f"{case.agent.name!r} may not do this: {deed} is for a human with a key"
        " (or the operating system's user, as long as no human has one).",
        subject=record,
        remedy="Ask a human who has a key.",
    )


def _is_duty(change: Emit, case: Case) -> bool:
    """Tell whether it is Comity itself that proposes, or a step of the very workflow that goes on with it."""
    if case.caller.known == "workflow":
        return change.record == f"{WORKFLOW}/{run_of(case.proposal.id)}"
    return case.caller.known == "system"


def _canceller(record: str, case: Case) -> Iterator[Finding]:
    """Yield that an effect is somebody else's: whoever wants it may cancel it, and operators."""
    effect = case.view.record(refs.split(record))
    is_inner = case.caller.known == "system"
    if effect.is_live and not is_inner and effect.values["agent"] != case.agent.name and not is_operator(case):
        yield Finding(
            "identity.not_operator",
            f"{record} is wanted by {effect.values['agent']}: only that agent or an operator may cancel it.",
            subject=record,
            remedy=f"Ask {effect.values['agent']}, or a human who has a key.",
        )


def _human(change: Emit, case: Case) -> Iterator[Finding]:
    if case.agent.kind != "human" or case.caller.key is None:
        yield Finding(
            "identity.not_human",
            f"{case.agent.name!r} may not do this: {change.event} of {change.record} is for a human with a key.",
            subject=change.record,
            remedy="Ask a human who has a key.",
        )


def _holder(record: str, case: Case) -> Iterator[Finding]:
    """Yield why an agent is to have no key, or else what comes of its having one that may not be expected."""
    name, declared = record.partition("/")[2], case.compiled.agents
    agent = declared.get(name)
    if name == refs.SYSTEM_AGENT:
        yield Finding("identity.unknown", _RESERVED, subject=record, remedy="Issue the key to another name.")
    elif agent is None and declared:
        yield Finding(
            "identity.unknown",
            f"{name!r} is no declared agent{suggestion(case.compiled.suggest_agent(name)) or '.'}",
            subject=record,
            remedy=f"Name a declared one ({listed(sorted(declared), 8)}), or declare this one first.",
        )
    elif case.caller.known == "os_user" and (agent is None or agent.kind == "human"):
        yield Finding(
            "identity.last_door",
            "From now on the definition, keys and others' work are for humans with a key; the operating system's user"
            " may no longer change them.",
            subject=record,
            severity="warn",
            remedy="Keep the key safe, or let it expire: a key that never expires and is lost locks everyone out.",
        )
    elif agent is None:
        yield Finding(
            "identity.operator",
            f"No agents are declared here, so {name!r} operates with this key: it may change the definition, issue"
            " keys and undo others' work.",
            subject=record,
            severity="warn",
            remedy=f"Unless that is meant, declare [agents], and among them a human, then issue {name!r} a new key.",
        )
