"""Dropping answers whose time is over (S7), a bite whenever new ones are kept."""

from __future__ import annotations

from typing import Final

import apsw

from comity import limits

DAY_US: Final = 86_400_000_000
SETTLED_US: Final = limits.ANSWERS_KEPT_DAYS * DAY_US
PENDING_US: Final = SETTLED_US + limits.WAIT_DAYS * DAY_US
"""What waits is over within ``limits.WAIT_DAYS``, and is then kept as long as what is settled."""
LEAST_BITE: Final = 64
"""Of answers dropped beyond the number kept: more go than come, so that what is overdue comes to an end."""

DROP_SETTLED: Final = (
    "DELETE FROM answers WHERE rowid IN"
    " (SELECT rowid FROM answers WHERE outcome <> 'pending' AND at < ? ORDER BY at LIMIT ?)"
)
DROP_PENDING: Final = (
    "DELETE FROM answers WHERE rowid IN"
    " (SELECT rowid FROM answers WHERE outcome = 'pending' AND at < ? ORDER BY at LIMIT ?)"
)


def drop_old_answers(connection: apsw.Connection, now_us: int, kept: int) -> None:
    """Drop the oldest answers that are over at a store time, by a seek; ``kept`` new ones have just been put."""
    drop_answers(connection, now_us - SETTLED_US, now_us - PENDING_US, kept + LEAST_BITE)


def drop_answers(connection: apsw.Connection, settled_before_us: int, pending_before_us: int, most: int) -> int:
    """Drop the oldest answers of before a store time, at most so many of each sort; return how many."""
    dropped = 0
    for sql, before_us in ((DROP_SETTLED, settled_before_us), (DROP_PENDING, pending_before_us)):
        connection.execute(sql, (before_us, most))
        dropped += connection.changes()
    return dropped
