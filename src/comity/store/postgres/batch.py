"""Writing while the head is held."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg

from comity import limits
from comity.errors import StoreError
from comity.model.events import Answered
from comity.model.records import RecordState
from comity.store.contract import BatchLost, Entry, Head
from comity.store.order import check_order
from comity.store.postgres import rows
from comity.store.postgres.failures import DRIVER_ERRORS, translate, translating
from comity.store.postgres.snapshot import Connection, PostgresSnapshot, Site, in_schema

DAY_US: Final = 86_400_000_000
SETTLED_US: Final = limits.ANSWERS_KEPT_DAYS * DAY_US
PENDING_US: Final = SETTLED_US + limits.WAIT_DAYS * DAY_US
"""What waits is over within ``limits.WAIT_DAYS``, and is then kept as long as what is settled."""
LEAST_BITE: Final = 64
"""Of answers dropped beyond the number kept: more go than come, so that what is overdue comes to an end."""
AHEAD_US: Final = 1_000_000
"""How far a batch's time may be ahead of the database's clock before it is judged anew."""

MOVE_HEAD: Final = (
    f"UPDATE {{s}}.heads SET ({rows.HEAD}) = (%s, %s, %s, %s, %s, %s, %s, %s)"
    " WHERE workspace = %s AND incarnation = %s AND revision = %s AND chain = %s AND judged = %s AND judged <= %s"
    f" AND (%s OR now_us <= %s) AND (%s OR now_us >= %s OR {rows.CLOCK} >= %s) RETURNING workspace"
)
HOLD_HEAD: Final = (
    f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{limits.STORE_BUSY_S}s';"
    f" SET LOCAL statement_timeout = '{limits.STORE_STATEMENT_S}s';"
    f" SET LOCAL idle_in_transaction_session_timeout = '{limits.STORE_STALL_S}s';"
    f" SELECT {rows.HEAD}, {rows.CLOCK} FROM {{s}}.heads WHERE workspace = '{{w}}' FOR UPDATE"
)
"""In one message. Limits of the transaction, not of the session: a pooler in between hands sessions around."""
BEGIN_LIFE: Final = "UPDATE {s}.heads SET incarnation = %s WHERE workspace = %s"
KEEP_HEAD: Final = (
    "UPDATE {s}.heads SET judged = greatest(judged, %s), now_us = greatest(now_us, %s),"
    " boot_id = CASE WHEN now_us < %s THEN %s ELSE boot_id END,"
    " boot_us = CASE WHEN now_us < %s THEN %s ELSE boot_us END,"
    " offset_us = CASE WHEN now_us < %s THEN %s ELSE offset_us END"
    " WHERE workspace = %s RETURNING workspace"
)
WITHOUT_SYNC: Final = "unsynced AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
"""Beside a statement that is a transaction of its own, and refers to it: that is then durable with the next that is."""

Part = tuple[str, list[Any]]
"""A part of a statement, and the values bound to it."""
TELL_ALL: Final = f"SELECT {rows.CLOCK}, pg_notify(%s, %s) FROM held"
TELL_TIME: Final[Part] = (f"SELECT {rows.CLOCK} FROM held", [])
TELL_NOTHING: Final[Part] = ("SELECT 1 FROM held CROSS JOIN unsynced", [])


def _inserting(table: str, columns: str, prefix: str, then: str = "") -> str:
    """Return the part that puts columns, written ``prefix.column, …``, into a table, once the head is held."""
    names = columns.replace(prefix, "")
    places = ", ".join(["%s"] * (names.count(",") + 1))
    return (
        f"INSERT INTO {{s}}.{table} (workspace, {names}) SELECT held.workspace, line.*"
        f" FROM held CROSS JOIN unnest({places}) AS line WHERE TRUE{then}"
    )


def _replacing(columns: str, prefix: str) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in columns.replace(prefix, "").split(", "))


INSERT_COMMITS: Final = _inserting("commits", rows.COMMIT, "c.")
INSERT_EVENTS: Final = _inserting("events", rows.EVENT, "e.")
PUT_RECORDS: Final = _inserting(
    "records", rows.RECORD, "r.", f" ON CONFLICT (workspace, kind, id) DO UPDATE SET {_replacing(rows.RECORD, 'r.')}"
)
PUT_ANSWERS: Final = _inserting(
    "answers",
    rows.ANSWER,
    "a.",
    f" ON CONFLICT (workspace, proposal) DO UPDATE SET {_replacing(rows.ANSWER, 'a.')}"
    " WHERE answers.outcome = 'pending'",
)


def _dropping(which: str) -> str:
    return (
        "DELETE FROM {s}.answers WHERE (workspace, proposal) IN (SELECT old.workspace, old.proposal"
        " FROM held JOIN {s}.answers AS old ON old.workspace = held.workspace"
        f" WHERE {which} AND old.at < %s ORDER BY old.at LIMIT %s)"
    )


DROP_SETTLED: Final = _dropping("old.outcome <> 'pending'")
DROP_PENDING: Final = _dropping("old.outcome = 'pending'")


def answer_parts(answers: Sequence[Answered], now_us: int) -> list[Part]:
    """Return the parts that put answers, and drop the oldest of those that are over at a store time (S7)."""
    bite = len(answers) + LEAST_BITE
    return [
        (PUT_ANSWERS, list(rows.answer_columns(answers))),
        (DROP_SETTLED, [now_us - SETTLED_US, bite]),
        (DROP_PENDING, [now_us - PENDING_US, bite]),
    ]


@lru_cache(maxsize=64)
def _joined(head: str, parts: tuple[str, ...], last: str, extra: str) -> str:
    """Return one statement: the head is held first, for each part asks it for the workspace."""
    numbered = [f"part{number} AS ({part})" for number, part in enumerate(parts)]
    return f"WITH {', '.join([f'held AS ({head})', *([extra] if extra else []), *numbered])} {last}"


def statement(head: Part, parts: Sequence[Part], last: Part, extra: str = "") -> Part:
    """Return a statement that does something with the head, then several things, then selects; and its values."""
    values = [*head[1], *(value for _, given in parts for value in given), *last[1]]
    return _joined(head[0], tuple(part for part, _ in parts), last[0], extra), values


class PostgresBatch(PostgresSnapshot):
    """Decide under the head: believed to be where this process left it, or held in a transaction.

    What is appended to a believed head goes to the server as one statement, which moves the
    head only from where it is believed to be (S1). The first thing that has to be read holds
    the head instead: it is locked then, and each read sees what is there now.
    """

    def __init__(self, connection: Connection, site: Site, believed: Head | None) -> None:
        super().__init__(connection, site)
        self._head = self._believed = believed
        self._appending: Part | None = None
        self._is_held = False
        self.has_appended = False

    @property
    def began_at(self) -> Head:
        """Return the head that this batch is decided on."""
        return self._believed or self.head

    @property
    def head(self) -> Head:
        """Return the head that this batch is decided on, or that it has moved it to."""
        if self._head is None:
            self.hold()
        return super().head

    @translating
    def hold(self) -> None:
        """Lock the head; raises BatchLost if it isn't where it was believed to be."""
        believed, self._is_held = self._believed, True
        sql = HOLD_HEAD.replace("{w}", self._workspace)
        cursor = self._connection.execute(in_schema(sql, self._site.schema))
        while cursor.nextset():
            pass
        held = self.take_head(cursor.fetchone())
        if believed is None:
            self._head = self._believed = held
        elif not _is_unmoved(believed, held):
            raise BatchLost(f"the head isn't as it was left at revision {believed.revision}")
        if self._appending is not None:
            self._append(*self._appending)

    def misses(self, seen: Head) -> bool:
        """Tell whether a commit that was seen isn't there any more, as after a fail-over to a server that lacked it."""
        head = self.head
        if head.incarnation != seen.incarnation or head.is_same_place(seen) or not seen.revision:
            return False
        commit = self.commit(seen.revision)
        return commit is None or commit.chain != seen.chain

    @translating
    def begin_life(self, incarnation: str) -> None:
        """Have the workspace begin a new life, durably, and hold its head again (S1)."""
        self._execute(BEGIN_LIFE, incarnation, self._workspace)
        self._connection.execute(b"COMMIT")
        self._head = self._believed = None
        self.hold()

    def _execute(self, sql: str, *values: Any) -> psycopg.Cursor[rows.Row]:
        if not self._is_held:
            self.hold()
        return super()._execute(sql, *values)

    @translating
    def append(
        self, head: Head, entries: Sequence[Entry], records: Sequence[RecordState], answers: Sequence[Answered]
    ) -> None:
        """Append commits and answers, put the records that they fold to, move the head.

        Raises StoreError where a batch appends twice, or where the head doesn't follow
        from the one that is there: revisions have no gaps.
        """
        if self.has_appended:
            raise StoreError("a batch appends once; open another one")
        self.has_appended = True
        check_order(self.head.revision, entries)
        if head.revision != self.head.revision + len(entries):
            raise StoreError(f"a head at revision {head.revision} doesn't follow from the one that is there")
        appending = self._statement(head, entries, records, answers)
        self._head = head
        if self._is_held:
            self._append(*appending)
        else:
            self._appending = appending

    def _append(self, sql: str, values: list[Any]) -> None:
        row = self._row(sql, *values)
        if row is None:
            raise BatchLost("the head doesn't follow from the one that is there")
        self._site.database_clock.take(row[0])

    def finish(self) -> None:
        """Make what was appended durable, or have made sure that the head is where it was believed to be (S2).

        Raises BatchLost where nothing was appended, and trying again may help; any other
        error leaves it open.
        """
        try:
            if self._is_held:
                self._connection.execute(b"COMMIT")
            elif self._appending is not None:
                self._append_at_once(*self._appending)
            elif self._believed is not None:
                self._confirm(self._believed)
        except DRIVER_ERRORS as failure:
            raise translate(failure) from failure

    def _append_at_once(self, sql: str, values: list[Any]) -> None:
        """Append in one statement that is a transaction of its own."""
        try:
            self._is_held = True  # By the statement.
            self._append(sql, values)
        except psycopg.Error as failure:
            if self._connection.broken or self._connection.closed:
                raise
            raise BatchLost(f"the server refused it: {failure}") from failure

    def _confirm(self, believed: Head) -> None:
        try:
            self._is_held = True  # A single statement needs no transaction.
            found = self.read_head()
        except StoreError as failure:
            raise BatchLost("the head can't be confirmed") from failure
        if not _is_unmoved(believed, found):
            raise BatchLost(f"the head isn't as it was left at revision {believed.revision}")

    def _statement(
        self, head: Head, entries: Sequence[Entry], records: Sequence[RecordState], answers: Sequence[Answered]
    ) -> Part:
        events = [event for entry in entries for event in entry.events]
        parts: list[Part] = []
        if entries:
            parts.append((INSERT_COMMITS, rows.commit_columns([entry.commit for entry in entries])))
        if events:
            parts.append((INSERT_EVENTS, rows.event_columns(events)))
        if records:
            parts.append((PUT_RECORDS, rows.record_columns(records)))
        if answers:
            parts += answer_parts(answers, head.time.now_us)
        return statement((MOVE_HEAD, self._move(head)), parts, self._telling(head) if entries else TELL_TIME)

    def _telling(self, head: Head) -> Part:
        """Return what tells the time, and whoever listens that there are commits: once for all of them."""
        channel = self._site.channel
        return TELL_TIME if channel is None else (TELL_ALL, [channel, str(head.revision)])

    def _move(self, head: Head) -> list[Any]:
        """Return the values of the head's move.

        From a head that is only believed in, its time mustn't fall behind one that was kept
        with a refusal meanwhile (S6); and none may be ahead of the database's clock.
        """
        known, now_us = self.head, head.time.now_us
        place = (self._workspace, head.incarnation, known.revision, known.chain, known.judged, head.judged)
        is_any_time = not self._site.goes_by_database
        return [*rows.head_row(head), *place, self._is_held, now_us, is_any_time, now_us, now_us - AHEAD_US]


def _is_unmoved(believed: Head, found: Head) -> bool:
    """Tell whether nobody committed, and nobody was refused: then ordinals (S38) and time (S6) go on from it too."""
    return found.is_same_place(believed) and (found.judged, found.time.now_us) == (
        believed.judged,
        believed.time.now_us,
    )


def keeping(site: Site, head: Head, answers: Sequence[Answered]) -> Part:
    """Return the statement that keeps answers, and of a head its count and time, unless later ones are kept."""
    now_us, boot_id, boot_us, offset_us = rows.time_row(head.time)
    told = [head.judged, now_us, now_us, boot_id, now_us, boot_us, now_us, offset_us, site.workspace]
    return statement((KEEP_HEAD, told), answer_parts(answers, now_us), TELL_NOTHING, WITHOUT_SYNC)
