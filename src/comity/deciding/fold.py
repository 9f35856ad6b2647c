"""Folding: changes become drafted events, and events become records.

:func:`draft` is the forward way, from a proposal to events with after-images;
:func:`replay` the way back, from events to records, used by ``verify``. As every event
carries its after-image, replaying evaluates no expression and repeats no rule (S37).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import format_time
from comity.deciding import answering, leasing, operands
from comity.deciding.compile import Compiled, CompiledEvent, CompiledKind, Referrer
from comity.deciding.drafts import Draft, DraftEvent, Working
from comity.deciding.expressions import ExpressionFailed
from comity.deciding.view import Ref, View
from comity.model import proposals, refs
from comity.model.built_in import LEASE
from comity.model.codec import encode
from comity.model.definition import AgentDefinition
from comity.model.events import Event, EventPayload
from comity.model.filters import Condition, Query
from comity.model.proposals import AnyChange
from comity.model.records import LIFE, Life, RecordState
from comity.model.values import same


class _Drafting:
    """Apply changes one after the other; each finds what those before it did."""

    __slots__ = ("agent", "bytes", "compiled", "result", "revision", "view", "working")

    def __init__(self, agent: AgentDefinition, view: View) -> None:
        self.agent = agent
        self.view = view
        self.compiled: Compiled = view.compiled
        self.revision = view.revision + 1
        self.result = Draft()
        self.working: dict[Ref, Working] = {}
        self.bytes = 0

    def record(self, ref: Ref) -> Working:
        found = self.working.get(ref)
        if found is None:
            found = self.working[ref] = Working(self.view.record(ref))
        return found

    def kind(self, name: str) -> CompiledKind:
        return self.compiled.kinds.get(name) or self.compiled.any_kind

    def apply(self, change: AnyChange) -> None:
        record = self.record(refs.parts(change.record))
        _APPLY[type(change)](self, record, change)

    # -- life

    def create(self, record: Working, change: proposals.Create | proposals.Put) -> None:
        if record.life in ("live", "archived"):
            self._refuse_existing(record)
            return
        kind = self.kind(record.ref[0])
        record.born = record.version + 1
        former, record.values = record.values, {}
        fields = {**kind.defaults, **change.fields}
        was: dict[str, Any] = {LIFE: record.life}
        record.life = "live"
        record.blame[LIFE] = self.revision
        for name in former.keys() - fields.keys():
            self._assign(record, name, None, was, former.get(name))
        for name, value in fields.items():
            self._assign(record, name, value, was, None)
        self._event(record, f"{record.ref[0]}.created", was)

    def _refuse_existing(self, record: Working) -> None:
        archived = record.life == "archived"
        self.result.refuse(
            "integrity.exists",
            record.ref,
            f"{'/'.join(record.ref)} exists already{' and is archived' if archived else ''}.",
            "Restore it, then set its fields." if archived else "Read it and set its fields, or take another id.",
        )

    def archive(self, record: Working, change: AnyChange) -> None:
        if self._is_live(record):
            self._live_on(record, "archived", "archived")

    def delete(self, record: Working, change: AnyChange) -> None:
        if record.life == "archived" or self._is_live(record):
            self._live_on(record, "deleted", "deleted")

    def restore(self, record: Working, change: AnyChange) -> None:
        if record.life in ("archived", "deleted"):
            if record.life == "deleted":
                record.born = record.version + 1
            self._live_on(record, "live", "restored")
        elif record.life == "absent":
            self._refuse_absent(record)

    def _live_on(self, record: Working, life: Life, word: str, derived: str = "") -> None:
        was: dict[str, Any] = {LIFE: record.life}
        record.life = life
        record.blame[LIFE] = self.revision
        self._event(record, f"{record.ref[0]}.{word}", was, derived=derived)

    def _is_live(self, record: Working) -> bool:
        if record.life == "live":
            return True
        if record.life == "absent":
            self._refuse_absent(record)
        else:
            remedy = "Restore it first, if that is right." if record.life == "archived" else "Create it anew, or leave."
            self.result.refuse(
                f"integrity.{record.life}",
                record.ref,
                f"{'/'.join(record.ref)} is {record.life}{self._since(record)}.",
                remedy,
            )
        return False

    def _refuse_absent(self, record: Working) -> None:
        nearest = self.compiled.suggest_kind(record.ref[0]) if self.compiled.kind(record.ref[0]) is None else None
        hint = f" There is a kind {nearest!r}." if nearest and nearest != record.ref[0] else ""
        self.result.refuse(
            "integrity.missing",
            record.ref,
            f"There is no record {'/'.join(record.ref)}.{hint}",
            "Create it, or use put, which creates or sets.",
        )

    def _since(self, record: Working) -> str:
        if record.blame.get(LIFE) == self.revision:
            return " by this very proposal"
        author = self.view.author(self.view.record(record.ref), LIFE)
        return f", by {author.by} at {format_time(author.at)} (event {author.event})"

    # -- fields

    def set(self, record: Working, change: proposals.Set) -> None:
        if self._is_live(record):
            self._set_fields(record, change.fields)

    def put(self, record: Working, change: proposals.Put) -> None:
        if record.life in ("absent", "deleted"):
            self.create(record, change)
        elif self._is_live(record):
            fields = change.fields
            if change.replace:
                fields = {**dict.fromkeys(record.values.keys() - fields.keys()), **fields}
            self._set_fields(record, fields)

    def _set_fields(self, record: Working, fields: Mapping[str, Any]) -> None:
        named = self.kind(record.ref[0]).named_events
        updated = f"{record.ref[0]}.updated"
        groups: dict[str, dict[str, Any]] = {}
        for name, value in fields.items():
            groups.setdefault(named.get(name, updated), {})[name] = value
        for event, values in groups.items():
            was: dict[str, Any] = {}
            for name, value in values.items():
                self._assign(record, name, value, was, record.values.get(name))
            if was:
                self._event(record, event, was)

    def add(self, record: Working, change: proposals.Add) -> None:
        self._compute(record, change.fields, operands.added)

    def include(self, record: Working, change: proposals.Include) -> None:
        self._compute(record, change.fields, operands.included)

    def exclude(self, record: Working, change: proposals.Exclude) -> None:
        self._compute(record, change.fields, operands.excluded)

    def append(self, record: Working, change: proposals.Append) -> None:
        self._compute(record, change.fields, operands.appended)

    def _compute(self, record: Working, fields: Mapping[str, Any], compute: Callable[[Any, Any], Any]) -> None:
        if not self._is_live(record):
            return
        results: dict[str, Any] = {}
        for name, operand in fields.items():
            try:
                results[name] = compute(record.values.get(name), operand)
            except ValueError as error:
                self.result.refuse(
                    "shape.invalid_value", record.ref, f"{name}: {error}", "Read the record and set the field instead."
                )
        self._set_fields(record, results)

    def _assign(self, record: Working, name: str, value: Any, was: dict[str, Any], former: Any) -> None:
        if same(former, value):
            return
        was[name] = former
        record.blame[name] = self.revision
        if value is None:
            record.values.pop(name, None)
        else:
            record.values[name] = value

    def undo(self, record: Working, change: proposals.Undo) -> None:
        if LIFE not in change.fields and not self._is_live(record):
            return
        was: dict[str, Any] = {}
        for name, revision in change.fields.items():
            past = self.view.past(record.ref, revision)
            if name != LIFE:
                self._assign(record, name, past.values.get(name), was, record.values.get(name))
            elif record.life != _undone_life(past):
                was[LIFE] = record.life
                record.life = _undone_life(past)
                record.born = record.version + 1 if record.life == "live" and was[LIFE] == "deleted" else record.born
                record.blame[LIFE] = self.revision
        if was:
            self._event(record, f"{record.ref[0]}.reverted", was)

    # -- named events

    def emit(self, record: Working, change: proposals.Emit) -> None:
        declared = self.kind(record.ref[0]).events.get(change.event)
        if declared is not None and declared.actors:
            self._transit(record, change, declared)
        elif self._is_live(record):
            self._emit_named(record, change, declared)

    def _transit(self, record: Working, change: proposals.Emit, declared: CompiledEvent) -> None:
        if record.life not in declared.lives:
            why = answering.not_there("/".join(record.ref), record.life, record.values, change.event, declared.lives)
            self.result.refuse("shape.transition", record.ref, *why)
            return
        if declared.check is not None and not self._may_start(record, change, declared):
            return
        was: dict[str, Any] = {}
        leads_to = declared.leads_to
        if record.ref[0] in _COMPUTED:
            computed = self._compute_transition(record, change, was)
            if computed is None:
                return
            leads_to = computed.life
        if record.life != leads_to:
            was[LIFE] = record.life
            record.born = record.version + 1 if leads_to == "live" else record.born
            record.life = leads_to
            record.blame[LIFE] = self.revision
        self._emit_named(record, change, declared, was)

    def _compute_transition(
        self, record: Working, change: proposals.Emit, was: dict[str, Any]
    ) -> leasing.Transit | None:
        """Assign what a transition does that no expression can say; None where it may not happen."""
        moment = leasing.Moment(self.view.now_us, self.revision, self.view.renewal)
        try:
            computed = _COMPUTED[record.ref[0]](record.ref[1], record.values, change, self.agent.name, moment)
        except leasing.NotNow as refusal:
            self.result.findings.append(refusal.finding)
            return None
        for name, value in computed.fields.items():
            self._assign(record, name, value, was, record.values.get(name))
        return computed

    def _may_start(self, record: Working, change: proposals.Emit, declared: CompiledEvent) -> bool:
        if declared.check is None:
            return True
        remedy = "Look at the record as it is now, then decide again."
        try:
            if declared.check.holds(self._roots(record, change)):
                return True
            told = answering.obstacle(record.ref[0], change.event, record.values, self.agent, self.view.now_us)
            problem, remedy = told or (declared.why or "It may not happen now.", remedy)
        except ExpressionFailed as error:
            problem = f"Whether it may can't be judged: {error}."
        self.result.refuse(
            "shape.transition",
            record.ref,
            answering.refused("/".join(record.ref), change.event, problem),
            remedy,
        )
        return False

    def _roots(self, record: Working, change: proposals.Emit) -> dict[str, Any]:
        """Return what the expressions of an event look at."""
        return {
            "record": {**self.kind(record.ref[0]).defaults, **record.values, "$id": record.ref[1]},
            "event": {**change.data, "at": self.view.now_us, "by": self.agent.name},
            "agent": _agent(self.agent),
            "now": self.view.now_us,
        }

    def _emit_named(
        self,
        record: Working,
        change: proposals.Emit,
        declared: CompiledEvent | None,
        was: dict[str, Any] | None = None,
    ) -> None:
        was = {} if was is None else was
        roots = self._roots(record, change)
        for name, expression in declared.then.items() if declared else ():
            try:
                value = expression.value(roots)
            except ExpressionFailed as error:
                self.result.refuse(
                    "guard.consequence",
                    record.ref,
                    f"The consequence of {change.event} for {name} can't be computed: {error}",
                    "Correct the event's data, or have the definition mended.",
                )
                continue
            self._assign(record, name, value, was, record.values.get(name))
        self._event(record, change.event, was, data=change.data, named=True)

    def _event(
        self,
        record: Working,
        type: str,
        was: dict[str, Any],
        *,
        data: dict[str, Any] | None = None,
        derived: str = "",
        named: bool = False,
    ) -> None:
        record.version += 1
        payload = EventPayload(record.values.copy(), record.blame.copy(), was, data or {})
        encoded = encode(payload)
        self.bytes += len(encoded)
        self.result.events.append(
            DraftEvent(record.ref, record.version, type, record.life, record.born, payload, encoded, derived, named)
        )

    @property
    def is_too_large(self) -> bool:
        return self.bytes > limits.COMMIT_BYTES or len(self.result.events) > limits.EVENTS_PER_COMMIT

    def refuse_too_large(self) -> None:
        event = self.result.events[-1]
        self.result.refuse(
            "shape.too_large",
            event.ref,
            f"It would make more than {limits.EVENTS_PER_COMMIT} events or {limits.COMMIT_BYTES} bytes of them.",
            "Split it into smaller proposals.",
        )

    # -- what follows from a removal

    def derive(self) -> None:
        """Carry removals on to the records that refer to what was removed (S36), a level at a time."""
        removed = dict.fromkeys(event.ref for event in self.result.events if _removes(event))
        level = [ref for ref in removed if self.record(ref).life in ("archived", "deleted")]
        derived = 0
        while level:
            pairs = [
                pair for referrer, targets in self._referrers(level) for pair in self._referring(referrer, targets)
            ]
            derived += sum(len(found) for _, _, found in pairs)
            if derived > limits.DERIVED_WRITES:
                self._refuse_too_broad(level[0], derived)
                return
            level = [ref for referrer, target, found in pairs for ref in self._follow(referrer, target, found)]

    def _referrers(self, level: list[Ref]) -> Iterator[tuple[Referrer, list[Ref]]]:
        """Yield each field that may refer to what was removed, with what it may refer to."""
        by_kind: dict[str, list[Ref]] = {}
        for ref in level:
            by_kind.setdefault(ref[0], []).append(ref)
        for kind, targets in by_kind.items():
            for referrer in self.compiled.referrers.get(kind, ()):
                yield referrer, targets

    def _referring(self, referrer: Referrer, targets: list[Ref]) -> Iterator[tuple[Referrer, Ref, list[RecordState]]]:
        """Yield the records that refer to each target; single references are found in one search."""
        drafted = {ref: self._state(record) for ref, record in self.working.items() if ref[0] == referrer.kind}
        if referrer.is_list:
            for target in targets:
                yield referrer, target, self._find(referrer, Condition(referrer.field, "has", target[1]), drafted)
            return
        ids = [target[1] for target in targets]
        by_id: dict[str, list[RecordState]] = {}
        for state in self._find(referrer, Condition(referrer.field, "in", ids), drafted):
            by_id.setdefault(state.values[referrer.field], []).append(state)
        for target in targets:
            if target[1] in by_id:
                yield referrer, target, by_id[target[1]]

    def _find(self, referrer: Referrer, condition: Condition, drafted: Mapping[Ref, RecordState]) -> list[RecordState]:
        query = Query(referrer.kind, (condition,), limit=limits.DERIVED_WRITES + 1)
        return self.view.find(query, drafted)

    def finish(self) -> Draft:
        """Return what was drafted, with the states that it leads to."""
        for event in self.result.events:
            if event.ref not in self.result.states:
                self.result.states[event.ref] = self._after(self.working[event.ref])
        return self.result

    def _state(self, record: Working) -> RecordState:
        unchanged = self.view.record(record.ref)
        return unchanged if record.version == unchanged.version else self._after(record)

    def _after(self, record: Working) -> RecordState:
        return RecordState(
            *record.ref, record.version, record.life, record.born, self.revision, record.values, record.blame
        )

    def _follow(self, referrer: Referrer, target: Ref, found: list[RecordState]) -> list[Ref]:
        removed = self.record(target)
        if not found:
            return []
        if referrer.on_removal == "refuse":
            self._refuse_referenced(referrer, target, found)
            return []
        for state in found:
            record = self.record((state.kind, state.id))
            if referrer.on_removal == "cascade":
                word = "archived" if removed.life == "archived" else "deleted"
                self._live_on(record, removed.life, word, f"cascade:{'/'.join(target)}")
            else:
                self._detach(record, referrer, target)
        return [(state.kind, state.id) for state in found] if referrer.on_removal == "cascade" else []

    def _detach(self, record: Working, referrer: Referrer, target: Ref) -> None:
        former = record.values.get(referrer.field)
        left = [item for item in former or () if item != target[1]] if referrer.is_list else None
        was: dict[str, Any] = {}
        self._assign(record, referrer.field, left, was, former)
        self._event(record, f"{record.ref[0]}.updated", was, derived=f"detach:{'/'.join(target)}")

    def _refuse_referenced(self, referrer: Referrer, target: Ref, found: list[RecordState]) -> None:
        names = [state.ref for state in found]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        self.result.refuse(
            "integrity.referenced",
            target,
            f"{'/'.join(target)} is referred to by {shown} ({referrer.field}).",
            "Remove or redirect these references first, in the same proposal if you like.",
            referrers=names[:100],
        )

    def _refuse_too_broad(self, target: Ref, count: int) -> None:
        self.result.refuse(
            "shape.too_broad",
            target,
            f"Removing it would change {count} other records or more; at most {limits.DERIVED_WRITES} may follow.",
            "Remove the referring records in smaller proposals first.",
        )


_COMPUTED: Final = {LEASE: leasing.transit}
"""What transitions do that no expression can say, by the kinds that have such."""

_APPLY: Final[dict[type, Callable[[_Drafting, Working, Any], None]]] = {
    proposals.Create: _Drafting.create,
    proposals.Set: _Drafting.set,
    proposals.Put: _Drafting.put,
    proposals.Add: _Drafting.add,
    proposals.Include: _Drafting.include,
    proposals.Exclude: _Drafting.exclude,
    proposals.Append: _Drafting.append,
    proposals.Emit: _Drafting.emit,
    proposals.Archive: _Drafting.archive,
    proposals.Restore: _Drafting.restore,
    proposals.Delete: _Drafting.delete,
    proposals.Undo: _Drafting.undo,
}


def draft(changes: Iterable[AnyChange], agent: AgentDefinition, view: View) -> Draft:
    """Return what well-formed changes would do, applied in order, with what follows from them."""
    drafting = _Drafting(agent, view)
    for change in changes:
        drafting.apply(change)
        if drafting.is_too_large:
            drafting.refuse_too_large()
            break
    if any(map(_removes, drafting.result.events)):
        drafting.derive()
    return drafting.finish()


def replay(events: Iterable[Event]) -> dict[Ref, RecordState]:
    """Return the records that events lead to, in the order of the log."""
    return {(event.kind, event.id): event.after() for event in events}


def _removes(event: DraftEvent) -> bool:
    return event.life in ("archived", "deleted") and LIFE in event.payload.was


def _undone_life(past: RecordState) -> Life:
    return "deleted" if past.life == "absent" else past.life


def _agent(agent: AgentDefinition) -> dict[str, object]:
    return {"id": agent.name, "role": agent.role, "kind": agent.kind}
