"""Columns of a batch as arrays in PostgreSQL's binary form: one parameter for each column, whatever the rows.

The form is that of ``array_send`` in PostgreSQL's source: dimensions, a flag for nulls, the
type of the elements, their number, the first index, then each element behind its length.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_HEADER: Final = struct.Struct(">iiIii")
_LENGTH: Final = struct.Struct(">i").pack
_INTEGER: Final = struct.Struct(">iq").pack
_NULL: Final = _LENGTH(-1)
_EMPTY: Final = 0


class Column(ABC):
    """Be the values of one column, and how they are sent."""

    __slots__ = ("values",)

    element: ClassVar[int]

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values

    def packed(self) -> bytes:
        """Return the array."""
        if not self.values:
            return struct.pack(">iiI", _EMPTY, 0, self.element)
        return _HEADER.pack(1, int(None in self.values), self.element, len(self.values), 1) + b"".join(self.parts())

    @abstractmethod
    def parts(self) -> Iterable[bytes]:
        """Return each element with its length before it."""


class Integers(Column):
    """Be 64-bit integers."""

    __slots__ = ()
    element = 20

    def parts(self) -> Iterable[bytes]:
        """Return each element with its length before it."""
        return [_NULL if value is None else _INTEGER(8, value) for value in self.values]


class Texts(Column):
    """Be texts."""

    __slots__ = ()
    element = 25

    def parts(self) -> Iterable[bytes]:
        """Return each element with its length before it."""
        return _behind_lengths(None if value is None else value.encode() for value in self.values)


class Bytes(Column):
    """Be strings of bytes."""

    __slots__ = ()
    element = 17

    def parts(self) -> Iterable[bytes]:
        """Return each element with its length before it."""
        return _behind_lengths(self.values)


class Payloads(Texts):
    """Be texts that are at hand as UTF-8."""

    __slots__ = ()

    def parts(self) -> Iterable[bytes]:
        """Return each element with its length before it."""
        return _behind_lengths(self.values)


def _behind_lengths(values: Iterable[bytes | None]) -> list[bytes]:
    return [_NULL if value is None else _LENGTH(len(value)) + value for value in values]


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.packed()


class _IntegersDumper(_ColumnDumper):
    oid = 1016


class _TextsDumper(_ColumnDumper):
    oid = 1009


class _BytesDumper(_ColumnDumper):
    oid = 1001


def register(adapters: AdaptersMap) -> None:
    """Let a connection send columns."""
    adapters.register_dumper(Integers, _IntegersDumper)
    adapters.register_dumper(Texts, _TextsDumper)
    adapters.register_dumper(Payloads, _TextsDumper)
    adapters.register_dumper(Bytes, _BytesDumper)
