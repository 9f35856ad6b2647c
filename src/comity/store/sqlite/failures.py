"""The driver's errors as Comity's own: the one place where they are translated."""

from __future__ import annotations

from typing import Final

import apsw
import msgspec

from comity.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable, StoreUnsupported
from comity.store.translation import Translating

FAILURES: Final[dict[type[Exception], type[StoreError]]] = {
    # The file, or what is in it
    apsw.CorruptError: StoreDamaged,
    apsw.EmptyError: StoreDamaged,
    apsw.FormatError: StoreDamaged,
    apsw.NotADBError: StoreDamaged,
    # Others are at work
    apsw.BusyError: StoreUnavailable,
    apsw.LockedError: StoreUnavailable,
    apsw.ProtocolError: StoreUnavailable,
    apsw.InterruptError: StoreUnavailable,
    # The machine
    apsw.FullError: StoreFull,
    apsw.AuthError: StoreError,
    apsw.CantOpenError: StoreError,
    apsw.IOError: StoreError,
    apsw.NoMemError: StoreError,
    apsw.PermissionsError: StoreError,
    apsw.ReadOnlyError: StoreError,
    apsw.TooBigError: StoreError,
    # The library
    apsw.ExtensionLoadingError: StoreUnsupported,
    apsw.NoFTS5Error: StoreUnsupported,
    apsw.NoLFSError: StoreUnsupported,
    apsw.VFSNotImplementedError: StoreUnsupported,
    # The schema's own refusals, and mistakes in this package
    apsw.AbortError: StoreError,
    apsw.BindingsError: StoreError,
    apsw.ConnectionClosedError: StoreError,
    apsw.ConnectionNotClosedError: StoreError,
    apsw.ConstraintError: StoreError,
    apsw.CursorClosedError: StoreError,
    apsw.Error: StoreError,
    apsw.ExecTraceAbort: StoreError,
    apsw.ExecutionCompleteError: StoreError,
    apsw.ForkingViolationError: StoreError,
    apsw.IncompleteExecutionError: StoreError,
    apsw.InternalError: StoreError,
    apsw.InvalidContextError: StoreError,
    apsw.MismatchError: StoreError,
    apsw.MisuseError: StoreError,
    apsw.NotFoundError: StoreError,
    apsw.RangeError: StoreError,
    apsw.SchemaChangeError: StoreError,
    apsw.SQLError: StoreError,
    apsw.ThreadingViolationError: StoreError,
    apsw.VFSFileClosedError: StoreError,
    # What came out of the base, or of the system around it
    msgspec.MsgspecError: StoreDamaged,
    OSError: StoreError,
}

_ADVICE: Final[dict[type[StoreError], str]] = {
    StoreUnavailable: "another process holds the file; nothing was changed, try again",
    StoreFull: "no room is left on the disk; nothing was changed, make room and repeat the same call",
    StoreDamaged: "the file is no Comity base, or a damaged one",
}

DRIVER_ERRORS: Final = (apsw.Error, msgspec.MsgspecError, OSError)


def translate(failure: Exception) -> StoreError:
    """Return the store's error for one of the driver's."""
    known = next(ours for theirs in type(failure).__mro__ if (ours := FAILURES.get(theirs)) is not None)
    told = f"{type(failure).__name__}: {failure}"
    return known(f"{_ADVICE[known]} ({told})" if known in _ADVICE else told)


translating: Final = Translating(DRIVER_ERRORS, translate)
"""Decorates a function, out of which the driver's errors then come translated."""
