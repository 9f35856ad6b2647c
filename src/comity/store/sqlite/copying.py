"""Copying a base, page by page, as it was at one moment, while others go on writing to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from comity import limits
from comity.errors import StoreDamaged, StoreUnavailable
from comity.store.contract import Head
from comity.store.sqlite import rows
from comity.store.sqlite.failures import translating
from comity.store.sqlite.opening import is_base
from comity.store.sqlite.snapshot import SELECT_HEAD

_PAGES_AT_ONCE: Final = 4_096


@translating
def copy_base(source: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> Head:
    """Copy a base into a file that isn't there yet, whole and synced; return the head that the copy has.

    It is one file of its own, without a write-ahead log. ``progress`` is told the pages done,
    and how many there are. Raises StoreDamaged where the source is no base.
    """
    if not is_base(source):
        raise StoreDamaged(f"{source} is no Comity base")
    with closing(apsw.Connection(str(source))) as origin, closing(apsw.Connection(str(target))) as copy:
        origin.set_busy_timeout(int(limits.STORE_BUSY_S * 1000))
        origin.execute("BEGIN")
        head = rows.head_of(origin.execute(SELECT_HEAD).get)  # From here on it reads of this moment.
        with copy.backup("main", origin, "main") as backup:
            while not backup.done:
                backup.step(_PAGES_AT_ONCE)
                if progress is not None:
                    progress(backup.page_count - backup.remaining, backup.page_count)
        origin.execute("COMMIT")
        if next(iter(copy.execute("PRAGMA journal_mode = DELETE")))[0] != "delete":
            raise StoreUnavailable(f"{target.name} could not be made one file: somebody else has it open")
    _sync(target)
    return head


def put_in_place(file: Path, target: Path) -> None:
    """Give a file its name, durably; raises FileExistsError where that is taken."""
    try:
        os.link(file, target)
        file.unlink()
    except FileExistsError:
        raise
    except OSError:  # There are no hard links in this file system.
        if target.exists():
            raise FileExistsError(target) from None
        file.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # There a folder can't be opened.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
