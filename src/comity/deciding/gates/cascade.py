"""Does what led to this end somewhere?

Asked only of a proposal that names its cause: the chain of causes is walked back through
the commits that made them. It is too deep where more commits stand in it than the
definition allows (``[cascades] depth``). It is a loop where the same agent has changed the
same record under the same action twice already further up: once is an answer to an answer.

Codes: ``cascade.too_deep``, ``cascade.loop``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from comity.deciding.case import Case
from comity.deciding.view import Cause, Ref
from comity.model import refs
from comity.model.built_in import TASK
from comity.model.decisions import Finding
from comity.model.proposals import Emit
from comity.model.texts import counted

TURNS: Final = 2
"""How often the same agent may have done the same to a record further up, until once more is a loop."""


def judge(case: Case) -> Iterable[Finding]:
    """Return that the chain of causes is too deep, or goes round."""
    cause = case.proposal.cause
    if cause is None or case.caller.known in ("system", "workflow") or _is_answer(case):
        return ()  # Whoever starts a workflow is asked; each of its steps is caused by that start.
    return _judge(cause, case)


def _is_answer(case: Case) -> bool:
    """Tell whether it only answers what a workflow has asked for."""
    return all(type(change) is Emit and change.record.startswith(f"{TASK}/") for change in case.changes)


def _judge(cause: str, case: Case) -> Iterator[Finding]:
    most = case.compiled.definition.cascades.depth
    chain = list(_chain(cause, most + 1, case))
    if len(chain) > most:
        yield Finding(
            "cascade.too_deep",
            f"More than {counted(most, 'commit')} led to this, each caused by the one before, the last by {cause}.",
            remedy=f"Stop here, and have somebody look at it: 'comity trace {cause}' shows what led to what.",
            data={"cause": cause, "depth": len(chain)},
        )
        return
    own = [link for link in chain if link.agent == case.agent.name and link.action == case.proposal.action]
    if len(own) < TURNS:
        return
    for ref in case.draft.states:
        turns = [] if refs.is_built_in(ref[0]) else _turns(own, ref, case)
        if len(turns) >= TURNS:
            yield _loop(ref, turns, cause, case)


def _chain(cause: str, most: int, case: Case) -> Iterator[Cause]:
    """Yield the commits that led to this, the nearest first, at most so many."""
    address: str | None = cause
    for _ in range(most):
        link = None if address is None else case.view.cause(refs.parse_event_id(address)[0])
        if link is None:
            return
        yield link
        address = link.cause


def _turns(own: list[Cause], ref: Ref, case: Case) -> list[Cause]:
    """Return which of an agent's own commits changed a record: none that came after its last change is asked for."""
    last = case.view.record(ref).revision
    known = [link for link in own if link.revision <= last]
    return [link for link in known if case.view.has_changed(ref, link.revision)] if len(known) >= TURNS else []


def _loop(ref: Ref, turns: list[Cause], cause: str, case: Case) -> Finding:
    record, action = "/".join(ref), case.proposal.action
    doing = f"under {action} " if action is not None else ""
    at = " and ".join(str(link.revision) for link in turns[:TURNS])
    return Finding(
        "cascade.loop",
        f"{record}: what led to this goes round: {case.agent.name} has changed it {doing}at revisions {at} already,"
        " each time as a consequence of the last.",
        record,
        remedy=f"Leave it as it is, and have somebody look at it: 'comity trace {cause}' shows what led to what.",
        data={"cause": cause, "revisions": [link.revision for link in turns]},
    )
