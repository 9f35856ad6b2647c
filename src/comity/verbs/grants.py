"""Granting: lending ownership for a time, taking it back, and what is lent to whom."""

from __future__ import annotations

import msgspec

from comity import limits
from comity.clock import SECOND_US
from comity.coordination import grants
from comity.deciding.compile import Compiled
from comity.deciding.grants import is_given, subject_of
from comity.errors import InvalidRequest, LimitExceeded, NotFound
from comity.model import refs
from comity.model.built_in import GRANT
from comity.model.decisions import Decision, Finding
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import Caller
from comity.model.records import RecordState
from comity.model.texts import listed, suggestion
from comity.operations import Grant, GrantAnswer, GrantsAnswer, ListGrants, Revoke
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.expiring import tell_expired
from comity.verbs.handoffs import span_of


def grant(engine: Engine, caller: Caller, request: Grant) -> Decision:
    """Return the decision on lending ownership: an owner's, or an operator's order where the caller owns nothing of it.

    Raises InvalidRequest without a time and a reason, NotFound for names that mean nothing.
    """
    if not (request.reason or "").strip():
        raise InvalidRequest("reason: say why; who reads the history sees it")
    seconds = span_of(request.ttl)
    if seconds is None or seconds > limits.GRANT_DAYS * 86_400:
        raise InvalidRequest(f"ttl: say for how long, such as 2h, at most {limits.GRANT_DAYS}d: a grant ends by itself")
    with engine.store.snapshot() as snapshot:
        compiled = engine.coordinator.definition(snapshot)
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        _check_holder(request.to, compiled)
        subject = grants.read_subject(request.subject, compiled)
        absent = _look_up(snapshot, compiled, subject)
    tell_expired(engine, GRANT)
    is_order = not grants.is_owner(caller.agent, subject, compiled) and (
        caller.key is not None or caller.known == "os_user"
    )
    expires = now_us + seconds * SECOND_US
    change = grants.lending(engine.make_id(), request.to, subject, request.reason or "", expires, is_order=is_order)
    decision = engine.propose_change(caller, change, request.reason)
    return decision if absent is None else msgspec.structs.replace(decision, findings=(*decision.findings, absent))


def _look_up(snapshot: Snapshot, compiled: Compiled, subject: dict[str, str]) -> Finding | None:
    """Return a warning about a record that was never written.

    Raises NotFound where it isn't a record that is meant, but a field whose name is misspelt.
    """
    kind, record = subject["kind"], subject.get("record")
    told = None if record is None else names.never_written(snapshot, compiled, (kind, record))
    if record is None or told is None:
        return None
    name, dot, field = record.rpartition(".")
    declared = compiled.kinds[kind].fields
    near = refs.nearest(field, declared)
    if dot and "field" not in subject and (near is not None or snapshot.records([(kind, name)])):
        raise NotFound(f"{kind} has no field {field[:64]!r}{suggestion(near) or '.'}")
    remedy = "It counts once there is such a record; revoke it if another one was meant."
    return Finding("integrity.missing", f"{told[0].upper()}{told[1:]}", f"{kind}/{record}", "warn", remedy)


def _check_holder(name: str, compiled: Compiled) -> None:
    """Raise NotFound for a name that is neither an agent's nor a role's, where agents are declared."""
    agents = compiled.agents
    known = {*agents, *(agent.role for agent in agents.values())}
    if known and name not in known:
        hint = suggestion(refs.nearest(name, known)) or "."
        raise NotFound(f"{name[:64]!r} is no declared agent or role{hint} Declared: {listed(sorted(known), 8)}.")


def revoke(engine: Engine, caller: Caller, request: Revoke) -> Decision:
    """Return the decision on taking back what was lent; raises NotFound for what never was."""
    ref = request.grant if "/" in request.grant else f"{GRANT}/{request.grant}"
    if refs.split(ref)[0] != GRANT:
        raise InvalidRequest(f"{ref[:80]!r} is no grant: 'grants list' shows them")
    with engine.store.snapshot() as snapshot:
        names.check_record(snapshot, engine.coordinator.definition(snapshot), refs.split(ref))
    return engine.propose_change(caller, grants.revoking(ref, request.reason), request.reason)


def list_grants(engine: Engine, caller: Caller, request: ListGrants) -> GrantsAnswer:
    """Return what is lent, or also what was, the latest first."""
    if not 0 < request.limit <= limits.QUERY_RECORDS:
        raise LimitExceeded(f"limit: between 1 and {limits.QUERY_RECORDS}")
    chosen = (("to", request.to), ("by", request.by))
    where = tuple(Condition(field, "=", value) for field, value in chosen if value is not None)
    order = (Order("granted_at", descending=True),)
    query = Query(GRANT, where, order, limits.QUERY_RECORDS, life="kept" if request.over else "live")
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        states = snapshot.find(query) if GRANT in snapshot.kinds() else []
        if not states:
            names.check_empty(engine, snapshot, agents=[request.by], parties=[request.to])
    found = [state for state in states if request.over or is_given(state, now_us)]
    answers = tuple(_answer(state, now_us) for state in found[: request.limit])
    return GrantsAnswer(grants=answers, is_cut=len(found) > request.limit)


def _answer(state: RecordState, now_us: int) -> GrantAnswer:
    values = state.values
    is_over = state.is_live and not is_given(state, now_us)
    return GrantAnswer(
        grant=state.ref,
        subject=subject_of(values),
        to=values["to"],
        by=values["by"],
        state="expired" if is_over else values["state"],
        reason=values["reason"],
        granted_at=values["granted_at"],
        expires_at=values["expires_at"],
        is_order=values["is_order"],
        closed_by=values.get("closed_by"),
        answer=values.get("answer"),
    )
