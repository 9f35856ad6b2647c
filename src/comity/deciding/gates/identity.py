"""May this agent act at all?

Codes: ``identity.unknown``, ``identity.key_needed``, ``identity.key_revoked``,
``identity.not_operator``.
"""

from __future__ import annotations

from collections.abc import Iterator

from comity.deciding.case import Case
from comity.deciding.operators import is_active, is_operator
from comity.model import refs
from comity.model.decisions import Finding
from comity.model.proposals import Emit, Undo
from comity.model.texts import listed, suggestion


def judge(case: Case) -> Iterator[Finding]:
    """Yield why this caller may not act: unknown, without the key it needs, or not an operator."""
    if case.agent.kind == "human" or case.caller.key is not None:
        yield from _key(case)
    if case.compiled.agents.get(case.caller.agent) is not case.agent:
        yield from _known(case)
    for change in case.proposal.changes:
        if type(change) is Emit:
            yield from _operator(change, case)


def _known(case: Case) -> Iterator[Finding]:
    caller, declared = case.caller, case.compiled.agents
    if not refs.AGENT.match(caller.agent):
        yield Finding("identity.unknown", f"{caller.agent[:64]!r} is no agent name.", remedy="Use letters and digits.")
    elif declared and caller.agent not in declared and not _is_operation(case):
        hint = suggestion(case.compiled.suggest_agent(caller.agent))
        yield Finding(
            "identity.unknown",
            f"{caller.agent!r} is no declared agent{hint or '.'}",
            subject=caller.agent,
            remedy=f"Act as one of {listed(sorted(declared), 8)}, or declare it under [agents].",
        )


def _is_operation(case: Case) -> bool:
    return case.caller.known in ("os_user", "system") and all(
        refs.is_built_in(change.record) or isinstance(change, Undo) for change in case.proposal.changes
    )


def _key(case: Case) -> Iterator[Finding]:
    caller = case.caller
    if case.agent.kind == "human" and caller.key is None:
        yield Finding(
            "identity.key_needed",
            f"{caller.agent!r} is a human, and humans show their key.",
            subject=caller.agent,
            remedy="Open the agent with key=…; 'comity agents key' issues one.",
        )
    if caller.key is not None:
        state = case.view.record(("$agent", caller.agent))
        if not is_active(state, case.view.now_us) or state.values.get("key") != caller.key:
            yield Finding(
                "identity.key_revoked",
                f"The key of {caller.agent!r} is no longer good.",
                subject=caller.agent,
                remedy="Have a new one issued with 'comity agents key'.",
            )


def _operator(change: Emit, case: Case) -> Iterator[Finding]:
    if not refs.is_built_in(change.record):
        return
    event = case.kind(change.record.partition("/")[0]).events.get(change.event)
    if event is not None and "operator" in event.actors and not is_operator(case):
        yield Finding(
            "identity.not_operator",
            f"{case.agent.name!r} may not do this: {change.event} is for a human with a key"
            " (or the operating system's user, as long as no human has one).",
            subject=change.record,
            remedy="Ask a human who has a key.",
        )
