"""Rows of a file, whatever its format: each with its line, its record and its values.

What can't be read as a row becomes a :class:`comity.operations.LineError`, and the rows
after it go on. CSV and NDJSON are read as streams; JSON is read whole.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Generator, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NoReturn

import msgspec

from comity import limits
from comity.deciding.compile import CompiledKind
from comity.errors import InvalidRequest
from comity.model import refs
from comity.operations import LineError

Format = Literal["csv", "json", "ndjson"]

ENDINGS: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
ID: Final = "id"
UNMISTAKABLE_ID: Final = "$id"
"""What the id is called where the kind has a field ``id``."""


ENCODING_BYTES: Final = 4_096
"""Of a file, looked at to tell its encoding."""


class Row(msgspec.Struct, frozen=True):
    """Be what one line says of one record."""

    line: int
    record: str
    values: dict[str, Any]


Rows = Generator[Row | LineError, None, None]
"""The rows of a file. Close them before the file: a reader of text lets go of it only then."""


class Source(msgspec.Struct, frozen=True):
    """Be what is known of a file before it is read: the kind of its rows, and which column is the id."""

    kind: str
    is_kind_given: bool
    key: str | None
    declared: CompiledKind | None


def format_of(file: str, named: Format | None = None) -> Format:
    """Return a file's format, by its ending unless it is named; raises InvalidRequest."""
    ending = Path(file).suffix.lower()
    if named is not None:
        return named
    if ending in ENDINGS:
        return ENDINGS[ending]
    raise InvalidRequest(f"{file!r}: what format is that? The name should end in .csv, .json or .ndjson")


def path_named(file: str) -> Path:
    """Return the path of a file; raises InvalidRequest for what can't be one."""
    if "\0" in file:
        raise InvalidRequest("a path may not hold U+0000")
    return Path(file)


def check_encoding(file: BinaryIO) -> None:
    """Raise InvalidRequest for a file in UTF-16 or UTF-32, or no text at all: each has bytes that UTF-8 hasn't."""
    head = file.read(ENCODING_BYTES)
    file.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head:
        raise InvalidRequest("this is no text in UTF-8 (in UTF-16, perhaps?): save it as UTF-8")


def key_of(names: list[str], source: Source) -> str | None:
    """Return which of these names holds the record's id, or None.

    That is the one asked for, or else ``$id``, ``id``, ``<kind>_id``, or the first one if it ends in ``_id``.
    """
    if source.key is not None:
        return source.key if source.key in names else None
    first = names[0].lower() if names and names[0].lower().endswith("_id") else ID
    guesses = (UNMISTAKABLE_ID, ID, f"{source.kind.lower()}_id", first)
    lower = {name.lower(): name for name in reversed(names)}
    exact = next((guess for guess in guesses if guess in names), None)
    return exact or next((lower[guess] for guess in guesses if guess in lower), None)


def without_key(values: dict[str, Any], key: str, source: Source) -> dict[str, Any]:
    """Return a row's fields: the id isn't one, unless the kind declares it."""
    if source.declared is not None and key in source.declared.fields:
        return values
    return {name: value for name, value in values.items() if name != key}


def row_of(line: int, found: object, source: Source) -> Row | LineError:
    """Return what a JSON value says as a row: ``{"record": …, "values": {…}}`` or an object with an id."""
    if not isinstance(found, dict):
        return LineError(line=line, record=None, problem=f"an object was expected, not {type(found).__name__}")
    record, values = found.get("record"), found.get("values")
    if len(found) == 2 and isinstance(record, str) and isinstance(values, dict):
        return _named_row(line, record, values, source)
    key = key_of(list(found), source)
    if key is None:
        names = ", ".join(list(found)[:20])
        return LineError(
            line=line, record=None, problem=f"no id: {source.key or ID!r} isn't among {names or 'no names'}"
        )
    name = found[key]
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        return LineError(
            line=line, record=None, problem=f"{key}: an id is a text or an integer, not {json.dumps(name)[:40]}"
        )
    return addressed(line, f"{source.kind}/{name}", without_key(found, key, source))


def _named_row(line: int, record: str, values: dict[str, Any], source: Source) -> Row | LineError:
    kind = record.partition("/")[0]
    if source.is_kind_given and kind != source.kind:
        return LineError(line=line, record=record[:300], problem=f"its kind is {kind[:64]!r}, not {source.kind!r}")
    return addressed(line, record, values)


def addressed(line: int, record: str, values: dict[str, Any]) -> Row | LineError:
    """Return a row, or what is wrong with its record's address."""
    problem = refs.problem_of(record)
    return Row(line, record, values) if problem is None else LineError(line=line, record=None, problem=problem)


# -- NDJSON


def ndjson_rows(file: BinaryIO, source: Source) -> Rows:
    """Yield the rows of a file with one JSON object in each line (https://github.com/ndjson/ndjson-spec)."""
    for line, data in enumerate(_lines(file), 1):
        if data is None:
            yield LineError(line=line, record=None, problem=f"longer than {limits.PROPOSAL_BYTES} bytes")
        elif data.strip(b"\xef\xbb\xbf \t\r\n"):
            yield _ndjson_row(line, data.removeprefix(b"\xef\xbb\xbf") if line == 1 else data, source)


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines; None for one that is too long to be held."""
    while data := file.readline(limits.PROPOSAL_BYTES + 1):
        if len(data) <= limits.PROPOSAL_BYTES:
            yield data
            continue
        while data and not data.endswith(b"\n"):
            data = file.readline(limits.PROPOSAL_BYTES)
        yield None


def _ndjson_row(line: int, data: bytes, source: Source) -> Row | LineError:
    try:
        return row_of(line, msgspec.json.decode(data), source)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return LineError(line=line, record=None, problem=f"not JSON: {error}")


# -- JSON


def json_rows(file: BinaryIO, source: Source) -> Rows:
    """Yield the rows of a JSON file: a list of objects, or an object with a list for each kind."""
    reader = _Text(file.read())
    if reader.begins("["):
        yield from reader.items(source)
    elif reader.begins("{"):
        yield from _json_kinds(reader, source)
    else:
        yield reader.fault("a list of objects was expected, or an object with a list for each kind")
        return
    if not reader.is_at_end and not reader.is_broken:
        yield reader.fault("the JSON has ended, and something follows")


def _json_kinds(reader: _Text, source: Source) -> Iterator[Row | LineError]:
    while not reader.begins("}"):
        kind = reader.value()
        if not isinstance(kind, str) or not reader.begins(":") or not reader.begins("["):
            yield reader.fault("a kind and a list of its objects were expected")
            return
        if source.is_kind_given and kind != source.kind:
            yield reader.fault(f"the kind {kind[:64]!r} is in the file, and {source.kind!r} was asked for")
            return
        yield from reader.items(msgspec.structs.replace(source, kind=kind))
        if reader.is_broken or not (reader.begins(",") or reader.next_is("}")):
            if not reader.is_broken:
                yield reader.fault("',' or '}' was expected")
            return


class _Text:
    """Read JSON piece by piece, knowing the line; what is malformed ends it."""

    def __init__(self, data: bytes) -> None:
        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"not UTF-8 at byte {error.start}") from None
        self._place = 0
        self._line = 1
        self._counted = 0
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant)
        self.is_broken = False

    @property
    def line(self) -> int:
        """Return the line of the next piece."""
        self._skip()
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    @property
    def is_at_end(self) -> bool:
        """Tell whether nothing follows."""
        self._skip()
        return self._place >= len(self._text)

    def begins(self, sign: str) -> bool:
        """Tell whether a sign comes next, and step over it."""
        found = self.next_is(sign)
        self._place += found
        return found

    def next_is(self, sign: str) -> bool:
        """Tell whether a sign comes next."""
        self._skip()
        return self._text.startswith(sign, self._place)

    def value(self) -> Any:
        """Return the next value and step over it; raises ValueError or RecursionError."""
        self._skip()
        value, self._place = self._decoder.raw_decode(self._text, self._place)
        return value

    def fault(self, problem: str) -> LineError:
        """Return a problem at this place; nothing can be read after it."""
        self.is_broken = True
        return LineError(line=self.line, record=None, problem=problem)

    def items(self, source: Source) -> Iterator[Row | LineError]:
        """Yield the rows of a list whose bracket has been stepped over."""
        if self.begins("]"):
            return
        for number in count(1):
            line = self.line
            try:
                found = self.value()
            except (ValueError, RecursionError) as error:
                yield self.fault(f"item {number}: not JSON: {error}")
                return
            yield _numbered(row_of(line, found, source), number)
            if self.begins("]"):
                return
            if not self.begins(","):
                yield self.fault("',' or ']' was expected")
                return

    def _skip(self) -> None:
        text, place = self._text, self._place
        while place < len(text) and text[place] in " \t\r\n":
            place += 1
        self._place = place


def _numbered(row: Row | LineError, number: int) -> Row | LineError:
    """Return a row, its problem told with its number: in JSON a line says little."""
    if isinstance(row, Row):
        return row
    return msgspec.structs.replace(row, problem=f"item {number}: {row.problem}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
