"""Rows and what they stand for, both ways: the column lists and the tuples in their order.

Payloads are kept as TEXT, so that SQLite's JSON functions see into them. They come and go as
bytes, and SQLite casts: the digest of a payload is over its UTF-8, which TEXT keeps byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from comity.model.events import Answered, Commit, Event
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

COMMIT_COLUMNS: Final = _columns(Commit)
EVENT_COLUMNS: Final = _columns(Event)
ANSWER_COLUMNS: Final = _columns(Answered)
COMMIT: Final = _reading("c", COMMIT_COLUMNS)
EVENT: Final = _reading("e", EVENT_COLUMNS)
ANSWER: Final = _reading("a", ANSWER_COLUMNS)
"""What is read of these tables: ``Commit(*row)``, ``Event(*row)`` and ``Answered(*row)`` take such rows."""


def first_place(revision: int) -> int:
    """Return the place of a commit's first event; everything before it is older."""
    return bounded(revision) * ORDINALS


def last_place(revision: int) -> int:
    """Return the last place that an event of a commit can have."""
    return bounded(revision) * ORDINALS + ORDINALS - 1


def bounded(revision: int) -> int:
    """Return a revision that SQLite can hold; one beyond all others stands for any that is larger."""
    return max(-1, min(revision, LAST_REVISION))
