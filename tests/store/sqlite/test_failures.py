"""Every error of the driver has its place in Comity's tree."""

from __future__ import annotations

import apsw
import msgspec
import pytest

from comity.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable
from comity.store.sqlite.failures import FAILURES, translate

DRIVERS = {thing for thing in vars(apsw).values() if isinstance(thing, type) and issubclass(thing, Exception)}


def test_map_covers_the_driver() -> None:
    assert len(DRIVERS) > 30
    assert not DRIVERS - FAILURES.keys()


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (apsw.BusyError("BusyError: database is locked"), StoreUnavailable),
        (apsw.LockedError("x"), StoreUnavailable),
        (apsw.FullError("x"), StoreFull),
        (apsw.NotADBError("x"), StoreDamaged),
        (apsw.IOError("x"), StoreError),
        (msgspec.DecodeError("x"), StoreDamaged),
        (PermissionError("x"), StoreError),
    ],
)
def test_failure_becomes(failure: Exception, expected: type[StoreError]) -> None:
    translated = translate(failure)
    assert type(translated) is expected
    assert type(failure).__name__ in str(translated)
