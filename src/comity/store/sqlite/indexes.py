"""The indexes that a definition declares, as partial indexes on the fields' scalars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import apsw

from comity.errors import InvalidQuery
from comity.model.filters import Query
from comity.model.refs import KIND, NAME
from comity.store.sqlite.queries import INDEXED

PREFIX: Final = "declared "
SELECT_DECLARED: Final = f"SELECT name FROM sqlite_schema WHERE type = 'index' AND name GLOB '{PREFIX}*'"


def declare(connection: apsw.Connection, wanted: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Have exactly the indexes wanted, within the transaction that the caller holds."""
    there = {row[0] for row in connection.execute(SELECT_DECLARED)}
    statements = {name: sql for kind, lists in wanted.items() for name, sql in _statements(kind, lists)}
    for name in there - statements.keys():
        connection.execute(f'DROP INDEX "{name}"')
    for name in statements.keys() - there:
        connection.execute(statements[name])


def is_declared(connection: apsw.Connection, wanted: Mapping[str, Sequence[Sequence[str]]]) -> bool:
    """Tell whether exactly the indexes wanted are there."""
    there = {row[0] for row in connection.execute(SELECT_DECLARED)}
    return there == {name for kind, lists in wanted.items() for name, _ in _statements(kind, lists)}


def index_for_order(connection: apsw.Connection, asked: Query) -> str | None:
    """Return the declared index that has a whole kind in a query's order, or None.

    SQLite finds an index for conditions by itself, but sorts rather than walk along one
    when there are none. A descending order needs no index of its own.
    """
    if asked.where or not asked.order or len({order.descending for order in asked.order}) > 1:
        return None
    begin = f"{PREFIX}{asked.kind} by {', '.join(order.field for order in asked.order)}"
    names = (row[0] for row in connection.execute(SELECT_DECLARED))
    return next((name for name in names if name == begin or name.startswith(f"{begin}, ")), None)


def _statements(kind: str, lists: Iterable[Sequence[str]]) -> Iterable[tuple[str, str]]:
    for fields in lists:
        if not KIND.match(kind) or not fields or not all(NAME.match(field) for field in fields):
            raise InvalidQuery(f"no index can be on {kind!r} by {list(fields)!r}")
        name = f"{PREFIX}{kind} by {', '.join(fields)}"
        columns = ", ".join(INDEXED.place(field).scalar for field in fields)
        yield name, f"CREATE INDEX \"{name}\" ON records ({columns}, id) WHERE kind = '{kind}'"
