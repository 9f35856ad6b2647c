"""What a proposal would do: events in order, and the states that they lead to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from comity.deciding.view import Ref
from comity.model.decisions import Finding
from comity.model.events import EventPayload
from comity.model.records import Life, RecordState


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
    """Hold what a proposal would do: events in order, and the states they lead to."""

    __slots__ = ("events", "findings", "states")

    def __init__(self) -> None:
        self.events: list[DraftEvent] = []
        self.states: dict[Ref, RecordState] = {}
        self.findings: list[Finding] = []

    def refuse(self, code: str, subject: Ref, message: str, remedy: str, **data: object) -> None:
        """Note what stands in the way of a change."""
        self.findings.append(Finding(code, message, "/".join(subject), remedy=remedy, data=data))


class Working:
    """Be a record while a proposal changes it."""

    __slots__ = ("blame", "born", "life", "ref", "values", "version")

    def __init__(self, state: RecordState) -> None:
        self.ref: Ref = (state.kind, state.id)
        self.version = state.version
        self.life: Life = state.life
        self.born = state.born
        self.values = state.values.copy()
        self.blame = state.blame.copy()
