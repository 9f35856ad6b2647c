"""Opening a file: what is refused before anything is written, and how connections are set."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from comity import limits
from comity.clock import Clock, StoreTime
from comity.errors import StoreDamaged, StoreError, StoreUnsupported
from comity.model.ids import Entropy
from comity.store.contract import Head
from comity.store.migrations import Migration, pending_migrations, read_migrations
from comity.store.sqlite import rows
from comity.store.sqlite.failures import translating

APPLICATION_ID: Final = 0x434D5459
"""``CMTY``, in the header of the file (https://www.sqlite.org/fileformat2.html#application_id)."""

LEAST_LIBRARY: Final = (3, 51, 3)
CHECKPOINT_PAGES: Final = 4_000
"""Of the write-ahead log before it goes into the file: a hot page is then written there once for many commits."""
CACHE_KIB: Final = 65_536
READER_CACHE_KIB: Final = 8_192
GENESIS: Final = bytes(32)
"""The chain hash that the first commit follows."""

CREATE_RECEIPTS: Final = (
    "CREATE TABLE migrations"
    " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL) STRICT"
)

_REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"}
)
_MOUNTS: Final = Path("/proc/self/mounts")


def check_library(version: str) -> None:
    """Raise StoreUnsupported for an SQLite library that can lose a commit."""
    if tuple(int(part) for part in version.split(".")) < LEAST_LIBRARY:
        least = ".".join(map(str, LEAST_LIBRARY))
        raise StoreUnsupported(
            f"SQLite {version} can lose a committed transaction when a checkpoint of the write-ahead log races a"
            f" writer (the WAL checkpoint race, mended in {least}); install an apsw that brings {least} or later"
        )


def check_path(path: str) -> Path:
    """Return the file meant; raises StoreUnsupported or StoreDamaged for what can't hold a workspace."""
    if path == ":memory:" or not path or path.startswith("file:"):
        raise StoreUnsupported(
            f"{path!r} is no file that processes can share: name one, in a temporary folder for tests"
        )
    file = Path(path).resolve()
    if not file.parent.is_dir():
        raise StoreError(f"there is no folder {file.parent}: make it, or name a file in another one")
    check_mount(file, _MOUNTS.read_text(encoding="utf-8") if _MOUNTS.exists() else "")
    if file.is_dir():
        raise StoreDamaged(f"{file} is a folder, not a Comity base")
    return file


def check_mount(file: Path, mounts: str) -> None:
    """Raise StoreUnsupported for a file on a network file system, by a table in the form of ``/proc/mounts``."""
    table = [line.split() for line in mounts.splitlines()]
    places = {point.replace("\\040", " "): system for _, point, system, *_ in table}
    home = next((folder for folder in file.resolve().parents if str(folder) in places), None)
    if home is not None and places[str(home)] in _REMOTE:
        raise StoreUnsupported(
            f"{file} is on a network file system ({places[str(home)]}), where SQLite's write-ahead log doesn't work"
            " and locks can't be relied on: use a local disk, or PostgreSQL"
        )


def connect(file: Path, synchronous: str, cache_kib: int) -> apsw.Connection:
    """Return a connection, set as all are; ``synchronous`` is FULL or NORMAL.

    Plans don't depend on the values bound (QPSG): otherwise each new bound of a range
    has its statement planned anew, which costs four times what an as-of read does.
    """
    connection = apsw.Connection(str(file))
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.set_busy_timeout(int(limits.STORE_BUSY_S * 1000))
    settings = (
        ("synchronous", synchronous),
        ("fullfsync", "ON"),
        ("checkpoint_fullfsync", "ON"),
        ("wal_autocheckpoint", CHECKPOINT_PAGES),
        ("cache_size", -cache_kib),
        ("temp_store", "MEMORY"),
        ("trusted_schema", "OFF"),
    )
    for name, value in settings:
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    return connection


def dispense_with_triggers(connection: apsw.Connection) -> None:
    """Have a connection that only ever appends to the log not run the triggers which keep everyone else to that.

    With them a statement that puts many rows copies these twice, and each row costs a quarter more. What they see
    to, :meth:`SqliteBatch.append` does by two plain INSERTs, the keys of the tables, and a look at the revisions.
    """
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)


def is_up_to_date(connection: apsw.Connection) -> bool:
    """Tell whether a base can be used as it is. It is a plain read, so no writer holds it up.

    Raises StoreUnsupported and StoreDamaged as :func:`pending_migrations` does.
    """
    if next(iter(connection.execute("PRAGMA journal_mode")))[0] != "wal":
        return False
    return not pending_migrations(read_migrations("comity.store.sqlite"), _receipts(connection))


def prepare(connection: apsw.Connection, file: Path, clock: Clock, entropy: Entropy) -> None:
    """Make the base if the file is empty, bring its schema up to date, refuse what isn't ours."""
    known = read_migrations("comity.store.sqlite")
    if next(iter(connection.execute("PRAGMA journal_mode = WAL")))[0] != "wal":
        raise StoreUnsupported(f"the file system of {file} doesn't allow a write-ahead log")
    receipts = _receipts(connection)
    for migration in pending_migrations(known, receipts):
        _migrate(connection, migration, clock, entropy)


def is_base(file: Path) -> bool:
    """Tell whether a file is a Comity base. What says so may still be in the write-ahead log, so SQLite is asked."""
    try:
        with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            return next(iter(connection.execute("PRAGMA application_id")))[0] == APPLICATION_ID
    except apsw.Error:
        return False


@translating
def steps_left_in(file: Path) -> tuple[Migration, ...]:
    """Return the migrations that a base has yet to go through. Raises as :func:`pending_migrations` does."""
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return pending_migrations(read_migrations("comity.store.sqlite"), _receipts(connection))


def check_owner(connection: apsw.Connection, file: Path) -> None:
    """Raise StoreDamaged for a file of another application."""
    owner = next(iter(connection.execute("PRAGMA application_id")))[0]
    tables = next(iter(connection.execute("SELECT count(*) FROM sqlite_schema")))[0]
    if owner != APPLICATION_ID and (owner or tables):
        raise StoreDamaged(f"{file} is an SQLite file of another application; nothing in it was touched")


def _receipts(connection: apsw.Connection) -> dict[int, bytes]:
    is_new = not list(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'"))
    return {} if is_new else dict(connection.execute("SELECT number, digest FROM migrations"))


def _migrate(connection: apsw.Connection, migration: Migration, clock: Clock, entropy: Entropy) -> None:
    """Take one step, with its receipt, whole or not at all. The first one makes the base."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if migration.number == 1:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; {CREATE_RECEIPTS}").fetchall()
        connection.execute(migration.sql).fetchall()
        receipt = (migration.number, migration.name, migration.digest, clock.wall_us())
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?, ?)", receipt)
        if migration.number == 1:
            _begin_log(connection, clock, entropy)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin_log(connection: apsw.Connection, clock: Clock, entropy: Entropy) -> None:
    head = Head(entropy(16).hex(), 0, GENESIS, 0, StoreTime().advance(clock))
    sql = f"INSERT INTO head (one, {rows.HEAD}) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
    connection.execute(sql, rows.head_row(head))
