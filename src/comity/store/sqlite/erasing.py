"""Erasing: payloads are emptied, and their bytes taken out of the file and its write-ahead log (S37).

An emptied cell leaves its bytes in the page; a page that is split leaves copies of others behind
even under ``secure_delete``. So the file is written anew: VACUUM copies what is there and
nothing else (https://www.sqlite.org/lang_vacuum.html). The old pages are then still in
the write-ahead log, until it has been copied into the file and cut off, which waits for every
reader that needs a page of it (https://www.sqlite.org/wal.html#ckpt).
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Final

import apsw

from comity.store.contract import Emptying, Scrubbed
from comity.store.sqlite import rows

EMPTY_COMMIT: Final = "UPDATE commits SET payload = NULL, salt = NULL WHERE revision = ?"
EMPTY_EVENT: Final = "UPDATE events SET payload = NULL, salt = NULL WHERE place = ?"
EMPTY_ANSWER: Final = "UPDATE answers SET payload = NULL, salt = NULL WHERE proposal = ?"
_PAUSE_S: Final = 0.02
"""Between two looks whether the readers are gone."""


def empty(connection: apsw.Connection, emptying: Emptying) -> None:
    """Empty payloads and salts, within the transaction that the caller holds."""
    places = [(rows.first_place(revision) + ordinal,) for revision, ordinal in emptying.events]
    connection.executemany(EMPTY_COMMIT, [(revision,) for revision in emptying.commits])
    connection.executemany(EMPTY_EVENT, places)
    connection.executemany(EMPTY_ANSWER, [(proposal,) for proposal in emptying.answers])


def write_anew(connection: apsw.Connection) -> None:
    """Write the file anew, by way of a temporary file: it may be larger than memory."""
    connection.execute("PRAGMA temp_store = FILE").fetchall()
    connection.execute("VACUUM").fetchall()


def truncate_log(connection: apsw.Connection, name: str, wait_s: float) -> Scrubbed:
    """Copy the write-ahead log into the file and cut it off, as soon as no reader needs it any more."""
    until = monotonic() + wait_s
    connection.set_busy_timeout(0)
    while True:
        is_busy, *_ = next(iter(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")))
        if not is_busy:
            return Scrubbed(is_done=True)
        if monotonic() >= until:
            return Scrubbed(is_done=False, left=f"{name}-wal still holds it, until those who read now are done")
        sleep(_PAUSE_S)
