"""What a proposal would do: events in order, the states that they lead to, and how these come about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from comity import limits
from comity.clock import format_time
from comity.deciding.compile import Compiled, CompiledKind
from comity.deciding.view import Ref, View
from comity.model.codec import encode
from comity.model.decisions import Finding
from comity.model.definition import AgentDefinition
from comity.model.events import EventPayload
from comity.model.records import LIFE, Life, RecordState
from comity.model.values import same


class DraftEvent(msgspec.Struct, frozen=True, gc=False):
    """Be one event that a proposal would make.

    ``derived`` names what derived it: empty for a change that the proposal asks for itself,
    ``detach:…`` or ``cascade:…`` with the record whose removal led to it. ``named`` tells
    that it was emitted by name, so that the event's owner answers for it. ``encoded`` is
    the payload as it will be kept.
    """

    ref: Ref
    version: int
    type: str
    life: Life
    born: int
    payload: EventPayload
    encoded: bytes
    derived: str = ""
    named: bool = False

    def changed(self) -> Iterable[str]:
        """Return the fields that this event changed, ``$life`` among them where it did."""
        return self.payload.was


class Draft:
    """Hold what a proposal would do: events in order, and the states they lead to.

    ``was`` holds, for each record, what those of its fields held before that are changed.
    """

    __slots__ = ("events", "findings", "states", "was")

    def __init__(self) -> None:
        self.events: list[DraftEvent] = []
        self.states: dict[Ref, RecordState] = {}
        self.was: dict[Ref, Mapping[str, Any]] = {}
        self.findings: list[Finding] = []

    def refuse(self, code: str, subject: Ref, message: str, remedy: str, **data: object) -> None:
        """Note what stands in the way of a change."""
        self.findings.append(Finding(code, message, "/".join(subject), remedy=remedy, data=data))


class Working:
    """Be a record while a proposal changes it.

    What it holds belongs to the state or the event that it was kept as last: before it is
    changed any further, :meth:`open` makes it its own.
    """

    __slots__ = ("blame", "born", "is_kept", "life", "ref", "values", "version")

    def __init__(self, ref: Ref, state: RecordState) -> None:
        self.ref = ref
        self.version = state.version
        self.life: Life = state.life
        self.born = state.born
        self.values = state.values
        self.blame = state.blame
        self.is_kept = True

    def open(self) -> None:
        """Make what it holds its own, so that it can be changed."""
        self.values, self.blame = self.values.copy(), self.blame.copy()
        self.is_kept = False

    def live_on(self, life: Life, revision: int) -> None:
        """Take up another life."""
        if self.is_kept:
            self.open()
        self.blame[LIFE] = revision
        self.life = life


class Drafting(Draft):
    """Draft what changes do, one after the other; each finds what those before it did."""

    __slots__ = ("agent", "bytes", "compiled", "has_removed", "revision", "view", "working")

    def __init__(self, agent: AgentDefinition, view: View) -> None:
        super().__init__()
        self.agent = agent
        self.view = view
        self.compiled: Compiled = view.compiled
        self.revision = view.revision + 1
        self.working: dict[Ref, Working] = {}
        self.bytes = 0
        self.has_removed = False

    def record(self, ref: Ref) -> Working:
        """Return a record as the changes so far leave it."""
        found = self.working.get(ref)
        if found is None:
            found = self.working[ref] = Working(ref, self.view.record(ref))
        return found

    def kind(self, name: str) -> CompiledKind:
        """Return a kind, declared or not."""
        return self.compiled.kinds.get(name) or self.compiled.any_kind

    def assign(self, record: Working, name: str, value: Any, was: dict[str, Any], former: Any) -> None:
        """Put a value into a field and note the former one in ``was``; an equal value is no change (S16)."""
        if same(former, value):
            return
        was[name] = former
        if record.is_kept:
            record.open()
        record.blame[name] = self.revision
        if value is None:
            record.values.pop(name, None)
        else:
            record.values[name] = value

    def live_on(self, record: Working, life: Life, word: str, derived: str = "") -> None:
        """Have a record take up another life, which ``word`` names."""
        was: dict[str, Any] = {LIFE: record.life}
        record.live_on(life, self.revision)
        self.event(record, f"{record.ref[0]}.{word}", was, derived=derived)

    def event(
        self,
        record: Working,
        type: str,
        was: dict[str, Any],
        *,
        data: dict[str, Any] | None = None,
        derived: str = "",
        named: bool = False,
    ) -> None:
        """Draft an event on a record as it is now; ``was`` holds what its fields held before."""
        record.version += 1
        record.is_kept = True
        payload = EventPayload(record.values, record.blame, was, data or {})
        encoded = encode(payload)
        self.bytes += len(encoded)
        if record.life != "live" and LIFE in was:
            self.has_removed = True
        self.events.append(
            DraftEvent(record.ref, record.version, type, record.life, record.born, payload, encoded, derived, named)
        )

    # -- bounds, and the end

    @property
    def is_too_large(self) -> bool:
        """Tell whether it makes more than a commit may hold."""
        return self.bytes > limits.COMMIT_BYTES or len(self.events) > limits.EVENTS_PER_COMMIT

    def refuse_too_large(self) -> None:
        """Note that it makes more than a commit may hold."""
        self.refuse(
            "shape.too_large",
            self.events[-1].ref,
            f"It would make more than {limits.EVENTS_PER_COMMIT} events or {limits.COMMIT_BYTES} bytes of them.",
            "Split it into smaller proposals.",
        )

    def finish(self) -> None:
        """Sum up the states that all events lead to."""
        states, was = self.states, self.was
        for event in self.events:
            ref = event.ref
            if ref in states:
                was[ref] = {**event.payload.was, **was[ref]}
            else:
                states[ref], was[ref] = self.after(self.working[ref]), event.payload.was

    def state(self, record: Working) -> RecordState:
        """Return a record as the changes so far leave it, as a state."""
        unchanged = self.view.record(record.ref)
        return unchanged if record.version == unchanged.version else self.after(record)

    def after(self, record: Working) -> RecordState:
        """Return a record that was changed as the state that it leads to."""
        kind, id = record.ref
        return RecordState(
            kind, id, record.version, record.life, record.born, self.revision, record.values, record.blame
        )

    # -- records that are to be there

    def is_live(self, record: Working) -> bool:
        """Tell whether a record can be changed; note why not."""
        if record.life == "live":
            return True
        if record.life == "absent":
            self.refuse_absent(record)
        else:
            remedy = "Restore it first, if that is right." if record.life == "archived" else "Create it anew, or leave."
            self.refuse(
                f"integrity.{record.life}",
                record.ref,
                f"{'/'.join(record.ref)} is {record.life}{self._since(record)}.",
                remedy,
            )
        return False

    def refuse_absent(self, record: Working) -> None:
        """Note that there is no such record."""
        nearest = self.compiled.suggest_kind(record.ref[0]) if self.compiled.kind(record.ref[0]) is None else None
        hint = f" There is a kind {nearest!r}." if nearest and nearest != record.ref[0] else ""
        self.refuse(
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
