"""Erasing: payloads are emptied, and the dead rows that held them given up (S37).

A VACUUM lets PostgreSQL use their room again; it writes no zeros into it, and the server's
write-ahead log, its archive and its standbys have had the contents as well. What is out of
a store's reach it says (https://www.postgresql.org/docs/current/routine-vacuuming.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from comity.store.contract import Emptying, Scrubbed
from comity.store.postgres.arrays import Integers, Texts

EMPTY_COMMITS: Final = (
    "UPDATE {s}.commits SET payload = NULL, salt = NULL WHERE workspace = %s AND revision = ANY (%s)"
    " AND (payload IS NOT NULL OR salt IS NOT NULL)"
)
EMPTY_EVENTS: Final = (
    "UPDATE {s}.events AS e SET payload = NULL, salt = NULL FROM unnest(%s, %s) AS place (revision, ordinal)"
    " WHERE e.workspace = %s AND e.revision = place.revision AND e.ordinal = place.ordinal"
    " AND (e.payload IS NOT NULL OR e.salt IS NOT NULL)"
)
EMPTY_ANSWERS: Final = "UPDATE {s}.answers SET payload = NULL, salt = NULL WHERE workspace = %s AND proposal = ANY (%s)"
VACUUM: Final = "VACUUM {s}.commits, {s}.events, {s}.records, {s}.answers"
LEFT: Final = (
    "PostgreSQL may hold bytes of it in free room of its tables until that is used again (VACUUM FULL ends that), and"
    " in its write-ahead log, its archive, standbys and backups until these are recycled"
)


def emptying_statements(workspace: str, emptying: Emptying) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the statements that empty payloads and salts, with their values."""
    if emptying.commits:
        yield EMPTY_COMMITS, (workspace, Integers(emptying.commits))
    if emptying.events:
        revisions, ordinals = zip(*emptying.events, strict=True)
        yield EMPTY_EVENTS, (Integers(revisions), Integers(ordinals), workspace)
    if emptying.answers:
        yield EMPTY_ANSWERS, (workspace, Texts(emptying.answers))


SCRUBBED: Final = Scrubbed(is_done=True, left=LEFT)
