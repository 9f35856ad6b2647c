"""Handoffs: which offers wait for whom, what they rest on, and how a proposal is split among owners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as Names
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.compile import Compiled, CompiledKind
from comity.deciding.effects import released_under
from comity.deciding.gates.ownership import life_owners
from comity.deciding.tickets import is_waiting
from comity.model import refs
from comity.model.built_in import EFFECT, HANDOFF
from comity.model.decisions import Finding
from comity.model.definition import AgentDefinition
from comity.model.events import Answered, CommitPayload
from comity.model.filters import Condition, Order, Query, page_after
from comity.model.proposals import (
    AnyChange,
    AnyRead,
    Create,
    Emit,
    Proposal,
    Put,
    QueryRead,
    Read,
    Set,
    Was,
)
from comity.model.records import LIFE, RecordState
from comity.model.values import same
from comity.store.contract import Snapshot

_OLDEST_FIRST: Final = (Order("opened_at"),)


class Fact(msgspec.Struct, frozen=True, gc=False):
    """Be one thing that an offer rests on: what its giver saw, at which revision, and what is there now.

    ``field`` is ``$life`` for a record's existence, and None for a search, whose ``record``
    is the kind that was searched and whose values are what was found. ``revision`` is None
    for what the giver believed without a read.
    """

    record: str
    field: str | None
    seen: Any
    now: Any
    revision: int | None

    @property
    def is_so(self) -> bool:
        """Tell whether it is still so."""
        return same(self.seen, self.now)


class Part(msgspec.Struct, frozen=True):
    """Be the changes of a proposal that belong to the same owners; to nobody else for its proposer's own."""

    owners: tuple[str, ...]
    changes: tuple[AnyChange, ...]


# -- who has what to answer


class Waiting(msgspec.Struct, frozen=True):
    """Be open tickets, the oldest first. ``is_cut`` tells that there may be more."""

    tickets: list[RecordState]
    is_cut: bool


def waiting(
    snapshot: Snapshot,
    kind: str,
    now_us: int,
    *where: Condition,
    chosen: Callable[[RecordState], bool] | None = None,
) -> Waiting:
    """Return the open tickets of a kind that meet conditions and are ``chosen``, the oldest first.

    At most ``limits.QUERY_RECORDS`` are returned, and ``limits.TICKETS_SEARCHED`` looked at.
    """
    if kind not in snapshot.kinds():
        return Waiting([], is_cut=False)
    # Times as texts differ in length, so that the query takes a second more, and the moment decides here.
    since = format_time((now_us // SECOND_US - 1) * SECOND_US)
    query = Query(kind, (*where, Condition("expires_at", ">", since)), _OLDEST_FIRST, limits.QUERY_RECORDS)
    found: list[RecordState] = []
    for _ in range(limits.TICKETS_SEARCHED // limits.QUERY_RECORDS):
        page = snapshot.find(query)
        found += [one for one in page if is_waiting(one, now_us) and (chosen is None or chosen(one))]
        if len(page) < limits.QUERY_RECORDS:
            return Waiting(found[: limits.QUERY_RECORDS], is_cut=len(found) > limits.QUERY_RECORDS)
        if len(found) >= limits.QUERY_RECORDS:
            break
        query = msgspec.structs.replace(query, after=page_after(query, page[-1]))
    return Waiting(found[: limits.QUERY_RECORDS], is_cut=True)


def proposed_by(agent: str | None) -> tuple[Condition, ...]:
    """Return the conditions under which tickets are of an agent; none for those of all."""
    return () if agent is None else (Condition("agent", "=", agent),)


def offered_to(snapshot: Snapshot, agent: AgentDefinition, now_us: int, *where: Condition) -> Waiting:
    """Return the offers that an agent may accept or decline: searched by whom they are to, whatever others wait for."""
    found: dict[str, RecordState] = {}
    is_cut = False
    for name in {agent.name, agent.role}:
        some = waiting(snapshot, HANDOFF, now_us, Condition("to", "has", name), *where)
        found |= {ticket.ref: ticket for ticket in some.tickets if may_accept(ticket, agent)}
        is_cut = is_cut or some.is_cut
    return Waiting(sorted(found.values(), key=lambda one: (parse_time(one.values["opened_at"]), one.id)), is_cut)


def may_accept(ticket: RecordState, agent: AgentDefinition) -> bool:
    """Tell whether an offer was made to an agent, by its name or its role."""
    return agent.name != ticket.values["agent"] and not {agent.name, agent.role}.isdisjoint(ticket.values.get("to", ()))


def held(snapshot: Snapshot, tickets: Iterable[RecordState]) -> dict[str, CommitPayload]:
    """Return what waits under tickets, by ticket: the proposal as it was, and what was found of it."""
    by_id = {ticket.values["proposal"]: ticket for ticket in tickets}
    found: dict[str, CommitPayload] = {}
    for id, stored in snapshot.answers(list(by_id)).items():
        payload = stored.payload if isinstance(stored, Answered) else None
        if payload is not None and stored.content.hex() == by_id[id].values["content"]:
            found[by_id[id].ref] = payload
    return found | _held_back(snapshot, by_id)


def _held_back(snapshot: Snapshot, by_id: Mapping[str, RecordState]) -> dict[str, CommitPayload]:
    """Return the same of tickets that ask about the release of an effect: what of it is to be done, and what it met."""
    found: dict[str, CommitPayload] = {}
    for id, ticket in by_id.items():
        if (released := released_under(id)) is None:
            continue
        effect = snapshot.records([(EFFECT, released[0])]).get((EFFECT, released[0]))
        commit = snapshot.commit(released[1])
        if effect is None or commit is None or commit.payload is None:
            continue
        proposal = commit.payload.proposal
        wanted = (proposal.effects[effect.values["place"]],)
        met = Finding("effect.held_up", effect.values.get("held_up") or "It is asked about.", effect.ref, "ask")
        shown = msgspec.structs.replace(proposal, id=id, changes=(), effects=wanted)
        found[ticket.ref] = CommitPayload(proposal=shown, findings=(met,))
    return found


# -- what an offer rests on


def facts_of(snapshot: Snapshot, proposal: Proposal) -> list[Fact]:
    """Return what a proposal rests on, beside what is there now; what was used of a record comes first.

    Nothing of it is the giver's word: what was read is looked up in the log.
    """
    reads = sorted(proposal.reads, key=lambda read: not (isinstance(read, Read) and read.touched))
    facts: list[Fact] = []
    for read in reads:
        if len(facts) >= limits.OFFER_FACTS:
            break
        if isinstance(read, QueryRead):
            facts.append(_search(snapshot, read))
        else:
            facts.extend(_fields(snapshot, read, proposal.accept or 0))
    return list({(fact.record, fact.field): fact for fact in reversed(facts)}.values())[::-1][: limits.OFFER_FACTS]


def _fields(snapshot: Snapshot, read: Read | Was, accepted: int) -> Iterator[Fact]:
    ref = refs.split(read.record)
    now = snapshot.records([ref]).get(ref) or RecordState(*ref)
    if isinstance(read, Was):
        for name, value in read.values.items():
            yield Fact(read.record, name, value, _value(now, name), None)
        return
    revision = min(max(read.revision, accepted), snapshot.head.revision)
    then = snapshot.records_at([ref], revision).get(ref) or RecordState(*ref)
    names: Iterable[str] = then.values if read.fields is None else read.fields
    for name in list(names) or [LIFE]:
        yield Fact(read.record, name, _value(then, name), _value(now, name), revision)


def _value(state: RecordState, name: str) -> Any:
    if name == LIFE:
        return state.life
    return state.values.get(name) if state.exists else None


def _search(snapshot: Snapshot, read: QueryRead) -> Fact:
    if read.members is None:
        return Fact(read.query.kind, None, read.count, snapshot.count(read.query), read.revision)
    found = [state.id for state in snapshot.find(read.query)]
    return Fact(read.query.kind, None, list(read.members), found, read.revision)


# -- splitting


def parts_of(changes: Sequence[AnyChange], agent: AgentDefinition, compiled: Compiled) -> list[Part]:
    """Return changes parted by who owns what they change, the agent's own first, in the order given.

    A change of several fields falls apart by field; what changes a record's life, or is a
    named event, stays whole. Where others own a field of a record to be made, they set it
    once it is there.
    """
    parts: dict[tuple[str, ...], list[AnyChange]] = {(): []}
    for change in changes:
        for owners, piece in _pieces(change, agent, compiled):
            parts.setdefault(owners, []).append(piece)
    return [Part(owners, tuple(found)) for owners, found in parts.items() if found]


def _pieces(
    change: AnyChange, agent: AgentDefinition, compiled: Compiled
) -> Iterator[tuple[tuple[str, ...], AnyChange]]:
    kind = compiled.kind(change.record.partition("/")[0])
    if kind is None or not (fields := _fields_of(change)):
        yield _foreign(_owners_of_whole(change, kind), agent), change
        return
    by_owners: dict[tuple[str, ...], dict[str, Any]] = {(): {}}
    for name, value in fields.items():
        owners = life_owners(kind) if name == LIFE else kind.fields[name].owners if name in kind.fields else ()
        by_owners.setdefault(_foreign(owners, agent), {})[name] = value
    is_making = isinstance(change, Create | Put)
    for owners, named in by_owners.items():
        if owners and is_making:
            yield owners, Set(change.record, named)
        elif named or is_making:
            yield owners, msgspec.structs.replace(change, fields=named)


def _fields_of(change: AnyChange) -> dict[str, Any]:
    return getattr(change, "fields", {})


def _owners_of_whole(change: AnyChange, kind: CompiledKind | None) -> Iterable[str]:
    if kind is None or isinstance(change, Create | Put):
        return ()
    if isinstance(change, Emit):
        return kind.events[change.event].owners if change.event in kind.events else ()
    return life_owners(kind)


def _foreign(owners: Iterable[str], agent: AgentDefinition) -> tuple[str, ...]:
    """Return owners, in order, unless the agent is one of them."""
    names = frozenset(owners)
    return () if not names.isdisjoint((agent.name, agent.role)) else tuple(sorted(names))


def written_by(change: AnyChange) -> list[str]:
    """Return what a change writes, as paths to rely on: its fields, or the record."""
    return [f"{change.record}.{name}" for name in _fields_of(change)] or [change.record]


def reads_beside(
    reads: Iterable[AnyRead], others: Iterable[Part], compiled: Compiled, snapshot: Snapshot
) -> tuple[AnyRead, ...]:
    """Return what a part rests on: what the whole rests on, but for what the other parts are going to write."""
    written: dict[str, set[str]] = {}
    for change in (change for part in others for change in part.changes):
        written.setdefault(change.record, set()).update(_written(change, compiled))
    return tuple(
        read
        if isinstance(read, QueryRead) or read.record not in written
        else _beside(read, written, compiled, snapshot)
        for read in reads
    )


def _written(change: AnyChange, compiled: Compiled) -> Iterable[str]:
    kind = compiled.kind(change.record.partition("/")[0])
    event = kind.events.get(change.event) if kind is not None and isinstance(change, Emit) else None
    return _fields_of(change) if event is None else event.then


def _beside(read: Read | Was, written: Mapping[str, Names[str]], compiled: Compiled, snapshot: Snapshot) -> AnyRead:
    left_out = written[read.record]
    if isinstance(read, Was):
        return Was(read.record, {name: value for name, value in read.values.items() if name not in left_out})
    names: Iterable[str] | None = read.fields
    if names is None:
        ref = refs.split(read.record)
        kind = compiled.kind(ref[0])
        then = snapshot.records_at([ref], min(read.revision, snapshot.head.revision)).get(ref)
        names = dict.fromkeys([*(kind.fields if kind else ()), *(then.values if then else ())])
    return msgspec.structs.replace(read, fields=tuple(name for name in names if name not in left_out))
