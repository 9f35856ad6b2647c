"""What happened: immutable events, grouped into commits that are chained by hash (S37)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from comity.model.decisions import Finding
from comity.model.proposals import AgentKind, Known, Proposal
from comity.model.records import Life, RecordState
from comity.model.refs import event_id


class EventPayload(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be the part of an event that may hold personal data, and can be erased.

    ``values`` and ``blame`` are the record's after-image; ``was`` holds the former values
    of the fields that this event changed (None for one that was empty); ``data`` is what a
    named event carries.
    """

    values: dict[str, Any] = {}
    blame: dict[str, int] = {}
    was: dict[str, Any] = {}
    data: dict[str, Any] = {}


class Event(msgspec.Struct, frozen=True, gc=False):
    """Be one fact: something happened to one record.

    ``payload`` is None once it has been erased; ``payload_bytes`` and ``salt`` are what the
    digest was taken over.
    """

    revision: int
    ordinal: int
    kind: str
    id: str
    version: int
    type: str
    life: Life
    born: int
    derived: str
    digest: bytes
    salt: bytes | None
    payload_bytes: bytes | None

    @property
    def event_id(self) -> str:
        """Return the event's address, ``revision.ordinal``."""
        return event_id(self.revision, self.ordinal)

    @property
    def ref(self) -> str:
        """Return the address of the record that it is about."""
        return f"{self.kind}/{self.id}"

    @property
    def payload(self) -> EventPayload | None:
        """Return the decoded payload, or None once it is erased."""
        return None if self.payload_bytes is None else _decode_event(self.payload_bytes)

    def after(self) -> RecordState:
        """Return the record as this event left it; without values once it is erased."""
        payload = self.payload or EventPayload()
        return RecordState(
            self.kind, self.id, self.version, self.life, self.born, self.revision, payload.values, payload.blame
        )


def also_of(event: Event) -> tuple[int, ...]:
    """Return the commits that an erasure empties besides those of its own record, as its event names them (S37)."""
    payload = event.payload
    return tuple(payload.data.get("also", ())) if payload is not None else ()


class CommitPayload(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Be the part of a commit that may hold personal data: the proposal as it was, and what was found."""

    proposal: Proposal
    findings: tuple[Finding, ...] = ()


class Commit(msgspec.Struct, frozen=True, gc=False):
    """Be one accepted proposal: the envelope of its events.

    ``ordinal`` is its place among all proposals ever judged at this ``base`` (the revision
    it was judged on, S38), ``content`` the digest of the proposal, by which a repeat is
    known. ``chain`` is the hash over this envelope, its events' and the previous ``chain``.
    """

    revision: int
    at: int
    proposal: str
    content: bytes
    agent: str
    agent_kind: AgentKind
    role: str
    known: Known
    key: str | None
    action: str | None
    cause: str | None
    definition: int
    ordinal: int
    digest: bytes
    salt: bytes | None
    payload_bytes: bytes | None
    chain: bytes

    @property
    def payload(self) -> CommitPayload | None:
        """Return the decoded payload, or None once it is erased."""
        return None if self.payload_bytes is None else _decode_commit(self.payload_bytes)

    @property
    def reason(self) -> str | None:
        """Return the reason that the agent gave, or None."""
        return None if self.payload_bytes is None else _decode_reason(self.payload_bytes).proposal.reason

    def consents(self, code: str) -> tuple[str, ...]:
        """Return who gave the answers without which it would not have been made, as findings of a code tell (S21)."""
        if self.payload_bytes is None:
            return ()
        findings = _decode_findings(self.payload_bytes).findings
        return tuple(name for finding in findings if finding.code == code for name in finding.data["by"])


class Answered(msgspec.Struct, frozen=True, gc=False):
    """Be a judged proposal that made no commit: refused, or nothing to change. Outside the chain."""

    proposal: str
    content: bytes
    revision: int
    ordinal: int
    at: int
    agent: str
    definition: int
    outcome: Literal["committed", "refused", "pending"]
    salt: bytes | None
    payload_bytes: bytes | None

    @property
    def payload(self) -> CommitPayload | None:
        """Return the proposal and the findings, or None once they are erased."""
        return None if self.payload_bytes is None else _decode_commit(self.payload_bytes)


class _ReasonOnly(msgspec.Struct, frozen=True, gc=False):
    reason: str | None = None


class _PayloadReason(msgspec.Struct, frozen=True, gc=False):
    proposal: _ReasonOnly = _ReasonOnly()


class _FindingData(msgspec.Struct, frozen=True, gc=False):
    code: str
    data: dict[str, Any] = {}


class _PayloadFindings(msgspec.Struct, frozen=True, gc=False):
    findings: tuple[_FindingData, ...] = ()


_decode_event = msgspec.json.Decoder(EventPayload).decode
_decode_commit = msgspec.json.Decoder(CommitPayload).decode
_decode_findings = msgspec.json.Decoder(_PayloadFindings).decode
_decode_reason = msgspec.json.Decoder(_PayloadReason).decode
