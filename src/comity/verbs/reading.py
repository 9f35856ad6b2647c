"""Reading: records, searches, counts, and what has gone stale."""

from __future__ import annotations

from collections.abc import Sequence

from comity import limits
from comity.coordinator.facts import asking
from comity.deciding.case import Case
from comity.deciding.compile import Compiled, CompiledKind
from comity.deciding.envelope import judge_reads
from comity.deciding.gates import freshness, reader
from comity.deciding.view import Ref, View
from comity.errors import InvalidQuery, InvalidRequest, LimitExceeded, NotFound, NotPermitted
from comity.model import filters, refs
from comity.model.filters import Query
from comity.model.proposals import Caller, Proposal, QueryRead
from comity.model.records import RecordState
from comity.model.texts import listed, show, suggestion
from comity.operations import (
    Count,
    CountAnswer,
    Find,
    Get,
    GetMany,
    RecordAnswer,
    RecordsAnswer,
    Stale,
    StaleAnswer,
)
from comity.store.contract import Snapshot
from comity.verbs import names
from comity.verbs.engine import Engine, revision_of
from comity.verbs.portions import find_states, states_of, values_of, within_response
from comity.verbs.seeing import check_search


def get(engine: Engine, caller: Caller, request: Get) -> RecordAnswer:
    """Return one record; one that never was comes back as absent."""
    ref = refs.split(request.record)
    if request.at is None and not request.fresh and (recalled := recall(engine, request.record, ref)) is not None:
        return recalled
    if request.fresh and request.at is not None:
        raise InvalidRequest("fresh: what is read as of a moment is no newer for it: leave one of the two out")
    with engine.store.snapshot() as snapshot:
        state, revision = _state(snapshot, ref, request.at)
        if request.at is None:
            engine.coordinator.remember(ref, state, snapshot.head)
        known = engine.coordinator.fields_at(snapshot, ref[0])
        return answer_of(state, revision, snapshot.head.incarnation, known)


def recall(engine: Engine, record: str, ref: Ref) -> RecordAnswer | None:
    """Return a record as it is now, if it is held in memory; no more is asked of the store than its recent head."""
    return engine.coordinator.recall(record, ref, engine.store.recent_head())


def get_many(engine: Engine, caller: Caller, request: GetMany) -> RecordsAnswer:
    """Return several records of one snapshot, in the order asked."""
    if len(request.records) > limits.GET_RECORDS:
        raise LimitExceeded(f"at most {limits.GET_RECORDS} records can be read at once")
    wanted = [refs.split(record) for record in request.records]
    with engine.store.snapshot() as snapshot:
        revision = revision_of(snapshot, request.at)
        found = states_of(snapshot, wanted, None if request.at is None else revision)
        states = list(within_response(found, values_of, "name fewer records"))
        return _answers(engine, states, revision, snapshot)


def find(engine: Engine, caller: Caller, request: Find) -> RecordsAnswer:
    """Return a page of the records that meet all conditions."""
    query = filters.query(
        request.kind,
        *request.where,
        order=request.order,
        limit=request.limit,
        after=request.after,
        life=request.life,
    )
    with engine.store.snapshot() as snapshot:
        query = check_query(query, caller, engine.coordinator.definition(snapshot), snapshot, is_now=request.at is None)
        revision = revision_of(snapshot, request.at)
        found = find_states(snapshot, query, None if request.at is None else revision)
        states = list(within_response(found, values_of, "ask for a smaller limit, and go on with after="))
        after = filters.page_after(query, states[-1]) if len(states) == query.limit else None
        return _answers(engine, states, revision, snapshot, after=after)


def count(engine: Engine, caller: Caller, request: Count) -> CountAnswer:
    """Return how many records meet all conditions."""
    query = filters.query(request.kind, *request.where, life=request.life)
    with engine.store.snapshot() as snapshot:
        query = check_query(query, caller, engine.coordinator.definition(snapshot), snapshot, is_now=request.at is None)
        revision = revision_of(snapshot, request.at)
        total = snapshot.count(query, revision=None if request.at is None else revision)
        return CountAnswer(count=total, revision=revision, incarnation=snapshot.head.incarnation)


def check_query(query: Query, caller: Caller, compiled: Compiled, snapshot: Snapshot, *, is_now: bool = False) -> Query:
    """Return a query with its values in the form that records hold them.

    Raises NotFound, with the nearest name, for a kind or a field that a search can't find
    (S30), NotPermitted for a field that is hidden from the caller (S39), and InvalidQuery for a
    value that no record ``is_now`` can hold.
    """
    check_search(query, caller, compiled)
    declared = compiled.kind(query.kind)
    if declared is None:
        names.check_kind(snapshot, compiled, query.kind)
        return query
    for name in sorted(filters.fields_of(query) - declared.fields.keys() - {"$id"}):
        hint = suggestion(refs.nearest(name, declared.fields)) or "."
        fields = listed(sorted(declared.fields), 10)
        raise NotFound(f"{query.kind} has no field {name!r}{hint} Its fields: {fields}.")
    normalised = declared.normalise(query)
    if is_now and query.life in ("live", "archived"):
        _check_values(normalised, declared)
    return normalised


def _check_values(query: Query, declared: CompiledKind) -> None:
    """Raise InvalidQuery for a condition that no value can meet: what was deleted or is past may have had others."""
    for condition in query.where:
        field = declared.fields.get(condition.field)
        problem = field.problem_of_operand(condition.op, condition.value) if field is not None else None
        if problem is not None:
            asked = f"{condition.field} {condition.op} {show(condition.value)}"
            raise InvalidQuery(f"{query.kind}: {asked} can't hold for any record: {problem}")


def _state(snapshot: Snapshot, ref: tuple[str, str], moment: int | str | None) -> tuple[RecordState, int]:
    if moment is None:
        return snapshot.records([ref]).get(ref) or RecordState(*ref), snapshot.head.revision
    revision = revision_of(snapshot, moment)
    return snapshot.records_at([ref], revision).get(ref) or RecordState(*ref), revision


def known_fields(compiled: Compiled, kind: str) -> tuple[str, ...]:
    """Return the fields that a kind declares."""
    declared = compiled.kind(kind)
    return declared.field_names if declared is not None else ()


def answer_of(
    state: RecordState,
    revision: int,
    incarnation: str,
    known: tuple[str, ...] = (),
) -> RecordAnswer:
    """Return a record's state as an answer."""
    return RecordAnswer(
        record=state.ref,
        version=state.version,
        life=state.life,
        values=state.values,
        revision=revision,
        incarnation=incarnation,
        changed=state.revision,
        known=known,
        is_erased=state.is_erased,
    )


def _answers(
    engine: Engine,
    states: Sequence[RecordState],
    revision: int,
    snapshot: Snapshot,
    after: str | None = None,
) -> RecordsAnswer:
    incarnation, compiled = snapshot.head.incarnation, engine.coordinator.definition(snapshot)
    return RecordsAnswer(
        records=tuple([answer_of(one, revision, incarnation, known_fields(compiled, one.kind)) for one in states]),
        revision=revision,
        incarnation=incarnation,
        after=after,
    )


def stale(engine: Engine, caller: Caller, request: Stale) -> StaleAnswer:
    """Return what a proposal that rests on these reads would be told of them.

    It is the freshness gate that says so, on a view of the head, so that the two can't differ.
    """
    if len(request.reads) > limits.READS_PER_PROPOSAL:
        raise LimitExceeded(f"at most {limits.READS_PER_PROPOSAL} reads can be looked at")
    reading = Proposal(id="stale", reads=request.reads, relies_on=request.relies_on, incarnation=request.incarnation)
    states: dict[Ref, RecordState] = {}
    with engine.store.snapshot() as snapshot:
        case = Case(reading, caller, _view(engine, snapshot, states))
        for finding in judge_reads(case):
            raise InvalidRequest(finding.message)
        for finding in reader.judge_reads(case):
            raise NotPermitted(finding.message)
        named = [refs.split(read.record) for read in request.reads if not isinstance(read, QueryRead)]
        states.update({ref: RecordState(*ref) for ref in named} | snapshot.records(named))
        return StaleAnswer(findings=tuple(freshness.judge(case)), revision=snapshot.head.revision)


def _view(engine: Engine, snapshot: Snapshot, states: dict[Ref, RecordState]) -> View:
    """Return a view of a snapshot's head, on which gates can judge."""
    head = snapshot.head
    return View(
        engine.coordinator.definition(snapshot),
        states,
        revision=head.revision,
        incarnation=head.incarnation,
        now_us=engine.coordinator.time_at(head).now_us,
        kind_revisions=snapshot.kinds(),
        ask=asking(snapshot, states.__setitem__),
    )
