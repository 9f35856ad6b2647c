"""The worlds without Comity: SQLite, as first versions are written, and with a version column.

A row is read as a whole and saved as a whole, as most object mappers do it. With versions
each row carries a number, and a save that finds another one there than was read is undone.
Letters are sent as soon as the row is saved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from comity.cli.simulate.acts import Ending, State

_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
CREATE TABLE customer (id TEXT PRIMARY KEY, status TEXT DEFAULT 'active', campaign TEXT DEFAULT '',
                       contract INTEGER DEFAULT 0, open_tickets INTEGER DEFAULT 0, visits INTEGER DEFAULT 0,
                       roadmap TEXT DEFAULT '', version INTEGER DEFAULT 1);
CREATE TABLE request (id TEXT PRIMARY KEY, customer TEXT REFERENCES customer (id), title TEXT,
                      version INTEGER DEFAULT 1);
"""
_COLUMNS: Final = {
    "customer": ("status", "campaign", "contract", "open_tickets", "visits", "roadmap"),
    "request": ("customer", "title"),
}


class PlainWorld:
    """Be a world on SQLite."""

    def __init__(self, folder: Path, *, has_versions: bool, post: Callable[[str], None]) -> None:
        self.name = "versions" if has_versions else "none"
        self.has_versions = has_versions
        self.post = post
        self.base = sqlite3.connect(folder / f"{self.name}.sqlite", isolation_level=None)
        self.base.row_factory = sqlite3.Row
        self.base.executescript(_SCHEMA)

    def desk(self, agent: str, role: str, action: str) -> PlainDesk:
        """Return a desk for one action."""
        return PlainDesk(self)

    def row(self, record: str) -> dict[str, Any] | None:
        """Return a row, with its version."""
        kind, _, id = record.partition("/")
        found = self.base.execute(f"SELECT * FROM {kind} WHERE id = ?", (id,)).fetchone()  # noqa: S608 - two fixed names
        return dict(found) if found is not None else None

    def state(self, record: str) -> State:
        """Return a record as it is."""
        row = self.row(record)
        return None if row is None else {name: row[name] for name in _COLUMNS[record.partition("/")[0]]}

    def tick(self) -> None:
        """Do nothing: here nothing is due by itself."""

    def close(self) -> None:
        """Close the base."""
        self.base.close()


class PlainDesk:
    """Be a desk at which rows are read, changed in memory, and saved."""

    def __init__(self, world: PlainWorld) -> None:
        self._world = world
        self._rows: dict[str, dict[str, Any]] = {}
        self._new: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, None] = {}
        self._deleted: dict[str, None] = {}
        self._letters: list[str] = []

    def look(self, record: str, *fields: str) -> dict[str, Any] | None:
        """Return fields of a row."""
        row = self._world.row(record)
        if row is None:
            return None
        self._rows[record] = row
        return {name: row[name] for name in fields}

    def customers(self) -> list[str]:
        """Return the customers that there are."""
        return [f"customer/{row['id']}" for row in self._world.base.execute("SELECT id FROM customer ORDER BY id")]

    def set(self, record: str, **fields: Any) -> None:
        """Set columns of the row in memory."""
        self._rows[record].update(fields)
        self._changed[record] = None

    def add(self, record: str, **fields: int) -> None:
        """Add to columns of the row in memory."""
        row = self._rows[record]
        self.set(record, **{name: row[name] + amount for name, amount in fields.items()})

    def create(self, record: str, **fields: Any) -> None:
        """Make a row."""
        self._new[record] = fields

    def delete(self, record: str) -> None:
        """Delete a row."""
        self._deleted[record] = None

    def write_to(self, customer: str) -> None:
        """Send a letter once the row is saved."""
        self._letters.append(customer)

    def finish(self) -> Ending:
        """Save everything in one transaction; with versions, only if no row has been saved since it was read."""
        base = self._world.base
        base.execute("BEGIN IMMEDIATE")
        saved = all(
            [self._save(record) for record in self._changed] + [self._remove(record) for record in self._deleted]
        )
        if not saved and self._world.has_versions:
            base.execute("ROLLBACK")
            return "conflict"
        for record, fields in self._new.items():
            self._insert(record, fields)
        base.execute("COMMIT")
        for customer in self._letters:
            self._world.post(customer)
        return "done"

    def _save(self, record: str) -> bool:
        kind, _, id = record.partition("/")
        row = self._rows[record]
        assigned = ", ".join(f"{name} = :{name}" for name in _COLUMNS[kind])
        sql = f"UPDATE {kind} SET {assigned}, version = version + 1 WHERE id = :id{self._unless_saved}"  # noqa: S608
        return self._world.base.execute(sql, {**row, "id": id}).rowcount == 1

    def _remove(self, record: str) -> bool:
        kind, _, id = record.partition("/")
        sql = f"DELETE FROM {kind} WHERE id = :id{self._unless_saved}"  # noqa: S608
        return self._world.base.execute(sql, {"id": id, "version": self._rows[record]["version"]}).rowcount == 1

    @property
    def _unless_saved(self) -> str:
        return " AND version = :version" if self._world.has_versions else ""

    def _insert(self, record: str, fields: dict[str, Any]) -> None:
        kind, _, id = record.partition("/")
        names, marks = ", ".join(fields), ", ".join(f":{name}" for name in fields)
        self._world.base.execute(f"INSERT INTO {kind} (id, {names}) VALUES (:id, {marks})", {**fields, "id": id})  # noqa: S608
