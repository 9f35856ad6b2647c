"""Opening a workspace: its schema is brought up to date, by whichever process comes first, and its log begun."""

from __future__ import annotations

from typing import Final

import psycopg

from comity.clock import Clock, StoreTime
from comity.errors import StoreDamaged, StoreUnsupported
from comity.model.ids import Entropy
from comity.store.contract import Head
from comity.store.migrations import Migration, pending_migrations, read_migrations
from comity.store.postgres import rows
from comity.store.postgres.address import Address
from comity.store.postgres.connections import BoundedConnection, patient
from comity.store.postgres.snapshot import Connection, in_schema

LEAST_SERVER: Final = 130_000
GENESIS: Final = bytes(32)
"""The chain hash that the first commit follows."""
PACKAGE: Final = "comity.store.postgres"

CREATE_SCHEMA: Final = "CREATE SCHEMA IF NOT EXISTS {s}"
CREATE_RECEIPTS: Final = (
    "CREATE TABLE IF NOT EXISTS {s}.migrations"
    " (number integer PRIMARY KEY, name text NOT NULL, digest bytea NOT NULL, at timestamptz NOT NULL DEFAULT now())"
)
PUT_GATE: Final = (
    "INSERT INTO {s}.migrations (number, name, digest) VALUES (0, 'gate', '') ON CONFLICT (number) DO NOTHING"
)
PASS_GATE: Final = "SELECT 1 FROM {s}.migrations WHERE number = 0 FOR UPDATE"
"""The row that processes which start at once go past one by one; it is no receipt."""
IS_FOREIGN: Final = (
    b"SELECT to_regclass(%s) IS NULL AND EXISTS (SELECT 1 FROM pg_class AS c"
    b" JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r')"
)
"""Whether a schema has tables, but none of receipts, which Comity makes first."""
HAS_RECEIPTS: Final = b"SELECT to_regclass(%s)"
SELECT_RECEIPTS: Final = "SELECT number, digest FROM {s}.migrations WHERE number > 0"
PUT_RECEIPT: Final = "INSERT INTO {s}.migrations (number, name, digest) VALUES (%s, %s, %s)"
HAS_LOG: Final = "SELECT 1 FROM {s}.heads WHERE workspace = %s"
BEGIN_LOG: Final = (
    f"INSERT INTO {{s}}.heads (workspace, {rows.HEAD}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (workspace) DO NOTHING"
)
TRIES: Final = 5
"""Of making a schema and its first table: of processes that do so at once PostgreSQL lets one succeed."""


def check_server(connection: Connection) -> None:
    """Raise StoreUnsupported for a server that is too old, has another encoding, or could lose what it acknowledged."""
    version = connection.info.server_version
    if version < LEAST_SERVER:
        raise StoreUnsupported(
            f"PostgreSQL {version // 10_000} is too old: {LEAST_SERVER // 10_000} or later is needed"
        )
    settings = b"SELECT current_setting('server_encoding'), current_setting('synchronous_commit')"
    encoding, syncs = connection.execute(settings).fetchall()[0]
    if encoding != "UTF8":
        raise StoreUnsupported(f"the database has the encoding {encoding}: make one with UTF8")
    if syncs == "off":
        raise StoreUnsupported(
            "synchronous_commit is off for this role or database: a crash could lose commits that were acknowledged"
        )


def pending(connection: Connection, schema: str) -> tuple[Migration, ...]:
    """Return the migrations that a schema has yet to go through: a plain read, which needs no right to change anything.

    Raises StoreUnsupported and StoreDamaged as :func:`pending_migrations` does.
    """
    return pending_migrations(read_migrations(PACKAGE), _receipts(connection, schema))


def has_workspace(connection: Connection, address: Address) -> bool:
    """Tell whether a workspace is there; it makes nothing."""
    if not _receipts(connection, address.schema):
        return False
    found = connection.execute(in_schema(HAS_LOG, address.schema), (address.workspace,))
    return found.fetchone() is not None


def prepare(connection: BoundedConnection, address: Address, clock: Clock, entropy: Entropy) -> None:
    """Make the schema if it isn't there, bring it up to date, begin the workspace's log, refuse what isn't ours."""
    if pending(connection, address.schema):
        _check_owner(connection, address.schema)
        _make_gate(connection, address.schema)
        with patient(connection):
            _migrate(connection, address.schema)
    if not has_workspace(connection, address):
        _begin_log(connection, address, clock, entropy)


def _check_owner(connection: Connection, schema: str) -> None:
    found = connection.execute(IS_FOREIGN, (f'"{schema}".migrations', schema)).fetchall()
    if found[0][0]:
        raise StoreDamaged(f"the schema {schema} is of another application; nothing in it was touched")


def _make_gate(connection: Connection, schema: str) -> None:
    """Make the schema and the table of receipts, which several processes may be doing at once."""
    for left in range(TRIES - 1, -1, -1):
        try:
            with connection.transaction():
                for sql in (CREATE_SCHEMA, CREATE_RECEIPTS, PUT_GATE):
                    connection.execute(in_schema(sql, schema))
            return
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject):
            if not left:
                raise


def _migrate(connection: Connection, schema: str) -> None:
    """Take the steps that are left, each with its receipt, all or none; who comes second finds nothing to do."""
    with connection.transaction():
        connection.execute(in_schema(PASS_GATE, schema))
        connection.execute(in_schema("SET LOCAL search_path TO {s}", schema))
        for migration in pending(connection, schema):
            connection.execute(migration.sql.encode())
            receipt = (migration.number, migration.name, migration.digest)
            connection.execute(in_schema(PUT_RECEIPT, schema), receipt)


def _receipts(connection: Connection, schema: str) -> dict[int, bytes]:
    found = connection.execute(HAS_RECEIPTS, (f'"{schema}".migrations',)).fetchone()
    if found is None or found[0] is None:
        return {}
    return dict(connection.execute(in_schema(SELECT_RECEIPTS, schema)).fetchall())


def _begin_log(connection: Connection, address: Address, clock: Clock, entropy: Entropy) -> None:
    head = Head(entropy(16).hex(), 0, GENESIS, 0, StoreTime().advance(clock))
    connection.execute(in_schema(BEGIN_LOG, address.schema), (address.workspace, *rows.head_row(head)))
