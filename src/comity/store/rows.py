"""Rows that every store with tables keeps in the same columns, and what they stand for, both ways."""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec

from comity.clock import StoreTime
from comity.model.records import Life, RecordState
from comity.store.contract import Head, KeyRow

Row = tuple[Any, ...]

HEAD: Final = "incarnation, revision, chain, judged, now_us, boot_id, boot_us, offset_us"
RECORD: Final = 'r.kind, r.id, r.version, r.life, r.born, r.revision, r."values", r.blame'
AFTER_IMAGE: Final = "e.kind, e.id, e.version, e.life, e.born, e.revision, e.payload"
KEY: Final = "key, agent, digest, created_at, expires_at"


class _AfterImage(msgspec.Struct):
    values: dict[str, Any] = {}
    blame: dict[str, int] = {}


_decode_values = msgspec.json.Decoder(dict[str, Any]).decode
_decode_blame = msgspec.json.Decoder(dict[str, int]).decode
_decode_after = msgspec.json.Decoder(_AfterImage).decode
_encode = msgspec.json.Encoder().encode


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
