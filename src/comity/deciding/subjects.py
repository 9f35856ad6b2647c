"""What a proposal is about, as expressions see it: subjects, and what happens around them (S28)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.deciding.case import Case
from comity.deciding.compile import Compiled
from comity.deciding.expressions import FETCHED, Expression, variable_name
from comity.deciding.readers import told
from comity.deciding.view import Happened, Ref, View
from comity.model import refs
from comity.model.definition import ActionDefinition
from comity.model.filters import Condition, Query
from comity.model.records import RecordState

Roots = dict[str, Any]
"""What an expression looks at, by its name there."""

RECENT_US: Final = limits.RECENT_S * SECOND_US


class OutOfBounds(Exception):
    """Tell that there is more around a subject than an expression may look at."""


def surroundings(case: Case) -> Roots:
    """Return what every expression about a proposal sees: ``agent``, ``action`` and ``now``."""
    action = case.compiled.actions.get(case.proposal.action or "")
    return {
        "agent": {"id": case.agent.name, "role": case.agent.role, "kind": case.agent.kind},
        "action": {
            "name": case.proposal.action,
            "kind": action.kind if action else None,
            "effects": _effects(case, action),
        },
        "now": case.view.now_us,
    }


def _effects(case: Case, action: ActionDefinition | None) -> list[str]:
    """Return the effects that a proposal wants; of one that does nothing yet those that its action may have."""
    if case.effects or case.changes or action is None:
        return [effect.name for effect in case.effects]
    return list(action.effects)


def values_of(state: RecordState, compiled: Compiled) -> Roots:
    """Return a record's values, with the defaults of its kind and its id."""
    kind = compiled.kinds.get(state.kind)
    return {**(kind.defaults if kind is not None else {}), **state.values, "$id": state.id}


def shown_values(expression: Expression, states: Iterable[RecordState], case: Case) -> list[str]:
    """Return what an expression looks at, of records as they are now or as a proposal leaves them, and who wrote it."""
    found: list[str] = []
    chosen = tuple(states)
    for root, field in sorted(expression.reads):
        for state in chosen:
            if variable_name(state.kind) == root and field in state.blame:
                is_new = state.blame[field] > case.view.revision
                by = case.agent.name if is_new else case.view.author(state, field).by
                value = told(case.compiled.readers, state.kind, field, state.values.get(field))
                found.append(f"{state.ref}.{field} is {value}, by {by}")
    return found


class Subjects:
    """Find the records that the rules on a proposal are judged on."""

    def __init__(self, case: Case) -> None:
        self._case = case
        written = (*case.subjects, *case.draft.states)
        self.named: tuple[Ref, ...] = tuple(ref for ref in dict.fromkeys(written) if not refs.is_built_in(ref[0]))
        self._by_kind: dict[str, list[RecordState]] = {}

    def of(self, kind: str) -> list[RecordState]:
        """Return the subjects of a kind, named as expressions name it: those named, and those that these refer to.

        They are as they were before the proposal; one that it creates is as it makes it.
        """
        found = self._by_kind.get(kind)
        if found is None:
            named = [ref for ref in self.named if variable_name(ref[0]) == kind]
            every = dict.fromkeys((*named, *self._referred(kind)))
            found = [state for ref in every if (state := self.state(ref)) is not None]
            self._by_kind[kind] = found
        return found

    def state(self, ref: Ref) -> RecordState | None:
        """Return a subject, or None where there is no such record to judge."""
        state = self._case.view.record(ref)
        if not state.exists:
            state = self._case.draft.states.get(ref, state)
        return state if state.exists else None

    def later(self, ref: Ref) -> RecordState:
        """Return a record as the proposal leaves it."""
        return self._case.draft.states.get(ref) or self._case.view.record(ref)

    def before(self, ref: Ref) -> Roots | None:
        """Return what a subject holds before the proposal's changes; None where it isn't there."""
        return self._held(self._case.view.record(ref))

    def after(self, ref: Ref) -> Roots | None:
        """Return what a subject holds after the proposal's changes; None where it isn't there."""
        return self._held(self.later(ref))

    def _held(self, state: RecordState) -> Roots | None:
        return values_of(state, self._case.compiled) if state.exists else None

    def _referred(self, kind: str) -> Iterator[Ref]:
        """Yield the records of a kind that those named refer to, before the changes or after them."""
        for ref in self.named:
            declared = self._case.compiled.kinds.get(ref[0])
            for field, target in declared.references if declared is not None else ():
                if variable_name(target) == kind:
                    yield from self._targets(ref, field, target)

    def _targets(self, ref: Ref, field: str, kind: str) -> Iterator[Ref]:
        for state in (self._case.view.record(ref), self._case.draft.states.get(ref)):
            value = state.values.get(field) if state is not None else None
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and refs.problem_of(f"{kind}/{name}") is None:
                    yield kind, name


class Around:
    """Look up what happens around subjects, as far as an expression asks for it.

    ``agent`` is who asks: what it did and announced itself doesn't count. ``met`` holds the
    subjects at which anything of others was found. Raises OutOfBounds where there is more
    than may be looked at, for ``recent`` only once :meth:`check_recent` is asked: the newest
    are what matters most. ``drafted`` are states that count as if they were there.
    """

    def __init__(
        self,
        compiled: Compiled,
        view: View,
        subjects: Iterable[Ref],
        agent: str | None,
        drafted: Mapping[Ref, RecordState] | None = None,
    ) -> None:
        self._compiled = compiled
        self._view = view
        self._subjects = tuple(subjects)
        self._agent = agent
        self._drafted = drafted
        self.is_cut = False
        self.met: dict[Ref, None] = {}

    def fetch(self, expression: Expression, roots: Roots) -> None:
        """Put into ``roots`` what an expression needs of ``related``, ``recent`` and ``intents``, each but once."""
        for root in (expression.roots & FETCHED) - roots.keys():
            roots[root] = {} if root == "related" else self._recent() if root == "recent" else self._intents()
        for root, kind in expression.reads:
            if root == "related" and kind not in roots[root]:
                roots[root][kind] = self._related(kind)

    def check_recent(self) -> None:
        """Raise OutOfBounds if there were more recent events than could be shown."""
        if self.is_cut:
            raise OutOfBounds(f"more than {limits.RECENT_EVENTS} events happened there in {limits.RECENT_S // 60} min")

    # -- events

    def _recent(self) -> list[Roots]:
        events = [event for ref in self._subjects for event in self._recent_on(ref)]
        events.sort(key=lambda event: event.at, reverse=True)
        self.is_cut = self.is_cut or len(events) > limits.RECENT_EVENTS
        return [self._event(event) for event in events[: limits.RECENT_EVENTS]]

    def _recent_on(self, ref: Ref) -> list[Happened]:
        since = self._view.now_us - RECENT_US
        events = self._view.recent(ref, since, limits.RECENT_EVENTS + 1, but=self._agent)
        if events:
            self.met[ref] = None
        return events

    def _event(self, event: Happened) -> Roots:
        return {
            "agent": event.agent,
            "role": event.role,
            "kind": event.kind,
            "type": event.type,
            "record": event.record,
            "age": self._view.now_us - event.at,
            "fields": [field for field in event.fields if not field.startswith("$")],
        }

    # -- intents

    def _intents(self) -> list[Roots]:
        found = {intent.id: intent for ref in self._subjects for intent in self._intents_about(ref)}
        return [self._intent(found[name].values) for name in sorted(found)]

    def _intents_about(self, ref: Ref) -> list[RecordState]:
        intents = self._view.intents(ref, limits.INTENTS_PER_SUBJECT + 1)
        if len(intents) > limits.INTENTS_PER_SUBJECT:
            raise OutOfBounds(f"more than {limits.INTENTS_PER_SUBJECT} intents are announced about {'/'.join(ref)}")
        others = [intent for intent in intents if intent.values["agent"] != self._agent]
        if others:
            self.met[ref] = None
        return others

    def _intent(self, values: Mapping[str, Any]) -> Roots:
        return {
            "agent": values["agent"],
            "role": values["role"],
            "kind": values["agent_kind"],
            "action": values.get("action"),
            "plan": values.get("plan"),
            "age": self._view.now_us - parse_time(values["announced_at"]),
        }

    # -- related records

    def _related(self, kind: str) -> list[Roots]:
        """Return the live records of a kind that refer to a subject."""
        found: dict[str, RecordState] = {}
        for ref in self._subjects:
            for referrer in self._compiled.referrers.get(ref[0], ()):
                if variable_name(referrer.kind) == kind:
                    op = "has" if referrer.is_list else "="
                    where = (Condition(referrer.field, op, ref[1]),)
                    query = Query(referrer.kind, where, limit=limits.RELATED_RECORDS + 1)
                    found.update((state.id, state) for state in self._view.find(query, self._drafted))
        if len(found) > limits.RELATED_RECORDS:
            raise OutOfBounds(f"more than {limits.RELATED_RECORDS} records of {kind} refer to it")
        return [self._element(found[name]) for name in sorted(found)]

    def _element(self, state: RecordState) -> Roots:
        return {"id": state.id, **self._compiled.kinds[state.kind].defaults, **state.values}
