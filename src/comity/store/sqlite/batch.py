"""Writing while the head is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

import apsw
from msgspec.structs import astuple

from comity.errors import StoreError
from comity.model.events import Answered
from comity.model.records import RecordState
from comity.store.contract import Entry, Head
from comity.store.order import check_order
from comity.store.sqlite import rows
from comity.store.sqlite.failures import translating
from comity.store.sqlite.retention import drop_old_answers
from comity.store.sqlite.snapshot import SqliteSnapshot
from comity.store.sqlite.stretches import COLUMNS, Named, Names

MOST_ROWS: Final = 64
"""That a statement puts at once, in a step in which other threads of the process can run."""

Statements = dict[int, str]
"""The statement for so many rows at once."""


TEXT: Final = "CAST(? AS TEXT)"
"""Of JSON, which comes as bytes."""


def _inserting(table: str, marks: Mapping[str, str], verb: str = "INSERT", then: str = "") -> Statements:
    """Return the statements that put rows into a table, of whose columns each has the marks for what is bound."""
    names, row = ", ".join(marks), f"({', '.join(marks.values())})"
    return {
        count: f"{verb} INTO {table} ({names}) VALUES {', '.join([row] * count)}{then}"
        for count in (1, 2, 3, 4, 8, 16, 32, MOST_ROWS)  # Powers of two, and what a lone commit has of names.
    }


def _marks(columns: Iterable[str]) -> dict[str, str]:
    return {name: TEXT if name == "payload" else "?" for name in columns}


def put_rows(connection: apsw.Connection, statements: Statements, lines: Sequence[rows.Row]) -> None:
    """Put rows into a table, many in one step."""
    start, left = 0, len(lines)
    while left:
        count = left if left in statements else min(1 << left.bit_length() - 1, MOST_ROWS)
        connection.execute(statements[count], tuple(chain.from_iterable(lines[start : start + count])))
        start, left = start + count, left - count


INSERT_COMMIT: Final = _inserting("commits", _marks(rows.COMMIT_COLUMNS))
INSERT_EVENT: Final = _inserting("events", {"place": f"? * {rows.ORDINALS} + ?", **_marks(rows.EVENT_COLUMNS[2:])})
INSERT_STRETCH: Final = _inserting("stretches", _marks(COLUMNS), verb="INSERT OR IGNORE")
INSERT_ANSWER: Final = _inserting(
    "answers",
    _marks(rows.ANSWER_COLUMNS),
    then=" ON CONFLICT (proposal) DO UPDATE SET revision = excluded.revision, ordinal = excluded.ordinal,"
    " at = excluded.at, definition = excluded.definition, outcome = excluded.outcome, salt = excluded.salt,"
    " payload = excluded.payload WHERE answers.outcome = 'pending'",
)
PUT_RECORD: Final = _inserting(
    "records",
    {**_marks(("kind", "id", "version", "life", "born", "revision")), '"values"': TEXT, "blame": TEXT},
    then=" ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version,"
    " life = excluded.life, born = excluded.born, revision = excluded.revision,"
    ' "values" = excluded."values", blame = excluded.blame',
)
MOVE_HEAD: Final = (
    f"UPDATE head SET ({rows.HEAD}) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE incarnation = ? AND revision = ? AND judged <= ?"
)


class SqliteBatch(SqliteSnapshot):
    """Hold the head, through the connection that writes."""

    def __init__(self, connection: apsw.Connection, head: Head, named: Named) -> None:
        super().__init__(connection)
        self._head = head
        self._named = named
        self.names: Names = set()
        """Those that its commits brought into the last stretches of the log."""
        self._has_appended = False

    @translating
    def append(
        self, head: Head, entries: Sequence[Entry], records: Sequence[RecordState], answers: Sequence[Answered]
    ) -> None:
        """Append commits and answers, put the records that they fold to, move the head.

        Raises StoreError where a batch appends twice, or where the head doesn't follow
        from the one that is there: revisions have no gaps.
        """
        if self._has_appended:
            raise StoreError("a batch appends once; open another one")
        self._has_appended = True
        check_order(self.head.revision, entries)
        put_rows(self._connection, INSERT_COMMIT, [astuple(entry.commit) for entry in entries])
        put_rows(self._connection, INSERT_EVENT, [astuple(event) for entry in entries for event in entry.events])
        self.names = self._named.missing(entries)
        put_rows(self._connection, INSERT_STRETCH, list(self.names))
        put_rows(self._connection, PUT_RECORD, [rows.record_row(state) for state in records])
        put_rows(self._connection, INSERT_ANSWER, [astuple(answer) for answer in answers])
        if answers:
            drop_old_answers(self._connection, head.time.now_us, len(answers))
        self._move(head, len(entries))

    def _move(self, head: Head, commits: int) -> None:
        follows = (head.incarnation, head.revision - commits, head.judged)
        self._connection.execute(MOVE_HEAD, (*rows.head_row(head), *follows))
        if self._connection.changes() != 1:
            raise StoreError(f"a head at revision {head.revision} doesn't follow from the one that is there")
        self._head = head
