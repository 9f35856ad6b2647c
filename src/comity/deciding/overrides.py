"""Overrides: what humans hold still.

An override pins a record, a field, a field's value or an action, pauses an agent or a role,
or freezes the workspace, until it is lifted or expires. Who yields to it is told by
:mod:`comity.deciding.yielding`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec

from comity import limits
from comity.clock import format_time, parse_time
from comity.deciding.readers import Readers, told
from comity.deciding.view import Ref, View
from comity.model import refs
from comity.model.built_in import OVERRIDE
from comity.model.definition import AgentDefinition
from comity.model.filters import Query
from comity.model.records import RecordState
from comity.model.texts import quote

Holds = Literal["record", "field", "value", "action", "agent", "workspace"]
Yields = Literal["refuse", "queue"]
K = TypeVar("K")

LIVE: Final = Query(OVERRIDE, limit=limits.OVERRIDES_LIVE)
_INDEX: Final = b"overrides in force"


class Override(msgspec.Struct, frozen=True, gc=False):
    """Be one override as its record ``ref`` has it; ``expires`` is in microseconds, store time."""

    ref: str
    holds: Holds
    yields: Yields
    reason: str
    set_by: str
    expires: int
    record: str | None = None
    field: str | None = None
    value: Any = None
    action: str | None = None
    agent: str | None = None

    @property
    def subject(self) -> str:
        """Return what is held, as messages call it."""
        match self.holds:
            case "record":
                return self.record or ""
            case "field" | "value":
                return f"{self.record}.{self.field}"
            case "action":
                return f"the action {self.action}"
            case "agent":
                return self.agent or ""
            case "workspace":
                return "the workspace"

    def told(self, readers: Readers | None) -> str:
        """Return in a sentence what is held, by whom, until when and why; not the value of a field that has readers."""
        verb = {"agent": "paused", "workspace": "frozen"}.get(self.holds, "pinned")
        kind = (self.record or "").partition("/")[0]
        value = f" to {told(readers, kind, self.field or '', self.value)}" if self.holds == "value" else ""
        subject = self.subject[0].upper() + self.subject[1:] if self.holds in ("action", "workspace") else self.subject
        until = format_time(self.expires)
        return f"{subject} is {verb}{value} until {until} by {self.set_by}: {quote(self.reason)}."


class Overrides:
    """Hold the overrides that nobody has told to be over. Whoever made it brings it up to date by :meth:`take`."""

    def __init__(self, states: Iterable[RecordState] = ()) -> None:
        self._all: dict[str, Override] = {}
        self.records: dict[Ref, list[Override]] = {}
        self.actions: dict[str, list[Override]] = {}
        self.agents: dict[str, list[Override]] = {}
        self.freezes: dict[str, list[Override]] = {}
        for state in states:
            self.take(state)

    def __len__(self) -> int:
        return len(self._all)

    def find(self, ref: str) -> Override | None:
        """Return the override of an address, or None."""
        return self._all.get(ref)

    def take(self, state: RecordState) -> None:
        """Take what became of an override."""
        former = self._all.pop(state.ref, None)
        if former is not None:
            self._drop(former)
        if state.is_live:
            one = self._all[state.ref] = override_of(state)
            line, key = self._place(one)
            insort(line.setdefault(key, []), one, key=_ref)

    def changed_by(self, changed: Mapping[str, RecordState]) -> Overrides:
        """Return what this comes to with what a batch made of some of them."""
        made = Overrides()
        made._all = dict(self._all)
        made.records, made.actions = _copied(self.records), _copied(self.actions)
        made.agents, made.freezes = _copied(self.agents), _copied(self.freezes)
        for state in changed.values():
            made.take(state)
        return made

    def _drop(self, one: Override) -> None:
        line, key = self._place(one)
        line[key].remove(one)
        if not line[key]:
            del line[key]

    def _place(self, one: Override) -> tuple[dict[Any, list[Override]], Any]:
        """Return among what an override is held, and under which key."""
        if one.record is not None:
            return self.records, refs.split(one.record)
        if one.action is not None:
            return self.actions, one.action
        return (self.agents, one.agent) if one.agent is not None else (self.freezes, "")


def _copied(held: Mapping[K, list[Override]]) -> dict[K, list[Override]]:
    return {key: list(found) for key, found in held.items()}


def _ref(one: Override) -> str:
    return one.ref


class InForce:
    """Show the overrides that are in force at one moment, by what they hold."""

    __slots__ = ("_held", "_now_us")

    def __init__(self, held: Overrides, now_us: int) -> None:
        self._held = held
        self._now_us = now_us

    @property
    def count(self) -> int:
        """Return how many there are, with those that are over but haven't been told so: they take up room."""
        return len(self._held)

    def find(self, ref: str) -> Override | None:
        """Return the override of an address, or None where it is over."""
        found = self._held.find(ref)
        return found if found is not None and found.expires > self._now_us else None

    @property
    def freezes(self) -> list[Override]:
        """Return those that freeze the workspace."""
        return self._among(self._held.freezes, "")

    @property
    def has_pins(self) -> bool:
        """Tell whether any may hold a record, or a field of one."""
        return bool(self._held.records)

    @property
    def has_pauses(self) -> bool:
        """Tell whether any may pause an agent, or a role."""
        return bool(self._held.agents)

    def on(self, record: Ref) -> list[Override]:
        """Return those that pin a record, or a field of it."""
        return self._among(self._held.records, record)

    def under(self, action: str | None) -> list[Override]:
        """Return those that pin an action."""
        return self._among(self._held.actions, action)

    def of(self, agent: AgentDefinition) -> list[Override]:
        """Return those that pause an agent, by its name or its role."""
        named = self._among(self._held.agents, agent.name)
        return named if agent.role == agent.name else [*named, *self._among(self._held.agents, agent.role)]

    def _among(self, held: Mapping[Any, list[Override]], key: object) -> list[Override]:
        found = held.get(key)
        return [one for one in found if one.expires > self._now_us] if found else []


_NONE: Final = Overrides()


def in_force(view: View) -> InForce:
    """Return the overrides in force: what is held of them, with what the batch did to any; nothing where none was."""
    revision = view.kind_revisions.get(OVERRIDE)
    if revision is None:
        return InForce(_NONE, view.now_us)
    # While a ticket is being answered the view shows states that may come to nothing: by another ``drafted``.
    known = view.facts.get(_INDEX)
    if known is not None and known[0] is view.drafted and known[1] == revision:
        index: InForce = known[2]
        return index
    held: Overrides = view.held(OVERRIDE)
    changed = view.changed(OVERRIDE)
    index = InForce(held.changed_by(changed) if changed else held, view.now_us)
    view.facts[_INDEX] = (view.drafted, revision, index)
    return index


def override_of(state: RecordState) -> Override:
    """Return the override that a record of ``$override`` describes."""
    values = state.values
    return Override(
        ref=state.ref,
        holds=values["holds"],
        yields=values["yields"],
        reason=values["reason"],
        set_by=values["set_by"],
        expires=parse_time(values["expires_at"]),
        record=values.get("record"),
        field=values.get("field"),
        value=values.get("value"),
        action=values.get("action"),
        agent=values.get("agent"),
    )


def is_paused(agent: str, view: View) -> bool:
    """Tell whether an agent is paused, by its name or its role; humans never are."""
    held = in_force(view)
    if not held.has_pauses:
        return False
    known = view.agent(agent)
    return known.kind != "human" and bool(held.of(known))
