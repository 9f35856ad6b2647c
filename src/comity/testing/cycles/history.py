"""What clients record: transactions, and what each did, in its order."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["committed", "aborted", "unknown"]


class Append(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Append a value, never used before for this key, to a list."""

    key: str
    value: int


class Listed(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Read a list as a whole."""

    key: str
    values: tuple[int, ...]


class Write(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Write a value, never used before for this key, to a register."""

    key: str
    value: int


class Got(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Read a register: the value found, or None where it was never written."""

    key: str
    value: int | None


Operation = Append | Listed | Write | Got


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """Be one transaction as its client saw it: ``begun`` before it asked, ``ended`` once it was answered.

    Times are of one clock for all clients, in any unit. One whose outcome is unknown may
    have happened; it has no end.
    """

    name: str
    begun: int
    ended: int
    outcome: Outcome
    operations: tuple[Operation, ...]
