"""Reading within one transaction: everything is of one revision."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn, cast

import apsw
import msgspec

from comity.errors import StoreError
from comity.model.events import Answered, Commit, Event
from comity.model.filters import Query
from comity.model.records import RecordState
from comity.store.contract import AnsweredFilter, EventFilter, Head, KeyRow, LogFilter, Ref, Statistics
from comity.store.sqlite import rows
from comity.store.sqlite.failures import translating
from comity.store.sqlite.indexes import index_for_order
from comity.store.sqlite.queries import Statement, choose_at, choose_now, ordering, page
from comity.store.sqlite.searching import events_chosen, events_passing
from comity.store.sqlite.stretches import AGENT, KIND, TYPE, all_names, last_places, leap_over

SELECT_HEAD: Final = f"SELECT {rows.HEAD} FROM head"
SELECT_RECORD: Final = f"SELECT {rows.RECORD} FROM records AS r WHERE r.kind = ? AND r.id = ?"
SELECT_RECORD_AT: Final = (
    f"SELECT {rows.AFTER_IMAGE} FROM events AS e WHERE e.kind = ? AND e.id = ? AND e.place <= ?"
    " ORDER BY e.place DESC LIMIT 1"
)
SELECT_ALL: Final = (
    f"SELECT {rows.RECORD} FROM records AS r WHERE (r.kind, r.id) > (?, ?) ORDER BY r.kind, r.id LIMIT ?"
)
SELECT_KINDS: Final = last_places(KIND, "kind")
SELECT_AGENTS: Final = (
    all_names(AGENT),
    f"{leap_over('answers', 'agent')} SELECT name FROM known WHERE name IS NOT NULL",
)
SELECT_EVENT_TYPES: Final = all_names(TYPE)
SELECT_ALL_OF_KIND: Final = (
    f"SELECT {rows.RECORD} FROM records AS r WHERE r.kind = ? AND r.id > ? ORDER BY r.id LIMIT ?"
)
SELECT_CHANGED: Final = (
    f"SELECT {rows.RECORD}"
    " FROM (SELECT DISTINCT e.kind, e.id FROM events AS e NOT INDEXED WHERE e.place >= ?) AS changed"
    " CROSS JOIN records AS r ON r.kind = changed.kind AND r.id = changed.id ORDER BY r.kind, r.id LIMIT ?"
)
SELECT_COMMITS: Final = f"SELECT {rows.COMMIT} FROM commits AS c"
SELECT_EVENTS: Final = f"SELECT {rows.EVENT} FROM events AS e"
SELECT_ANSWERS: Final = f"SELECT {rows.ANSWER} FROM answers AS a"
SELECT_KEYS: Final = f"SELECT {rows.KEY} FROM keys"
RECORDS_AT_ONCE: Final = 500
"""Of records that are in memory at once while all are read."""
EVENTS_AT_ONCE: Final = 256
"""Of events that are in memory at once while the log is searched."""

_encode = msgspec.json.encode


class _Over:
    """Stand where the connection of a snapshot was, once its transaction is over."""

    def execute(self, *_: object) -> NoReturn:
        raise StoreError("this snapshot is over: read inside its with block")

    executemany = execute


_OVER: Final = _Over()


class SqliteSnapshot:
    """Read a workspace through a connection that is within a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._head: Head | None = None

    @classmethod
    def begun(cls, connection: apsw.Connection) -> SqliteSnapshot:
        """Return the snapshot of a transaction just begun; reading the head is what fixes its moment."""
        snapshot = cls(connection)
        snapshot._head = snapshot._read_head()
        return snapshot

    def end(self) -> None:
        """Let nothing more be read: the transaction is over."""
        self._connection = cast("apsw.Connection", _OVER)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[rows.Row]:
        return self._connection.execute(sql, values)

    def _row(self, sql: str, values: Sequence[Any] = ()) -> rows.Row | None:
        return self._connection.execute(sql, values).fetchone()

    @property
    def head(self) -> Head:
        """Return the head that all answers belong to."""
        if self._head is None:
            self._head = self._read_head()
        return self._head

    @translating
    def _read_head(self) -> Head:
        return rows.head_of(next(self._connection.execute(SELECT_HEAD)))

    # Records

    @translating
    def records(self, refs: Sequence[Ref]) -> dict[Ref, RecordState]:
        """Return the records named, without those that never were."""
        execute, record_of = self._connection.execute, rows.record_of
        return {ref: record_of(row) for ref in refs for row in execute(SELECT_RECORD, ref)}

    @translating
    def records_at(self, refs: Sequence[Ref], revision: int) -> dict[Ref, RecordState]:
        """Return the records as of a revision, without those that weren't yet."""
        last = rows.last_place(revision)
        return {ref: rows.after_image_of(row) for ref in refs for row in self._rows(SELECT_RECORD_AT, (*ref, last))}

    @translating
    def find(self, query: Query, *, revision: int | None = None) -> list[RecordState]:
        """Return the records that meet a query, now or as of a revision."""
        chosen = self._choose(query, revision)
        behind = page(query, chosen.source)
        columns, record_of = (
            (rows.RECORD, rows.record_of) if revision is None else (rows.AFTER_IMAGE, rows.after_image_of)
        )
        sql = (
            f"SELECT {columns} FROM {chosen.clause.sql} AND ({behind.sql})"
            f" ORDER BY {ordering(query, chosen.source)} LIMIT ?"
        )
        return [record_of(row) for row in self._rows(sql, (*chosen.clause.values, *behind.values, query.limit))]

    @translating
    def count(self, query: Query, *, revision: int | None = None) -> int:
        """Return how many records meet a query's conditions."""
        chosen = self._choose(query, revision).clause
        return sum(row[0] for row in self._rows(f"SELECT count(*) FROM {chosen.sql}", chosen.values))

    def _choose(self, query: Query, revision: int | None) -> Statement:
        if revision is None:
            return choose_now(query, index_for_order(self._connection, query))
        return choose_at(query, rows.last_place(revision))

    def all_records(self, kind: str | None = None) -> Iterator[RecordState]:
        """Yield every record, deleted ones included, by kind and id."""
        statement = SELECT_ALL if kind is None else SELECT_ALL_OF_KIND
        page = self._records_behind(statement, kind or "", "")
        while page:
            yield from page
            page = self._records_behind(statement, page[-1].kind, page[-1].id)

    @translating
    def _records_behind(self, statement: str, kind: str, name: str) -> list[RecordState]:
        return [rows.record_of(row) for row in self._rows(statement, (kind, name, RECORDS_AT_ONCE))]

    @translating
    def changed_since(self, revision: int, limit: int) -> list[RecordState]:
        """Return the records changed after a revision, at most ``limit``, by kind and id."""
        return [rows.record_of(row) for row in self._rows(SELECT_CHANGED, (rows.first_place(revision + 1), limit))]

    @translating
    def kinds(self) -> dict[str, int]:
        """Return each kind that has or had records, with the revision of its last change."""
        return {kind: place // rows.ORDINALS for kind, place in self._connection.execute(SELECT_KINDS)}

    @translating
    def agents(self) -> list[str]:
        """Return the agents who ever proposed anything, by name, as far as the answer is still kept."""
        return sorted({name for sql in SELECT_AGENTS for (name,) in self._connection.execute(sql)})

    @translating
    def event_types(self) -> list[str]:
        """Return the types of the events that ever happened, by name."""
        return [name for (name,) in self._connection.execute(SELECT_EVENT_TYPES)]

    # The log

    @translating
    def commit(self, revision: int) -> Commit | None:
        """Return one commit, or None."""
        row = self._row(f"{SELECT_COMMITS} WHERE c.revision = ?", (rows.bounded(revision),))
        return None if row is None else Commit(*row)

    @translating
    def commits(self, after: int, limit: int) -> list[Commit]:
        """Return the commits after a revision, in order."""
        sql = f"{SELECT_COMMITS} WHERE c.revision > ? ORDER BY c.revision LIMIT ?"
        return [Commit(*row) for row in self._rows(sql, (rows.bounded(after), limit))]

    @translating
    def revision_at(self, at_us: int) -> int:
        """Return the revision of the last commit at or before a time; 0 if there is none."""
        return bisect_right(range(1, self.head.revision + 1), at_us, key=self._time_of)

    def _time_of(self, revision: int) -> int:
        return next(self._connection.execute("SELECT at FROM commits WHERE revision = ?", (revision,)))[0]

    @translating
    def events(self, chosen: EventFilter) -> list[Event]:
        """Return the events chosen, in order of revision and ordinal."""
        sql, values = events_chosen(chosen)
        return [Event(*row) for row in self._rows(sql, values)]

    @translating
    def commits_of(self, revisions: Sequence[int]) -> dict[int, Commit]:
        """Return the commits of these revisions, without those that aren't there."""
        sql = f"SELECT {rows.COMMIT} FROM json_each(?) AS asked CROSS JOIN commits AS c ON c.revision = asked.value"
        asked = str(_encode([rows.bounded(revision) for revision in revisions]), "utf-8")
        return {row[0]: Commit(*row) for row in self._rows(sql, (asked,))}

    @translating
    def event(self, revision: int, ordinal: int) -> Event | None:
        """Return one event, or None."""
        if not 0 <= ordinal < rows.ORDINALS:
            return None
        row = self._row(f"{SELECT_EVENTS} WHERE e.place = ?", (rows.first_place(revision) + ordinal,))
        return None if row is None else Event(*row)

    @translating
    def events_of(self, revision: int) -> list[Event]:
        """Return the events of one commit, in order."""
        return self._events_between(revision, revision)

    def _events_between(self, first: int, last: int) -> list[Event]:
        sql = f"{SELECT_EVENTS} WHERE e.place BETWEEN ? AND ? ORDER BY e.place"
        return [Event(*row) for row in self._rows(sql, (rows.first_place(first), rows.last_place(last)))]

    @translating
    def log(self, after: int, limit: int) -> list[tuple[Commit, list[Event]]]:
        """Return whole commits after a revision, in order, each with its events."""
        commits = self.commits(after, limit)
        if not commits:
            return []
        events: dict[int, list[Event]] = {commit.revision: [] for commit in commits}
        for event in self._events_between(commits[0].revision, commits[-1].revision):
            events.get(event.revision, []).append(event)  # Verifying must survive a commit that was cut out.
        return [(commit, events[commit.revision]) for commit in commits]

    def search_log(self, chosen: LogFilter, after: int, upto: int) -> Iterator[Event]:
        """Yield the events chosen of the commits behind one revision, up to another, in order."""
        sql, values = events_passing(chosen)
        first, last = rows.first_place(after + 1), rows.last_place(upto)
        while page := self._search_log(sql, (first, last, EVENTS_AT_ONCE, *values)):
            yield from page
            if len(page) < EVENTS_AT_ONCE:
                return
            first = rows.first_place(page[-1].revision) + page[-1].ordinal + 1

    @translating
    def _search_log(self, sql: str, values: Sequence[Any]) -> list[Event]:
        return [Event(*row) for row in self._rows(sql, values)]

    @translating
    def caused_by(self, revision: int, ordinal: int | None, limit: int) -> list[Commit]:
        """Return the commits that name an event, or with None any of a commit, as their cause, in order."""
        term = "c.cause = ?" if ordinal is not None else "c.cause > ? AND c.cause < ?"
        named = (f"{revision}.{ordinal}",) if ordinal is not None else (f"{revision}.", f"{revision}/")
        sql = f"{SELECT_COMMITS} WHERE {term} ORDER BY c.revision LIMIT ?"
        return [Commit(*row) for row in self._rows(sql, (*named, limit))]

    # Answers and keys

    @translating
    def answers(self, proposals: Sequence[str]) -> dict[str, Commit | Answered]:
        """Return what was answered under these ids, without those that are new."""
        asked = (str(_encode(list(proposals)), "utf-8"),)
        answered = (
            f"SELECT {rows.ANSWER} FROM json_each(?) AS asked CROSS JOIN answers AS a ON a.proposal = asked.value"
        )
        committed = (
            f"SELECT {rows.COMMIT} FROM json_each(?) AS asked CROSS JOIN commits AS c ON c.proposal = asked.value"
        )
        found: dict[str, Commit | Answered] = {}
        for sql, made in ((answered, Answered), (committed, Commit)):
            found.update((answer.proposal, answer) for answer in (made(*row) for row in self._rows(sql, asked)))
        return found

    @translating
    def answered(self, chosen: AnsweredFilter) -> list[Answered]:
        """Return the answers chosen that made no commit, newest first unless asked otherwise."""
        wanted: list[tuple[str, Any]] = [("a.at >= ?", chosen.since_us)]
        if chosen.until_us is not None:
            wanted.append(("a.at <= ?", chosen.until_us))
        if chosen.agent is not None:
            wanted.append(("a.agent = ?", chosen.agent))
        if chosen.outcome is not None:
            wanted.append(("a.outcome = ?", chosen.outcome))
        terms = " AND ".join(term for term, _ in wanted)
        way = "ASC" if chosen.oldest_first else "DESC"
        sql = f"{SELECT_ANSWERS} WHERE {terms} ORDER BY a.at {way}, a.ordinal {way}, a.rowid {way} LIMIT ?"
        return [Answered(*row) for row in self._rows(sql, (*(value for _, value in wanted), chosen.limit))]

    @translating
    def keys(self, agent: str | None = None) -> list[KeyRow]:
        """Return the keys kept, of one agent or of all."""
        chosen, values = (" WHERE agent = ?", (agent,)) if agent is not None else ("", ())
        return [rows.key_of(row) for row in self._rows(f"{SELECT_KEYS}{chosen} ORDER BY created_at, key", values)]

    @translating
    def key(self, key: str) -> KeyRow | None:
        """Return one key by its id, or None."""
        row = self._row(f"{SELECT_KEYS} WHERE key = ?", (key,))
        return None if row is None else rows.key_of(row)

    @translating
    def noted(self, topic: str, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return the bookkeeping of a topic, all of it or under these names, without those that never were."""
        sql = "SELECT name, value FROM bookkeeping WHERE topic = ?"
        if names is None:
            return dict(self._connection.execute(sql, (topic,)))
        asked = str(_encode(list(names)), "utf-8")
        return dict(self._connection.execute(f"{sql} AND name IN (SELECT value FROM json_each(?))", (topic, asked)))

    @translating
    def topics(self) -> list[str]:
        """Return the topics that have bookkeeping, by name."""
        return [topic for (topic,) in self._rows("SELECT DISTINCT topic FROM bookkeeping ORDER BY topic")]

    @translating
    def statistics(self) -> Statistics:
        """Return counts and sizes; only records that are there, live or archived, are counted."""
        there = self._connection.execute(
            "SELECT kind, count(*) FROM records WHERE life IN ('live', 'archived') GROUP BY kind"
        )
        counts = "SELECT (SELECT count(*) FROM commits), (SELECT count(*) FROM events), (SELECT count(*) FROM answers)"
        sizes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return Statistics(dict(there), *next(iter(self._rows(counts))), *next(iter(self._rows(sizes))))
