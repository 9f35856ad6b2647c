"""Proposing: single changes, whole proposals, and the question whether one would pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from comity.errors import InvalidRequest
from comity.model import proposals
from comity.model.decisions import Decision
from comity.model.proposals import AnyChange, AnyRead, Caller, Proposal, Was
from comity.operations import (
    Add,
    Append,
    Archive,
    Check,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Offer,
    Propose,
    Put,
    Restore,
    Set,
    Write,
)
from comity.verbs.engine import Engine, time_of

CHANGES: Final[dict[type[Write], Callable[[Any], AnyChange]]] = {
    Put: lambda request: proposals.Put(request.record, request.fields, request.replace),
    Offer: lambda request: proposals.Put(request.record, request.fields),
    Check: lambda request: proposals.Put(request.record, request.fields),
    Set: lambda request: proposals.Set(request.record, request.fields),
    Create: lambda request: proposals.Create(request.record, request.fields),
    Add: lambda request: proposals.Add(request.record, _numbers(request.fields)),
    Include: lambda request: proposals.Include(request.record, _lists(request.fields)),
    Exclude: lambda request: proposals.Exclude(request.record, _lists(request.fields)),
    Append: lambda request: proposals.Append(request.record, _lists(request.fields)),
    Emit: lambda request: proposals.Emit(request.record, request.event, request.fields),
    Archive: lambda request: proposals.Archive(request.record),
    Restore: lambda request: proposals.Restore(request.record),
    Delete: lambda request: proposals.Delete(request.record),
}
"""The change that each request for a single one stands for."""


def _numbers(fields: dict[str, Any]) -> dict[str, int | float]:
    for name, value in fields.items():
        if type(value) not in (int, float):
            raise InvalidRequest(f"{name[:80]}: only a number can be added, not {value!r:.40}")
    return fields


def _lists(fields: dict[str, Any]) -> dict[str, list[Any]]:
    for name, value in fields.items():
        if not isinstance(value, list):
            raise InvalidRequest(f'{name[:80]}: its elements come as a list, such as {name[:80]}=["x"]')
    return fields


def propose(engine: Engine, caller: Caller, request: Propose) -> Decision:
    """Return the decision on a whole proposal; its id may have been used before, and is looked up (S7)."""
    return engine.propose(request.proposal, caller, dry=request.dry)


def write(engine: Engine, caller: Caller, request: Write) -> Decision:
    """Return the decision on a single change."""
    proposal = proposal_of(request, request.id or engine.make_id())
    return engine.propose(proposal, caller, is_new=request.id is None, dry=isinstance(request, Check))


def proposal_of(request: Write, id: str) -> Proposal:
    """Return a single change as the proposal that it stands for; raises InvalidRequest."""
    change = CHANGES[type(request)](request)
    reads: tuple[AnyRead, ...] = (Was(change.record, request.was),) if request.was else ()
    return Proposal(
        id=id,
        changes=(change,),
        reads=reads,
        assumptions=request.assume,
        about=request.about,
        accept=request.accept,
        action=request.action,
        reason=request.reason,
        cause=request.cause,
        if_held=request.if_held,
        if_foreign=request.if_foreign,
        leases=request.leases,
        not_after=time_of("not_after", request.not_after),
    )
