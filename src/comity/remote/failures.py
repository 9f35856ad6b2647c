"""Problem documents turned back into the errors that they tell (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec

from comity.errors import (
    ComityError,
    Conflict,
    CursorLost,
    InvalidDefinition,
    InvalidExpression,
    InvalidRequest,
    LimitExceeded,
    NotCommitted,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Pending,
    Refused,
    StoreError,
    StoreUnavailable,
)
from comity.model.decisions import Decision
from comity.remote.decoding import decoded

PROBLEM: Final = "application/problem+json"


class Told(msgspec.Struct, frozen=True):
    """Be what of a problem document is needed to make the error anew."""

    code: str = ""
    detail: str = ""
    decision: Decision | None = None
    proposal: str | None = None
    problems: tuple[str, ...] = ()
    position: int | None = None
    revision: int | None = None


def _all(sort: type[ComityError]) -> Iterator[type[ComityError]]:
    yield sort
    for narrower in sort.__subclasses__():
        if narrower.__module__ == ComityError.__module__:
            yield from _all(narrower)


_BY_CODE: Final = {sort.code: sort for sort in _all(ComityError)}
_BY_STATUS: Final[dict[int, type[ComityError]]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    413: LimitExceeded,
    429: StoreUnavailable,
    502: StoreUnavailable,
    503: StoreUnavailable,
    504: StoreUnavailable,
}


def told(status: int, media: str, body: bytes) -> Told:
    """Return what a problem document tells; of anything else, such as a proxy's page, only the status."""
    if media.startswith(PROBLEM):
        with suppress(StoreError):
            return decoded(body, Told)
    return Told(detail=f"the server answered {status}, and nothing that Comity says")


def error_of(status: int, problem: Told) -> ComityError:
    """Return the error that a problem document tells."""
    if problem.decision is not None:
        return refusal_of(problem.decision)
    sort = _BY_CODE.get(problem.code)
    if sort is OutcomeUnknown:
        return OutcomeUnknown(problem.detail, proposal=problem.proposal or "")
    if sort is CursorLost:
        return CursorLost(problem.detail, revision=problem.revision or 0)
    if sort is InvalidDefinition:
        return InvalidDefinition(problem.problems or (problem.detail,))
    if sort is InvalidExpression:
        return InvalidExpression(problem.detail, position=problem.position)
    if sort is not None and not issubclass(sort, NotCommitted):
        return sort(problem.detail)
    otherwise = InvalidRequest if 400 <= status < 500 else StoreError
    return _BY_STATUS.get(status, otherwise)(problem.detail)


def refusal_of(decision: Decision) -> NotCommitted:
    """Return a decision that didn't commit as the error that it is."""
    if decision.is_pending:
        return Pending(decision)
    return Conflict(decision) if decision.is_conflict else Refused(decision)
