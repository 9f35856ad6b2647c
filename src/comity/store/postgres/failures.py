"""The driver's errors as Comity's own: the one place where they are translated.

An error that the server sends is known by its SQLSTATE, first the whole of it, then its
class (https://www.postgresql.org/docs/current/errcodes-appendix.html); one of the driver's
own by its type.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec
import psycopg

from comity.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable, StoreUnsupported
from comity.store.contract import BatchLost
from comity.store.translation import Translating

STATES: Final[dict[str, type[StoreError]]] = {
    # Others are at work: the same batch may be decided again
    "40001": BatchLost,  # serialization_failure
    "40P01": BatchLost,  # deadlock_detected
    "55P03": StoreUnavailable,  # lock_not_available
    "57014": StoreUnavailable,  # query_canceled, by statement_timeout
    "25P03": BatchLost,  # idle_in_transaction_session_timeout: this process had stalled
    "25P04": BatchLost,  # transaction_timeout
    # The server can't be written to for now
    "25006": StoreUnavailable,  # read_only_sql_transaction: a standby
    # The machine
    "53100": StoreFull,  # disk_full
    "58030": StoreError,  # io_error
    # What is there
    "XX001": StoreDamaged,  # data_corrupted
    "XX002": StoreDamaged,  # index_corrupted
    "42P01": StoreDamaged,  # undefined_table
    "42703": StoreDamaged,  # undefined_column
    "42883": StoreDamaged,  # undefined_function
}

CLASSES: Final[dict[str, type[StoreError]]] = {
    "02": StoreError,  # no data
    "03": StoreError,  # SQL statement not yet complete
    "08": StoreUnavailable,  # connection exception
    "09": StoreError,  # triggered action
    "0A": StoreUnsupported,  # feature not supported
    "0B": StoreError,  # invalid transaction initiation
    "0F": StoreError,  # locator
    "0L": StoreError,  # invalid grantor
    "0P": StoreError,  # invalid role specification
    "0Z": StoreError,  # diagnostics
    "10": StoreError,  # XQuery
    "20": StoreError,  # case not found
    "21": StoreError,  # cardinality violation
    "22": StoreError,  # data exception
    "23": StoreError,  # integrity constraint violation: the schema's own refusals
    "24": StoreError,  # invalid cursor state
    "25": StoreError,  # invalid transaction state
    "26": StoreError,  # invalid SQL statement name: a pooler in the way, prepare=off helps
    "27": StoreError,  # triggered data change
    "28": StoreError,  # invalid authorization
    "2B": StoreError,  # dependent privilege descriptors still exist
    "2D": StoreError,  # invalid transaction termination
    "2F": StoreError,  # SQL routine
    "34": StoreError,  # invalid cursor name
    "38": StoreError,  # external routine
    "39": StoreError,  # external routine invocation
    "3B": StoreError,  # savepoint
    "3D": StoreError,  # invalid catalog name: no such database
    "3F": StoreError,  # invalid schema name
    "40": StoreUnavailable,  # transaction rollback
    "42": StoreError,  # syntax error or access rule violation
    "44": StoreError,  # WITH CHECK OPTION violation
    "53": StoreUnavailable,  # insufficient resources
    "54": StoreError,  # program limit exceeded
    "55": StoreUnavailable,  # object not in prerequisite state
    "57": StoreUnavailable,  # operator intervention: shut down, starting up
    "58": StoreError,  # system error
    "72": StoreUnavailable,  # snapshot too old
    "F0": StoreError,  # configuration file
    "HV": StoreError,  # foreign data wrapper
    "P0": StoreError,  # PL/pgSQL
    "XX": StoreError,  # internal error
}

FAILURES: Final[dict[type[Exception], type[StoreError]]] = {
    psycopg.errors.ConnectionTimeout: StoreUnavailable,
    psycopg.errors.CancellationTimeout: StoreUnavailable,
    psycopg.errors.PipelineAborted: StoreError,
    psycopg.DataError: StoreError,
    psycopg.IntegrityError: StoreError,
    psycopg.InterfaceError: StoreError,
    psycopg.InternalError: StoreError,
    psycopg.NotSupportedError: StoreUnsupported,
    psycopg.OperationalError: StoreUnavailable,  # without a state: no connection, or none any more
    psycopg.ProgrammingError: StoreError,
    psycopg.DatabaseError: StoreError,
    psycopg.Error: StoreError,
    # What came out of the base, or of the system around it
    msgspec.MsgspecError: StoreDamaged,
    OSError: StoreError,
}

_ADVICE: Final[dict[type[StoreError], str]] = {
    StoreUnavailable: "the database can't be reached or is busy for now: try again",
    StoreFull: "no room is left on the database's disk; nothing was changed, make room and repeat the same call",
    StoreDamaged: "the schema is no Comity base, or a damaged one",
}


class Refusal(NamedTuple):
    """Be a way in which no connection comes about: how it is told, what it is, and what the caller should do."""

    told: re.Pattern[str]
    error: type[StoreError]
    advice: str


def _refusal(told: str, error: type[StoreError], advice: str) -> Refusal:
    return Refusal(re.compile(told), error, advice)


REFUSALS: Final = (
    _refusal(
        r"failed to resolve host",
        StoreUnavailable,
        "the name of the database's machine isn't known here: look at the host in the URL, and at this machine's DNS",
    ),
    _refusal(
        r'FATAL:  database ".*" does not exist',
        StoreError,
        "the server has no such database: make it (createdb), or look at the name in the URL",
    ),
    _refusal(
        r'FATAL:  role ".*" (does not exist|is not permitted)|FATAL:  no pg_hba.conf entry',
        StoreError,
        "the server lets this user not in: look at the user and sslmode in the URL, and at pg_hba.conf of the server",
    ),
    _refusal(
        r"no password supplied",
        StoreError,
        "the server asks for a password: give it in PGPASSFILE, ~/.pgpass or PGPASSWORD",
    ),
    _refusal(
        r"FATAL:  (password|\S+) authentication failed",
        StoreError,
        "the server refused the user or the password: look at the URL, PGPASSFILE, ~/.pgpass and PGPASSWORD",
    ),
    _refusal(
        r"server does not support SSL",
        StoreError,
        "the server speaks no TLS, and sslmode in the URL asks for it: turn ssl on at the server,"
        " or say sslmode=disable where the network itself is trusted",
    ),
    _refusal(
        r"certificate|SSL error",
        StoreError,
        "the server couldn't prove who it is as sslmode asks: look at sslmode, sslrootcert and the host in the URL",
    ),
)
"""Before a session has begun the driver tells no SQLSTATE, so what a failure is can be read off its text alone."""

DRIVER_ERRORS: Final = (psycopg.Error, msgspec.MsgspecError, OSError)


def translate(failure: Exception) -> StoreError:
    """Return the store's error for one of the driver's, with what to do about it."""
    known, advice = _error_for(failure), None
    if (refusal := _refusal_in(failure)) is not None:
        known, advice = refusal.error, refusal.advice
    state = getattr(failure, "sqlstate", None)
    first = str(failure).strip().partition("\n")[0]
    told = f"{type(failure).__name__}{f' {state}' if state else ''}: {first}"
    advice = advice or _ADVICE.get(known)
    return known(f"{advice} ({told})" if advice else told)


def _refusal_in(failure: Exception) -> Refusal | None:
    """Return how no connection came about, if that is what failed: no try of the same would help as a rule."""
    if not isinstance(failure, psycopg.OperationalError) or failure.sqlstate is not None:
        return None
    text = str(failure)
    return next((refusal for refusal in REFUSALS if refusal.told.search(text)), None)


def _error_for(failure: Exception) -> type[StoreError]:
    state = getattr(failure, "sqlstate", None)
    if state is not None:
        by_state = STATES.get(state) or CLASSES.get(state[:2])
        if by_state is not None:
            return by_state
    return next(ours for theirs in type(failure).__mro__ if (ours := FAILURES.get(theirs)) is not None)


translating: Final = Translating(DRIVER_ERRORS, translate)
"""Decorates a function, out of which the driver's errors then come translated."""
