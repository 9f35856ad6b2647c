"""Overrides: pinning, pausing, freezing, lifting, and which are in force.

Everything is a proposal, so the checks say who may: humans with a key (S24).
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.coordination import overrides
from comity.errors import InvalidRequest, LimitExceeded
from comity.model import refs
from comity.model.built_in import OVERRIDE
from comity.model.decisions import Decision
from comity.model.durations import parse_duration
from comity.model.filters import Condition, Order, Query
from comity.model.proposals import Caller
from comity.model.records import RecordState
from comity.operations import Freeze, Lift, ListOverrides, OverrideAnswer, OverridesAnswer, Pause, Pin
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine
from comity.verbs.expiring import tell_expired

_BEGINNING: Final = 6
"""How many characters of an id are enough for it, where they are those of one alone."""


def pin(engine: Engine, caller: Caller, request: Pin) -> Decision:
    """Return the decision on a pin; raises InvalidRequest where what to pin isn't said."""
    if (request.record is None) == (request.action is None):
        raise InvalidRequest("pin a record, if need be with a field and its value, or an action: one of them")
    if request.value is not UNSET and request.field is None:
        raise InvalidRequest("value: it is the value of a field; name the field")
    is_value = request.value is not UNSET
    held = {
        "record": request.record,
        "field": request.field,
        "only": True if is_value else None,
        "value": request.value if is_value else None,
        "action": request.action,
    }
    return _set(engine, caller, "pinned", request, held)


def pause(engine: Engine, caller: Caller, request: Pause) -> Decision:
    """Return the decision on pausing an agent or a role."""
    return _set(engine, caller, "paused", request, {"agent": request.agent})


def freeze(engine: Engine, caller: Caller, request: Freeze) -> Decision:
    """Return the decision on freezing the workspace."""
    return _set(engine, caller, "frozen", request, {})


def lift(engine: Engine, caller: Caller, request: Lift) -> Decision:
    """Return the decision on lifting an override; raises NotFound for one that never was."""
    with engine.store.snapshot() as snapshot:
        ref = _meant(snapshot, request.override)
        if refs.split(ref)[0] != OVERRIDE:
            raise InvalidRequest(f"{ref[:80]!r} is no override: 'override list' shows them")
        names.check_record(snapshot, engine.coordinator.definition(snapshot), refs.split(ref))
    return engine.propose_change(caller, overrides.lifting(ref, request.reason), request.reason)


def _meant(snapshot: Snapshot, name: str) -> str:
    """Return the override that a text means: by its address or id, or by how the id of just one in force begins."""
    ref = name if "/" in name else f"{OVERRIDE}/{name}"
    if "/" in name or len(name) < _BEGINNING or OVERRIDE not in snapshot.kinds():
        return ref
    found = snapshot.find(Query(OVERRIDE, (Condition("$id", "^=", name),), limit=2))
    return found[0].ref if len(found) == 1 else ref


def list_overrides(engine: Engine, caller: Caller, request: ListOverrides) -> OverridesAnswer:
    """Return overrides, the latest first."""
    if not 0 < request.limit <= limits.OVERRIDES_LIVE:
        raise LimitExceeded(f"limit: between 1 and {limits.OVERRIDES_LIVE}")
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
        states = snapshot.find(_query(request)) if OVERRIDE in snapshot.kinds() else []
        if not states:
            names.check_empty(engine, snapshot, record=request.record, parties=[request.agent])
    found = [answer for answer in (_answer(state, now_us) for state in states) if request.over or _holds(answer)]
    return OverridesAnswer(overrides=tuple(found[: request.limit]), is_cut=len(found) > request.limit)


def _query(request: ListOverrides) -> Query:
    chosen = (("record", request.record), ("agent", request.agent))
    where = tuple(Condition(field, "=", value) for field, value in chosen if value is not None)
    life = "kept" if request.over else "live"
    return Query(OVERRIDE, where, (Order("set_at", descending=True),), limits.OVERRIDES_LIVE + 1, life=life)


def _holds(answer: OverrideAnswer) -> bool:
    return answer.state == "in force"


def _answer(state: RecordState, now_us: int) -> OverrideAnswer:
    values = state.values
    is_over = not state.is_live or parse_time(values["expires_at"]) <= now_us
    return OverrideAnswer(
        override=state.ref,
        holds=values["holds"],
        state="lifted" if "lifted_by" in values else "expired" if is_over else "in force",
        yields=values["yields"],
        reason=values["reason"],
        set_by=values["set_by"],
        set_at=values["set_at"],
        expires_at=values["expires_at"],
        record=values.get("record"),
        field=values.get("field"),
        value=values.get("value"),
        action=values.get("action"),
        agent=values.get("agent"),
        lifted_by=values.get("lifted_by"),
        answer=values.get("answer"),
    )


def _set(engine: Engine, caller: Caller, event: str, request: Pin | Pause | Freeze, held: dict[str, Any]) -> Decision:
    if not (request.reason or "").strip():
        raise InvalidRequest("reason: say why; those who yield see it")
    if request.ttl is None:
        raise InvalidRequest("ttl: say how long, such as 2h, or until when; an override expires by itself")
    with engine.store.snapshot() as snapshot:
        now_us = engine.coordinator.time_at(snapshot.head).now_us
    tell_expired(engine, OVERRIDE)
    change = overrides.setting(
        event,
        engine.make_id(),
        reason=request.reason or "",
        expires=_expiry(request.ttl, now_us),
        yields=request.yields,
        **held,
    )
    return engine.propose_change(caller, change, request.reason)


def _expiry(ttl: str, now_us: int) -> int:
    """Return when a span ends, in whole seconds, or a time; raises InvalidRequest."""
    try:
        return (now_us // SECOND_US + parse_duration(ttl)) * SECOND_US
    except ValueError:
        pass
    try:
        return parse_time(ttl)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"ttl: {ttl[:40]!r} is neither a span such as 2h nor an RFC 3339 time") from None
