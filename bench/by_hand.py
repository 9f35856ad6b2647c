"""The same job by hand, as a competent engineer writes it with SQLite and no Comity.

Each change is a transaction of its own: ``BEGIN IMMEDIATE``, the versions of everything
that was read compared, the owner of the field looked up, the guard in Python, the row
updated, an audit row chained by hash, the answer kept under the id, ``COMMIT`` with a full
sync. What lost a race is read again and tried again. Threads have a connection each.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import apsw
import msgspec

SCHEMA = """
CREATE TABLE records (ref TEXT PRIMARY KEY, version INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE owners (kind TEXT, field TEXT, owner TEXT, PRIMARY KEY (kind, field, owner)) WITHOUT ROWID;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, ref TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, agent TEXT NOT NULL,
    event TEXT NOT NULL, reason TEXT, was BLOB NOT NULL, after BLOB NOT NULL, hash BLOB NOT NULL
);
CREATE INDEX audit_by_ref ON audit (ref, seq);
CREATE TABLE answers (id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE queue (place INTEGER PRIMARY KEY, ref TEXT NOT NULL, what TEXT NOT NULL);
CREATE TABLE outbox (place INTEGER PRIMARY KEY, ref TEXT NOT NULL, what TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX outbox_by_state ON outbox (state, place);
"""
SELECT = "SELECT version, data FROM records WHERE ref = ?"
LAST_HASH = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1"
INSERT_AUDIT = (
    "INSERT INTO audit (ref, version, at, agent, event, reason, was, after, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
AS_OF = "SELECT after FROM audit WHERE ref = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
NEWEST = "SELECT seq, at, agent, event, reason, was, after FROM audit WHERE ref = ? ORDER BY seq DESC LIMIT ?"
SINCE = "SELECT seq, at, agent, event, reason, after FROM audit WHERE ref = ? AND seq > ? ORDER BY seq"
BUSY_MS = 120_000

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(dict[str, Any]).decode
Guard = Callable[[dict[str, Any], dict[str, Any]], bool]


class Stale(Exception):
    """Tell that something which was read has another version now."""


class ByHand:
    """Be one connection to the hand-written base. Each thread has its own."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(BUSY_MS)
        self._connection.execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000"
        ).fetchall()  # APSW runs what is behind the first row only when it is fetched.
        self.retries = 0

    def prepare(self, records: dict[str, dict[str, Any]], owners: Iterable[tuple[str, str, str]]) -> None:
        """Make the tables, put records in, say who owns which field."""
        self._connection.execute(SCHEMA)
        with self._connection:
            self._connection.executemany("INSERT INTO owners VALUES (?, ?, ?)", owners)
            for ref, data in records.items():
                self._connection.execute("INSERT INTO records VALUES (?, 1, ?)", (ref, encode(data)))
                self._audit(ref, 1, "setup", "created", None, {}, data)

    def get(self, ref: str) -> tuple[int, dict[str, Any]]:
        """Return a record's version and fields."""
        version, data = next(self._connection.execute(SELECT, (ref,)))
        return version, decode(data)

    def commit(
        self, agent: str, reads: dict[str, int], ref: str, field: str, value: Any, guard: Guard, event: str, reason: str
    ) -> None:
        """Set one field in a transaction. Raises Stale when something read has changed, PermissionError, ValueError."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._check_owner(agent, ref, field)
            for read, version in reads.items():
                if next(self._connection.execute("SELECT version FROM records WHERE ref = ?", (read,)))[0] != version:
                    raise Stale(read)
            version, before = self.get(ref)
            after = {**before, field: value}
            if not guard(before, after):
                raise ValueError("the guard says no")
            self._update(ref, version + 1, after)
            self._audit(ref, version + 1, agent, event, reason, {field: before.get(field)}, after)
            self._connection.execute("INSERT INTO answers VALUES (?, ?)", (os.urandom(16).hex(), version + 1))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def change(self, ref: str, compute: Callable[[dict[str, Any]], dict[str, Any]], *, locked: bool = False) -> None:
        """Read, think, write: again until nobody was faster, or holding the lock all the while."""
        while True:
            if locked:
                self._connection.execute("BEGIN IMMEDIATE")
            version, before = self.get(ref)
            after = compute(before)
            if not locked:
                self._connection.execute("BEGIN IMMEDIATE")
            if self._update(ref, version + 1, after, seen=version):
                self._audit(ref, version + 1, "agent", "updated", None, before, after)
                self._connection.execute("COMMIT")
                return
            self._connection.execute("ROLLBACK")
            self.retries += 1

    def change_all(self, seen: dict[str, int], after: dict[str, dict[str, Any]]) -> bool:
        """Update records as a whole, all or, where one has another version than was seen, none; tell which."""
        self._connection.execute("BEGIN IMMEDIATE")
        for ref, data in after.items():
            before = self.get(ref)[1]
            if not self._update(ref, seen[ref] + 1, data, seen=seen[ref]):
                self._connection.execute("ROLLBACK")
                return False
            self._audit(ref, seen[ref] + 1, "agent", "updated", None, before, data)
        self._connection.execute("COMMIT")
        return True

    def prepare_one(self, ref: str, data: dict[str, Any]) -> None:
        """Put one record in."""
        with self._connection:
            self._connection.execute("INSERT INTO records VALUES (?, 1, ?)", (ref, encode(data)))
            self._audit(ref, 1, "setup", "created", None, {}, data)

    def add(self, ref: str, field: str, times: int) -> None:
        """Add 1 to a field that many times, in one transaction."""
        self.add_each([ref], field, times)

    def add_each(self, refs: list[str], field: str, times: int) -> None:
        """Add 1 to a field of these records in turn, that many times altogether, in one transaction."""
        with self._connection:
            for number in range(times):
                ref = refs[number % len(refs)]
                version, before = self.get(ref)
                after = {**before, field: before[field] + 1}
                self._update(ref, version + 1, after)
                self._audit(ref, version + 1, "setup", "updated", None, {field: before[field]}, after)

    def enqueue(self, waiting: Iterable[tuple[str, str]]) -> None:
        """Put what waits in line: a record, and what is to be done with it."""
        with self._connection:
            self._connection.executemany("INSERT INTO queue (ref, what) VALUES (?, ?)", waiting)

    def release_one(
        self, is_over: Callable[[dict[str, Any]], bool], change: Callable[[dict[str, Any], str], dict[str, Any]]
    ) -> bool:
        """Make the change of the head of the line if what it waits for is over; tell whether one was made."""
        self._connection.execute("BEGIN IMMEDIATE")
        head = next(self._connection.execute("SELECT place, ref, what FROM queue ORDER BY place LIMIT 1"), None)
        if head is None or not is_over((before := self.get(head[1]))[1]):
            self._connection.execute("ROLLBACK")
            return False
        place, ref, what = head
        after = change(before[1], what)
        self._update(ref, before[0] + 1, after)
        self._audit(ref, before[0] + 1, "agent", "updated", None, before[1], after)
        self._connection.execute("DELETE FROM queue WHERE place = ?", (place,))
        self._connection.execute("COMMIT")
        return True

    def want(self, effects: Iterable[tuple[str, str]]) -> None:
        """Put what is to be sent into the outbox: whom it concerns, and what."""
        with self._connection:
            self._connection.executemany("INSERT INTO outbox (ref, what, state) VALUES (?, ?, 'held')", effects)

    def claim_one(self, may: Callable[[dict[str, Any]], bool]) -> tuple[int, str] | None:
        """Mark the first of the outbox as being sent if it still may be, and return it; without a look it can't be."""
        self._connection.execute("BEGIN IMMEDIATE")
        oldest = "SELECT place, ref, what FROM outbox WHERE state = 'held' ORDER BY place LIMIT 1"
        head = next(self._connection.execute(oldest), None)
        if head is None:
            self._connection.execute("ROLLBACK")
            return None
        place, ref, what = head
        state = "sending" if may(self.get(ref)[1]) else "cancelled"
        self._move(place, ref, state)
        return (place, what) if state == "sending" else self.claim_one(may)

    def finish_one(self, place: int) -> None:
        """Mark what was claimed as sent."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._move(place, f"outbox/{place}", "sent")

    def _move(self, place: int, ref: str, state: str) -> None:
        """Note how one of the outbox stands, write that to the audit, and commit."""
        self._connection.execute("UPDATE outbox SET state = ? WHERE place = ?", (state, place))
        self._audit(ref, 1, "worker", state, None, {}, {"state": state})
        self._connection.execute("COMMIT")

    def changes_since(self, ref: str, seq: int) -> list[tuple[Any, ...]]:
        """Return the audit rows of a record since one, decoded: what others did."""
        rows = self._connection.execute(SINCE, (ref, seq))
        return [(number, at, by, event, reason, decode(after)) for number, at, by, event, reason, after in rows]

    def history(self, ref: str, limit: int) -> list[tuple[Any, ...]]:
        """Return the newest audit rows of a record, decoded."""
        rows = self._connection.execute(NEWEST, (ref, limit))
        return [
            (seq, at, by, event, reason, decode(was), decode(after)) for seq, at, by, event, reason, was, after in rows
        ]

    def as_of(self, ref: str, seq: int) -> dict[str, Any]:
        """Return a record as it was, by one seek to its after-image."""
        return decode(next(self._connection.execute(AS_OF, (ref, seq)))[0])

    def replay(self) -> int:
        """Return how many events there are, having folded them, checked the chain, and compared with the records."""
        state: dict[str, tuple[int, dict[str, Any]]] = {}
        last, count = b"", 0
        columns = "ref, version, at, agent, event, reason, was, after, hash"
        for *facts, digest in self._connection.execute(f"SELECT {columns} FROM audit ORDER BY seq"):
            last = _chain(last, facts)
            if last != digest:
                raise ValueError(f"the chain breaks at event {count}")
            state[facts[0]] = (facts[1], decode(facts[7]))
            count += 1
        for ref, version, data in self._connection.execute("SELECT ref, version, data FROM records"):
            if state[ref] != (version, decode(data)):
                raise ValueError(f"{ref} differs from its events")
        return count

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _check_owner(self, agent: str, ref: str, field: str) -> None:
        kind = ref.partition("/")[0]
        rows = self._connection.execute("SELECT owner FROM owners WHERE kind = ? AND field = ?", (kind, field))
        if agent not in {owner for (owner,) in rows}:
            raise PermissionError(f"{agent} doesn't own {kind}.{field}")

    def _update(self, ref: str, version: int, data: dict[str, Any], *, seen: int | None = None) -> bool:
        sql = "UPDATE records SET version = ?, data = ? WHERE ref = ? AND version = ?"
        self._connection.execute(sql, (version, encode(data), ref, version - 1 if seen is None else seen))
        return self._connection.changes() == 1

    def _audit(
        self,
        ref: str,
        version: int,
        agent: str,
        event: str,
        reason: str | None,
        was: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        last = next(self._connection.execute(LAST_HASH), (b"",))[0]
        facts = [ref, version, time.time_ns() // 1000, agent, event, reason, encode(was), encode(after)]
        self._connection.execute(INSERT_AUDIT, (*facts, _chain(last, facts)))


def _chain(previous: bytes, facts: list[Any]) -> bytes:
    envelope = encode([fact.decode() if isinstance(fact, bytes) else fact for fact in facts])
    return hashlib.sha256(previous + envelope).digest()
