"""Backups: a copy of a base as it was at one moment, and putting one in place (S1)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from comity.clock import Clock, SystemClock
from comity.coordination.indexing import index
from comity.deciding.definitions import compiled_from
from comity.errors import InvalidRequest, NotFound, StoreDamaged, StoreError
from comity.model.built_in import DEFINITION, EFFECT
from comity.model.filters import Condition, Query
from comity.model.ids import Entropy
from comity.model.records import ERASED
from comity.store.contract import EventFilter, Snapshot
from comity.store.sqlite import SqliteStore
from comity.store.sqlite.copying import copy_base, put_in_place
from comity.verbs.engine import revision_of
from comity.verbs.replaying import replay_upto
from comity.verbs.verifying import audit
from comity.workspace.files import AnyPath
from comity.workspace.opening import file_of

Progress = Callable[[int, int], None]
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite would take for a part of the base, were it left there from another one."""


class Backup(msgspec.Struct, frozen=True):
    """Be a backup that was made: where, up to which revision, and by which ``head`` it is known again."""

    file: str
    revision: int
    head: str
    bytes: int

    def __str__(self) -> str:
        return f"{self.file}: up to revision {self.revision}, {self.bytes:,} bytes. Its head is {self.head}"


class Restored(msgspec.Struct, frozen=True):
    """Be a base that was put in place: up to which revision, in which new life, and how many effects are suspect."""

    file: str
    revision: int
    incarnation: str
    suspects: int

    def __str__(self) -> str:
        told = f"{self.file}: restored up to revision {self.revision}, as incarnation {self.incarnation}."
        if not self.suspects:
            return told
        return (
            f"{told} Effects that were pending and may have been sent since: {self.suspects}."
            " Each waits for a human: comity effects list --state suspect"
        )


def make_backup(url: AnyPath, file: AnyPath, *, progress: Progress | None = None) -> Backup:
    """Copy a workspace into one file, as it is at this moment; others may go on writing to it meanwhile.

    The file must not be there yet. ``head`` of the answer, kept elsewhere, tells later whether the
    file is still what it was: ``comity verify --head``. ``progress`` is told the pages done, and how
    many there are. Raises NotFound where there is no such workspace, InvalidRequest where the file is
    there already or can't be written.

    >>> import comity, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with comity.open(folder + "/crm.db") as ws:
    ...     _ = ws.agent("sales").put("customer/acme", status="active")
    ...     made = comity.make_backup(folder + "/crm.db", folder + "/crm.backup")
    >>> made.revision
    1
    """
    source, target = _existing(url), file_of(file)
    with _beside(target) as folder:
        copy = folder / target.name
        head = copy_base(source, copy, progress)
        size = copy.stat().st_size
        _put(copy, target)
    return Backup(str(target), head.revision, f"{head.revision}:{head.chain.hex()}", size)


def restore_backup(
    file: AnyPath,
    url: AnyPath,
    *,
    at: int | str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
) -> Restored:
    """Put a backup in place as a workspace, whole, or as it was at a revision or time; the backup stays as it is.

    It is verified before, and begins a new life: cursors and leases of before count no more, and
    effects that were pending wait for a human, as they may have been sent since. Nothing may be at
    ``url`` yet: end the processes that use a base that is there, and move it away with the files
    beside it. Raises StoreDamaged where the backup doesn't verify, NotFound where there is none, or no
    such revision, InvalidRequest where something is in the way.

    >>> import comity, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with comity.open(folder + "/crm.db") as ws:
    ...     _ = ws.agent("sales").put("customer/acme", status="active")
    >>> _ = comity.make_backup(folder + "/crm.db", folder + "/crm.backup")
    >>> comity.restore_backup(folder + "/crm.backup", folder + "/again.db").revision
    1
    """
    source, target = _existing(file), file_of(url)
    for ending in _BESIDE:
        if (left := target.with_name(target.name + ending)).exists():
            raise InvalidRequest(f"{left} is still there from another base: move it away with that")
    with _beside(target) as folder:
        copy = folder / "copy.db"
        copy_base(source, copy, progress)
        made = _cut(copy, folder / "cut.db", at, progress, clock or SystemClock(), entropy)
        restored = _begun(made, clock or SystemClock(), entropy, progress)
        _put(made, target)
    return msgspec.structs.replace(restored, file=str(target))


def _cut(
    copy: Path, made: Path, at: int | str | None, progress: Progress | None, clock: Clock, entropy: Entropy
) -> Path:
    """Return a base that ends at a revision or time; the copy itself where it is wanted whole."""
    if at is None:
        return copy
    source = SqliteStore.open(str(copy), clock=clock, entropy=entropy)
    target = SqliteStore.open(str(made), clock=clock, entropy=entropy)
    try:
        with source.snapshot() as snapshot:
            revision = revision_of(snapshot, at)
            _check_erasures(snapshot, revision)
            replay_upto(snapshot, target, revision, progress)
    finally:
        target.close()
        source.close()
    return made


def _check_erasures(snapshot: Snapshot, revision: int) -> None:
    """Raise InvalidRequest for a moment of which a part was erased since: the event that says so would be missing."""
    later = snapshot.events(EventFilter(type=ERASED, after=revision, newest_first=True, limit=1))
    if later:
        raise InvalidRequest(
            f"contents of revision {revision} and before were erased since, the last ones at revision"
            f" {later[0].revision}: name that one or a later one"
        )


def _begun(made: Path, clock: Clock, entropy: Entropy, progress: Progress | None) -> Restored:
    """Verify a base, and have it begin a new life."""
    store = SqliteStore.open(str(made), clock=clock, entropy=entropy)
    try:
        with store.snapshot() as snapshot:
            if problems := audit(snapshot, progress=progress).problems:
                raise StoreDamaged(f"the backup doesn't verify: {problems[0]} ({len(problems)} found)")
            definition = compiled_from(snapshot.records([(DEFINITION, "current")]).get((DEFINITION, "current")))
            kinds, former = snapshot.kinds(), snapshot.head.incarnation
            suspects = _count_pending(snapshot)
        index(store, definition.definition, kinds)
        head = store.begin_life(former)
        return Restored(str(made), head.revision, head.incarnation, suspects)
    finally:
        store.close()


def _count_pending(snapshot: Snapshot) -> int:
    """Return how many effects are pending: none of them is of the life that begins."""
    pending = Query(EFFECT, (Condition("state", "in", ("held", "sending", "aside")),))
    return snapshot.count(pending) if EFFECT in snapshot.kinds() else 0


# -- files


def _existing(url: AnyPath) -> Path:
    path = file_of(url)
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}")
    return path.resolve()


@contextmanager
def _beside(target: Path) -> Generator[Path]:
    """Give a folder beside a file that isn't there yet, for what isn't whole; it is gone in the end."""
    _check_free(target)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise InvalidRequest(f"{target}: {error.strerror or error}") from None
    try:
        yield folder
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_free(target: Path) -> None:
    if os.path.lexists(target):
        raise InvalidRequest(f"{target} is there already: name another file, or move it away first")


def _put(made: Path, target: Path) -> None:
    try:
        put_in_place(made, target)
    except FileExistsError:
        _check_free(target)
        raise
