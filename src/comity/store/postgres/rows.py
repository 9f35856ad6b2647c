"""Rows and what they stand for, both ways: the column lists, the tuples in their order, and a batch by columns.

Payloads are kept as text, so that PostgreSQL's JSON functions see into them; the digest of a
payload is over its UTF-8, which text gives back byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, cast

import msgspec

from comity.clock import StoreTime
from comity.model.events import Answered, Commit, Event
from comity.model.proposals import AgentKind, Known
from comity.model.records import Life, RecordState
from comity.store.contract import Head, KeyRow
from comity.store.postgres.arrays import Bytes, Column, Integers, Payloads, Texts

Row = tuple[Any, ...]

LAST: Final = 2**63 - 1
"""The last revision, ordinal or time that PostgreSQL can hold."""

HEAD: Final = "incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us"
CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
RECORD: Final = 'r.kind, r.id, r.version, r.life, r.born, r.revision, r."values", r.blame'
AFTER_IMAGE: Final = "e.kind, e.id, e.version, e.life, e.born, e.revision, e.payload"
EVENT: Final = (
    "e.revision, e.ordinal, e.kind, e.id, e.version, e.type, e.life, e.born, e.derived, e.digest, e.salt, e.payload"
)
COMMIT: Final = (
    "c.revision, c.at, c.proposal, c.content, c.agent, c.agent_kind, c.role, c.known, c.key, c.action, c.cause,"
    " c.definition, c.ordinal, c.digest, c.salt, c.payload, c.chain"
)
ANSWER: Final = (
    "a.proposal, a.content, a.revision, a.ordinal, a.at, a.agent, a.definition, a.outcome, a.salt, a.payload"
)
KEY: Final = "key, agent, digest, created_at, expires_at"

_COMMIT_COLUMNS: Final = (
    Integers, Integers, Texts, Bytes, Texts, Texts, Texts, Texts, Texts, Texts, Texts, Integers, Integers, Bytes,
    Bytes, Payloads, Bytes,
)  # fmt: skip
_EVENT_COLUMNS: Final = (
    Integers, Integers, Texts, Texts, Integers, Texts, Texts, Integers, Texts, Bytes, Bytes, Payloads,
)  # fmt: skip
_RECORD_COLUMNS: Final = (Texts, Texts, Integers, Texts, Integers, Integers, Payloads, Payloads)
_ANSWER_COLUMNS: Final = (
    Texts, Bytes, Integers, Integers, Integers, Texts, Integers, Texts, Bytes, Payloads,
)  # fmt: skip

_commit_row = attrgetter(
    "revision", "at", "proposal", "content", "agent", "agent_kind", "role", "known", "key", "action", "cause",
    "definition", "ordinal", "digest", "salt", "payload_bytes", "chain",
)  # fmt: skip
_event_row = attrgetter(
    "revision", "ordinal", "kind", "id", "version", "type", "life", "born", "derived", "digest", "salt",
    "payload_bytes",
)  # fmt: skip
_answer_row = attrgetter(
    "proposal", "content", "revision", "ordinal", "at", "agent", "definition", "outcome", "salt", "payload_bytes"
)


class _AfterImage(msgspec.Struct):
    values: dict[str, Any] = {}
    blame: dict[str, int] = {}


_decode_values = msgspec.json.Decoder(dict[str, Any]).decode
_decode_blame = msgspec.json.Decoder(dict[str, int]).decode
_decode_after = msgspec.json.Decoder(_AfterImage).decode
_encode = msgspec.json.Encoder().encode


def bounded(number: int) -> int:
    """Return a revision or a time that PostgreSQL can hold; the last one stands for any that is larger."""
    return max(-1, min(number, LAST))


def head_of(row: Row) -> Head:
    """Return the head that a row of HEAD columns holds; what stands behind them is left out."""
    incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us = row[:8]
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


def after_image_of(row: Row) -> RecordState:
    """Return the record as the event of a row of AFTER_IMAGE columns left it."""
    kind, name, version, life, born, revision, payload = row
    after = _AfterImage() if payload is None else _decode_after(payload)
    return RecordState(kind, name, version, cast("Life", life), born, revision, after.values, after.blame)


def event_of(row: Row) -> Event:
    """Return the event that a row of EVENT columns holds."""
    revision, ordinal, kind, name, version, type_, life, born, derived, digest, salt, payload = row
    return Event(
        revision, ordinal, kind, name, version, type_, cast("Life", life), born, derived, digest, salt,
        _bytes_of(payload),
    )  # fmt: skip


def commit_of(row: Row) -> Commit:
    """Return the commit that a row of COMMIT columns holds."""
    (revision, at, proposal, content, agent, agent_kind, role, known, key, action, cause, definition, ordinal,
     digest, salt, payload, chain) = row  # fmt: skip
    return Commit(
        revision, at, proposal, content, agent, cast("AgentKind", agent_kind), role, cast("Known", known), key,
        action, cause, definition, ordinal, digest, salt, _bytes_of(payload), chain,
    )  # fmt: skip


def answer_of(row: Row) -> Answered:
    """Return the answer that a row of ANSWER columns holds."""
    proposal, content, revision, ordinal, at, agent, definition, outcome, salt, payload = row
    return Answered(
        proposal, content, revision, ordinal, at, agent, definition, outcome, salt, _bytes_of(payload)
    )  # fmt: skip


def key_of(row: Row) -> KeyRow:
    """Return the key that a row of KEY columns holds."""
    return KeyRow(*row)


def key_row(row: KeyRow) -> Row:
    """Return a key as a row of KEY columns."""
    return (row.key, row.agent, row.digest, row.created_at, row.expires_at)


def commit_columns(commits: Sequence[Commit]) -> list[Column]:
    """Return commits as the columns of COMMIT."""
    return _columns(_COMMIT_COLUMNS, [_commit_row(commit) for commit in commits])


def event_columns(events: Sequence[Event]) -> list[Column]:
    """Return events as the columns of EVENT."""
    return _columns(_EVENT_COLUMNS, [_event_row(event) for event in events])


def record_columns(records: Sequence[RecordState]) -> list[Column]:
    """Return records as the columns of RECORD."""
    return _columns(_RECORD_COLUMNS, [_record_row(state) for state in records])


def answer_columns(answers: Sequence[Answered]) -> list[Column]:
    """Return answers as the columns of ANSWER."""
    return _columns(_ANSWER_COLUMNS, [_answer_row(answer) for answer in answers])


def _columns(types: Sequence[type[Column]], lines: Sequence[Row]) -> list[Column]:
    turned = zip(*lines, strict=True) if lines else [()] * len(types)
    return [type_(values) for type_, values in zip(types, turned, strict=True)]


def _record_row(state: RecordState) -> Row:
    return (
        state.kind, state.id, state.version, state.life, state.born, state.revision,
        _encode(state.values), _encode(state.blame),
    )  # fmt: skip


def _bytes_of(payload: str | None) -> bytes | None:
    return None if payload is None else payload.encode()
