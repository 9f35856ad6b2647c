"""The three agents as first versions are written: select, think, update; nothing is checked.

Each row is read as a whole and saved as a whole, as most object mappers do it. References
are declared, and SQLite doesn't enforce them unless each connection asks for it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from comity.cli.demo.desk import GONE, Desk, Outcome
from comity.model.records import LIFE

BASE: Final = "crm.sqlite"

_SCHEMA: Final = """
CREATE TABLE customer (id TEXT PRIMARY KEY, name TEXT, email TEXT, status TEXT, health TEXT, campaign TEXT,
                       open_tickets INTEGER DEFAULT 0);
CREATE TABLE feature_request (id TEXT PRIMARY KEY, title TEXT, customer TEXT REFERENCES customer (id));
CREATE TABLE conversation (id TEXT PRIMARY KEY, subject TEXT, customer TEXT REFERENCES customer (id),
                           last_activity TEXT, archived INTEGER DEFAULT 0);
CREATE TABLE interaction (id TEXT PRIMARY KEY, note TEXT, conversation TEXT REFERENCES conversation (id));

INSERT INTO customer (id, name, email, status, health) VALUES
    ('acme', 'Acme', 'ceo@acme.example', 'active', 'good'), ('globex', 'Globex', 'it@globex.example', 'active', 'fair');
INSERT INTO conversation (id, subject, customer, last_activity) VALUES ('c-17', 'Export fails', 'acme', '2026-03-02');
"""

_SAVE_CUSTOMER: Final = """
UPDATE customer SET name = :name, email = :email, status = :status, health = :health, campaign = :campaign,
                    open_tickets = :open_tickets WHERE id = :id
"""


def prepare(folder: Path) -> None:
    """Make the base that the run begins with."""
    connection = sqlite3.connect(folder / BASE)
    connection.executescript(_SCHEMA)
    connection.close()


def live_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records as the base has them now, by address."""
    connection = _connect(folder)
    queries = {
        "customer": "SELECT * FROM customer",
        "feature_request": "SELECT * FROM feature_request",
        "conversation": "SELECT * FROM conversation WHERE NOT archived",
        "interaction": "SELECT * FROM interaction",
    }
    found = {f"{kind}/{row['id']}": dict(row) for kind, query in queries.items() for row in connection.execute(query)}
    connection.close()
    return found


def _connect(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / BASE, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


class _Agent:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._base = _connect(desk.folder)
        self._row: dict[str, Any] = {}

    def close(self) -> None:
        """Let go of the base."""
        self._base.close()

    def _look(self, query: str, record: str, *fields: str) -> None:
        """Read a row, and note what of it matters."""
        self._row = dict(self._base.execute(query).fetchone())
        self._desk.note(f"reads {record}", record, "saw", ", ".join(f"{name}={self._row[name]}" for name in fields))

    def _save(self, statement: str, did: str, record: str, wrote: dict[str, Any], outcome: Outcome = "saved") -> None:
        """Write, and note that it is saved: by then it is, for nothing is checked."""
        self._base.execute(statement, {**self._row, **wrote})
        self._desk.note(did, record, outcome, "saved", seen={record: self._row}, wrote={record: wrote})


class Sales(_Agent):
    """Look after customers and write to them."""

    def look_at_acme(self) -> None:
        """Read the customer and think about a campaign."""
        self._look("SELECT * FROM customer WHERE id = 'acme'", "customer/acme", "status", "health")

    def send_upsell(self) -> None:
        """Note the campaign with the customer, then write to it."""
        acme = self._row
        if acme["status"] == "active" and acme["health"] == "good":
            wrote = {**acme, "campaign": "q4"}
            self._save(_SAVE_CUSTOMER, "notes campaign=q4 and sends it", "customer/acme", wrote, "sent")
            self._desk.send(acme["email"], "Time for more!", "You are doing great. How about our premium plan?")

    def delete_globex(self) -> None:
        """Delete the customer."""
        statement = "DELETE FROM customer WHERE id = 'globex'"
        self._save(statement, "deletes customer/globex", "customer/globex", {LIFE: GONE})


class Support(_Agent):
    """Look after tickets and conversations."""

    def escalate_acme(self) -> None:
        """Mark the customer as at risk."""
        self._row = dict(self._base.execute("SELECT * FROM customer WHERE id = 'acme'").fetchone())
        wrote = {"status": "at_risk", "open_tickets": self._row["open_tickets"] + 1}
        self._save(_SAVE_CUSTOMER, "escalation T-42: sets status=at_risk", "customer/acme", wrote)

    def look_at_conversation(self) -> None:
        """Read the conversation that the customer calls about."""
        self._look("SELECT * FROM conversation WHERE id = 'c-17'", "conversation/c-17", "subject")

    def log_call(self) -> None:
        """Log the call to it."""
        wrote = {"id": "i-1", "note": "Called: the export still fails", "conversation": self._row["id"]}
        statement = "INSERT INTO interaction VALUES (:id, :note, :conversation)"
        self._save(statement, "logs the call to conversation/c-17", "interaction/i-1", wrote)


class Product(_Agent):
    """Look after feature requests, and keep the base tidy."""

    def look_at_globex(self) -> None:
        """Read the customer who wants a feature."""
        self._look("SELECT * FROM customer WHERE id = 'globex'", "customer/globex", "status")

    def file_request(self) -> None:
        """File the request for it."""
        wrote = {"id": "fr-7", "title": "Single sign-on", "customer": self._row["id"]}
        statement = "INSERT INTO feature_request VALUES (:id, :title, :customer)"
        self._save(statement, "files feature_request/fr-7 for customer/globex", "feature_request/fr-7", wrote)

    def clean_up(self) -> None:
        """Archive the conversations in which nothing happened for long."""
        statement = "UPDATE conversation SET archived = 1 WHERE last_activity < '2026-06-01'"
        self._save(statement, "clean-up archives conversation/c-17", "conversation/c-17", {LIFE: GONE})


CAST: Final = {"sales": Sales, "support": Support, "product": Product}
