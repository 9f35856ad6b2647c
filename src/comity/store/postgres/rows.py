"""Rows and what they stand for, both ways: the column lists, the tuples in their order, and a batch by columns.

Payloads are kept as text, so that PostgreSQL's JSON functions see into them; the digest of a
payload is over its UTF-8, which text gives back byte by byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, cast

from comity.model.events import Answered, Commit, Event
from comity.model.proposals import AgentKind, Known
from comity.model.records import Life, RecordState
from comity.store.postgres.arrays import Bytes, Column, Integers, Payloads, Texts
from comity.store.rows import AFTER_IMAGE as AFTER_IMAGE
from comity.store.rows import HEAD as HEAD
from comity.store.rows import KEY as KEY
from comity.store.rows import RECORD as RECORD
from comity.store.rows import Row as Row
from comity.store.rows import after_image_of as after_image_of
from comity.store.rows import head_of as head_of
from comity.store.rows import head_row as head_row
from comity.store.rows import key_of as key_of
from comity.store.rows import key_row as key_row
from comity.store.rows import record_of as record_of
from comity.store.rows import record_row as record_row
from comity.store.rows import time_row as time_row

LAST: Final = 2**63 - 1
"""The last revision, ordinal or time that PostgreSQL can hold."""

CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
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


def bounded(number: int) -> int:
    """Return a revision or a time that PostgreSQL can hold; the last one stands for any that is larger."""
    return max(-1, min(number, LAST))


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


def commit_columns(commits: Sequence[Commit]) -> list[Column]:
    """Return commits as the columns of COMMIT."""
    return _columns(_COMMIT_COLUMNS, [_commit_row(commit) for commit in commits])


def event_columns(events: Sequence[Event]) -> list[Column]:
    """Return events as the columns of EVENT."""
    return _columns(_EVENT_COLUMNS, [_event_row(event) for event in events])


def record_columns(records: Sequence[RecordState]) -> list[Column]:
    """Return records as the columns of RECORD."""
    return _columns(_RECORD_COLUMNS, [record_row(state) for state in records])


def answer_columns(answers: Sequence[Answered]) -> list[Column]:
    """Return answers as the columns of ANSWER."""
    return _columns(_ANSWER_COLUMNS, [_answer_row(answer) for answer in answers])


def _columns(types: Sequence[type[Column]], lines: Sequence[Row]) -> list[Column]:
    turned = zip(*lines, strict=True) if lines else [()] * len(types)
    return [type_(values) for type_, values in zip(types, turned, strict=True)]


def _bytes_of(payload: str | None) -> bytes | None:
    return None if payload is None else payload.encode()
