"""Workspaces in a PostgreSQL database, shared by any number of processes on any number of machines.

``PostgresStore.open("postgresql://…")`` gives the :class:`comity.store.contract.Store`. It
needs the extra ``postgres`` (psycopg), and nothing else in Comity imports this package.

Promises beyond the contract: the row of the head orders commits, so commit order is
revision order and nothing needs more than READ COMMITTED; one transaction touches one
workspace, whose name every key begins with; a coordinator that stops in the middle of a
batch is thrown out by the server after ``limits.STORE_STALL_S``; triggers in the database
keep the log append-only.

Forbidden here: advisory locks, sequences, and whatever else PostgreSQL's distributed kin
don't have (a test reads every statement); values as part of a statement's text; state of a
session that a pooler in front of the server would lose; errors of the driver that get out.
"""

from __future__ import annotations

from comity.store.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
