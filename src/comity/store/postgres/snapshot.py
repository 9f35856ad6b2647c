"""Reading within one transaction: everything is of one revision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn, Protocol, cast

import psycopg

from comity.errors import StoreDamaged, StoreError
from comity.model.events import Answered, Commit, Event
from comity.model.filters import Query
from comity.model.records import RecordState
from comity.store.contract import AnsweredFilter, EventFilter, Head, KeyRow, LogFilter, Ref, Statistics
from comity.store.postgres import rows
from comity.store.postgres.arrays import Integers, Texts
from comity.store.postgres.clock import DatabaseClock
from comity.store.postgres.failures import translating
from comity.store.postgres.queries import Statement, choose_at, choose_now, ordering, page
from comity.store.postgres.searching import SELECT_EVENTS, events_chosen, events_passing

Connection = psycopg.Connection[rows.Row]


def leap_over(table: str, column: str) -> str:
    """Return the beginning of a statement in which ``known`` holds each ``name`` that a column has.

    A seek for each, by leaps over the column's index: most names stand in many rows. It is to
    be bound to the workspace, twice.
    """
    least = f"SELECT min({column}) FROM {{s}}.{table} AS t WHERE t.workspace = %s"
    return (
        f"WITH RECURSIVE known (name) AS (({least}) UNION ALL"
        f" SELECT ({least} AND t.{column} > known.name) FROM known WHERE name IS NOT NULL)"
    )


SELECT_HEAD: Final = f"SELECT {rows.HEAD}, {rows.CLOCK} FROM {{s}}.heads WHERE workspace = %s"
SELECT_RECORD: Final = (
    f"SELECT {rows.RECORD} FROM {{s}}.records AS r WHERE r.workspace = %s AND r.kind = %s AND r.id = %s"
)
SELECT_RECORDS: Final = (
    f"SELECT {rows.RECORD} FROM unnest(%s, %s) AS asked (kind, id)"
    " JOIN {s}.records AS r ON r.workspace = %s AND r.kind = asked.kind AND r.id = asked.id"
)
SELECT_RECORDS_AT: Final = (
    f"SELECT {rows.AFTER_IMAGE} FROM unnest(%s, %s) AS asked (kind, id) CROSS JOIN LATERAL ("
    "SELECT * FROM {s}.events AS former WHERE former.workspace = %s AND former.kind = asked.kind"
    " AND former.id = asked.id AND former.revision <= %s"
    " ORDER BY former.revision DESC, former.ordinal DESC LIMIT 1) AS e"
)
SELECT_ALL: Final = (
    f"SELECT {rows.RECORD} FROM {{s}}.records AS r WHERE r.workspace = %s AND (r.kind, r.id) > (%s, %s)"
    " ORDER BY r.kind, r.id LIMIT %s"
)
SELECT_ALL_OF_KIND: Final = (
    f"SELECT {rows.RECORD} FROM {{s}}.records AS r WHERE r.workspace = %s AND r.kind = %s AND r.id > %s"
    " ORDER BY r.id LIMIT %s"
)
SELECT_CHANGED: Final = (
    f"SELECT {rows.RECORD} FROM (SELECT DISTINCT e.kind, e.id FROM {{s}}.events AS e"
    " WHERE e.workspace = %s AND e.revision > %s) AS changed"
    " JOIN {s}.records AS r ON r.workspace = %s AND r.kind = changed.kind AND r.id = changed.id"
    " ORDER BY r.kind, r.id LIMIT %s"
)
SELECT_KINDS: Final = (
    f"{leap_over('events', 'kind')} SELECT name, (SELECT max(e.revision) FROM {{s}}.events AS e"
    " WHERE e.workspace = %s AND e.kind = known.name) FROM known WHERE name IS NOT NULL"
)
SELECT_AGENTS: Final = tuple(
    f"{leap_over(table, 'agent')} SELECT name FROM known WHERE name IS NOT NULL" for table in ("commits", "answers")
)
SELECT_EVENT_TYPES: Final = f"{leap_over('events', 'type')} SELECT name FROM known WHERE name IS NOT NULL"
SELECT_COMMITS: Final = f"SELECT {rows.COMMIT} FROM {{s}}.commits AS c WHERE c.workspace = %s"
SELECT_ANSWERS: Final = f"SELECT {rows.ANSWER} FROM {{s}}.answers AS a WHERE a.workspace = %s"
SELECT_KEYS: Final = f"SELECT {rows.KEY} FROM {{s}}.keys WHERE workspace = %s"
SELECT_NOTES: Final = "SELECT name, value FROM {s}.bookkeeping WHERE workspace = %s AND topic = %s"
SELECT_TOPICS: Final = "SELECT DISTINCT topic FROM {s}.bookkeeping WHERE workspace = %s ORDER BY topic"
SELECT_REVISION_AT: Final = (
    "WITH RECURSIVE span (low, high) AS (SELECT 0::bigint, %s::bigint UNION ALL"
    " SELECT CASE WHEN c.at <= %s THEN c.revision ELSE low END, CASE WHEN c.at <= %s THEN high ELSE c.revision - 1 END"
    " FROM span JOIN {s}.commits AS c ON c.workspace = %s AND c.revision = (low + high + 1) / 2 WHERE low < high)"
    " SELECT max(low) FROM span"
)
"""A seek for each halving: times never fall from one revision to the next (S6)."""
COUNT_RECORDS: Final = (
    "SELECT kind, count(*) FROM {s}.records WHERE workspace = %s AND life IN ('live', 'archived') GROUP BY kind"
)
COUNT_ROWS: Final = (
    "SELECT (SELECT count(*) FROM {s}.commits WHERE workspace = %s), (SELECT count(*) FROM {s}.events"
    " WHERE workspace = %s), (SELECT count(*) FROM {s}.answers WHERE workspace = %s)"
)
SIZES: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"
)
"""Of the schema: the tables of several workspaces aren't apart."""
RECORDS_AT_ONCE: Final = 500
"""Of records that are in memory at once while all are read."""
EVENTS_AT_ONCE: Final = 256
"""Of events that are in memory at once while the log is searched."""


class Site(Protocol):
    """Be where a workspace is: its schema, its name, and the clock that the server's answers set.

    ``goes_by_database`` tells whether store time goes by that clock, and not by one that was given;
    ``channel`` is where commits are told, unless nobody is to be told.
    """

    @property
    def schema(self) -> str: ...  # noqa: D102

    @property
    def workspace(self) -> str: ...  # noqa: D102

    @property
    def channel(self) -> str | None: ...  # noqa: D102

    @property
    def database_clock(self) -> DatabaseClock: ...  # noqa: D102

    @property
    def goes_by_database(self) -> bool: ...  # noqa: D102


@lru_cache(maxsize=4096)
def in_schema(sql: str, schema: str) -> bytes:
    """Return a statement with the schema's name put in: no setting of the session has to say which is meant."""
    return sql.replace("{s}", f'"{schema}"').encode()


class _Over:
    """Stand where the connection of a snapshot was, once its transaction is over."""

    def execute(self, *_: object, **__: object) -> NoReturn:
        raise StoreError("this snapshot is over: read inside its with block")


_OVER: Final = _Over()


class PostgresSnapshot:
    """Read a workspace through a connection that is within a transaction."""

    def __init__(self, connection: Connection, site: Site) -> None:
        self._connection = connection
        self._site = site
        self._workspace = site.workspace
        self._head: Head | None = None

    def end(self) -> None:
        """Let nothing more be read: the transaction is over."""
        self._connection = cast("Connection", _OVER)

    def _execute(self, sql: str, *values: Any) -> psycopg.Cursor[rows.Row]:
        return self._connection.execute(in_schema(sql, self._site.schema), values, binary=True)

    def _rows(self, sql: str, *values: Any) -> list[rows.Row]:
        return self._execute(sql, *values).fetchall()

    def _row(self, sql: str, *values: Any) -> rows.Row | None:
        return self._execute(sql, *values).fetchone()

    @property
    def head(self) -> Head:
        """Return the head that all answers belong to."""
        if self._head is None:
            self._head = self.read_head()
        return self._head

    @translating
    def read_head(self) -> Head:
        """Return the head as the transaction sees it."""
        self._head = self.take_head(self._row(SELECT_HEAD, self._workspace))
        return self._head

    def take_head(self, row: rows.Row | None) -> Head:
        """Return the head that an answer holds, and set the clock by what it tells."""
        if row is None:
            raise StoreDamaged(f"the schema {self._site.schema} has no workspace {self._workspace!r} any more")
        self._site.database_clock.take(row[-1])
        return rows.head_of(row)

    # Records

    @translating
    def records(self, refs: Sequence[Ref]) -> dict[Ref, RecordState]:
        """Return the records named, without those that never were."""
        if len(refs) == 1:
            row = self._row(SELECT_RECORD, self._workspace, *refs[0])
            return {} if row is None else {refs[0]: rows.record_of(row)}
        return _in_order(refs, map(rows.record_of, self._rows(SELECT_RECORDS, *_columns(refs), self._workspace)))

    @translating
    def records_at(self, refs: Sequence[Ref], revision: int) -> dict[Ref, RecordState]:
        """Return the records as of a revision, without those that weren't yet."""
        found = self._rows(SELECT_RECORDS_AT, *_columns(refs), self._workspace, rows.bounded(revision))
        return _in_order(refs, map(rows.after_image_of, found))

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
            f" ORDER BY {ordering(query, chosen.source)} LIMIT %s"
        )
        return [record_of(row) for row in self._rows(sql, *chosen.clause.values, *behind.values, query.limit)]

    @translating
    def count(self, query: Query, *, revision: int | None = None) -> int:
        """Return how many records meet a query's conditions."""
        chosen = self._choose(query, revision).clause
        return sum(row[0] for row in self._rows(f"SELECT count(*) FROM {chosen.sql}", *chosen.values))

    def _choose(self, query: Query, revision: int | None) -> Statement:
        if revision is None:
            return choose_now(query, self._workspace)
        return choose_at(query, self._workspace, rows.bounded(revision))

    def all_records(self, kind: str | None = None) -> Iterator[RecordState]:
        """Yield every record, deleted ones included, by kind and id."""
        statement = SELECT_ALL if kind is None else SELECT_ALL_OF_KIND
        page = self._records_behind(statement, kind or "", "")
        while page:
            yield from page
            page = self._records_behind(statement, page[-1].kind, page[-1].id)

    @translating
    def _records_behind(self, statement: str, kind: str, name: str) -> list[RecordState]:
        found = self._rows(statement, self._workspace, kind, name, RECORDS_AT_ONCE)
        return [rows.record_of(row) for row in found]

    @translating
    def changed_since(self, revision: int, limit: int) -> list[RecordState]:
        """Return the records changed after a revision, at most ``limit``, by kind and id."""
        found = self._rows(SELECT_CHANGED, self._workspace, rows.bounded(revision), self._workspace, limit)
        return [rows.record_of(row) for row in found]

    @translating
    def kinds(self) -> dict[str, int]:
        """Return each kind that has or had records, with the revision of its last change."""
        return dict(self._rows(SELECT_KINDS, *[self._workspace] * 3))

    @translating
    def agents(self) -> list[str]:
        """Return the agents who ever proposed anything, by name, as far as the answer is still kept."""
        return sorted({name for sql in SELECT_AGENTS for (name,) in self._rows(sql, *[self._workspace] * 2)})

    @translating
    def event_types(self) -> list[str]:
        """Return the types of the events that ever happened, by name."""
        return [name for (name,) in self._rows(SELECT_EVENT_TYPES, *[self._workspace] * 2)]

    # The log

    @translating
    def commit(self, revision: int) -> Commit | None:
        """Return one commit, or None."""
        row = self._row(f"{SELECT_COMMITS} AND c.revision = %s", self._workspace, rows.bounded(revision))
        return None if row is None else rows.commit_of(row)

    def _commits(self, terms: str, *values: Any) -> list[Commit]:
        return [rows.commit_of(row) for row in self._rows(f"{SELECT_COMMITS} AND {terms}", self._workspace, *values)]

    @translating
    def commits_of(self, revisions: Sequence[int]) -> dict[int, Commit]:
        """Return the commits of these revisions, without those that aren't there."""
        asked = Integers([rows.bounded(revision) for revision in revisions])
        return {commit.revision: commit for commit in self._commits("c.revision = ANY (%s)", asked)}

    @translating
    def commits(self, after: int, limit: int) -> list[Commit]:
        """Return the commits after a revision, in order."""
        return self._commits("c.revision > %s ORDER BY c.revision LIMIT %s", rows.bounded(after), limit)

    @translating
    def revision_at(self, at_us: int) -> int:
        """Return the revision of the last commit at or before a time; 0 if there is none."""
        at = rows.bounded(at_us)
        found = self._row(SELECT_REVISION_AT, self.head.revision, at, at, self._workspace)
        return 0 if found is None else found[0]

    @translating
    def events(self, chosen: EventFilter) -> list[Event]:
        """Return the events chosen, in order of revision and ordinal."""
        sql, values = events_chosen(chosen, self._workspace)
        return [rows.event_of(row) for row in self._rows(sql, *values)]

    def _events(self, terms: str, *values: Any) -> list[Event]:
        return [rows.event_of(row) for row in self._rows(f"{SELECT_EVENTS} AND {terms}", self._workspace, *values)]

    @translating
    def event(self, revision: int, ordinal: int) -> Event | None:
        """Return one event, or None."""
        place = (rows.bounded(revision), rows.bounded(ordinal))
        return next(iter(self._events("e.revision = %s AND e.ordinal = %s", *place)), None)

    @translating
    def events_of(self, revision: int) -> list[Event]:
        """Return the events of one commit, in order."""
        return self._events("e.revision = %s ORDER BY e.ordinal", rows.bounded(revision))

    @translating
    def log(self, after: int, limit: int) -> list[tuple[Commit, list[Event]]]:
        """Return whole commits after a revision, in order, each with its events."""
        commits = self.commits(after, limit)
        if not commits:
            return []
        events: dict[int, list[Event]] = {commit.revision: [] for commit in commits}
        span = (commits[0].revision, commits[-1].revision)
        for event in self._events("e.revision BETWEEN %s AND %s ORDER BY e.revision, e.ordinal", *span):
            events.get(event.revision, []).append(event)  # Verifying must survive a commit that was cut out.
        return [(commit, events[commit.revision]) for commit in commits]

    def search_log(self, chosen: LogFilter, after: int, upto: int) -> Iterator[Event]:
        """Yield the events chosen of the commits behind one revision, up to another, in order."""
        sql, values = events_passing(chosen)
        place, last = (rows.bounded(after), rows.LAST), rows.bounded(upto)
        while page := self._search_log(sql, (self._workspace, *values, *place, last, EVENTS_AT_ONCE)):
            yield from map(rows.event_of, page)
            if len(page) < EVENTS_AT_ONCE:
                return
            place = page[-1][:2]

    @translating
    def _search_log(self, sql: str, values: Sequence[Any]) -> list[rows.Row]:
        return self._rows(sql, *values)

    @translating
    def caused_by(self, revision: int, ordinal: int | None, limit: int) -> list[Commit]:
        """Return the commits that name an event, or with None any of a commit, as their cause, in order."""
        term = "c.cause = %s" if ordinal is not None else "c.cause > %s AND c.cause < %s"
        named = (f"{revision}.{ordinal}",) if ordinal is not None else (f"{revision}.", f"{revision}/")
        return self._commits(f"{term} ORDER BY c.revision LIMIT %s", *named, limit)

    # Answers and keys

    @translating
    def answers(self, proposals: Sequence[str]) -> dict[str, Commit | Answered]:
        """Return what was answered under these ids, without those that are new."""
        if not proposals:
            return {}
        asked = Texts(proposals)
        answered = self._rows(f"{SELECT_ANSWERS} AND a.proposal = ANY (%s)", self._workspace, asked)
        found: dict[str, Commit | Answered] = {answer.proposal: answer for answer in map(rows.answer_of, answered)}
        for commit in self._commits("c.proposal = ANY (%s)", asked):
            found[commit.proposal] = commit
        return found

    @translating
    def answered(self, chosen: AnsweredFilter) -> list[Answered]:
        """Return the answers chosen that made no commit, newest first unless asked otherwise."""
        wanted: list[tuple[str, Any]] = [("a.at >= %s", chosen.since_us)]
        if chosen.until_us is not None:
            wanted.append(("a.at <= %s", chosen.until_us))
        if chosen.agent is not None:
            wanted.append(("a.agent = %s", chosen.agent))
        if chosen.outcome is not None:
            wanted.append(("a.outcome = %s", chosen.outcome))
        terms = " AND ".join(term for term, _ in wanted)
        way = "ASC" if chosen.oldest_first else "DESC"
        sql = f"{SELECT_ANSWERS} AND {terms} ORDER BY a.at {way}, a.ordinal {way}, a.proposal {way} LIMIT %s"
        return [
            rows.answer_of(row)
            for row in self._rows(sql, self._workspace, *(value for _, value in wanted), chosen.limit)
        ]

    @translating
    def keys(self, agent: str | None = None) -> list[KeyRow]:
        """Return the keys kept, of one agent or of all."""
        chosen, values = (" AND agent = %s", (agent,)) if agent is not None else ("", ())
        found = self._rows(f"{SELECT_KEYS}{chosen} ORDER BY created_at, key", self._workspace, *values)
        return [rows.key_of(row) for row in found]

    @translating
    def key(self, key: str) -> KeyRow | None:
        """Return one key by its id, or None."""
        row = self._row(f"{SELECT_KEYS} AND key = %s", self._workspace, key)
        return None if row is None else rows.key_of(row)

    @translating
    def noted(self, topic: str, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return the bookkeeping of a topic, all of it or under these names, without those that never were."""
        if names is None:
            return dict(self._rows(SELECT_NOTES, self._workspace, topic))
        return dict(self._rows(f"{SELECT_NOTES} AND name = ANY (%s)", self._workspace, topic, Texts(names)))

    @translating
    def topics(self) -> list[str]:
        """Return the topics that have bookkeeping, by name."""
        return [topic for (topic,) in self._rows(SELECT_TOPICS, self._workspace)]

    @translating
    def statistics(self) -> Statistics:
        """Return counts and sizes; only records that are there, live or archived, are counted."""
        there = self._rows(COUNT_RECORDS, self._workspace)
        counts = self._rows(COUNT_ROWS, *[self._workspace] * 3)
        sizes = self._rows(SIZES, self._site.schema)
        return Statistics(dict(there), *counts[0], *sizes[0])


def _columns(refs: Sequence[Ref]) -> tuple[Texts, Texts]:
    return Texts([kind for kind, _ in refs]), Texts([name for _, name in refs])


def _in_order(refs: Sequence[Ref], found: Iterator[RecordState]) -> dict[Ref, RecordState]:
    states = {(state.kind, state.id): state for state in found}
    return {ref: states[ref] for ref in refs if ref in states}
