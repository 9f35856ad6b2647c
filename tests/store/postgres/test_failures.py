"""Every error of the driver, and every state that the server can tell, has its place in Comity's tree."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from comity.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable, StoreUnsupported
from comity.store.contract import BatchLost
from comity.store.postgres.failures import CLASSES, FAILURES, STATES, translate

ERRORS = {
    thing
    for module in (psycopg, psycopg.errors)
    for thing in vars(module).values()
    if isinstance(thing, type) and issubclass(thing, Exception) and thing is not psycopg.Warning
}
BY_STATE = {error for error in ERRORS if getattr(error, "sqlstate", None)}


def test_map_covers_the_driver() -> None:
    assert len(BY_STATE) > 200
    assert {error.sqlstate[:2] for error in BY_STATE} <= CLASSES.keys()  # type: ignore[attr-defined]
    assert {error.sqlstate for error in BY_STATE} >= STATES.keys()  # type: ignore[attr-defined]
    own = {error for error in ERRORS - BY_STATE if issubclass(error, psycopg.Error) and error.__name__[0] != "_"}
    assert own <= FAILURES.keys()


def test_each_is_translated() -> None:
    for error in ERRORS:
        if issubclass(error, psycopg.Error):
            assert isinstance(translate(error("x")), StoreError)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (psycopg.errors.SerializationFailure("x"), BatchLost),
        (psycopg.errors.DeadlockDetected("x"), BatchLost),
        (psycopg.errors.LockNotAvailable("x"), StoreUnavailable),
        (psycopg.errors.AdminShutdown("x"), StoreUnavailable),
        (psycopg.errors.IdleInTransactionSessionTimeout("x"), BatchLost),
        (psycopg.errors.ReadOnlySqlTransaction("x"), StoreUnavailable),
        (psycopg.errors.TooManyConnections("x"), StoreUnavailable),
        (psycopg.errors.DiskFull("x"), StoreFull),
        (psycopg.errors.DataCorrupted("x"), StoreDamaged),
        (psycopg.errors.UniqueViolation("x"), StoreError),
        (psycopg.errors.InsufficientPrivilege("x"), StoreError),
        (psycopg.errors.FeatureNotSupported("x"), StoreUnsupported),
        (psycopg.OperationalError("server closed the connection unexpectedly"), StoreUnavailable),
        (msgspec.DecodeError("x"), StoreDamaged),
        (PermissionError("x"), StoreError),
    ],
)
def test_failure_becomes(failure: Exception, expected: type[StoreError]) -> None:
    translated = translate(failure)
    assert type(translated) is expected
    assert type(failure).__name__ in str(translated)
