"""The same job by hand on PostgreSQL: a transaction each, the rows locked that it rests on.

Everything that was read is locked and compared in one statement, in one order, so that
nothing deadlocks. The audit is chained for each record: a chain of all would have each
transaction wait for the one before. A transaction that is held by another one waits.
"""

from __future__ import annotations

import os
import time
from typing import Any

import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads

from bench.by_hand import Guard, Stale, decode, encode

SCHEMA = """
CREATE TABLE records (ref text PRIMARY KEY, version bigint NOT NULL, data json NOT NULL, hash bytea NOT NULL)
    WITH (fillfactor = 70);
CREATE TABLE owners (kind text, field text, owner text, PRIMARY KEY (kind, field, owner));
CREATE TABLE audit (
    ref text NOT NULL, version bigint NOT NULL, at bigint NOT NULL, agent text NOT NULL, event text NOT NULL,
    reason text, was json NOT NULL, after json NOT NULL, hash bytea NOT NULL, PRIMARY KEY (ref, version)
);
CREATE TABLE answers (id text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE bare (id bigint PRIMARY KEY, version bigint NOT NULL, data text NOT NULL) WITH (fillfactor = 70);
"""
LOCK = "SELECT ref, version, data, hash FROM records WHERE ref = ANY (%s) ORDER BY ref FOR UPDATE"
UPDATE = "UPDATE records SET version = %s, data = %s, hash = sha256(hash || %s) WHERE ref = %s RETURNING hash"
PUT_AUDIT = "INSERT INTO audit VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"


def prepare(url: str, records: dict[str, dict[str, Any]], owners: list[tuple[str, str, str]]) -> None:
    """Make the tables, and put records in."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA.encode())
        cursor.executemany("INSERT INTO owners VALUES (%s, %s, %s)", owners)
        rows = [(ref, encode(data).decode()) for ref, data in records.items()]
        cursor.executemany("INSERT INTO records VALUES (%s, 1, %s, '')", rows)
        cursor.executemany("INSERT INTO bare VALUES (%s, 1, %s)", [(n, row[1]) for n, row in enumerate(rows)])


class DatabaseByHand:
    """Be one connection to the hand-written tables. Each thread has its own."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        set_json_loads(decode, self._connection)
        set_json_dumps(encode, self._connection)

    def get(self, ref: str) -> tuple[int, dict[str, Any]]:
        """Return a record's version and fields."""
        row = self._connection.execute("SELECT version, data FROM records WHERE ref = %s", (ref,)).fetchone()
        if row is None:
            raise KeyError(ref)
        return row[0], row[1]

    def commit(
        self, agent: str, reads: dict[str, int], ref: str, field: str, value: str, guard: Guard, event: str, reason: str
    ) -> None:
        """Set one field in a transaction. Raises Stale when something read has changed, PermissionError, ValueError."""
        execute = self._connection.execute
        with self._connection.transaction():
            self._check_owner(agent, ref, field)
            held = {row[0]: row for row in execute(LOCK, (list(reads),))}
            for read, version in reads.items():
                if held[read][1] != version:
                    raise Stale(read)
            _, version, before, _ = held[ref]
            after = {**before, field: value}
            if not guard(before, after):
                raise ValueError("the guard says no")
            was, image = encode({field: before[field]}).decode(), encode(after).decode()
            changed = execute(UPDATE, (version + 1, image, image.encode(), ref)).fetchall()
            at = time.time_ns() // 1000
            execute(PUT_AUDIT, (ref, version + 1, at, agent, event, reason, was, image, changed[0][0]))
            execute("INSERT INTO answers VALUES (%s, %s)", (os.urandom(16).hex(), version + 1))

    def _check_owner(self, agent: str, ref: str, field: str) -> None:
        asked = "SELECT 1 FROM owners WHERE kind = %s AND field = %s AND owner = %s"
        if self._connection.execute(asked, (ref.partition("/")[0], field, agent)).fetchone() is None:
            raise PermissionError(f"{agent} doesn't own {field}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
