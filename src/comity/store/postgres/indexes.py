"""The indexes that definitions declare, as partial indexes on the fields' texts and numbers.

One index serves every workspace that declares it; the table ``declared`` tells which do. It
is made in one piece, while nobody can write to the schema: where a kind is large already, an
operator can make it beforehand under its name, ``CONCURRENTLY``, and it is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from comity.errors import InvalidQuery
from comity.model.refs import KIND, NAME
from comity.store.postgres.queries import INDEXED
from comity.store.postgres.snapshot import Connection, in_schema

Wanted = Mapping[str, Sequence[Sequence[str]]]

PREFIX: Final = "declared_"
SELECT_DECLARED: Final = "SELECT index FROM {s}.declared WHERE workspace = %s"
DECLARE: Final = "INSERT INTO {s}.declared (workspace, index) VALUES (%s, %s)"
NO_LONGER: Final = "DELETE FROM {s}.declared WHERE workspace = %s AND index = %s"
OTHERS_WANT: Final = "SELECT 1 FROM {s}.declared WHERE index = %s LIMIT 1"


def declare(connection: Connection, schema: str, workspace: str, wanted: Wanted) -> None:
    """Have exactly the indexes wanted, within the transaction that the caller holds."""
    there = declared(connection, schema, workspace)
    statements = statements_for(wanted)
    for name in there - statements.keys():
        connection.execute(in_schema(NO_LONGER, schema), (workspace, name))
        if connection.execute(in_schema(OTHERS_WANT, schema), (name,)).fetchone() is None:
            connection.execute(in_schema(f'DROP INDEX IF EXISTS {{s}}."{name}"', schema))
    for name in sorted(statements.keys() - there):
        connection.execute(in_schema(statements[name], schema))
        connection.execute(in_schema(DECLARE, schema), (workspace, name))


def declared(connection: Connection, schema: str, workspace: str) -> set[str]:
    """Return the names of the indexes that a workspace has declared."""
    return {row[0] for row in connection.execute(in_schema(SELECT_DECLARED, schema), (workspace,))}


def statements_for(wanted: Wanted) -> dict[str, str]:
    """Return the statement that makes each index wanted, by its name; raises InvalidQuery for what is no name."""
    return dict(_statement(kind, fields) for kind, lists in wanted.items() for fields in lists)


def name_for(kind: str, fields: Iterable[str]) -> str:
    """Return the name of the index on a kind's fields: PostgreSQL cuts names off at 63 bytes."""
    return PREFIX + hashlib.sha256(f"{kind} by {', '.join(fields)}".encode()).hexdigest()[:32]


def _statement(kind: str, fields: Sequence[str]) -> tuple[str, str]:
    if not KIND.match(kind) or not fields or not all(NAME.match(field) for field in fields):
        raise InvalidQuery(f"no index can be on {kind!r} by {list(fields)!r}")
    name = name_for(kind, fields)
    columns = ", ".join(
        f"{column} NULLS FIRST"
        for place in map(INDEXED.place, fields)
        for column in (place.text, place.number)
        if column is not None
    )
    return name, (
        f"CREATE INDEX IF NOT EXISTS \"{name}\" ON {{s}}.records (workspace, {columns}, id) WHERE kind = '{kind}'"
    )
