"""Who is who: agents, and the keys that prove it.

A key is random and shown once; only its SHA-256 is kept, outside the log. That it was
issued, replaced or revoked is in the log (S23). A key counts while the agent's ``$agent``
record names it.
"""

from __future__ import annotations

import base64
import getpass
import hmac
import re
from hashlib import sha256
from typing import Final

from comity import limits
from comity.clock import SECOND_US, format_time
from comity.deciding.operators import is_active
from comity.errors import InvalidRequest, NotFound, NotPermitted, Refused
from comity.model import refs
from comity.model.built_in import AGENT
from comity.model.decisions import Decision
from comity.model.filters import Query
from comity.model.proposals import Caller, Emit, Proposal
from comity.model.records import RecordState
from comity.model.texts import suggestion
from comity.operations import AgentAnswer, AgentsAnswer, IssueKey, KeyAnswer, ListAgents, RevokeKey
from comity.store.contract import KeyRow
from comity.verbs.engine import Engine

_SECRET: Final = re.compile(r"comity_([0-9a-f]{12})_([A-Za-z0-9_-]{43})\Z")
_DAY_US: Final = 86_400 * SECOND_US
_MOST_DAYS: Final = 3_650
_KEYED: Final = Query(AGENT, limit=limits.AGENTS)
_NOT_GOOD: Final = (
    "this key is not good: it may have been revoked, replaced, or have expired; ask a human for a new one"
)


def os_user() -> Caller:
    """Return the operating system's user as a caller, under a name that no declared agent is likely to have."""
    name = getpass.getuser()
    return Caller(f"os:{name}" if refs.AGENT.match(name) else "os:user", "os_user")


def authenticate(engine: Engine, agent: str | None, secret: str) -> Caller:
    """Return the caller that a key proves: this agent or, where none is named, whoever's it is.

    Raises NotPermitted without telling which part was wrong.
    """
    match = _SECRET.match(secret)
    key, random = match.groups() if match is not None else ("", "")
    with engine.store.snapshot() as snapshot:
        row = snapshot.key(key) if match is not None else None
        holder = row.agent if row is not None else agent or ""
        state = snapshot.records([("$agent", holder)]).get(("$agent", holder))
        now = engine.coordinator.time_at(snapshot.head).now_us
    expected = row.digest if row is not None else bytes(32)
    is_right = hmac.compare_digest(sha256(random.encode()).digest(), expected)
    if not is_right or row is None or agent not in (None, row.agent) or not _names(state, key, now):
        raise NotPermitted(_NOT_GOOD if agent is None else _not_good_for(agent))
    return Caller(row.agent, "key", key)


def _not_good_for(agent: str) -> str:
    return (
        f"this key is not good for {agent!r}: a human who has a key issues one with 'comity agents key {agent}',"
        " and as long as no human has one, the system's user does"
    )


def _names(state: RecordState | None, key: str, now_us: int) -> bool:
    return state is not None and state.values.get("key") == key and is_active(state, now_us)


def issue_key(engine: Engine, caller: Caller, request: IssueKey) -> KeyAnswer:
    """Issue a key; the agent's former key ends with it.

    Raises Refused where the caller is no operator, or the agent is none that a key is for.
    """
    if request.days is not None and not 0 < request.days <= _MOST_DAYS:
        raise InvalidRequest(f"days: between 1 and {_MOST_DAYS}")
    if not refs.AGENT.match(request.agent) or refs.problem_of(f"{AGENT}/{request.agent}"):
        raise InvalidRequest(f"{request.agent[:64]!r} is no agent name: use letters, digits and _.:@-")
    now = engine.coordinator.time_at(engine.store.head()).now_us
    expires = now + request.days * _DAY_US if request.days is not None else None
    key = engine.entropy(6).hex()
    random = base64.urlsafe_b64encode(engine.entropy(32)).decode().rstrip("=")
    shown = format_time(expires) if expires is not None else None
    data = {"key": key, "expires_at": shown}
    if (checked := _emit(engine, caller, request.agent, "key_issued", data, request.reason, dry=True)).refusals:
        raise Refused(checked)
    engine.store.put_key(KeyRow(key, request.agent, sha256(random.encode()).digest(), now, expires))
    decision = _emit(engine, caller, request.agent, "key_issued", data, request.reason)
    if not decision.is_committed:
        raise Refused(decision)
    return KeyAnswer(
        agent=request.agent,
        key_id=key,
        key=f"comity_{key}_{random}",
        expires_at=shown,
        findings=decision.findings,
    )


def revoke_key(engine: Engine, caller: Caller, request: RevokeKey) -> Decision:
    """Revoke an agent's key. Raises NotFound, with the nearest name, for an agent that never had one."""
    with engine.store.snapshot() as snapshot:
        keyed = [state.id for state in snapshot.find(_KEYED)]
    if request.agent not in keyed:
        hint = suggestion(refs.nearest(request.agent, keyed))
        raise NotFound(f"{request.agent[:64]!r} never had a key{hint or '.'}")
    return _emit(engine, caller, request.agent, "key_revoked", {}, request.reason)


def _emit(
    engine: Engine,
    caller: Caller,
    agent: str,
    event: str,
    data: dict[str, str | None],
    reason: str | None,
    *,
    dry: bool = False,
) -> Decision:
    given = {name: value for name, value in data.items() if value is not None}
    proposal = Proposal(id=engine.make_id(), changes=(Emit(f"$agent/{agent}", event, given),), reason=reason)
    return engine.propose(proposal, caller, is_new=True, dry=dry)


def agents(engine: Engine, caller: Caller, request: ListAgents) -> AgentsAnswer:
    """Return the agents declared, and those that have or had a key."""
    declared = engine.definition().agents
    with engine.store.snapshot() as snapshot:
        keyed = {state.id: state for state in snapshot.find(_KEYED)}
    found: list[AgentAnswer] = []
    for name in sorted({*declared, *keyed}):
        values = keyed[name].values if name in keyed else {}
        one = declared.get(name)
        found.append(
            AgentAnswer(
                agent=name,
                role=one.role if one else name,
                kind=one.kind if one else "human",
                is_declared=one is not None,
                key_id=values.get("key"),
                key_status=values.get("key_status"),
                key_expires_at=values.get("key_expires_at"),
            )
        )
    return AgentsAnswer(agents=tuple(found))
