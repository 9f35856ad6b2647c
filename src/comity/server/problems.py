"""Errors as HTTP tells them: RFC 9457 problem details, with what to do next."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from comity.errors import (
    ComityError,
    ConsumerTaken,
    CursorLost,
    DefinitionChanged,
    InvalidRequest,
    LimitExceeded,
    NotCommitted,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    ReadsLost,
    Retry,
    StoreFull,
    StoreUnavailable,
)
from comity.model.decisions import Decision, Finding

MEDIA: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1

_NEXT: Final[dict[Retry, str]] = {
    "never": "Correct the request: repeating it as it is changes nothing.",
    "reread": "Read again, decide again, and send that under a new id.",
    "same": "Send the very same request again.",
}
_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (LimitExceeded, 413),
    (InvalidRequest, 400),
    (NotFound, 404),
    (NotPermitted, 403),
    (DefinitionChanged, 409),
    (ReadsLost, 409),
    (ConsumerTaken, 409),
    (CursorLost, 410),
    (StoreFull, 507),
    (StoreUnavailable, 503),
    (OutcomeUnknown, 503),
)
_TITLES: Final = {
    400: "The request is wrong in itself",
    401: "Nobody is known by this",
    403: "Not permitted",
    404: "Not there",
    405: "Not this method",
    408: "The request came too slowly",
    409: "Not committed",
    410: "No longer there",
    412: "What was seen has changed since",
    413: "Too large",
    415: "Not this media type",
    428: "Say what you have seen",
    429: "Too many requests",
    431: "Too large",
    500: "A fault of the server",
    503: "Not now",
    507: "No room left",
}
_FORBIDDING: Final = frozenset({"identity", "ownership", "reader"})
"""The checks whose refusal says that this caller may not."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Be an error as a body: a stable ``code``, what to do ``next``, and what a repeat brings (``retry``)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retry: Retry
    next: str
    findings: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    decision: Decision | None = None
    proposal: str | None = None
    position: int | None = None
    revision: int | None = None


class Failure(ComityError):
    """Be what is wrong with a request as HTTP, before any verb has seen it."""

    code = "http"

    def __init__(self, status: int, code: str, detail: str, *, retry: Retry = "never") -> None:
        super().__init__(detail)
        self.status = status
        self.failure = code
        self.retry = retry


def status_of(decision: Decision, *, conflict: int = 409) -> int:
    """Return the status that a decision is answered with; ``conflict`` where what was read has moved."""
    if decision.is_allowed:
        return 200
    if decision.is_pending:
        return 202
    if decision.is_conflict:
        return conflict
    return 403 if any(finding.gate in _FORBIDDING for finding in decision.refusals) else 409


def problem_of(error: ComityError, *, conflict: int = 409) -> Problem:
    """Return an error as problem details."""
    if isinstance(error, NotCommitted):
        decision = error.decision
        return _problem(
            status_of(decision, conflict=conflict),
            error.code,
            str(error),
            error.retry,
            decision.next,
            findings=decision.findings,
            decision=decision,
        )
    if isinstance(error, Failure):
        return _problem(error.status, error.failure, str(error), error.retry, _NEXT[error.retry])
    status = next((status for sort, status in _STATUS if isinstance(error, sort)), 500)
    return _problem(
        status,
        error.code,
        str(error),
        error.retry,
        _NEXT[error.retry],
        proposal=getattr(error, "proposal", None),
        problems=getattr(error, "problems", ()),
        position=getattr(error, "position", None),
        revision=getattr(error, "revision", None),
    )


def _problem(status: int, code: str, detail: str, retry: Retry, what_next: str, **more: Any) -> Problem:
    title = _TITLES.get(status, "An error")
    return Problem(
        type=f"urn:comity:{code}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        retry=retry,
        next=what_next,
        **more,
    )


def respond(error: ComityError, *, conflict: int = 409, headers: dict[str, str] | None = None) -> Response:
    """Return the response that tells an error."""
    problem = problem_of(error, conflict=conflict)
    sent = dict(headers or {})
    if problem.status in (429, 503):
        sent.setdefault("Retry-After", str(RETRY_AFTER_S))
    if problem.status == 401:
        sent.setdefault("WWW-Authenticate", 'Bearer realm="comity"')
    return Response(msgspec.json.encode(problem), problem.status, sent, MEDIA)
