"""A workspace in one SQLite file, shared by any number of threads and processes of one machine.

``SqliteStore.open("crm.db", clock=SystemClock())`` gives the :class:`comity.store.contract.Store`.

Promises beyond the contract: WAL with ``synchronous=FULL``, so that a commit that was
acknowledged outlives a crash of the machine; ``BEGIN IMMEDIATE``, so that what a batch
reads is what it commits on; triggers in the file itself that keep the log append-only.

Forbidden here: values as part of a statement's text, and ``apsw`` errors that get out.
"""

from __future__ import annotations

from comity.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
