"""Rows and what they stand for, both ways: the column lists and the tuples in their order.

Payloads are kept as TEXT, so that SQLite's JSON functions see into them; the digest of a
payload is over its UTF-8, which TEXT gives back byte by byte.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from comity.clock import StoreTime
from comity.model.events import Answered, Commit, Event
from comity.model.proposals import AgentKind, Known
from comity.model.records import Life, RecordState
from comity.store.contract import Head, KeyRow

Row = tuple[Any, ...]

ORDINALS: Final = 65_536
"""Of events in one commit: the place of an event is revision * ORDINALS + ordinal."""
LAST_REVISION: Final = 2**47 - 1
"""The last one whose events have a place within 64 bits."""
LAST_PLACE: Final = 2**63 - 1

HEAD: Final = "incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us"
RECORD: Final = 'r.kind, r.id, r.version, r.life, r.born, r.revision, r."values", r.blame'
AFTER_IMAGE: Final = "e.kind, e.id, e.version, e.life, e.born, e.revision, e.payload"
EVENT: Final = "e.place, e.kind, e.id, e.version, e.type, e.life, e.born, e.derived, e.digest, e.salt, e.payload"
COMMIT: Final = (
    "c.revision, c.at, c.proposal, c.content, c.agent, c.agent_kind, c.role, c.known, c.key, c.action, c.cause,"
    " c.definition, c.ordinal, c.digest, c.salt, c.payload, c.chain"
)
ANSWER: Final = (
    "a.proposal, a.content, a.revision, a.ordinal, a.at, a.agent, a.definition, a.outcome, a.salt, a.payload"
)
KEY: Final = "key, agent, digest, created_at, expires_at"


class _AfterImage(msgspec.Struct):
    values: dict[str, Any] = {}
    blame: dict[str, int] = {}


_decode_values = msgspec.json.Decoder(dict[str, Any]).decode
_decode_blame = msgspec.json.Decoder(dict[str, int]).decode
_decode_after = msgspec.json.Decoder(_AfterImage).decode
_encode = msgspec.json.Encoder().encode


def first_place(revision: int) -> int:
    """Return the place of a commit's first event; everything before it is older."""
    return bounded(revision) * ORDINALS


def last_place(revision: int) -> int:
    """Return the last place that an event of a commit can have."""
    return bounded(revision) * ORDINALS + ORDINALS - 1


def bounded(revision: int) -> int:
    """Return a revision that SQLite can hold; one beyond all others stands for any that is larger."""
    return max(-1, min(revision, LAST_REVISION))


def head_of(row: Row) -> Head:
    """Return the head that a row of HEAD columns holds."""
    incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us = row
    return Head(incarnation, revision, chain, judged, StoreTime(now_us, boot_id, boot_us, offset_us))


def head_row(head: Head) -> Row:
    """Return a head as a row of HEAD columns."""
    return (head.incarnation, head.revision, head.chain, head.judged, *time_row(head.time))


def time_row(time: StoreTime) -> Row:
    """Return store time as the columns of a head that hold it."""
    return (time.now_us, time.boot_id, time.boot_us, time.offset_us)


def record_of(row: Row) -> RecordState:
    """Return the record that a row of RECORD columns holds."""
    kind, name, version, life, born, revision, values, blame = row
    return RecordState(kind, name, version, life, born, revision, _decode_values(values), _decode_blame(blame))


def record_row(state: RecordState) -> Row:
    """Return a record as a row of RECORD columns."""
    return (
        state.kind, state.id, state.version, state.life, state.born, state.revision,
        str(_encode(state.values), "utf-8"), str(_encode(state.blame), "utf-8"),
    )  # fmt: skip


def after_image_of(row: Row) -> RecordState:
    """Return the record as the event of a row of AFTER_IMAGE columns left it."""
    kind, name, version, life, born, revision, payload = row
    after = _AfterImage() if payload is None else _decode_after(payload)
    return RecordState(kind, name, version, cast("Life", life), born, revision, after.values, after.blame)


def event_of(row: Row) -> Event:
    """Return the event that a row of EVENT columns holds."""
    place, kind, name, version, type_, life, born, derived, digest, salt, payload = row
    revision, ordinal = divmod(place, ORDINALS)
    return Event(
        revision, ordinal, kind, name, version, type_, cast("Life", life), born, derived, digest, salt,
        _bytes_of(payload),
    )  # fmt: skip


def event_row(event: Event) -> Row:
    """Return an event as a row of EVENT columns."""
    return (
        event.revision * ORDINALS + event.ordinal, event.kind, event.id, event.version, event.type, event.life,
        event.born, event.derived, event.digest, event.salt, _text_of(event.payload_bytes),
    )  # fmt: skip


def commit_of(row: Row) -> Commit:
    """Return the commit that a row of COMMIT columns holds."""
    (revision, at, proposal, content, agent, agent_kind, role, known, key, action, cause, definition, ordinal,
     digest, salt, payload, chain) = row  # fmt: skip
    return Commit(
        revision, at, proposal, content, agent, cast("AgentKind", agent_kind), role, cast("Known", known), key,
        action, cause, definition, ordinal, digest, salt, _bytes_of(payload), chain,
    )  # fmt: skip


def commit_row(commit: Commit) -> Row:
    """Return a commit as a row of COMMIT columns."""
    return (
        commit.revision, commit.at, commit.proposal, commit.content, commit.agent, commit.agent_kind, commit.role,
        commit.known, commit.key, commit.action, commit.cause, commit.definition, commit.ordinal, commit.digest,
        commit.salt, _text_of(commit.payload_bytes), commit.chain,
    )  # fmt: skip


def answer_of(row: Row) -> Answered:
    """Return the answer that a row of ANSWER columns holds."""
    proposal, content, revision, ordinal, at, agent, definition, outcome, salt, payload = row
    return Answered(
        proposal, content, revision, ordinal, at, agent, definition, outcome, salt, _bytes_of(payload)
    )  # fmt: skip


def answer_row(answer: Answered) -> Row:
    """Return an answer as a row of ANSWER columns."""
    return (
        answer.proposal, answer.content, answer.revision, answer.ordinal, answer.at, answer.agent,
        answer.definition, answer.outcome, answer.salt, _text_of(answer.payload_bytes),
    )  # fmt: skip


def key_of(row: Row) -> KeyRow:
    """Return the key that a row of KEY columns holds."""
    return KeyRow(*row)


def key_row(row: KeyRow) -> Row:
    """Return a key as a row of KEY columns."""
    return (row.key, row.agent, row.digest, row.created_at, row.expires_at)


def _bytes_of(payload: str | None) -> bytes | None:
    return None if payload is None else payload.encode()


def _text_of(payload: bytes | None) -> str | None:
    return None if payload is None else str(payload, "utf-8")
