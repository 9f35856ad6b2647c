"""Exporting: one consistent snapshot, written beside the target and put in its place when it is whole."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, Final

import msgspec

from comity.coordination.hiding import mask_values
from comity.deciding.case import withheld_from
from comity.deciding.compile import Compiled
from comity.errors import InvalidRequest
from comity.model import filters, refs
from comity.model.codec import encode
from comity.model.filters import Query
from comity.model.proposals import Caller
from comity.model.records import RecordState
from comity.model.texts import listed
from comity.operations import Export, ExportAnswer
from comity.store.contract import Snapshot
from comity.verbs.engine import Engine, Progress, revision_of
from comity.verbs.portions import AT_ONCE
from comity.verbs.reading import check_query
from comity.verbs.transfer.cells import Column, column_of, spells_value, write_cell
from comity.verbs.transfer.files import resolved, written_whole
from comity.verbs.transfer.rows import ID, UNMISTAKABLE_ID, Format, format_of

STDOUT: Final = "-"


def export_file(engine: Engine, caller: Caller, request: Export, progress: Progress | None = None) -> ExportAnswer:
    """Write the live records of a kind, or of all kinds.

    ``progress`` is told the records done, and how many there are. Raises InvalidRequest
    for a file that can't be written, or a CSV of several kinds.
    """
    format = request.format or ("ndjson" if request.file == STDOUT else format_of(request.file))
    with engine.store.snapshot() as snapshot:
        chosen = _Chosen(snapshot, engine.coordinator.definition(snapshot), caller, request, progress)
        write = _WRITERS[format]
        if request.file == STDOUT:
            write(sys.stdout.buffer, chosen)
            sys.stdout.buffer.flush()
        else:
            with written_whole(resolved(request.file), engine.store.files()) as file:
                write(file, chosen)
        return ExportAnswer(file=request.file, records=chosen.done, revision=chosen.revision)


class _Chosen:
    """Be the records to write, kind by kind, and how many are done."""

    def __init__(
        self, snapshot: Snapshot, compiled: Compiled, caller: Caller, request: Export, progress: Progress | None
    ) -> None:
        if request.where and request.kind is None:
            raise InvalidRequest("where: conditions are about one kind: name it")
        self.revision = revision_of(snapshot, request.at)
        self.compiled = compiled
        self.done = 0
        self._caller = caller
        self._withheld = withheld_from(caller, compiled)
        self._snapshot = snapshot
        self._is_past = request.at is not None
        self._progress = progress
        here = [kind for kind in sorted(snapshot.kinds()) if not refs.is_built_in(kind)]
        self.kinds: Sequence[str] = here if request.kind is None else [request.kind]
        self._queries = {kind: self._query(kind, request.where) for kind in self.kinds}
        self._total = (
            sum(snapshot.count(query, revision=self._at) for query in self._queries.values()) if progress else 0
        )

    @property
    def _at(self) -> int | None:
        return self.revision if self._is_past else None

    def _query(self, kind: str, where: Sequence[str]) -> Query:
        query = filters.query(kind, *where, limit=AT_ONCE)
        return check_query(query, self._caller, self.compiled, self._snapshot)

    def states(self, kind: str) -> Iterator[RecordState]:
        """Yield the records of a kind, by id, without counting them as done."""
        query = self._queries[kind]
        while True:
            page = self._snapshot.find(query, revision=self._at)
            yield from map(self._masked, page)
            if len(page) < query.limit:
                return
            query = msgspec.structs.replace(query, after=filters.page_after(query, page[-1]))

    def _masked(self, state: RecordState) -> RecordState:
        """Return a record as whoever exports may see it (S39)."""
        if self._withheld is None:
            return state
        marks = self._withheld.kind(state.kind).marks
        return msgspec.structs.replace(state, values={**mask_values(state.kind, state.values, self._withheld), **marks})

    def counted(self, kind: str) -> Iterator[RecordState]:
        """Yield the records of a kind, by id, counting them as done."""
        for state in self.states(kind):
            yield state
            self.done += 1
            if self._progress is not None and (self.done % 256 == 0 or self.done == self._total):
                self._progress(self.done, self._total)


# -- formats


def _write_ndjson(file: BinaryIO, chosen: _Chosen) -> None:
    for kind in chosen.kinds:
        for state in chosen.counted(kind):
            file.write(encode({"record": state.ref, "values": state.values}) + b"\n")


def _write_json(file: BinaryIO, chosen: _Chosen) -> None:
    file.write(b"{")
    for number, kind in enumerate(chosen.kinds):
        file.write((b",\n" if number else b"\n") + encode(kind) + b": [")
        for place, state in enumerate(chosen.counted(kind)):
            file.write((b",\n  " if place else b"\n  ") + encode(_as_object(state, chosen.compiled)))
        file.write(b"]")
    file.write(b"\n}\n")


def _as_object(state: RecordState, compiled: Compiled) -> dict[str, object]:
    declared = compiled.kind(state.kind)
    fields = {*state.values, *(declared.fields if declared is not None else ())}
    return {_id_name(fields): state.id, **state.values}


def _id_name(fields: Iterable[str]) -> str:
    return UNMISTAKABLE_ID if ID in fields else ID


def _write_csv(file: BinaryIO, chosen: _Chosen) -> None:
    if len(chosen.kinds) != 1:
        raise InvalidRequest(
            f"a CSV takes exactly one kind: name it. Kinds here: {listed(chosen.kinds, 8) or 'none yet'}"
        )
    kind = chosen.kinds[0]
    columns = _columns(chosen, kind)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(_Lines(text), lineterminator=_Lines.WRITTEN)
        writer.writerow([_id_name(columns), *columns])
        for state in chosen.counted(kind):
            values = state.values
            writer.writerow([state.id, *(write_cell(values.get(name), column) for name, column in columns.items())])
    finally:
        text.detach()


class _Lines:
    """Take rows that end in CRLF, which has a writer quote each cell that holds one of the two, and end them in LF."""

    WRITTEN: Final = "\r\n"

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text

    def write(self, row: str) -> int:
        """Write a row with the shorter ending."""
        return self._text.write(row.removesuffix(self.WRITTEN) + "\n")


def _columns(chosen: _Chosen, kind: str) -> dict[str, Column]:
    """Return the fields of a kind in their declared order, then the undeclared ones that its records have."""
    declared = chosen.compiled.kind(kind)
    columns: dict[str, Column] = {}
    for name, field in declared.fields.items() if declared is not None else ():
        columns[name] = column_of(field)
    seen: dict[str, _Seen] = {}
    for state in chosen.states(kind):
        for name, value in state.values.items():
            if columns.get(name, "unknown") == "unknown":
                seen.setdefault(name, _Seen()).take(value)
    columns.update((name, "typed") for name, column in columns.items() if column == "unknown")
    columns.update(
        (name, seen[name].column) for name in [*(n for n in columns if n in seen), *sorted(seen.keys() - columns)]
    )
    return columns


class _Seen:
    """Be what an undeclared field holds in all records: only texts, and one that can't be misread?"""

    def __init__(self) -> None:
        self._is_all_text = True
        self._has_plain = False

    def take(self, value: object) -> None:
        """Take one record's value."""
        if not isinstance(value, str):
            self._is_all_text = False
        elif value and not self._has_plain:
            self._has_plain = not spells_value(value)

    @property
    def column(self) -> Column:
        """Return how the column has to be written so that a reader's guess is right."""
        return "text" if self._is_all_text and self._has_plain else "typed"


_WRITERS: Final[dict[Format, Callable[[BinaryIO, _Chosen], None]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "ndjson": _write_ndjson,
}
