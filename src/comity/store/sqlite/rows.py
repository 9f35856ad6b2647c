"""Rows and what they stand for, both ways: the column lists and the tuples in their order.

Payloads are kept as TEXT, so that SQLite's JSON functions see into them. They come and go as
bytes, and SQLite casts: the digest of a payload is over its UTF-8, which TEXT keeps byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

import msgspec

from comity.clock import StoreTime
from comity.model.events import Answered, Commit, Event
from comity.model.records import Life, RecordState
from comity.store.contract import Head, KeyRow

Row = tuple[Any, ...]


def _columns(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that hold the fields of a struct, in their order."""
    return tuple(name.removesuffix("_bytes") for name in struct.__struct_fields__)


def _reading(prefix: str, columns: Iterable[str]) -> str:
    """Return what stands behind SELECT, so that a row has the fields of a struct as they are."""
    return ", ".join(f"CAST({prefix}.payload AS BLOB)" if name == "payload" else f"{prefix}.{name}" for name in columns)


ORDINALS: Final = 65_536
"""Of events in one commit: the place of an event is revision * ORDINALS + ordinal."""
LAST_REVISION: Final = 2**47 - 1
"""The last one whose events have a place within 64 bits."""
LAST_PLACE: Final = 2**63 - 1

HEAD: Final = "incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us"
RECORD: Final = 'r.kind, r.id, r.version, r.life, r.born, r.revision, r."values", r.blame'
AFTER_IMAGE: Final = "e.kind, e.id, e.version, e.life, e.born, e.revision, e.payload"
COMMIT_COLUMNS: Final = _columns(Commit)
EVENT_COLUMNS: Final = _columns(Event)
ANSWER_COLUMNS: Final = _columns(Answered)
COMMIT: Final = _reading("c", COMMIT_COLUMNS)
EVENT: Final = _reading("e", EVENT_COLUMNS)
ANSWER: Final = _reading("a", ANSWER_COLUMNS)
"""What is read of these tables: ``Commit(*row)``, ``Event(*row)`` and ``Answered(*row)`` take such rows."""
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
        _encode(state.values), _encode(state.blame),
    )  # fmt: skip


def after_image_of(row: Row) -> RecordState:
    """Return the record as the event of a row of AFTER_IMAGE columns left it."""
    kind, name, version, life, born, revision, payload = row
    after = _AfterImage() if payload is None else _decode_after(payload)
    return RecordState(kind, name, version, cast("Life", life), born, revision, after.values, after.blame)


def key_of(row: Row) -> KeyRow:
    """Return the key that a row of KEY columns holds."""
    return KeyRow(*row)


def key_row(row: KeyRow) -> Row:
    """Return a key as a row of KEY columns."""
    return (row.key, row.agent, row.digest, row.created_at, row.expires_at)
